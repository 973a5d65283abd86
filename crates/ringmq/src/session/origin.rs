//! How the connection of a session is made.

use ringmq_transport::{Backoff, DialError, Endpoint, Options, ReconnectStop};

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

impl Dialed {
    /// Returns true if a proxy makes the connection.
    pub(crate) fn is_proxied(&self) -> bool {
        self.options.socks_proxy.is_some() && matches!(self.endpoint, Endpoint::Tcp(_))
    }

    /// Returns true if a failed attempt is the last one. As in libzmq, a proxy that refuses, or is refused, does not end the
    /// attempts.
    pub(crate) fn ends_after(&self, error: &DialError) -> bool {
        !self.is_proxied() && self.stop.ends_after(error, self.disconnected)
    }
}
