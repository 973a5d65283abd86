//! The file of a command: how it is opened, looked at, and reported on.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use ringmq::Kind;
use ringmq_bench::Size;
use serde_json::{Value, json};

use super::format::contents::Contents;
use super::format::error::{Damage, OpenError};
use super::format::reader::Reader;
use super::format::survey::{Survey, survey};
use crate::command::outcome::Failure;

/// The file, and how what is found is printed.
#[derive(Debug, Args)]
pub(crate) struct Common {
    /// The recording
    #[arg(value_name = "FILE")]
    pub(super) file: PathBuf,
    /// Print one JSON value
    #[arg(long)]
    pub(super) json: bool,
    /// Refuse messages of more bytes, such as 64M
    #[arg(long, value_name = "BYTES", default_value = "256M", value_parser = parse_bytes)]
    pub(super) max_message: u64,
}

/// Opens a recording.
pub(super) fn open(path: &Path, max_message: u64) -> Result<Reader, Failure> {
    Reader::open(path, max_message).map_err(|error| {
        let remedy = match &error {
            OpenError::LaterMcap(_) | OpenError::LaterProfile(_) => {
                "use the version of ringmq that made it, or a later one"
            }
            OpenError::Header => "no message can be found in it",
            OpenError::Profile(_) => {
                "files of other programs are read by the tools of https://mcap.dev"
            }
            OpenError::Io(_) | OpenError::NotMcap => "name a file that `ringmq record` made",
        };
        Failure::work(format_args!("{}: {error}", path.display())).remedy(remedy)
    })
}

/// Prints a text or a JSON value to standard output.
pub(super) fn print(
    json: bool,
    text: impl FnOnce() -> String,
    value: impl FnOnce() -> Value,
) -> Result<(), Failure> {
    let line = if json { value().to_string() } else { text() };
    let mut output = io::stdout().lock();
    writeln!(output, "{line}")
        .and_then(|()| output.flush())
        .map_err(Failure::output)
}

/// What JSON says of a damage.
pub(super) fn damage_value(damage: &Damage) -> Value {
    json!({ "at": damage.at, "what": damage.to_string() })
}

/// Looks at all of a file, with a bar on a terminal if that takes long.
pub(super) fn survey_all(reader: &Reader, path: &Path) -> Result<Survey, Failure> {
    let bar = bar(reader.len, path);
    let surveyed = survey(reader, Contents::of(reader), |sound| {
        bar.inc(sound.head.packed);
        Ok::<(), Failure>(())
    });
    bar.finish_and_clear();
    surveyed
}

/// Parses a number of bytes, with K, M or G for powers of 1,024.
pub(super) fn parse_bytes(text: &str) -> Result<u64, String> {
    let bytes = Size::bytes(text).map(|bytes| bytes as u64);
    bytes.ok_or_else(|| format!("{text} is no number of bytes, such as 65536, 64K or 64MiB"))
}

/// A bar for work on a file, on standard error if that is a terminal.
pub(super) fn bar(bytes: u64, path: &Path) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(bytes), ProgressDrawTarget::stderr());
    let style = ProgressStyle::with_template("{msg} {wide_bar} {bytes}/{total_bytes}, {eta}");
    if let Ok(style) = style {
        bar.set_style(style);
    }
    bar.with_message(path.display().to_string())
}

/// The socket type of this name.
pub(super) fn kind_of(name: &str) -> Result<Kind, Failure> {
    let kind = name.to_ascii_uppercase().parse();
    kind.map_err(|_| Failure::usage(format_args!("there is no socket type {name}")))
}
