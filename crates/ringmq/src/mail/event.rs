//! The events of a monitor.

use std::os::fd::RawFd;
use std::time::Duration;

use ringmq_sys::{ErrorNumber, HugePagesError};

use crate::mail::carrier::Carrier;

/// Something that happened to a connection or to an endpoint of a socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MonitorEvent {
    /// What happened.
    pub kind: EventKind,
    /// The local endpoint: the endpoint of a listener, or the address that the kernel gave to this end of a connection.
    /// Empty if there is none.
    pub local: String,
    /// The remote endpoint: the endpoint that was connected to, or the address of the peer that has connected. Empty if
    /// there is none.
    pub remote: String,
    /// This side connects; the peer is bound.
    pub(crate) connects: bool,
}

/// What happened, in a [`MonitorEvent`]. A descriptor is a number only: when the event is read, the number may belong to
/// another file.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum EventKind {
    /// The socket was bound to an endpoint, and listens there.
    Listening {
        /// The descriptor of the listener.
        fd: RawFd,
    },
    /// A listener accepted a connection.
    Accepted {
        /// The descriptor of the connection.
        fd: RawFd,
    },
    /// A connection was made.
    Connected {
        /// The descriptor of the connection.
        fd: RawFd,
    },
    /// A connection attempt was begun, and is not finished yet.
    ConnectDelayed,
    /// A connection was not made, or has ended. The next attempt was scheduled.
    ConnectRetried {
        /// The time until the next attempt.
        after: Duration,
    },
    /// A listener was closed, or a connection attempt has ended without a connection.
    Closed {
        /// The descriptor that was closed; `None` if there was none.
        fd: Option<RawFd>,
    },
    /// A listener could not be closed. ringmq never sends this event; libzmq has it.
    CloseFailed {
        /// The error of the kernel.
        error: ErrorNumber,
    },
    /// The connection has ended, because the peer closed it or broke the protocol.
    Disconnected {
        /// The descriptor of the connection.
        fd: RawFd,
    },
    /// The socket could not be bound to an endpoint.
    BindFailed {
        /// The error of the kernel.
        error: ErrorNumber,
    },
    /// A connection was not accepted.
    AcceptFailed {
        /// The error of the kernel; `PermissionDenied` if a filter rejects the peer.
        error: ErrorNumber,
    },
    /// The handshake has succeeded: messages can be sent and received.
    HandshakeSucceeded,
    /// The handshake has failed. As in libzmq this also comes after `HandshakeSucceeded`, when a frame of CURVE is no
    /// message, is out of turn or cannot be opened.
    HandshakeFailed(HandshakeFailure),
    /// The last event: the monitored socket has ended, or has another monitor.
    MonitorStopped,
    /// A peer has the routing id of another peer of this ROUTER. It stays connected, and its messages are not received.
    RoutingIdTaken {
        /// The routing id.
        routing_id: Vec<u8>,
    },
    /// The messages of an ipc or tcp connection are carried by other means from now on, or stay on ZMTP. There is no such
    /// event for [`ZmtpReason::NotIpc`](crate::ZmtpReason::NotIpc).
    CarrierChanged {
        /// Shared memory, or ZMTP with the reason for it.
        carrier: Carrier,
    },
    /// The shared memory for the messages that wait for a peer is full. The last message waits outside of it, and the
    /// next one is refused as if the mark were reached. The event comes once, and again only after there was room.
    MemoryFull {
        /// Bytes of memory that may be in use, as [set](crate::SocketOptions::shared_limit).
        limit: u64,
    },
    /// A large message was copied to the shared memory of a connection, because there is no memory, mapping or descriptor
    /// for blocks. The event comes once for a connection.
    BodiesCopied,
    /// Blocks that this socket sends have ordinary pages, although [huge ones](crate::ArenaOptions::huge_pages) were asked
    /// for. The messages go as they would otherwise. The event comes once for a connection.
    OrdinaryPages {
        /// Why the kernel gave no huge ones.
        reason: HugePagesError,
    },
    /// The messages that wait in the pipe of a connection, as [asked for](crate::Socket::ask_for_stats).
    PipeStats {
        /// Messages to be sent. Over ZMTP the number is not exact: the receiver reports what it has taken in steps. In
        /// shared memory it is exact, without those that the receiver's mark admits to its own queue.
        sending: u64,
        /// Messages to be received. In shared memory no more than the socket's mark admits.
        receiving: u64,
    },
    /// Events were lost here, because the reader was too slow.
    Lost {
        /// The number of lost events.
        events: u64,
    },
}

/// Why a handshake failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum HandshakeFailure {
    /// The connection ended, or the peer did not answer in time.
    NoDetail(ErrorNumber),
    /// The peer broke the protocol, or the two socket types do not fit. The number is the `ZMQ_PROTOCOL_ERROR_*` of
    /// `zmq.h`.
    Protocol(u32),
    /// An authenticator refused the peer, with status 300, 400 or 500.
    Auth(u16),
}

/// The endpoints of a connection, for its events.
#[derive(Debug, Clone, Default)]
pub(crate) struct Addresses {
    pub(crate) local: String,
    pub(crate) remote: String,
    /// This side connects; the peer is bound.
    pub(crate) connects: bool,
}

impl Addresses {
    /// The endpoint that the application has bound or connected.
    pub(crate) fn endpoint(&self) -> &str {
        if self.connects {
            &self.remote
        } else {
            &self.local
        }
    }

    /// An event of the connection.
    pub(crate) fn event(&self, kind: EventKind) -> MonitorEvent {
        MonitorEvent {
            kind,
            local: self.local.clone(),
            remote: self.remote.clone(),
            connects: self.connects,
        }
    }
}

impl MonitorEvent {
    /// The endpoint that the application has bound or connected.
    pub fn endpoint(&self) -> &str {
        if self.connects {
            &self.remote
        } else {
            &self.local
        }
    }

    /// An event of the listener at this endpoint. `local` is empty for an event of the whole socket.
    pub(crate) fn at(local: &str, kind: EventKind) -> MonitorEvent {
        MonitorEvent {
            kind,
            local: local.to_owned(),
            remote: String::new(),
            connects: false,
        }
    }
}
