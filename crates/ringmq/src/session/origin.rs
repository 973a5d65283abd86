//! How the connection of a session is made.

use ringmq_transport::{Backoff, Endpoint, Options, ReconnectStop};

/// Which side makes the connection.
#[derive(Debug)]
pub(crate) enum Origin {
    /// By the listener of this number.
    Accepted(u64),
    Dialed(Box<Dialed>),
}

/// Where a session connects to, and when it tries again.
#[derive(Debug)]
pub(crate) struct Dialed {
    pub(crate) endpoint: Endpoint,
    pub(crate) options: Options,
    pub(crate) backoff: Backoff,
    pub(crate) stop: ReconnectStop,
    /// The application has disconnected.
    pub(crate) disconnected: bool,
}
