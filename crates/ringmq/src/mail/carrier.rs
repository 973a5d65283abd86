//! How the messages of a connection travel, and why.

use std::fmt;

use ringmq_pipe::remote::Refuse;

/// How the messages of a connection travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Carrier {
    /// Within the process.
    Inproc,
    /// By ZMTP, through an I/O thread.
    Zmtp(WhyZmtp),
    /// In shared memory, from thread to thread.
    SharedMemory,
}

/// Why a connection speaks ZMTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum WhyZmtp {
    /// Nobody is there yet, or both sides have not said enough.
    Undecided,
    /// The peer may be on another machine.
    NotIpc,
    /// It was turned off here, or the socket conflates.
    TurnedOff,
    /// The peer does not know shared memory, or does not want it.
    NotOffered,
    /// Descriptors, memory or mappings run short here.
    Resources,
    /// The peer's offer was refused here.
    Refused(Refuse),
    /// The peer has refused ours.
    RefusedByPeer(Refuse),
    /// Whoever shared memory with us is gone.
    PeerGone,
}

/// A connection of a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Connection {
    /// How its messages travel; if its directions differ, how those of the one do that has changed last.
    pub carrier: Carrier,
}

impl Carrier {
    /// One word, for logs.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Carrier::Inproc => "inproc",
            Carrier::Zmtp(_) => "ZMTP",
            Carrier::SharedMemory => "shared-memory",
        }
    }
}

impl fmt::Display for Carrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Carrier::Inproc => f.write_str("within the process"),
            Carrier::Zmtp(why) => write!(f, "by ZMTP: {why}"),
            Carrier::SharedMemory => f.write_str("in shared memory"),
        }
    }
}

impl fmt::Display for WhyZmtp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WhyZmtp::Undecided => f.write_str("nothing else was agreed upon yet"),
            WhyZmtp::NotIpc => f.write_str("it is no ipc connection"),
            WhyZmtp::TurnedOff => f.write_str("shared memory is turned off here"),
            WhyZmtp::NotOffered => f.write_str("the peer offers no shared memory"),
            WhyZmtp::Resources => f.write_str("descriptors, memory or mappings run short here"),
            WhyZmtp::Refused(why) => write!(f, "refused here, for {why}"),
            WhyZmtp::RefusedByPeer(why) => write!(f, "refused by the peer, for {why}"),
            WhyZmtp::PeerGone => f.write_str("whoever shared memory with us is gone"),
        }
    }
}
