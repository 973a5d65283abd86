//! Errors of a wait for several sockets.

use std::io::{self, ErrorKind};

use thiserror::Error;

use crate::error::RecvError;

/// Why a wait for several sockets has failed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PollError {
    /// A signal was handled while the call waited.
    #[error("a signal was handled while waiting for several sockets")]
    Interrupted,
    /// The context of one of the sockets was shut down.
    #[error("the context was shut down")]
    Terminated,
    /// This is a forked child; one of the sockets belongs to its parent.
    #[error("a socket belongs to the process that this one was forked from")]
    Forked,
    /// The kernel refused.
    #[error("cannot wait: {0}")]
    Os(#[source] io::Error),
}

impl From<RecvError> for PollError {
    fn from(error: RecvError) -> PollError {
        match error {
            RecvError::Forked => PollError::Forked,
            RecvError::Interrupted => PollError::Interrupted,
            RecvError::Os(error) => PollError::Os(error),
            // `events` fails in no other way.
            _ => PollError::Terminated,
        }
    }
}

/// [`PollError::Os`] as it is; every other error by its kind, and as the inner error.
impl From<PollError> for io::Error {
    fn from(error: PollError) -> io::Error {
        let kind = match error {
            PollError::Os(error) => return error,
            PollError::Interrupted => ErrorKind::Interrupted,
            PollError::Terminated => ErrorKind::ConnectionAborted,
            PollError::Forked => ErrorKind::Other,
        };
        io::Error::new(kind, error)
    }
}
