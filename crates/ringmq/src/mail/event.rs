//! What a monitor tells.

use std::os::fd::RawFd;
use std::time::Duration;

use ringmq_sys::ErrorNumber;

use crate::mail::carrier::Carrier;

/// Something that happened to a connection, or to an endpoint, of a socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MonitorEvent {
    /// What.
    pub occurrence: Occurrence,
    /// Our end: where a listener listens, or what the kernel calls our end of a connection. Empty if there is none.
    pub local: String,
    /// The other end: where it was connected to, or what the kernel calls who has connected. Empty if there is none.
    pub remote: String,
    /// Whether it is our side that connects.
    pub(crate) connects: bool,
}

/// What happened. Descriptors are numbers: they may belong to something else by the time the event is read.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Occurrence {
    /// The socket is bound to an endpoint, and listens.
    Listening {
        /// Of the listener.
        fd: RawFd,
    },
    /// A listener has accepted somebody.
    Accepted {
        /// Of the connection.
        fd: RawFd,
    },
    /// A connection was made.
    Connected {
        /// Of the connection.
        fd: RawFd,
    },
    /// A connection is being made.
    ConnectDelayed,
    /// A connection was not made, or has ended, and is tried again.
    ConnectRetried {
        /// In this time.
        after: Duration,
    },
    /// A listener was closed, or an attempt to connect has ended.
    Closed {
        /// What it had; `None` if that is not known.
        fd: Option<RawFd>,
    },
    /// A listener was not closed as it should have been. Ours never say so.
    CloseFailed {
        /// Why.
        error: ErrorNumber,
    },
    /// The connection has ended, by the peer's doing or its fault.
    Disconnected {
        /// What it had.
        fd: RawFd,
    },
    /// The socket could not be bound to an endpoint.
    BindFailed {
        /// Why.
        error: ErrorNumber,
    },
    /// Somebody was not accepted.
    AcceptFailed {
        /// Why; `PermissionDenied` if a filter keeps it out.
        error: ErrorNumber,
    },
    /// The peer is known, and messages can travel.
    HandshakeSucceeded,
    /// The peer did not become known.
    HandshakeFailed(HandshakeFailure),
    /// This is the last event: the monitored socket has ended, or has another monitor.
    MonitorStopped,
    /// Somebody calls itself as another peer of this ROUTER does. It stays connected, and is not heard.
    RoutingIdTaken {
        /// What it calls itself.
        routing_id: Vec<u8>,
    },
    /// How the messages of an ipc connection travel from now on, and why.
    Travels {
        /// In shared memory, or by ZMTP for this reason.
        carrier: Carrier,
    },
    /// The memory that may hold what waits for a peer is full: the message that was sent last waits outside of it, and the
    /// next one is refused as if the mark were reached. Told once, until there was room again.
    MemoryFull {
        /// Bytes that may be in use, as [set](crate::Socket::set_shared_limit).
        limit: u64,
    },
    /// As [asked for](crate::Socket::ask_for_stats): messages that wait in the pipe of a connection.
    PipeStats {
        /// To be sent; as credit has it, which comes back in steps.
        sending: u64,
        /// To be received.
        receiving: u64,
    },
    /// Nobody read events in time, and so many were dropped here.
    Lost {
        /// As many.
        events: u64,
    },
}

/// Why a peer did not become known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum HandshakeFailure {
    /// The connection ended, or nothing came in time.
    NoDetail(ErrorNumber),
    /// The peer broke the protocol, or is of a kind that ours has nothing to say to. The number is the
    /// `ZMQ_PROTOCOL_ERROR_*` of `zmq.h`.
    Protocol(u32),
    /// An authenticator refused: 300, 400 or 500.
    Auth(u16),
}

/// The two ends of a connection, as its events have them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Addresses {
    pub(crate) local: String,
    pub(crate) remote: String,
    /// Whether it is our side that connects.
    pub(crate) connects: bool,
}

impl Addresses {
    /// The endpoint as the application has bound or connected it.
    pub(crate) fn endpoint(&self) -> &str {
        if self.connects {
            &self.remote
        } else {
            &self.local
        }
    }

    /// Something that happened to the connection.
    pub(crate) fn event(&self, occurrence: Occurrence) -> MonitorEvent {
        MonitorEvent {
            occurrence,
            local: self.local.clone(),
            remote: self.remote.clone(),
            connects: self.connects,
        }
    }
}

impl MonitorEvent {
    /// The endpoint as the application has bound or connected it.
    pub fn endpoint(&self) -> &str {
        if self.connects {
            &self.remote
        } else {
            &self.local
        }
    }

    /// One of a listener at this endpoint; of nothing in particular if it is empty.
    pub(crate) fn at(local: &str, occurrence: Occurrence) -> MonitorEvent {
        MonitorEvent {
            occurrence,
            local: local.to_owned(),
            remote: String::new(),
            connects: false,
        }
    }
}
