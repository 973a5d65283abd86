//! Who does the work, as tests force it.

use std::sync::atomic::{AtomicU64, Ordering};

/// Which threads work on streams. For tests: what each choice costs differs, and what a program sees does not.
#[doc(hidden)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum StreamWork {
    /// Those for which it pays.
    #[default]
    Adaptive,
    /// The I/O thread.
    IoThread,
    /// Threads of the application, whenever they wait or send.
    Callers,
    /// One or the other, at random, by this seed.
    Random(u64),
}

/// Makes the choices.
#[derive(Debug)]
pub(super) struct Choice {
    work: StreamWork,
    state: AtomicU64,
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
            state: AtomicU64::new(state),
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
        // ORDERING: any number does. Threads that come at the same time may get the same one.
        let mut state = self.state.load(Ordering::Relaxed);
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        // ORDERING: as above.
        self.state.store(state, Ordering::Relaxed);
        state >> 32 & 1 == 1
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
