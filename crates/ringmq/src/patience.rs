//! How long calls wait.

use std::time::{Duration, Instant};

use crate::error::SendRefusal;

/// How long a call waits.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Patience {
    None,
    /// The same, of a call that has looked a second time, or whose time is over.
    Over,
    /// As long as the socket's timeout allows, from its first wait on.
    Timeout,
    Until(Option<Instant>),
}

impl Patience {
    /// Until when to wait, if at all.
    #[cold]
    pub(crate) fn settle(self, timeout: Option<Duration>) -> Option<Option<Instant>> {
        match self {
            Patience::None | Patience::Over => None,
            Patience::Timeout => Some(timeout.map(later)),
            Patience::Until(deadline) => Some(deadline),
        }
    }

    /// What is left after a look that has found something to try again with. A peer can bring something to each look, of
    /// which nothing is for the application, so that a call would never end.
    #[cold]
    pub(crate) fn after_look(self, timeout: Option<Duration>) -> Patience {
        match self.settle(timeout) {
            None => Patience::Over,
            Some(Some(deadline)) if Instant::now() >= deadline => Patience::Over,
            Some(deadline) => Patience::Until(deadline),
        }
    }
}

/// The peer of a message has gone in its midst: who may wait goes on as if it had got the part, as with libzmq.
pub(crate) fn swallow_once(patience: Patience) -> Result<(), SendRefusal> {
    match patience {
        Patience::None | Patience::Over => Err(SendRefusal::WouldBlock),
        Patience::Timeout | Patience::Until(_) => Ok(()),
    }
}

pub(crate) fn later(timeout: Duration) -> Instant {
    let now = Instant::now();
    // So far in the future that it never comes.
    now.checked_add(timeout)
        .unwrap_or(now + Duration::from_secs(1 << 32))
}
