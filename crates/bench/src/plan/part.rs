//! The parts of a comparison.

use std::fmt;
use std::str::FromStr;

use crate::error::Error;
use crate::plan::words::by_name;

/// A part of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The bare pipe and its floors.
    Pipe,
    /// All measurements of sockets: the parts below, but for [`Large`](Part::Large).
    Sockets,
    /// Round trips.
    Latency,
    /// Messages in one direction.
    Throughput,
    /// The first message after a pause.
    Pauses,
    /// Round trips on a busy machine.
    Busy,
    /// The first reply to a short-lived peer.
    Connect,
    /// The memory of an idle connection.
    Memory,
    /// Large bodies, copied and in place.
    Large,
}

impl Part {
    /// All parts.
    pub const ALL: [Part; 9] = [
        Part::Pipe,
        Part::Sockets,
        Part::Latency,
        Part::Throughput,
        Part::Pauses,
        Part::Busy,
        Part::Connect,
        Part::Memory,
        Part::Large,
    ];

    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Part::Pipe => "pipe",
            Part::Sockets => "sockets",
            Part::Latency => "latency",
            Part::Throughput => "throughput",
            Part::Pauses => "pauses",
            Part::Busy => "busy",
            Part::Connect => "connect",
            Part::Memory => "memory",
            Part::Large => "large",
        }
    }

    /// Returns true if `only` includes this part. An empty `only` includes all.
    pub fn is_among(self, only: &[Part]) -> bool {
        only.is_empty()
            || only.contains(&self)
            || !matches!(self, Part::Pipe | Part::Large) && only.contains(&Part::Sockets)
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Part {
    type Err = Error;
    fn from_str(word: &str) -> Result<Part, Error> {
        by_name(&Part::ALL, "part of a comparison", word)
    }
}
