//! Errors, one enum for each operation. Each becomes an [`io::Error`] by `From`.

use std::error::Error as StdError;
use std::io::{self, ErrorKind};
use std::num::NonZeroU32;

use ringmq_message::Message;
use ringmq_pattern::RecvPartError;
use ringmq_pipe::waiting::Slept;
use ringmq_transport::{BindError, ListenError, ParseEndpointError, UdpError};
use thiserror::Error;

/// Why a message was not sent.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SendError {
    /// No peer can take it now, and the call does not wait.
    #[error("no peer can take a message now")]
    WouldBlock,
    /// No peer could take it within the timeout of the socket, or before the deadline of the call.
    #[error("no peer could take a message in time")]
    TimedOut,
    /// A signal was handled while the call waited.
    #[error("a signal was handled while waiting to send")]
    Interrupted,
    /// The context was shut down.
    #[error("the context was shut down")]
    Terminated,
    /// Sockets of this type do not send.
    #[error("a socket of this type does not send")]
    NotSupported,
    /// The socket has to receive first: a REP that has no request, or a REQ that waits for a reply. A DGRAM has to be bound
    /// first.
    #[error("it is not the turn of this socket to send")]
    State,
    /// No peer has this routing id, and the ROUTER has [`RouterMandatory`](crate::SetOption::RouterMandatory); or the socket
    /// is a STREAM, a SERVER or a PEER.
    #[error("there is no peer with this routing id")]
    HostUnreachable,
    /// Messages of this socket type [have one part](crate::Kind::has_one_part), those of a DGRAM two.
    #[error("messages of this socket type have another number of parts")]
    Multipart,
    /// This is a forked child; the socket belongs to its parent.
    #[error("the socket belongs to the process that this one was forked from")]
    Forked,
    /// The kernel refused to let the call wait, or to give memory.
    #[error("cannot send: {0}")]
    Os(#[source] io::Error),
}

/// Why a message was not sent, and the message. No part of it was sent.
#[derive(Debug, Error)]
#[error("{reason}")]
pub struct UnsentError {
    /// Why it was not sent.
    #[source]
    pub reason: SendError,
    /// The whole message; from [`send_part`](crate::Socket::send_part), the part.
    pub message: Message,
}

/// Why nothing was received.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RecvError {
    /// No message is there, and the call does not wait.
    #[error("no message is there")]
    WouldBlock,
    /// No message came within the timeout of the socket, or before the deadline of the call.
    #[error("no message came in time")]
    TimedOut,
    /// A signal was handled while the call waited.
    #[error("a signal was handled while waiting for a message")]
    Interrupted,
    /// The context was shut down.
    #[error("the context was shut down")]
    Terminated,
    /// Sockets of this type do not receive.
    #[error("a socket of this type does not receive")]
    NotSupported,
    /// The socket has to send first: a REQ that has sent no request, or a REP that has not replied.
    #[error("it is not the turn of this socket to receive")]
    State,
    /// This is a forked child; the socket belongs to its parent.
    #[error("the socket belongs to the process that this one was forked from")]
    Forked,
    /// The kernel refused.
    #[error("cannot wait: {0}")]
    Os(#[source] io::Error),
}

/// Why a socket was not made.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SocketError {
    /// The context was shut down.
    #[error("the context was shut down")]
    Terminated,
    /// This is a forked child; the context belongs to its parent.
    #[error("the context belongs to the process that this one was forked from")]
    Forked,
    /// The context has as many sockets as it may have.
    #[error("the context has {0} sockets, as many as it may have")]
    TooMany(usize),
    /// An option has a value that there is not.
    #[error("cannot make a socket: {0}")]
    Options(#[source] OptionError),
    /// The kernel refused, for want of descriptors or memory.
    #[error("cannot make a socket: {0}")]
    Os(#[from] io::Error),
}

/// Why an endpoint was not bound, connected, or left.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum EndpointError {
    /// The context was shut down.
    #[error("the context was shut down")]
    Terminated,
    /// This is a forked child; the socket belongs to its parent.
    #[error("the socket belongs to the process that this one was forked from")]
    Forked,
    /// Another socket is bound to it.
    #[error("{0} is in use")]
    InUse(String),
    /// The socket is neither bound nor connected to it.
    #[error("this socket is neither bound nor connected to {0}")]
    Unknown(String),
    /// The text is no endpoint, or no endpoint that can be connected to.
    #[error(transparent)]
    Endpoint(#[from] ParseEndpointError),
    /// The socket cannot listen there.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The udp endpoint cannot be used.
    #[error(transparent)]
    Udp(#[from] UdpError),
    /// The transport is none of this socket type, or not in this direction: a RADIO connects by udp, DISH and DGRAM are bound,
    /// other types do not have it, and DGRAM has no other transport.
    #[error("a socket of this type cannot do that with {0}")]
    Unfit(String),
    /// The socket has a [mechanism](crate::SocketOptions::security), and udp has none: what it sends would not be protected.
    #[error("no mechanism protects {0}")]
    Unprotected(String),
    /// The descriptor that was given is of another transport than this endpoint.
    #[error("the descriptor is not of the transport of {0}")]
    WrongTransport(String),
    /// The socket has [`immediate`](crate::SocketOptions::immediate): the peer gets its routing id with the connection only.
    #[error("with the option `immediate` there is no routing id before the connection")]
    Immediate,
    /// No peer has this routing id.
    #[error("no peer has the routing id {0}")]
    NoPeer(NonZeroU32),
    /// Sockets of this type do not name their peers by a number.
    #[error("a socket of this type does not name its peers by a number")]
    NotSupported,
    /// The context [requires](crate::Context::set_shared_memory_required) shared memory, and this socket cannot use it.
    #[error("shared memory is required, and cannot be used with {endpoint}: {reason}")]
    NotShared {
        /// The ipc endpoint.
        endpoint: String,
        /// Why not.
        reason: &'static str,
    },
    /// The context has no I/O thread, or none that this socket's affinity allows.
    #[error("there is no I/O thread for it")]
    NoThread,
    /// The kernel refused, for want of descriptors, threads or memory.
    #[error("cannot start: {0}")]
    Os(#[source] io::Error),
}

/// Why the end of a context was not waited for.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TerminateError {
    /// A signal was handled while the call waited.
    #[error("a signal was handled while waiting for the end of a context")]
    Interrupted,
    /// This is a forked child; the context belongs to its parent.
    #[error("the context belongs to the process that this one was forked from")]
    Forked,
    /// The kernel refused, for want of descriptors or memory.
    #[error("cannot wait for the end of a context: {0}")]
    Os(#[from] io::Error),
}

/// Why an option was not set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum OptionError {
    /// The context was shut down.
    #[error("the context was shut down")]
    Terminated,
    /// This is a forked child; the socket belongs to its parent.
    #[error("the socket belongs to the process that this one was forked from")]
    Forked,
    /// Sockets of this type have no such option.
    #[error("a socket of this type has no such option")]
    NotSupported,
    /// The option does not have such a value.
    #[error("a value that the option does not have")]
    Value,
}

impl From<Slept> for SendError {
    fn from(slept: Slept) -> SendError {
        match slept {
            Slept::TimedOut => SendError::TimedOut,
            Slept::Interrupted => SendError::Interrupted,
            Slept::Os(error) => SendError::Os(error),
        }
    }
}

impl From<Slept> for RecvError {
    fn from(slept: Slept) -> RecvError {
        match slept {
            Slept::TimedOut => RecvError::TimedOut,
            Slept::Interrupted => RecvError::Interrupted,
            Slept::Os(error) => RecvError::Os(error),
        }
    }
}

impl From<Slept> for TerminateError {
    fn from(slept: Slept) -> TerminateError {
        match slept {
            Slept::TimedOut | Slept::Interrupted => TerminateError::Interrupted,
            Slept::Os(error) => TerminateError::Os(error),
        }
    }
}

impl From<RecvPartError> for RecvError {
    fn from(refused: RecvPartError) -> RecvError {
        match refused {
            RecvPartError::Empty => RecvError::WouldBlock,
            RecvPartError::NotSupported => RecvError::NotSupported,
            RecvPartError::State => RecvError::State,
        }
    }
}

/// [`SendError::Os`] as it is; every other refusal by its [kind](io::Error::kind), and as the inner error.
impl From<SendError> for io::Error {
    fn from(refusal: SendError) -> io::Error {
        let kind = match refusal {
            SendError::Os(error) => return error,
            SendError::WouldBlock => ErrorKind::WouldBlock,
            SendError::TimedOut => ErrorKind::TimedOut,
            SendError::Interrupted => ErrorKind::Interrupted,
            SendError::Terminated => ErrorKind::ConnectionAborted,
            SendError::NotSupported => ErrorKind::Unsupported,
            SendError::HostUnreachable => ErrorKind::HostUnreachable,
            SendError::Multipart => ErrorKind::InvalidInput,
            SendError::State | SendError::Forked => ErrorKind::Other,
        };
        io::Error::new(kind, refusal)
    }
}

/// As for [`SendError`]. The message is dropped.
impl From<UnsentError> for io::Error {
    fn from(error: UnsentError) -> io::Error {
        error.reason.into()
    }
}

/// As for [`SendError`].
impl From<RecvError> for io::Error {
    fn from(error: RecvError) -> io::Error {
        let kind = match error {
            RecvError::Os(error) => return error,
            RecvError::WouldBlock => ErrorKind::WouldBlock,
            RecvError::TimedOut => ErrorKind::TimedOut,
            RecvError::Interrupted => ErrorKind::Interrupted,
            RecvError::Terminated => ErrorKind::ConnectionAborted,
            RecvError::NotSupported => ErrorKind::Unsupported,
            RecvError::State | RecvError::Forked => ErrorKind::Other,
        };
        io::Error::new(kind, error)
    }
}

/// As for [`SendError`].
impl From<SocketError> for io::Error {
    fn from(error: SocketError) -> io::Error {
        let kind = match error {
            SocketError::Os(error) => return error,
            SocketError::Terminated => ErrorKind::ConnectionAborted,
            SocketError::TooMany(_) => ErrorKind::QuotaExceeded,
            SocketError::Options(error) => return error.into(),
            SocketError::Forked => ErrorKind::Other,
        };
        io::Error::new(kind, error)
    }
}

/// As for [`SendError`]. A [`Listen`](EndpointError::Listen) or [`Udp`](EndpointError::Udp) has the kind of the kernel's error, if there is one.
impl From<EndpointError> for io::Error {
    fn from(refusal: EndpointError) -> io::Error {
        let kind = match &refusal {
            EndpointError::Terminated => ErrorKind::ConnectionAborted,
            EndpointError::InUse(_) => ErrorKind::AddrInUse,
            EndpointError::Unknown(_) => ErrorKind::NotFound,
            EndpointError::Endpoint(_) | EndpointError::WrongTransport(_) => {
                ErrorKind::InvalidInput
            }
            EndpointError::Listen(error) => kernel_kind(error).unwrap_or(match error {
                ListenError::Ipc(BindError::Address(_)) => ErrorKind::InvalidInput,
                ListenError::Ipc(_) => ErrorKind::AddrInUse,
                _ => ErrorKind::InvalidInput,
            }),
            EndpointError::Udp(error) => kernel_kind(error).unwrap_or(ErrorKind::InvalidInput),
            EndpointError::Immediate => ErrorKind::InvalidInput,
            EndpointError::NoPeer(_) => ErrorKind::HostUnreachable,
            EndpointError::NotSupported
            | EndpointError::Unfit(_)
            | EndpointError::Unprotected(_)
            | EndpointError::NotShared { .. } => ErrorKind::Unsupported,
            EndpointError::NoThread | EndpointError::Forked => ErrorKind::Other,
            EndpointError::Os(error) => error.kind(),
        };
        match refusal {
            EndpointError::Os(error) => error,
            refusal => io::Error::new(kind, refusal),
        }
    }
}

/// As for [`SendError`].
impl From<TerminateError> for io::Error {
    fn from(error: TerminateError) -> io::Error {
        let kind = match error {
            TerminateError::Os(error) => return error,
            TerminateError::Interrupted => ErrorKind::Interrupted,
            TerminateError::Forked => ErrorKind::Other,
        };
        io::Error::new(kind, error)
    }
}

/// As for [`SendError`].
impl From<OptionError> for io::Error {
    fn from(error: OptionError) -> io::Error {
        let kind = match error {
            OptionError::Terminated => ErrorKind::ConnectionAborted,
            OptionError::NotSupported => ErrorKind::Unsupported,
            OptionError::Value => ErrorKind::InvalidInput,
            OptionError::Forked => ErrorKind::Other,
        };
        io::Error::new(kind, error)
    }
}

/// The kind of the first error of the kernel among the causes.
fn kernel_kind(error: &(dyn StdError + 'static)) -> Option<ErrorKind> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            return Some(error.kind());
        }
        cause = error.source();
    }
    None
}
