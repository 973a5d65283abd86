//! No event is missed: two processes on a small ring, at least one of which waits by its descriptors.
//!
//! Each burst waits for its answer. So a missed event stalls both sides without end: no later message makes up for
//! it.

use std::time::Duration;

use ringmq_pipe::{Options, Pipe, Wait};
use ringmq_testing::{Messages, Random, mix, role, seed, watchdog};

use crate::ends::{STRATEGIES, arg, join, meet, name_of, number, wait_named};
use crate::user::{Style, User};

/// About as long as falling asleep and waking up take: a waiting thread is about to, does, or has done so.
const LONGEST_PAUSE: Duration = Duration::from_micros(40);

/// Who waits how: the one that sends bursts, and the one that answers.
const STYLES: [(Style, Style); 5] = [
    (Style::Edge, Style::Edge),
    (Style::Edge, Style::Blocking),
    (Style::Blocking, Style::Edge),
    (Style::Poll, Style::Poll),
    (Style::Poll, Style::Edge),
];

fn options(wait: Wait) -> Options {
    Options::new().capacity(4096).wait(wait)
}

/// The lengths of the bursts, which both sides know: mostly short ones, some longer than the ring.
fn bursts(seed: u64, messages: u64) -> impl Iterator<Item = u64> {
    let mut random = Random::new(mix(seed));
    let mut left = messages;
    std::iter::from_fn(move || {
        let burst = if random.one_in(16) {
            random.within(20..100)
        } else {
            random.within(1..4)
        };
        let burst = left.min(burst as u64);
        left -= burst;
        (burst > 0).then_some(burst)
    })
}

/// Sends bursts, and awaits the answer to each. Returns how often it waited.
fn lead(pipe: Pipe, style: Style, seed: u64, messages: u64) -> u64 {
    let content = Messages::new(seed, 8, 400);
    let mut user = User::new(pipe, style, seed);
    let (mut sent, mut message) = (0u64, Vec::new());
    for burst in bursts(seed, messages) {
        for _ in 0..burst {
            user.dawdle(LONGEST_PAUSE);
            content.make(sent, &mut message);
            user.send(&message);
            sent += 1;
        }
        user.recv(&mut message).unwrap();
        assert_eq!(message, sent.to_le_bytes(), "the answer counts what came");
    }
    user.waits
}

/// Receives bursts, checks them, and answers each.
fn follow(pipe: Pipe, style: Style, seed: u64, messages: u64) {
    let content = Messages::new(seed, 8, 400);
    let mut user = User::new(pipe, style, mix(!seed));
    let (mut came, mut message) = (0u64, Vec::new());
    for burst in bursts(seed, messages) {
        for _ in 0..burst {
            user.dawdle(LONGEST_PAUSE);
            user.recv(&mut message).unwrap();
            content.check(came, &message);
            came += 1;
        }
        user.send(&came.to_le_bytes());
    }
}

/// Exchanges `total` messages in all, with every way to wait. A missed event stalls the exchange until the watchdog.
fn miss_nothing(test: &str, total: u64, limit: Duration) {
    if role().is_some() {
        let pipe = join(&options(wait_named(&arg(0))));
        return follow(pipe, Style::named(&arg(1)), number(2), number(3));
    }
    let seed = seed();
    let messages = total / (STRATEGIES.len() * STYLES.len()) as u64;
    for wait in STRATEGIES {
        for (ours, theirs) in STYLES {
            let _guard = watchdog(limit);
            let args = [seed.to_string(), messages.to_string()];
            let args = [name_of(wait), theirs.name(), &args[0], &args[1]];
            let (pipe, actor) = meet(test, "follower", &args, &options(wait));
            let waits = lead(pipe, ours, seed, messages);
            println!("{wait:?}, {ours:?} to {theirs:?}: {messages} messages, {waits} waits");
            actor.finish();
        }
    }
}

#[test]
fn no_event_is_missed() {
    const TEST: &str = "exchange::no_event_is_missed";
    miss_nothing(TEST, 150_000, Duration::from_secs(60));
}

#[test]
#[ignore = "soak: 1.5 million messages"]
fn no_event_is_missed_in_the_long_run() {
    const TEST: &str = "exchange::no_event_is_missed_in_the_long_run";
    miss_nothing(TEST, 1_500_000, Duration::from_secs(600));
}
