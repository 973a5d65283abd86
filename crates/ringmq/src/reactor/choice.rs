//! Who does the work, as tests force it.

use std::sync::{Mutex, PoisonError};

use crate::mail::StreamWork;

/// Makes the choices.
#[derive(Debug)]
pub(super) struct Choice {
    work: StreamWork,
    /// Of the generator. Nothing locks it but in tests.
    state: Mutex<u64>,
}

impl From<StreamWork> for Choice {
    fn from(work: StreamWork) -> Choice {
        let state = match work {
            // Such a generator never leaves 0.
            StreamWork::Random(seed) => seed | 1,
            _ => 0,
        };
        Choice {
            work,
            state: Mutex::new(state),
        }
    }
}

impl Choice {
    /// Whether a thread of the application does the work at hand; `None` if that is to pay.
    #[inline]
    pub(super) fn callers(&self) -> Option<bool> {
        match self.work {
            StreamWork::Adaptive => None,
            StreamWork::IoThread => Some(false),
            StreamWork::Callers => Some(true),
            StreamWork::Random(_) => Some(self.toss()),
        }
    }

    fn toss(&self) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        *state >> 32 & 1 == 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_come_up_at_random() {
        let choice = Choice::from(StreamWork::Random(7));
        let callers = (0..1000).filter(|_| choice.callers() == Some(true)).count();
        assert!((400..600).contains(&callers), "{callers}");
    }
}
