//! Errors of a proxy.

use std::io;

use thiserror::Error;

use crate::error::{RecvError, SendError};
use crate::poller::PollError;

/// What ended a proxy.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ProxyError {
    /// It could not wait: a signal was handled, perhaps.
    #[error("a proxy cannot wait: {0}")]
    Poll(#[source] PollError),
    /// A socket does not receive, or not now.
    #[error("a proxy cannot receive: {0}")]
    Recv(#[source] RecvError),
    /// A socket does not send, or not within its timeout. The message that was received, whole, comes with it.
    #[error("a proxy cannot send: {0}")]
    Send(#[source] SendError),
}

impl From<RecvError> for ProxyError {
    fn from(error: RecvError) -> ProxyError {
        ProxyError::Recv(error)
    }
}

impl From<SendError> for ProxyError {
    fn from(error: SendError) -> ProxyError {
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
