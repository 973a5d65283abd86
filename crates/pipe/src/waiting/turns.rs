//! When a receiver offers its CPU to the sender before it sleeps.
//!
//! Where both ends of a stream share one CPU, a sleep costs two switches of that CPU and two system calls, and the kernel
//! lets the receiver run as soon as the sender has rung for one message. A receiver that stays runnable instead is not
//! rung, and runs again once the sender has filled the pipe or used up its turn (docs/performance.md, "Turns on one
//! CPU"). Other threads may have the CPU meanwhile, and what comes late is late: so turns are for streams only. A stream
//! shows by a wait that brought many messages. Each turn is judged by the messages that it has brought, and by its time.
//! After one that brought too few there are no more until the stream shows again, and a number of waits has passed, which
//! doubles each time.
//!
//! Nothing here looks at a clock, and nothing yields: the caller does.

use std::time::Duration;

/// A wait after which so many messages were received before the next one shows a stream. A turn that brings fewer was in
/// vain.
const MANY: u64 = 64;
/// A turn that takes longer for each message that it brings was in vain. A sleep for each message costs about as much.
const DEAR: Duration = Duration::from_nanos(1500);
/// Waits without a turn after one in vain, at least and at most.
const LEAST: u32 = 16;
const MOST: u32 = 4096;

/// What is remembered of recent waits.
#[derive(Debug)]
pub(crate) struct Turns {
    /// Messages received when the last wait began.
    received: u64,
    /// A wait has brought many messages since the last turn in vain.
    streams: bool,
    /// What the last wait's turn took.
    turn: Option<Duration>,
    /// Waits without a turn, and how many they are after the next turn in vain.
    skip: u32,
    penalty: u32,
}

impl Turns {
    pub(crate) fn new() -> Turns {
        Turns {
            received: 0,
            streams: false,
            turn: None,
            skip: 0,
            penalty: LEAST,
        }
    }

    /// A wait begins, after `received` messages in all. Returns true if it begins with a turn of the sender.
    #[inline]
    pub(crate) fn begin(&mut self, received: u64) -> bool {
        let brought = received.wrapping_sub(self.received);
        self.received = received;
        if let Some(took) = self.turn.take() {
            self.judge(brought, took);
        }
        self.streams |= brought >= MANY;
        if !self.streams {
            return false;
        }
        if self.skip > 0 {
            self.skip -= 1;
            return false;
        }
        true
    }

    /// The turn is over, after this time.
    pub(crate) fn end(&mut self, took: Duration) {
        self.turn = Some(took);
    }

    fn judge(&mut self, brought: u64, took: Duration) {
        let worth = DEAR.saturating_mul(u32::try_from(brought).unwrap_or(u32::MAX));
        if brought < MANY || took > worth {
            self.streams = false;
            self.skip = self.penalty;
            self.penalty = (self.penalty * 2).min(MOST);
        } else {
            self.penalty = LEAST;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Waits after each of which as many messages are received as `brought` says of a turn or a sleep. Returns the number of
    /// turns in the last 1,000 waits of 21,000.
    fn turns(turns: &mut Turns, brought: impl Fn(bool, u32) -> u64, took: Duration) -> u32 {
        let (mut received, mut count) = (0, 0);
        for wait in 0..21_000 {
            let is_turn = turns.begin(received);
            if is_turn {
                turns.end(took);
            }
            if wait >= 20_000 {
                count += u32::from(is_turn);
            }
            received += brought(is_turn, wait);
        }
        count
    }

    const SHORT: Duration = Duration::from_micros(50);

    #[test]
    fn a_stream_takes_turns_all_the_time() {
        // A sleep brings one message, and now and then as many as the pipe holds.
        let brought = |is_turn, wait| if is_turn || wait % 50 == 0 { 2000 } else { 1 };
        assert_eq!(turns(&mut Turns::new(), brought, SHORT), 1000);
    }

    #[test]
    fn an_answerer_takes_none() {
        assert_eq!(turns(&mut Turns::new(), |_, _| 1, SHORT), 0);
    }

    #[test]
    fn batches_with_pauses_take_few() {
        // The sender pauses after each batch, and the turn is in vain.
        let brought = |is_turn, _| if is_turn { 0 } else { 100 };
        let count = turns(&mut Turns::new(), brought, SHORT);
        assert!(count <= 1, "{count}");
    }

    #[test]
    fn turns_that_take_long_for_what_they_bring_are_in_vain() {
        // Another thread has had the CPU for a while.
        let brought = |_, _| 100;
        let count = turns(&mut Turns::new(), brought, Duration::from_millis(3));
        assert!(count <= 1, "{count}");
    }

    #[test]
    fn a_stream_that_begins_again_is_noticed() {
        let mut remembered = Turns::new();
        turns(&mut remembered, |_, _| 100, Duration::from_millis(3));
        let brought = |is_turn, wait| if is_turn || wait % 50 == 0 { 2000 } else { 1 };
        assert_eq!(turns(&mut remembered, brought, SHORT), 1000);
    }
}
