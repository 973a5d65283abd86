//! `ringmq keygen`: key pairs for CURVE.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use ringmq::KeyPair;

/// Arguments of `ringmq keygen`.
#[derive(Debug, Args)]
pub(crate) struct Keygen {
    /// Write certificates, as czmq and pyzmq do: FILE with the public key, and FILE_secret, which only its owner can read,
    /// with both. Existing files stay as they are. Without FILE the keys are printed.
    file: Option<PathBuf>,
    /// A property of the certificate, such as name=Alice, which servers see with each message of this client.
    #[arg(long = "metadata", short, value_name = "NAME=VALUE", requires = "file", value_parser = parse_property)]
    properties: Vec<(String, String)>,
}

/// Runs `ringmq keygen`.
pub(crate) fn run(arguments: &Keygen) -> ExitCode {
    match make(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ringmq keygen: {error}");
            ExitCode::FAILURE
        }
    }
}

fn make(arguments: &Keygen) -> io::Result<()> {
    let keys = ringmq::generate_key_pair().map_err(io::Error::other)?;
    let Some(file) = &arguments.file else {
        let mut out = io::stdout().lock();
        writeln!(out, "public-key = {}", keys.public())?;
        return writeln!(out, "secret-key = {}", keys.secret().to_z85());
    };
    let mut name = file.clone().into_os_string();
    name.push("_secret");
    let secret = PathBuf::from(name);
    let mut to = create(&secret, 0o600)?;
    let written = create(file, 0o666).and_then(|mut public| {
        write_certificate(&mut to, &keys, &arguments.properties, true)?;
        write_certificate(&mut public, &keys, &arguments.properties, false)
    });
    if written.is_err() {
        // It was made above, and nothing has its key.
        let _ = std::fs::remove_file(&secret);
    }
    written
}

fn create(path: &Path, mode: u32) -> io::Result<File> {
    let mut options = OpenOptions::new();
    let file = options.write(true).create_new(true).mode(mode).open(path);
    file.map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))
}

fn write_certificate(
    to: &mut impl Write,
    keys: &KeyPair,
    properties: &[(String, String)],
    secret: bool,
) -> io::Result<()> {
    let kind = if secret {
        "secret: do not show it to other users"
    } else {
        "public"
    };
    writeln!(to, "#   CURVE certificate, {kind}")?;
    writeln!(to, "metadata")?;
    for (name, value) in properties {
        writeln!(to, "    {name} = \"{value}\"")?;
    }
    writeln!(to, "curve")?;
    writeln!(to, "    public-key = \"{}\"", keys.public())?;
    if secret {
        writeln!(to, "    secret-key = \"{}\"", keys.secret().to_z85())?;
    }
    to.flush()
}

fn parse_property(text: &str) -> Result<(String, String), String> {
    let (name, value) = text
        .split_once('=')
        .ok_or("it has no =, as in name=Alice")?;
    let is_plain = |text: &str| text.chars().all(|c| !c.is_control() && c != '"');
    let is_name = (1..=255).contains(&name.len()) && !name.contains([' ', '#']);
    if !is_name || !is_plain(name) || !is_plain(value) {
        return Err("a name has no spaces, and neither has quotes or line breaks".to_owned());
    }
    Ok((name.to_owned(), value.to_owned()))
}
