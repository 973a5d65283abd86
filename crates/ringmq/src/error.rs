//! What can go wrong, by operation.

use std::io;

use ringmq_message::Message;
use ringmq_pattern::RecvRefused;
use ringmq_pipe::waiting::Slept;
use ringmq_transport::{EndpointError, ListenError};
use thiserror::Error;

/// Why a message was not sent.
#[derive(Debug, Error)]
pub enum SendRefusal {
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
    /// It is not this socket's turn to send: it has to receive first.
    #[error("it is not the turn of this socket to send")]
    State,
    /// A ROUTER that is mandatory knows no peer of this routing id.
    #[error("there is no peer with this routing id")]
    HostUnreachable,
    /// This is a forked child; the socket belongs to its parent.
    #[error("the socket belongs to the process that this one was forked from")]
    Forked,
    /// The kernel refused: to let the call wait, or to give memory.
    #[error("cannot send: {0}")]
    Os(#[source] io::Error),
}

/// Why a message was not sent, and the message. Nothing of it was sent.
#[derive(Debug, Error)]
#[error("{reason}")]
pub struct SendError {
    /// Why.
    #[source]
    pub reason: SendRefusal,
    /// The whole message; of [`send_part`](crate::Socket::send_part), the part.
    pub message: Message,
}

/// Why nothing was received.
#[derive(Debug, Error)]
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
    /// It is not this socket's turn to receive: it has to send first.
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
    /// The kernel refused, for want of descriptors or memory.
    #[error("cannot make a socket: {0}")]
    Os(#[from] io::Error),
}

/// Why an endpoint was not bound, connected, or left.
#[derive(Debug, Error)]
pub enum EndpointRefusal {
    /// The context was shut down.
    #[error("the context was shut down")]
    Terminated,
    /// This is a forked child; the socket belongs to its parent.
    #[error("the socket belongs to the process that this one was forked from")]
    Forked,
    /// Somebody is bound to it.
    #[error("{0} is in use")]
    InUse(String),
    /// The socket is neither bound nor connected to it.
    #[error("this socket is neither bound nor connected to {0}")]
    Unknown(String),
    /// It cannot be an endpoint, or not be connected to.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// Nobody can listen there.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The descriptor that was given is of another transport than this endpoint.
    #[error("the descriptor is not of the transport of {0}")]
    WrongTransport(String),
    /// The context has no I/O thread, or none that this socket's affinity allows.
    #[error("there is no I/O thread for it")]
    NoThread,
    /// The kernel refused, for want of descriptors, threads or memory.
    #[error("cannot start: {0}")]
    Os(#[source] io::Error),
}

/// Why the end of a context was not waited for.
#[derive(Debug, Error)]
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
    /// No such value.
    #[error("a value that the option does not have")]
    Value,
}

impl From<Slept> for SendRefusal {
    fn from(slept: Slept) -> SendRefusal {
        match slept {
            Slept::TimedOut => SendRefusal::TimedOut,
            Slept::Interrupted => SendRefusal::Interrupted,
            Slept::Os(error) => SendRefusal::Os(error),
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

impl From<RecvRefused> for RecvError {
    fn from(refused: RecvRefused) -> RecvError {
        match refused {
            RecvRefused::Empty => RecvError::WouldBlock,
            RecvRefused::NotSupported => RecvError::NotSupported,
            RecvRefused::State => RecvError::State,
        }
    }
}
