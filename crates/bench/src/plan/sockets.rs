//! What distinguishes one measurement of sockets from another.

use std::fmt;
use std::str::FromStr;

use crate::error::Error;
use crate::plan::spec::{Work, by_name};

/// Which two sockets talk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Pattern {
    /// PAIR and PAIR.
    Pair,
    /// REQ on the near side, REP on the far one.
    ReqRep,
    /// PUSH on the near side, PULL on the far one; and another two, the other way, for what comes back.
    PushPull,
}

/// Whose sockets they are, and by which interface they are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Face {
    /// ringmq's, by its Rust interface.
    Rust,
    /// The same, without shared memory: ipc is ZMTP over a Unix socket.
    Plain,
    /// ringmq's, by its C interface: a `libzmq.so` that is loaded at run time.
    C,
    /// Those of the libzmq that is installed on this machine, loaded at run time.
    Stock,
}

/// What is to be known of sockets beyond their transport.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Sockets {
    /// Which two.
    pub pattern: Pattern,
    /// Whose.
    pub face: Face,
}

impl Sockets {
    /// What `work` is measured with if nothing else is said.
    pub(crate) fn of(work: Work) -> Sockets {
        let pattern = match work {
            Work::Latency | Work::Connect => Pattern::ReqRep,
            Work::Throughput | Work::Memory => Pattern::PushPull,
        };
        let face = Face::Rust;
        Sockets { pattern, face }
    }
}

impl Pattern {
    /// All of them.
    pub const ALL: [Pattern; 3] = [Pattern::Pair, Pattern::ReqRep, Pattern::PushPull];

    /// Its name, as it is read and written.
    pub fn name(self) -> &'static str {
        match self {
            Pattern::Pair => "pair",
            Pattern::ReqRep => "req-rep",
            Pattern::PushPull => "push-pull",
        }
    }
}

impl Face {
    /// All of them.
    pub const ALL: [Face; 4] = [Face::Rust, Face::Plain, Face::C, Face::Stock];

    /// Its name, as it is read and written.
    pub fn name(self) -> &'static str {
        match self {
            Face::Rust => "ringmq",
            Face::Plain => "ringmq-zmtp",
            Face::C => "ringmq-c",
            Face::Stock => "libzmq",
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl fmt::Display for Face {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Pattern {
    type Err = Error;
    fn from_str(word: &str) -> Result<Pattern, Error> {
        by_name(&Pattern::ALL, "pattern", word)
    }
}

impl FromStr for Face {
    type Err = Error;
    fn from_str(word: &str) -> Result<Face, Error> {
        by_name(&Face::ALL, "library", word)
    }
}
