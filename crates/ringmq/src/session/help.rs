//! Whether a thread that sends works on the session itself.

use std::time::{Duration, Instant};

/// How threads of the application have worked on a session.
///
/// One that has written a message by itself has saved the way over another thread. One that writes all the time is better
/// helped by the I/O thread, which writes many messages at once; not if the messages are large, for then there is nothing
/// to save, and the bytes are still in the cache of this CPU.
#[derive(Debug, Default)]
pub(crate) struct Help {
    /// When one last worked, or was sent away.
    last: Option<Instant>,
    /// How long the work took.
    took: Duration,
    /// Bytes that it wrote.
    wrote: u64,
    /// Grows while threads come again within the time that the work takes, and without a wait in between.
    haste: u8,
    /// Waits of threads that read the streams by themselves, when one last worked.
    waits: u64,
}

/// From here on the I/O thread does the work.
const HASTY: u8 = 4;
const HASTIEST: u8 = 8;
/// So many bytes are worth a write of their own.
const MANY_BYTES: u64 = 16 << 10;
/// Calm is to come again only after so many times of the work.
const CALM: u32 = 16;

impl Help {
    /// Returns true if a thread that comes now may do the work. `waits`: so many times a thread has read the streams by
    /// itself so far.
    pub(crate) fn is_wanted(&mut self, now: Instant, waits: u64) -> bool {
        let waited = std::mem::replace(&mut self.waits, waits) != waits;
        if waited || self.wrote >= MANY_BYTES {
            self.haste = 0;
        } else if let Some(last) = self.last {
            let away = now.saturating_duration_since(last);
            if away < self.took {
                self.haste = (self.haste + 1).min(HASTIEST);
            } else if away > self.took * CALM || self.haste < HASTY {
                self.haste = self.haste.saturating_sub(2);
            }
        }
        let is_wanted = self.haste < HASTY;
        if !is_wanted {
            self.last = Some(now);
        }
        is_wanted
    }

    /// A thread has worked since `began`, and has written so many bytes.
    pub(crate) fn ended(&mut self, began: Instant, wrote: u64) {
        let now = Instant::now();
        self.took = now - began;
        self.last = Some(now);
        self.wrote = wrote;
    }
}
