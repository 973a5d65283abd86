//! The `ringmq` command: try, measure and watch.

#![forbid(unsafe_code)]
// Printing is what a command is for.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod command;

use std::process::ExitCode;

use clap::Parser;

/// Shared-memory messaging between the processes of one machine: try, measure and watch.
#[derive(Debug, Parser)]
#[command(name = "ringmq", version)]
struct Arguments {
    #[command(subcommand)]
    command: command::Command,
}

fn main() -> ExitCode {
    match Arguments::parse().command.run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) if failure.is_nobody_reading() => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("ringmq: {failure}");
            ExitCode::FAILURE
        }
    }
}
