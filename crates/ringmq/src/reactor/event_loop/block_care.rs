//! Gives the memory of blocks back while no socket sends.

use std::time::{Duration, Instant};

use ringmq_pipe::blocks::Readers;
use ringmq_pipe::local::Waker;

/// Pauses between two looks: from the first to the longest, each twice the one before.
const SHORTEST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(10);

/// When to look again for blocks that came home.
#[derive(Debug)]
pub(super) struct BlockCare {
    /// The readers, and this thread's number there. `None` if the process has no memory for them.
    readers: Option<(&'static Readers, u64)>,
    /// The time of the next look, and the pause before it.
    next: Option<(Instant, Duration)>,
    /// Bytes of all arenas when they were last looked at.
    bytes: usize,
}

impl BlockCare {
    /// For the thread that `waker` wakes.
    pub(super) fn new(waker: Waker) -> BlockCare {
        let readers = Readers::current().map(|readers| (readers, readers.add_carer(waker)));
        BlockCare {
            readers,
            next: None,
            bytes: 0,
        }
    }

    /// How long until the next look. Looks if it is time. `None` if there is nothing to look for.
    pub(super) fn left(&mut self, now: Instant) -> Option<Duration> {
        let (readers, _) = self.readers?;
        let bytes = readers.bytes();
        if bytes > self.bytes {
            // The pause is for what was there before.
            self.next = None;
        }
        self.bytes = bytes;
        let is_early = self.next.is_some_and(|(at, _)| now < at);
        if !is_early && !readers.needs_care() {
            self.next = None;
            return None;
        }
        let (mut at, mut pause) = self.next.unwrap_or((now + SHORTEST, SHORTEST));
        if now >= at {
            readers.tidy();
            pause = (pause * 2).min(LONGEST);
            at = now + pause;
        }
        self.next = Some((at, pause));
        Some(at - now)
    }
}

impl Drop for BlockCare {
    fn drop(&mut self) {
        if let Some((readers, number)) = self.readers {
            readers.remove_carer(number);
        }
    }
}
