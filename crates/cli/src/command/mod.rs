//! The verbs, a file or folder each.

mod perf;

use std::fmt;
use std::io;

/// What the command does.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Measure this machine and the pipe on it
    Perf(perf::Perf),
}

impl Command {
    pub(crate) fn run(self) -> Result<(), Failure> {
        match self {
            Command::Perf(perf) => perf.run(),
        }
    }
}

/// Why a command failed.
#[derive(Debug)]
pub(crate) enum Failure {
    Perf(ringmq_bench::Error),
    Print(io::Error),
}

impl Failure {
    /// Has the reader of our output left (`ringmq ... | head`)? That is his affair, and no failure.
    pub(crate) fn is_nobody_reading(&self) -> bool {
        matches!(self, Failure::Print(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }
}

impl From<ringmq_bench::Error> for Failure {
    fn from(error: ringmq_bench::Error) -> Failure {
        Failure::Perf(error)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Failure {
        Failure::Print(error)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Perf(error) => error.fmt(f),
            Failure::Print(error) => write!(f, "cannot write to standard output: {error}"),
        }
    }
}
