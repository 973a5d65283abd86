//! Errors of a proxy.

use std::io;

use thiserror::Error;

use crate::error::{RecvError, UnsentError};
use crate::poller::PollError;

/// Why a proxy has failed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ProxyError {
    /// The wait for its sockets failed, for instance because a signal was handled.
    #[error("a proxy cannot wait: {0}")]
    Poll(#[source] PollError),
    /// A socket could not receive.
    #[error("a proxy cannot receive: {0}")]
    Recv(#[source] RecvError),
    /// A socket could not send, for instance within its timeout. The whole message comes with the error.
    #[error("a proxy cannot send: {0}")]
    Send(#[source] UnsentError),
}

impl From<RecvError> for ProxyError {
    fn from(error: RecvError) -> ProxyError {
        ProxyError::Recv(error)
    }
}

impl From<UnsentError> for ProxyError {
    fn from(error: UnsentError) -> ProxyError {
        ProxyError::Send(error)
    }
}

/// The error of the operation that failed. A message that was not sent is dropped.
impl From<ProxyError> for io::Error {
    fn from(error: ProxyError) -> io::Error {
        match error {
            ProxyError::Poll(error) => error.into(),
            ProxyError::Recv(error) => error.into(),
            ProxyError::Send(error) => error.into(),
        }
    }
}
