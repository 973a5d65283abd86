//! The finished command, as a person runs it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod asking;
mod generate;
mod hostile;
mod keygen;
mod metrics;
mod perf;
mod perf_large;
mod perf_sockets;
mod pipe;
mod record;
mod record_full;
mod record_speed;
mod recording;
mod recordings;
mod replay;
mod run;
mod run_python;
mod run_refusals;
mod screen;
mod talk;
mod top;

use std::process::{Command, Output, Stdio};

/// The command with these arguments, with nothing to read and everything kept.
fn ringmq(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ringmq"));
    command
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// What it said on standard error.
fn errors(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).unwrap()
}
