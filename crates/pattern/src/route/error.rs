//! The errors of each operation.
//!
//! Those of sending and receiving are complete: a socket has an answer to each of their variants.

use ringmq_message::Frame;
use thiserror::Error;

/// Why a part was not sent. Hands it back.
#[derive(Debug, Error)]
pub enum SendPartError {
    /// No peer can take a message now.
    #[error("no peer has room for a message")]
    WouldBlock(Frame),
    /// Sockets of this type do not send.
    #[error("this socket type does not send")]
    NotSupported(Frame),
    /// It is not the application's turn to send.
    #[error("not now: a message has to be received first")]
    State(Frame),
    /// No peer has the routing id, or a SERVER's message names none.
    #[error("there is no peer with this routing id")]
    HostUnreachable(Frame),
    /// The peer went in the middle of the message; what was sent of it is lost. Said once: the remaining parts, after
    /// this one, are swallowed. A send that may wait swallows this one as well, as libzmq does.
    #[error("the peer has gone in the middle of the message")]
    Broken(Frame),
    /// Messages of this socket type have one part, those of a DGRAM two.
    #[error("messages of this socket type have another number of parts")]
    Multipart(Frame),
}

impl SendPartError {
    /// The part.
    pub fn into_frame(self) -> Frame {
        match self {
            SendPartError::WouldBlock(frame)
            | SendPartError::NotSupported(frame)
            | SendPartError::State(frame)
            | SendPartError::HostUnreachable(frame)
            | SendPartError::Broken(frame)
            | SendPartError::Multipart(frame) => frame,
        }
    }
}

/// Why no peer takes a part, when the pattern routes without looking into the part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum RouteError {
    /// No peer can take a message now.
    #[error("no peer has room for a message")]
    WouldBlock,
    /// Sockets of this type do not send, or look at what they send.
    #[error("this socket type does not send")]
    NotSupported,
    /// It is not the application's turn to send.
    #[error("not now: a message has to be received first")]
    State,
    /// As [`SendPartError::Broken`].
    #[error("the peer has gone in the middle of the message")]
    Broken,
    /// It is what remains of such a message.
    #[error("the peer has gone in the middle of the message, and this was told before")]
    Swallowed,
    /// Messages of this socket type have one part, those of a DGRAM two.
    #[error("messages of this socket type have another number of parts")]
    Multipart,
}

impl RouteError {
    /// The answer to the sender of this part.
    pub(crate) fn with(self, frame: Frame) -> Result<(), SendPartError> {
        match self {
            RouteError::WouldBlock => Err(SendPartError::WouldBlock(frame)),
            RouteError::NotSupported => Err(SendPartError::NotSupported(frame)),
            RouteError::State => Err(SendPartError::State(frame)),
            RouteError::Broken => Err(SendPartError::Broken(frame)),
            RouteError::Swallowed => Ok(()),
            RouteError::Multipart => Err(SendPartError::Multipart(frame)),
        }
    }
}

/// Why nothing was received.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum RecvPartError {
    /// Nothing waits.
    #[error("no message waits")]
    Empty,
    /// Sockets of this type do not receive.
    #[error("this socket type does not receive")]
    NotSupported,
    /// It is not the application's turn to receive.
    #[error("not now: a message has to be sent first")]
    State,
}

/// Why a peer is not part of the pattern. Nothing is read from it or written to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum AttachError {
    /// A PAIR or CHANNEL has its peer already. The newcomer was asked to [terminate](crate::Pipes::terminate).
    #[error("the socket has its one peer")]
    SecondPeer,
    /// Another peer has this routing id. libzmq keeps such a peer connected, and mute; whether it is kept is for the
    /// socket to say.
    #[error("the routing id is taken")]
    DuplicateId,
    /// One that the peer gave itself has more than 255 bytes, or an assigned one none.
    #[error("a routing id of {0} bytes")]
    InvalidId(usize),
}

/// The socket type does not know this option, or not in its present state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("no option of this socket type")]
#[non_exhaustive]
pub struct OptionError;
