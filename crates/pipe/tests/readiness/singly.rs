//! A user who makes one call for each poll, instead of many until there is nothing, misses nothing either.
//!
//! What is hard for him: messages that come between a look in vain and the announcement of it ring nobody,
//! and the call returns the first of them only.

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
fn messages_that_ring_nobody_are_polled_for() {
    const TEST: &str = "singly::messages_that_ring_nobody_are_polled_for";
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
