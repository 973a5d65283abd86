//! What can go wrong, by operation.

use std::io;

use ringmq_ring::Corrupt;
use ringmq_sys::{
    Address, AddressError, AdoptMemoryError, AdoptRingerError, BindError, CreateError,
};

use super::offer::OfferError;
use crate::refusal::RefusalReason;
use crate::waiting::Slept;

/// Options that no pipe can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OptionsError {
    /// The ring's capacity.
    #[error("a capacity of {bytes} bytes; it must be a power of two from {least} to {most}")]
    Capacity {
        /// What was asked for, in bytes.
        bytes: usize,
        /// The least, a page.
        least: usize,
        /// The most.
        most: usize,
    },
    /// More memory for blocks than there can be.
    #[error("{bytes} bytes for blocks; {most} is the most")]
    BlockCapacity {
        /// What was asked for.
        bytes: usize,
        /// The most.
        most: u64,
    },
    /// The greatest message.
    #[error("a greatest message of 0 bytes: nothing could be received")]
    MaxMessage,
}

/// Why a listener could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ListenError {
    /// The options.
    #[error(transparent)]
    Options(#[from] OptionsError),
    /// The address is none.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// The socket could not be bound.
    #[error(transparent)]
    Bind(#[from] BindError),
}

/// Why a pipe was not made: by [`connect`](crate::Options::connect), by
/// [`accept`](crate::Listener::accept), or by [`pair`](crate::Options::pair). Nothing is left of it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The options.
    #[error(transparent)]
    Options(#[from] OptionsError),
    /// The address is none.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// No process could be reached at the address.
    #[error("cannot connect to {address}: {source}")]
    Unreachable {
        /// Where.
        address: Address,
        /// What connect(2) answered.
        source: io::Error,
    },
    /// The deadline passed.
    #[error("connection set-up did not end in time")]
    TimedOut,
    /// A signal was handled meanwhile.
    #[error("interrupted by a signal")]
    Interrupted,
    /// This end could not make its memory.
    #[error("cannot make shared memory: {0}")]
    Memory(#[from] CreateError),
    /// The peer refused.
    #[error("the peer refused: {0}")]
    Refused(RefusalReason),
    /// The peer runs as another user, and this listener does not allow that.
    #[error("the peer has uid {peer}, this process {own}; the listener allows no other users")]
    OtherUser {
        /// The peer's uid.
        peer: u32,
        /// Ours.
        own: u32,
    },
    /// What the peer sent is no offer.
    #[error("the peer's offer is wrong: {0}")]
    Offer(#[from] OfferError),
    /// A descriptor that the peer sent as memory is not what it has to be.
    #[error("the peer's {what} was refused: {refusal}")]
    PeerMemory {
        /// Which of them.
        what: &'static str,
        /// Why.
        refusal: AdoptMemoryError,
    },
    /// A descriptor that the peer sent as a doorbell is none.
    #[error("the peer's doorbell was refused: {0}")]
    PeerDoorbell(#[from] AdoptRingerError),
    /// The exchange over the Unix socket broke.
    #[error("connection set-up failed: {0}")]
    Exchange(#[from] ringmq_sys::RecvError),
    /// The kernel refused something else.
    #[error("{step}: {source}")]
    Os {
        /// What was tried.
        step: &'static str,
        /// What the kernel answered.
        source: io::Error,
    },
}

impl ConnectError {
    pub(crate) fn os(step: &'static str) -> impl Fn(io::Error) -> ConnectError {
        move |source| match source.kind() {
            io::ErrorKind::TimedOut => ConnectError::TimedOut,
            io::ErrorKind::Interrupted => ConnectError::Interrupted,
            _ => ConnectError::Os { step, source },
        }
    }
}

/// Why nothing was sent. The message is still the caller's, and the peer sees nothing of it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// There is no room now.
    #[error("the ring is full")]
    WouldBlock,
    /// The deadline passed before there was room.
    #[error("the ring was full until the deadline")]
    TimedOut,
    /// A signal was handled while waiting for room.
    #[error("interrupted by a signal")]
    Interrupted,
    /// The message is longer than what the peer accepts, or than what this call can send.
    #[error("a message of {len} bytes; {most} is the most")]
    TooLarge {
        /// Its length in bytes.
        len: u64,
        /// The most that can be sent in this way, in bytes.
        most: u64,
    },
    /// There is no memory for a block, and none will come back: the program has it in blocks that it has not sent.
    #[error("no memory for a block of {len} bytes")]
    OutOfMemory {
        /// What was asked for, in bytes.
        len: u64,
    },
    /// The peer has closed its receiver.
    #[error("the peer has closed its receiver")]
    Closed,
    /// The peer's process is gone, without a word.
    #[error("the peer died")]
    PeerDied,
    /// The peer broke the protocol.
    #[error("the peer broke the protocol: {0}")]
    Corrupt(#[from] Corrupt),
    /// This is a forked child: the pipe belongs to its parent.
    #[error("the pipe belongs to the process that this one was forked from")]
    Forked,
    /// The kernel refused a doorbell or a sleep.
    #[error(transparent)]
    Os(io::Error),
}

/// Why nothing was received.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecvError {
    /// There is nothing now.
    #[error("the ring is empty")]
    WouldBlock,
    /// The deadline passed before anything came.
    #[error("nothing came until the deadline")]
    TimedOut,
    /// A signal was handled while waiting.
    #[error("interrupted by a signal")]
    Interrupted,
    /// The peer has closed its sender, and everything that it sent has been received.
    #[error("the peer has closed its sender")]
    Closed,
    /// The peer's process is gone, without a word. Every whole message that it sent has been received.
    #[error("the peer died")]
    PeerDied,
    /// The peer sends a message that is longer than this end accepts.
    #[error("the peer sends a message of {len} bytes or more; this end accepts {most}")]
    TooLarge {
        /// What has come of it, in bytes.
        len: u64,
        /// The greatest that is accepted.
        most: u64,
    },
    /// The peer broke the protocol.
    #[error("the peer broke the protocol: {0}")]
    Corrupt(#[from] Corrupt),
    /// There is no memory for the message.
    #[error("no memory for a message of {len} bytes")]
    OutOfMemory {
        /// What has come of it, in bytes.
        len: u64,
    },
    /// This is a forked child: the pipe belongs to its parent.
    #[error("the pipe belongs to the process that this one was forked from")]
    Forked,
    /// The kernel refused a doorbell or a sleep.
    #[error(transparent)]
    Os(io::Error),
}

/// Why a wait ended with nothing.
#[derive(Debug)]
pub(crate) enum WaitError {
    TimedOut,
    Interrupted,
    PeerDied,
    Os(io::Error),
}

impl From<io::Error> for WaitError {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::Interrupted {
            WaitError::Interrupted
        } else {
            WaitError::Os(error)
        }
    }
}

impl From<Slept> for WaitError {
    fn from(slept: Slept) -> Self {
        match slept {
            Slept::TimedOut => WaitError::TimedOut,
            Slept::Interrupted => WaitError::Interrupted,
            Slept::Os(error) => WaitError::Os(error),
        }
    }
}

impl From<WaitError> for SendError {
    fn from(error: WaitError) -> Self {
        match error {
            WaitError::TimedOut => SendError::TimedOut,
            WaitError::Interrupted => SendError::Interrupted,
            WaitError::PeerDied => SendError::PeerDied,
            WaitError::Os(error) => SendError::Os(error),
        }
    }
}

impl From<WaitError> for RecvError {
    fn from(error: WaitError) -> Self {
        match error {
            WaitError::TimedOut => RecvError::TimedOut,
            WaitError::Interrupted => RecvError::Interrupted,
            WaitError::PeerDied => RecvError::PeerDied,
            WaitError::Os(error) => RecvError::Os(error),
        }
    }
}

impl From<SendError> for io::Error {
    fn from(error: SendError) -> io::Error {
        let kind = match error {
            SendError::Os(error) => return error,
            SendError::WouldBlock => io::ErrorKind::WouldBlock,
            SendError::TimedOut => io::ErrorKind::TimedOut,
            SendError::Interrupted => io::ErrorKind::Interrupted,
            SendError::TooLarge { .. } => io::ErrorKind::InvalidInput,
            SendError::OutOfMemory { .. } => io::ErrorKind::OutOfMemory,
            SendError::Closed | SendError::PeerDied => io::ErrorKind::BrokenPipe,
            SendError::Corrupt(_) => io::ErrorKind::InvalidData,
            SendError::Forked => io::ErrorKind::PermissionDenied,
        };
        io::Error::new(kind, error)
    }
}

impl From<RecvError> for io::Error {
    fn from(error: RecvError) -> io::Error {
        let kind = match error {
            RecvError::Os(error) => return error,
            RecvError::WouldBlock => io::ErrorKind::WouldBlock,
            RecvError::TimedOut => io::ErrorKind::TimedOut,
            RecvError::Interrupted => io::ErrorKind::Interrupted,
            RecvError::Closed => io::ErrorKind::UnexpectedEof,
            RecvError::PeerDied => io::ErrorKind::ConnectionReset,
            RecvError::Corrupt(_) | RecvError::TooLarge { .. } => io::ErrorKind::InvalidData,
            RecvError::OutOfMemory { .. } => io::ErrorKind::OutOfMemory,
            RecvError::Forked => io::ErrorKind::PermissionDenied,
        };
        io::Error::new(kind, error)
    }
}
