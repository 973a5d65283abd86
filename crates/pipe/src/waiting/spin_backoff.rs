//! When a receiver pauses before it spins, so that the sender gets ahead.
//!
//! A receiver that has caught up with a sender takes the cache line that the sender writes, once for each message, and
//! both are slow (docs/performance.md, "At the writer's heels"). A receiver whose waits are short falls back: it pauses
//! for a moment, and the sender gets ahead by a batch. If the peer answers what this side sends, waits are as short, but
//! a pause is only a delay. So each pause is judged by the messages that it has brought. After one that brought too few
//! there are no pauses for a number of waits, which doubles each time. (The length of a wait tells the two cases apart
//! on one processor, and misleads on the next.)
//!
//! Nothing here looks at a clock, and nothing pauses: the caller does.

/// Short waits in a row after which this side falls back.
const SHORT_WAITS: u32 = 3;
/// Pauses, of about 12 ns each, of the shortest and the longest fall-back: 0.4 and 1.5 µs.
const SHORTEST: u32 = 32;
const LONGEST: u32 = 128;
/// A pause that brings no more messages than these was in vain.
const FEW: u64 = 2;
/// A pause that brings fewer messages than these is doubled.
const MANY: u64 = 64;
/// Waits without a pause after one in vain, at least and at most.
const LEAST: u32 = 16;
const MOST: u32 = 4096;

/// What is remembered of recent waits.
#[derive(Debug)]
pub(crate) struct SpinBackoff {
    /// Short waits in a row.
    short: u32,
    pauses: u32,
    /// Messages received when the last wait ended, and whether that wait began with a pause.
    received: u64,
    fell_back: bool,
    /// Waits that begin without a pause, and how many they are after the next pause in vain.
    skip: u32,
    penalty: u32,
}

impl SpinBackoff {
    pub(crate) fn new() -> SpinBackoff {
        SpinBackoff {
            short: 0,
            pauses: SHORTEST,
            received: 0,
            fell_back: false,
            skip: 0,
            penalty: LEAST,
        }
    }

    /// A wait begins, after `received` messages in all. Returns the pauses to make before the first look.
    #[inline]
    pub(crate) fn begin(&mut self, received: u64) -> u32 {
        if std::mem::take(&mut self.fell_back) {
            self.judge(received.wrapping_sub(self.received));
        }
        if self.short < SHORT_WAITS {
            return 0;
        }
        if self.skip > 0 {
            self.skip -= 1;
            return 0;
        }
        self.fell_back = true;
        self.pauses
    }

    #[cold]
    fn judge(&mut self, brought: u64) {
        if brought <= FEW {
            self.skip = self.penalty;
            self.penalty = (self.penalty * 2).min(MOST);
            self.pauses = SHORTEST;
        } else {
            self.penalty = LEAST;
            if brought < MANY {
                self.pauses = (self.pauses * 2).min(LONGEST);
            }
        }
    }

    /// The first looks of the wait are over. `soon` says that one of them succeeded, within a microsecond or so.
    #[inline]
    pub(crate) fn end(&mut self, received: u64, soon: bool) {
        self.received = received;
        self.short = if soon { self.short + 1 } else { 0 };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Waits that end at once, each after so many messages; says how often the last ones fell back, of 1,000.
    fn fall_backs(backoff: &mut SpinBackoff, brought: impl Fn(u32) -> u64) -> (u32, u32) {
        let (mut received, mut count, mut pauses) = (0, 0, 0);
        for wait in 0..21_000 {
            pauses = backoff.begin(received);
            if wait >= 20_000 {
                count += u32::from(pauses > 0);
            }
            backoff.end(received, true);
            received += brought(pauses);
        }
        (count, pauses)
    }

    #[test]
    fn a_stream_is_given_a_lead_again_and_again() {
        // One message for each pause, and one in any case.
        let (count, pauses) = fall_backs(&mut SpinBackoff::new(), |pauses| 1 + u64::from(pauses));
        assert_eq!((count, pauses), (1000, SHORTEST * 2));
    }

    #[test]
    fn a_slow_stream_is_given_more_but_not_without_end() {
        let (count, pauses) =
            fall_backs(&mut SpinBackoff::new(), |pauses| 1 + u64::from(pauses / 10));
        assert_eq!((count, pauses), (1000, LONGEST));
    }

    #[test]
    fn an_answerer_is_not_made_to_wait() {
        let (count, _) = fall_backs(&mut SpinBackoff::new(), |_| 1);
        assert!(count <= 1, "{count}");
    }

    #[test]
    fn waits_that_take_their_time_never_fall_back() {
        let mut backoff = SpinBackoff::new();
        for received in 0..100 {
            assert_eq!(backoff.begin(received), 0);
            backoff.end(received, received % 3 > 0);
        }
    }

    #[test]
    fn an_answerer_that_begins_to_stream_is_noticed() {
        let mut backoff = SpinBackoff::new();
        fall_backs(&mut backoff, |_| 1);
        let (count, _) = fall_backs(&mut backoff, |pauses| 1 + u64::from(pauses));
        assert_eq!(count, 1000);
    }
}
