//! A user who makes one call for each poll misses no message, as one who calls until nothing is left.
//!
//! The hard case: messages that arrive between a failed look and the announcement of the sleep do not ring the
//! doorbell, and the call returns only the first of them.

use std::time::Duration;

use ringmq_pipe::{Options, Wait};
use ringmq_testing::{Random, pin_to, role, watchdog};

use crate::ends::{STRATEGIES, join, meet, name_of};
use crate::user::{Style, User};

const ROUNDS: u64 = 4000;
/// Less than a look in vain takes.
const PAUSE: Duration = Duration::from_micros(2);

/// Two messages are published at once, just when their receiver has answered the last two.
#[test]
fn messages_that_ring_no_doorbell_are_polled_for() {
    const TEST: &str = "singly::messages_that_ring_no_doorbell_are_polled_for";
    if role().is_some() {
        // The two must be awake at the same time.
        pin_to(1);
        let mut pipe = join(&Options::new().wait(Wait::Spin));
        let (mut random, mut message) = (Random::new(0), Vec::new());
        for round in 0..ROUNDS {
            random.dawdle(PAUSE);
            let two = [2 * round, 2 * round + 1].map(u64::to_le_bytes);
            assert_eq!(pipe.sender().send_batch(two).unwrap(), 2);
            pipe.receiver().recv(&mut message).unwrap();
        }
        return;
    }
    let _guard = watchdog(Duration::from_secs(60));
    pin_to(0);
    for wait in STRATEGIES {
        let options = Options::new().wait(wait);
        let (pipe, actor) = meet(TEST, "sender", &[name_of(wait)], &options);
        let mut user = User::new(pipe, Style::Poll, 0);
        let mut message = Vec::new();
        for number in 0..2 * ROUNDS {
            user.recv(&mut message).unwrap();
            assert_eq!(message, number.to_le_bytes());
            if number % 2 == 1 {
                user.send(b"more");
            }
        }
        actor.finish();
    }
}
