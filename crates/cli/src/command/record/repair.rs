//! `ringmq recording repair`: the sound chunks of a file, as a file with an index.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use crc32fast::Hasher;
use serde_json::json;

use super::file::{Common, bar, damage_value, open, print, survey_all};
use super::format::contents::Contents;
use super::format::error::Damage;
use super::format::survey::survey;
use super::format::writer::{Existing, Writer};
use crate::command::outcome::Failure;

/// Arguments of `ringmq recording repair`.
#[derive(Debug, Args)]
pub(crate) struct Repair {
    #[command(flatten)]
    common: Common,
    /// Write the repaired recording here. By default it takes the place of FILE, once it is complete
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Overwrite an existing output
    #[arg(long, requires = "output")]
    force: bool,
}

/// Runs `ringmq recording repair`.
pub(super) fn repair(arguments: &Repair) -> Result<(), Failure> {
    let file = &arguments.common.file;
    let reader = open(file, arguments.common.max_message)?;
    if reader.is_being_written() {
        let cause = format_args!("{}: a program is recording into it", file.display());
        return Err(Failure::work(cause).remedy("end that program first"));
    }
    let (target, existing) = match &arguments.output {
        Some(output) if arguments.force => (output.clone(), Existing::Overwrite),
        Some(output) => (output.clone(), Existing::Refuse),
        None => (beside(file), Existing::Refuse),
    };
    if let (Ok(from), Ok(to)) = (file.canonicalize(), target.canonicalize())
        && from == to
    {
        let cause = format_args!("{} is both read and written", file.display());
        return Err(Failure::usage(cause).remedy("leave --output out to repair it in its place"));
    }
    if arguments.output.is_none() {
        let found = survey_all(&reader, file)?;
        if found.damages.is_empty() {
            return report(arguments, &[], found.sound.statistics.messages);
        }
    }
    let failed =
        |error: std::io::Error| Failure::work(format_args!("{}: {error}", target.display()));
    let mut writer = Writer::create(&target, existing).map_err(failed)?;
    let progress = bar(reader.len, file);
    let copied = survey(&reader, Contents::of(&reader), |sound| {
        let channels: Vec<_> = sound.loader.channels.values().cloned().collect();
        writer.add_channels(&channels);
        let mut of_body = Hasher::new();
        of_body.update(&sound.loader.packed);
        writer.write_packed(&sound.head, &sound.loader.packed, &of_body, &sound.places)?;
        progress.inc(sound.head.packed);
        Ok(())
    });
    let copied = copied.and_then(|found| writer.finish().map(|()| found));
    progress.finish_and_clear();
    let moved = copied.and_then(|found| {
        if arguments.output.is_none() {
            fs::set_permissions(&target, fs::metadata(file)?.permissions())?;
            fs::rename(&target, file)?;
        }
        Ok(found)
    });
    match moved {
        Ok(found) => report(arguments, &found.damages, found.sound.statistics.messages),
        Err(error) => {
            // What was written is no use, and FILE is as it was.
            let _ = fs::remove_file(&target);
            Err(failed(error).remedy("name a place with more room by --output"))
        }
    }
}

/// A name in the folder of the file, so that it can take its place.
fn beside(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(format!(".repair-{}", std::process::id()));
    name.into()
}

fn report(arguments: &Repair, damages: &[Damage], messages: u64) -> Result<(), Failure> {
    let output = arguments
        .output
        .as_ref()
        .unwrap_or(&arguments.common.file)
        .display();
    let text = || {
        let mut lines: Vec<String> = damages.iter().map(ToString::to_string).collect();
        lines.push(format!("{output}: {messages} messages are sound"));
        lines.join("\n")
    };
    let value = || {
        json!({
            "file": output.to_string(),
            "messages": messages,
            "damages": damages.iter().map(damage_value).collect::<Vec<_>>(),
        })
    };
    print(arguments.common.json, text, value)
}
