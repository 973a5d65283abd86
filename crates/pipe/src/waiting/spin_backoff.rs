//! At the writer's heels: when to let a peer get ahead.
//!
//! A receiver that has caught up with a sender takes each line from under its hands, once for each message, and both are
//! slow (docs/performance.md). One whose waits are short falls back for a moment, so that the peer gets ahead by a batch.
//! Where the peer answers what this side sends, waits are as short, and a pause is only a delay: so each pause is judged
//! by what it has brought, and after those that brought nothing there are none for a while, the longer the more often
//! that happens. (How short a wait is tells the two apart on one processor, and misleads on the next.)
//!
//! Nothing here looks at a clock, and nothing pauses: pauses are numbers.

/// Short waits in a row after which this side falls back.
const SHORT_WAITS: u32 = 3;
/// Pauses, of about 12 ns each, of the shortest and the longest fall-back: 0.4 and 1.5 µs.
const SHORTEST: u32 = 32;
const LONGEST: u32 = 128;
/// A fall-back that brings so few messages was in vain.
const FEW: u64 = 2;
/// One that brings fewer than these could have been longer.
const MANY: u64 = 64;
/// Waits without a fall-back after one in vain, at least and at most.
const LEAST: u32 = 16;
const MOST: u32 = 4096;

/// What is remembered of recent waits.
#[derive(Debug)]
pub(crate) struct Heels {
    /// Short waits in a row.
    short: u32,
    pauses: u32,
    /// Messages received when the last wait ended, and whether that one fell back.
    received: u64,
    fell_back: bool,
    /// Waits for which not to fall back, and how many they are after the next one in vain.
    skip: u32,
    penalty: u32,
}

impl Heels {
    pub(crate) fn new() -> Heels {
        Heels {
            short: 0,
            pauses: SHORTEST,
            received: 0,
            fell_back: false,
            skip: 0,
            penalty: LEAST,
        }
    }

    /// A wait begins, after so many messages in all: pauses to make before the first look.
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

    /// It has ended within a microsecond or so, or it has not.
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
    fn fall_backs(heels: &mut Heels, brought: impl Fn(u32) -> u64) -> (u32, u32) {
        let (mut received, mut count, mut pauses) = (0, 0, 0);
        for wait in 0..21_000 {
            pauses = heels.begin(received);
            if wait >= 20_000 {
                count += u32::from(pauses > 0);
            }
            heels.end(received, true);
            received += brought(pauses);
        }
        (count, pauses)
    }

    #[test]
    fn a_stream_is_given_a_lead_again_and_again() {
        // One message for each pause, and one in any case.
        let (count, pauses) = fall_backs(&mut Heels::new(), |pauses| 1 + u64::from(pauses));
        assert_eq!((count, pauses), (1000, SHORTEST * 2));
    }

    #[test]
    fn a_slow_stream_is_given_more_but_not_without_end() {
        let (count, pauses) = fall_backs(&mut Heels::new(), |pauses| 1 + u64::from(pauses / 10));
        assert_eq!((count, pauses), (1000, LONGEST));
    }

    #[test]
    fn who_answers_is_not_made_to_wait() {
        let (count, _) = fall_backs(&mut Heels::new(), |_| 1);
        assert!(count <= 1, "{count}");
    }

    #[test]
    fn waits_that_take_their_time_never_fall_back() {
        let mut heels = Heels::new();
        for received in 0..100 {
            assert_eq!(heels.begin(received), 0);
            heels.end(received, received % 3 > 0);
        }
    }

    #[test]
    fn an_answerer_that_begins_to_stream_is_noticed() {
        let mut heels = Heels::new();
        fall_backs(&mut heels, |_| 1);
        let (count, _) = fall_backs(&mut heels, |pauses| 1 + u64::from(pauses));
        assert_eq!(count, 1000);
    }
}
