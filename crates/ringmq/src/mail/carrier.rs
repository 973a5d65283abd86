//! What carries the messages of a connection, and why.

use std::fmt;

use ringmq_pipe::remote::RefusalReason;

/// What carries the messages of a connection.
///
/// A connection over ipc, or over tcp within this machine, begins with [`Zmtp`](Carrier::Zmtp) and may go over to
/// [`SharedMemory`](Carrier::SharedMemory). Its endpoint and its addresses stay as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Carrier {
    /// A pipe within the process.
    Inproc,
    /// ZMTP over tcp or ipc, through an I/O thread.
    Zmtp(ZmtpReason),
    /// Shared memory, from the thread that sends to the thread that receives.
    SharedMemory,
    /// udp datagrams, through an I/O thread.
    Datagrams,
}

/// Why a connection speaks ZMTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ZmtpReason {
    /// There is no peer yet, or the two sides have not agreed yet.
    Undecided,
    /// The peer may be on another machine: it has no address of this one, or a SOCKS proxy makes the connection. A STREAM
    /// over tcp has this reason, too.
    NotIpc,
    /// Shared memory is [turned off](crate::SharedMemory) for this socket, or for its tcp connections; or the socket
    /// conflates, or encrypts.
    TurnedOff,
    /// The peer does not know shared memory, or has turned it off. Over tcp, a peer behind a forwarder may also take this
    /// side for another machine.
    NotOffered,
    /// Descriptors, memory or mappings run short here.
    Resources,
    /// This side has refused the peer's offer.
    Refused(RefusalReason),
    /// The peer has refused this side's offer.
    RefusedByPeer(RefusalReason),
    /// The peer that shared memory with this side is gone.
    PeerGone,
    /// A tcp peer with an address of this machine has not shown that nothing is between it and this side. A forwarder is
    /// between, the peer is in another network namespace or belongs to another user, or it has not answered within 2 s.
    Unproven,
}

impl Carrier {
    /// The name of the carrier in one word, for logs.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Carrier::Inproc => "inproc",
            Carrier::Zmtp(_) => "ZMTP",
            Carrier::SharedMemory => "shared-memory",
            Carrier::Datagrams => "datagrams",
        }
    }
}

impl fmt::Display for Carrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Carrier::Inproc => f.write_str("within the process"),
            Carrier::Zmtp(why) => write!(f, "by ZMTP: {why}"),
            Carrier::SharedMemory => f.write_str("in shared memory"),
            Carrier::Datagrams => f.write_str("by datagrams"),
        }
    }
}

impl fmt::Display for ZmtpReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ZmtpReason::Undecided => f.write_str("nothing else was agreed upon yet"),
            ZmtpReason::NotIpc => f.write_str("the peer may be on another machine"),
            ZmtpReason::TurnedOff => f.write_str("shared memory is turned off here"),
            ZmtpReason::NotOffered => f.write_str("the peer offers no shared memory"),
            ZmtpReason::Resources => f.write_str("descriptors, memory or mappings run short here"),
            ZmtpReason::Refused(why) => write!(f, "refused here, for {why}"),
            ZmtpReason::RefusedByPeer(why) => write!(f, "refused by the peer, for {why}"),
            ZmtpReason::PeerGone => f.write_str("the peer in shared memory is gone"),
            ZmtpReason::Unproven => {
                f.write_str("the peer has not shown that nothing is between it and this side")
            }
        }
    }
}
