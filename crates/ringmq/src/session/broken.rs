//! Why a connection ends.

use std::io;

use ringmq_zmtp::Error as ZmtpError;

use crate::mail::ZmtpReason;
use crate::session::zap::NoVerdict;

/// Why a stream has ended.
#[derive(Debug)]
pub(crate) enum Broken {
    /// The peer closed it.
    Closed,
    /// The kernel said so.
    Io(io::Error),
    /// The peer does not keep to ZMTP, or to the time, or is not for us.
    Protocol(ZmtpError),
    /// No authenticator says that it may go on.
    NoVerdict(NoVerdict),
    /// What it sends to a REQ is no reply.
    NoReply,
    /// It does not keep to the handoff, or its shared memory cannot be used.
    Handoff,
    /// Shared memory is required, and cannot be used with it.
    NotShared(ZmtpReason),
}

impl Broken {
    /// Returns true if this side ends the connection: the peer may live, and read on what it has got.
    pub(crate) fn is_ours(&self) -> bool {
        match self {
            Broken::Closed => false,
            // The peer has closed with something unread, or is dead.
            Broken::Io(error) => !matches!(
                error.kind(),
                io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe
            ),
            Broken::Protocol(_)
            | Broken::NoVerdict(_)
            | Broken::NoReply
            | Broken::Handoff
            | Broken::NotShared(_) => true,
        }
    }
}
