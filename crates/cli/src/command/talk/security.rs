//! Keys and passwords of the command line.

use std::fs;
use std::io::{self, Read};
use std::path::Path;

use clap::Args;
use ringmq::{
    Authenticator, Context, KeyPair, Login, PublicKey, RunningAuthenticator, SecretKey, Security,
    SocketOptions, generate_key_pair,
};

use crate::command::outcome::Failure;

/// How the socket and its peers come to trust each other.
#[derive(Debug, Args)]
#[command(next_help_heading = "Security")]
pub(crate) struct SecurityArguments {
    /// Connect as a client of CURVE to the server with this public key: the key, or the file of its certificate
    #[arg(long, value_name = "KEY|FILE", conflicts_with_all = ["curve_allow", "plain_user", "plain_allow"])]
    curve_server_key: Option<String>,
    /// The keys of this socket: the secret certificate that `ringmq keygen` writes. A client without it makes keys for once
    #[arg(long, value_name = "FILE")]
    curve_key_file: Option<String>,
    /// Be a server of CURVE, and accept the client with this public key: the key, the file of its certificate, a folder of
    /// certificates, or `any`. May be repeated
    #[arg(
        long,
        value_name = "KEY|FILE|FOLDER|any",
        requires = "curve_key_file",
        conflicts_with_all = ["plain_user", "plain_allow"]
    )]
    curve_allow: Vec<String>,
    /// Connect as a client of PLAIN with this user name
    #[arg(
        long,
        value_name = "NAME",
        requires = "plain_password_file",
        conflicts_with = "plain_allow"
    )]
    plain_user: Option<String>,
    /// The password: the first line of FILE. The command line would show it to all users of the machine
    #[arg(long, value_name = "FILE", requires = "plain_user")]
    plain_password_file: Option<String>,
    /// Be a server of PLAIN, and accept the users in FILE: lines of NAME=PASSWORD, as czmq has them
    #[arg(long, value_name = "FILE")]
    plain_allow: Option<String>,
}

/// The authenticator's domain: with one, peers are denied while there is no authenticator.
const DOMAIN: &str = "ringmq";

impl SecurityArguments {
    /// The options, with the mechanism, and the authenticator of a server, which judges for as long as it lives.
    pub(crate) fn apply(
        &self,
        options: SocketOptions,
        context: &Context,
    ) -> Result<(SocketOptions, Option<RunningAuthenticator>), Failure> {
        if let Some(server) = &self.curve_server_key {
            let server_key = public_key(server)?;
            let keys = match &self.curve_key_file {
                Some(file) => key_pair(file)?,
                None => generate_key_pair().map_err(Failure::work)?,
            };
            let security = Security::CurveClient { keys, server_key };
            return Ok((options.security(security), None));
        }
        if let Some(file) = &self.curve_key_file {
            let options = options.security(Security::CurveServer(key_pair(file)?));
            return self.judge_keys(options, context);
        }
        if let Some(user) = &self.plain_user {
            let file = self.plain_password_file.as_deref().unwrap_or_default();
            let text = read(file)?;
            let password = text.lines().next().unwrap_or_default();
            let login = Login::new(user.as_str(), password);
            return Ok((options.security(Security::PlainClient(login)), None));
        }
        if let Some(file) = &self.plain_allow {
            let mut authenticator = Authenticator::new();
            let text = read(file)?;
            let entries = text.lines().map(str::trim);
            for entry in entries.filter(|line| !line.is_empty() && !line.starts_with('#')) {
                let wrong = || Failure::work(format_args!("{file}: a line is not NAME=PASSWORD"));
                let (name, password) = entry.split_once('=').ok_or_else(wrong)?;
                authenticator = authenticator.password(Login::new(name, password));
            }
            let options = options.security(Security::PlainServer).zap_domain(DOMAIN);
            let running = authenticator.start(context).map_err(Failure::work)?;
            return Ok((options, Some(running)));
        }
        Ok((options, None))
    }

    fn judge_keys(
        &self,
        options: SocketOptions,
        context: &Context,
    ) -> Result<(SocketOptions, Option<RunningAuthenticator>), Failure> {
        if self.curve_allow.is_empty() {
            let failure = Failure::usage("--curve-key-file alone does not say who the peers are");
            return Err(failure.remedy(
                "a server names its clients by --curve-allow, a client its server by --curve-server-key",
            ));
        }
        if self.curve_allow.iter().any(|allowed| allowed == "any") {
            return Ok((options, None));
        }
        let mut authenticator = Authenticator::new();
        for allowed in &self.curve_allow {
            authenticator = if Path::new(allowed).is_dir() {
                authenticator.certificates(allowed)
            } else {
                let key = public_key(allowed)?;
                authenticator.key(key, key.to_string())
            };
        }
        let running = authenticator.start(context).map_err(Failure::work)?;
        Ok((options.zap_domain(DOMAIN), Some(running)))
    }
}

/// Reads a text file of at most 64 KiB.
fn read(path: &str) -> Result<String, Failure> {
    let mut text = String::new();
    let file = fs::File::open(path);
    let read = file.and_then(|file| file.take(64 << 10).read_to_string(&mut text));
    read.map_err(|error| unreadable(path, &error))?;
    Ok(text)
}

fn unreadable(path: &str, error: &io::Error) -> Failure {
    Failure::work(format_args!("cannot read {path}: {error}"))
}

/// A public key: its text, or the file of a certificate.
fn public_key(text: &str) -> Result<PublicKey, Failure> {
    if let Ok(key) = text.parse() {
        return Ok(key);
    }
    if !Path::new(text).exists() {
        let failure = Failure::work(format_args!("{text:?} is neither a public key nor a file"));
        return Err(failure.remedy("a key has 40 characters; `ringmq keygen` makes them"));
    }
    let certificate = read(text)?;
    let key = value(&certificate, "public-key").and_then(|key| key.parse().ok());
    key.ok_or_else(|| no_key(text, "public-key"))
}

/// The keys in the file of a secret certificate.
fn key_pair(path: &str) -> Result<KeyPair, Failure> {
    let certificate = read(path)?;
    let key = value(&certificate, "secret-key").and_then(|key| key.parse::<SecretKey>().ok());
    let key = key.ok_or_else(|| no_key(path, "secret-key"))?;
    Ok(KeyPair::from_secret(key))
}

fn no_key(path: &str, name: &str) -> Failure {
    let failure = Failure::work(format_args!("{path} has no {name}"));
    failure
        .remedy("`ringmq keygen FILE` writes FILE with the public key, and FILE_secret with both")
}

/// The value of a line such as `public-key = "..."`.
fn value<'a>(certificate: &'a str, name: &str) -> Option<&'a str> {
    let mut lines = certificate.lines().map(str::trim);
    lines.find_map(|line| {
        let (key, value) = line.split_once('=')?;
        let is_it = key.trim() == name;
        is_it.then(|| value.trim().trim_matches(['"', '\'']))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_found_in_certificates_and_in_what_keygen_prints() {
        let text = "curve\n    public-key = \"a=b\"\n    secret-key = \"c\"\n";
        assert_eq!(value(text, "public-key"), Some("a=b"));
        assert_eq!(value(text, "secret-key"), Some("c"));
        assert_eq!(value("public-key = x", "public-key"), Some("x"));
        assert_eq!(value("metadata", "public-key"), None);
    }
}
