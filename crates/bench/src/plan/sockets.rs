//! Which ZeroMQ sockets are measured.

use std::fmt;
use std::str::FromStr;

use crate::error::Error;
use crate::plan::words::{Work, by_name};

/// The types of the two sockets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Pattern {
    /// PAIR and PAIR.
    Pair,
    /// REQ on the near side, REP on the far one.
    ReqRep,
    /// PUSH on the near side, PULL on the far one, and a second such pair for the other direction.
    PushPull,
    /// An XPUB on the near side, which distributes as PUB does and tells of its subscribers. A SUB on each far side.
    /// The publisher waits for subscribers instead of dropping messages. Only for [large bodies](crate::Large).
    PubSub,
}

/// The library of the sockets, and its interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Face {
    /// ringmq by its Rust interface.
    Rust,
    /// The same without shared memory: ZMTP over a Unix or tcp socket.
    Plain,
    /// ringmq by its C interface: a `libzmq.so` that is loaded at run time.
    C,
    /// The libzmq that is installed on this machine, loaded at run time.
    Stock,
}

/// The choices for sockets beside their transport.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Sockets {
    /// The socket types.
    pub pattern: Pattern,
    /// The library and interface.
    pub face: Face,
}

impl Sockets {
    /// The default for `work`.
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
    /// All patterns.
    pub const ALL: [Pattern; 4] = [
        Pattern::Pair,
        Pattern::ReqRep,
        Pattern::PushPull,
        Pattern::PubSub,
    ];

    /// The name on the command line and in reports.
    pub fn name(self) -> &'static str {
        match self {
            Pattern::Pair => "pair",
            Pattern::ReqRep => "req-rep",
            Pattern::PushPull => "push-pull",
            Pattern::PubSub => "pub-sub",
        }
    }
}

impl Face {
    /// All libraries and interfaces.
    pub const ALL: [Face; 4] = [Face::Rust, Face::Plain, Face::C, Face::Stock];

    /// The name on the command line and in reports.
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
