//! What the steps of a connection from tcp to a Unix socket come to.

use std::time::Duration;

/// Whether this side still says that the connection goes over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outlook {
    Undecided,
    /// The peer has left the Unix socket, and socket and monitor know. MOVE may come all the same.
    GivenUp,
}

/// What a step came to.
#[derive(Debug)]
pub(crate) enum Step {
    Nothing,
    /// The connection stays on tcp.
    Stays(Obstacle),
}

/// Why a connection stays on tcp.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Obstacle {
    /// Descriptors or memory run short.
    Resources,
    Unproven,
}

/// Both directions are on the Unix socket. The connection is as old as its handshake, which was done at this time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Arrival {
    pub(crate) since: Duration,
    pub(crate) outlook: Outlook,
}

/// The peer has said MOVE out of turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OutOfTurn;
