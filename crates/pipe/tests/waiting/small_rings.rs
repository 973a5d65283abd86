//! Rings that hold few messages.

use std::time::Duration;

use ringmq_pipe::{Options, Pipe};
use ringmq_testing::{Messages, role, seed, watchdog};

use crate::ends::{STRATEGIES, arg, join, meet, name_of, number, wait_named};

fn options(wait: &str) -> Options {
    Options::new().capacity(4096).wait(wait_named(wait))
}

/// Sends everything by one thread and receives everything by another.
fn exchange(pipe: Pipe, outgoing: u64, incoming: u64, count: u64) {
    let (mut sender, mut receiver) = pipe.split();
    ringmq_testing::scope(|scope| {
        scope.spawn(|| {
            let messages = Messages::new(incoming, 128, 1400);
            let mut message = Vec::new();
            for number in 0..count {
                receiver.recv(&mut message).unwrap();
                messages.check(number, &message);
            }
        });
        let messages = Messages::new(outgoing, 128, 1400);
        let mut message = Vec::new();
        for number in 0..count {
            messages.make(number, &mut message);
            // As a claim, in one piece, whatever its length; or as the sender sees fit.
            if number % 2 == 0 {
                let mut claim = sender.claim(message.len()).unwrap();
                claim.copy_from_slice(&message);
                claim.commit().unwrap();
            } else {
                sender.send(&message).unwrap();
            }
        }
    });
}

fn never_stall(test: &str, count: u64, limit: Duration) {
    if role().is_some() {
        let seed = number(0);
        return exchange(join(&options(&arg(1))), seed, !seed, number(2));
    }
    let _guard = watchdog(limit);
    let seed = seed();
    for wait in STRATEGIES {
        let args = [&seed.to_string(), name_of(wait), &count.to_string()];
        let (pipe, actor) = meet(test, "other", &args, &options(name_of(wait)));
        exchange(pipe, !seed, seed, count);
        actor.finish();
    }
}

/// A ring that holds less than 32 messages, of which the longest fill a third of it, never stalls.
#[test]
fn a_ring_of_few_messages_never_stalls() {
    const TEST: &str = "small_rings::a_ring_of_few_messages_never_stalls";
    never_stall(TEST, 20_000, Duration::from_secs(120));
}

#[test]
#[ignore = "soak: a million messages in each strategy"]
fn a_ring_of_few_messages_never_stalls_for_long() {
    const TEST: &str = "small_rings::a_ring_of_few_messages_never_stalls_for_long";
    never_stall(TEST, 1_000_000, Duration::from_secs(1200));
}
