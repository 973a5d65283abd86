//! How long calls wait.

use std::time::{Duration, Instant};

use ringmq_pipe::remote::LatePolicy;
use ringmq_pipe::waiting::Slept;

use crate::error::{RecvError, SendError};

/// How long a call waits.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Patience {
    /// The call does not wait.
    None,
    /// As `None`, after the call has looked a second time.
    Over,
    /// The socket's timeout, from the first wait on.
    Timeout,
    /// Until the deadline, or without end.
    Until(Option<Instant>),
    /// As `Until`, of a call that is made again after a pause.
    Again(Woken),
    /// The call's wait has ended: its time has passed, or a signal was handled.
    Ended(Ended),
}

/// How a [`Pause`](crate::Pause) ended. The call that is made again needs it.
#[derive(Debug, Clone, Copy)]
pub struct Woken {
    pub(crate) deadline: Option<Instant>,
    pub(crate) ended: Option<Ended>,
    /// How often the call has let another thread have the socket while it spun; `None` if it has slept.
    pub(crate) yields: Option<u32>,
}

/// Why a wait is over although perhaps no message has come.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Ended {
    TimedOut,
    Interrupted,
}

impl From<Ended> for Slept {
    fn from(ended: Ended) -> Slept {
        match ended {
            Ended::TimedOut => Slept::TimedOut,
            Ended::Interrupted => Slept::Interrupted,
        }
    }
}

impl Patience {
    /// Whether a send may wait for a late reader before it makes memory.
    #[inline(always)]
    pub(crate) fn admits_late_reader(self) -> bool {
        match self {
            Patience::Timeout => true,
            Patience::None | Patience::Over | Patience::Ended(_) => false,
            Patience::Until(deadline) | Patience::Again(Woken { deadline, .. }) => is_far(deadline),
        }
    }

    /// The deadline of a wait: `None` if the call does not wait, `Some(None)` if it waits without end.
    #[cold]
    pub(crate) fn settle(self, timeout: Option<Duration>) -> Option<Option<Instant>> {
        match self {
            Patience::None | Patience::Over | Patience::Ended(_) => None,
            Patience::Timeout => Some(timeout.map(later)),
            Patience::Until(deadline) | Patience::Again(Woken { deadline, .. }) => Some(deadline),
        }
    }

    /// How often the call has let another thread have the socket while it spun; `None` if it has slept.
    pub(crate) fn yields(self) -> Option<u32> {
        match self {
            Patience::Again(woken) => woken.yields,
            _ => Some(0),
        }
    }

    /// Why the wait is over, if it is.
    pub(crate) fn ended(self) -> Option<Ended> {
        match self {
            Patience::Again(Woken { ended, .. }) => ended,
            Patience::Ended(ended) => Some(ended),
            _ => None,
        }
    }

    /// The error of a receive that does not wait, or whose wait is over.
    pub(crate) fn refusal(self) -> RecvError {
        self.ended()
            .map_or(RecvError::WouldBlock, |ended| Slept::from(ended).into())
    }

    /// The patience that is left after a look has marked a peer. A peer that keeps sending what is not for the application
    /// would otherwise keep a call from ending.
    #[cold]
    pub(crate) fn after_look(self, timeout: Option<Duration>) -> Patience {
        if let Some(ended) = self.ended() {
            return Patience::Ended(ended);
        }
        match self.settle(timeout) {
            None => Patience::Over,
            Some(Some(deadline)) if Instant::now() >= deadline => Patience::Ended(Ended::TimedOut),
            Some(deadline) => Patience::Until(deadline),
        }
    }
}

/// Drops a part whose message's peer has gone, as libzmq does. A call that does not wait gets an error instead.
pub(crate) fn swallow_once(patience: Patience) -> Result<(), SendError> {
    match patience {
        Patience::None | Patience::Over => Err(SendError::WouldBlock),
        Patience::Timeout | Patience::Until(_) | Patience::Again(_) | Patience::Ended(_) => Ok(()),
    }
}

pub(crate) fn later(timeout: Duration) -> Instant {
    let now = Instant::now();
    // A deadline that never passes, if the clock cannot hold the right one.
    now.checked_add(timeout)
        .unwrap_or(now + Duration::from_secs(1 << 32))
}

/// Whether there is time for the longest wait for a late reader.
#[cold]
fn is_far(deadline: Option<Instant>) -> bool {
    deadline.is_none_or(|deadline| {
        deadline.saturating_duration_since(Instant::now()) >= LatePolicy::LONGEST
    })
}
