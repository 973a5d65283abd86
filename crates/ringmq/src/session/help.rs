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
    /// What was known of all sessions when one last worked.
    seen: Helped,
}

/// What threads of the application have done for all sessions of an I/O thread so far.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Helped {
    /// Waits of threads that read the streams by themselves.
    pub(crate) waits: u64,
    /// The time that they worked.
    pub(crate) time: Duration,
}

/// From here on the I/O thread does the work.
const HASTY: u8 = 4;
const HASTIEST: u8 = 8;
/// So many bytes are worth a write of their own.
const MANY_BYTES: u64 = 16 << 10;
/// Calm is to come again only after so many times of the work.
const CALM: u32 = 16;

impl Help {
    /// Returns true if a thread that comes now may do the work.
    pub(crate) fn is_wanted(&mut self, now: Instant, all: Helped) -> bool {
        let before = std::mem::replace(&mut self.seen, all);
        let waited = before.waits != all.waits;
        if waited || self.wrote >= MANY_BYTES {
            self.haste = 0;
        } else if let Some(last) = self.last {
            // A message to many peers is work for each: what was done for others is no pause.
            let others = all.time.saturating_sub(before.time);
            let away = now.saturating_duration_since(last).saturating_sub(others);
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

    /// A thread has worked for this time, up to now, and has written so many bytes. Counts the time.
    pub(crate) fn ended(&mut self, took: Duration, now: Instant, wrote: u64, all: &mut Helped) {
        self.took = took;
        self.last = Some(now);
        self.wrote = wrote;
        all.time += took;
        self.seen = *all;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORK: Duration = Duration::from_micros(5);

    /// Sessions, and a thread that sends to all of them in turn.
    struct World {
        now: Instant,
        all: Helped,
        sessions: Vec<Help>,
        helped: u32,
    }

    impl World {
        fn new(sessions: usize) -> World {
            World {
                now: Instant::now(),
                all: Helped::default(),
                sessions: (0..sessions).map(|_| Help::default()).collect(),
                helped: 0,
            }
        }

        /// Sends one message of so many bytes to each, after this time, and says how many it wrote by itself.
        fn send(&mut self, after: Duration, bytes: u64) -> u32 {
            self.now += after;
            let before = self.helped;
            for help in &mut self.sessions {
                if help.is_wanted(self.now, self.all) {
                    self.now += WORK;
                    help.ended(WORK, self.now, bytes, &mut self.all);
                    self.helped += 1;
                }
            }
            self.helped - before
        }
    }

    #[test]
    fn one_that_sends_in_haste_leaves_the_work_also_if_it_is_for_many() {
        for sessions in [1, 2, 10, 1000] {
            let mut world = World::new(sessions);
            let helped = (0..1000).map(|_| world.send(WORK / 4, 64)).sum::<u32>();
            assert!(helped <= 8 * sessions as u32, "{sessions}: {helped}");
            // After a pause it is quicker by itself, again and again.
            for _ in 0..10 {
                world.send(WORK * 1000, 64);
            }
            assert_eq!(world.send(WORK * 1000, 64), sessions as u32);
        }
    }

    #[test]
    fn one_that_waits_in_between_or_sends_much_does_the_work() {
        let mut world = World::new(3);
        for _ in 0..100 {
            world.all.waits += 1;
            assert_eq!(world.send(Duration::ZERO, 64), 3);
        }
        let mut world = World::new(3);
        assert!((0..100).all(|_| world.send(Duration::ZERO, MANY_BYTES) == 3));
    }
}
