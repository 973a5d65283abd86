//! `ringmq recording`: looks at recordings, checks them, and saves what can be read of damaged ones.

use std::process::ExitCode;

use clap::Subcommand;

use super::file::Common;
use super::info::info;
use super::repair::{Repair, repair};
use super::verify::verify;
use crate::command::outcome;

/// The verbs of `ringmq recording`.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// What is in a recording: times, endpoints, numbers of messages
    Info(Common),
    /// Read all of a recording, and check each checksum and index. Exit code 1 if something is damaged
    Verify(Common),
    /// Keep what is sound of a recording that is cut or damaged, and give it a new index
    Repair(Repair),
}

/// Runs the command.
pub(crate) fn run(verb: &Verb) -> ExitCode {
    outcome::end(match verb {
        Verb::Info(common) => info(common),
        Verb::Verify(common) => verify(common),
        Verb::Repair(arguments) => repair(arguments),
    })
}
