//! Why a wait ended without what it was for.

use std::io;

/// Why a wait ended with nothing.
#[derive(Debug, thiserror::Error)]
pub enum Slept {
    /// The deadline passed.
    #[error("nothing came in time")]
    TimedOut,
    /// A signal was handled.
    #[error("a signal was handled")]
    Interrupted,
    /// The kernel refused.
    #[error("cannot sleep: {0}")]
    Os(#[source] io::Error),
}

impl From<io::Error> for Slept {
    fn from(error: io::Error) -> Slept {
        if error.kind() == io::ErrorKind::Interrupted {
            Slept::Interrupted
        } else {
            Slept::Os(error)
        }
    }
}
