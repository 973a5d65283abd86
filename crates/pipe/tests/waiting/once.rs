//! A sleeper that is slow to be scheduled is rung once, not once for each message.

use std::time::Duration;

use ringmq_pipe::{Options, Wait};
use ringmq_testing::{Actor, role, say, thread_id, until_asleep, watchdog};

use crate::ends::{arg, join, meet, name_of, wait_named};

const MESSAGES: u64 = 1000;

fn options(wait: Wait) -> Options {
    Options::new().capacity(64 << 10).wait(wait)
}

/// Waits until the role sleeps, and stops it there.
fn stop_asleep(actor: &mut Actor) {
    let thread = actor.hear().parse().unwrap();
    until_asleep(actor.pid(), thread);
    actor.stop();
}

/// The receiver sleeps, and stands still: a thousand messages ring it once.
#[test]
fn a_slow_receiver_is_rung_once() {
    const TEST: &str = "once::a_slow_receiver_is_rung_once";
    if role().is_some() {
        let mut pipe = join(&options(wait_named(&arg(0))));
        say(&thread_id().to_string());
        for number in 0..MESSAGES {
            let mut message = Vec::new();
            pipe.receiver().recv(&mut message).unwrap();
            assert_eq!(message, number.to_le_bytes());
        }
        return;
    }
    let _guard = watchdog(Duration::from_secs(20));
    for wait in [Wait::Park, Wait::Adaptive] {
        let (mut pipe, mut actor) = meet(TEST, "receiver", &[name_of(wait)], &options(wait));
        stop_asleep(&mut actor);
        let before = pipe.sender().stats().rings;
        for number in 0..MESSAGES {
            pipe.sender().send(&number.to_le_bytes()).unwrap();
        }
        assert_eq!(pipe.sender().stats().rings - before, 1, "{wait:?}");
        actor.go_on();
        actor.finish();
    }
}

/// The sender sleeps for want of room, and stands still: making room for all of the ring rings it once.
#[test]
fn a_slow_sender_is_rung_once() {
    const TEST: &str = "once::a_slow_sender_is_rung_once";
    let message = [7; 100];
    if role().is_some() {
        let mut pipe = join(&options(wait_named(&arg(0))));
        say(&thread_id().to_string());
        for _ in 0..MESSAGES {
            pipe.sender().send(&message).unwrap();
        }
        return;
    }
    let _guard = watchdog(Duration::from_secs(20));
    for wait in [Wait::Park, Wait::Adaptive] {
        let (mut pipe, mut actor) = meet(TEST, "sender", &[name_of(wait)], &options(wait));
        stop_asleep(&mut actor);
        let before = pipe.receiver().stats().rings;
        let (mut came, mut buffer) = (0, Vec::new());
        while pipe.receiver().try_recv(&mut buffer).is_ok() {
            came += 1;
        }
        assert!(came > 500, "a full ring: {came} messages");
        assert_eq!(pipe.receiver().stats().rings - before, 1, "{wait:?}");
        actor.go_on();
        for _ in came..MESSAGES {
            pipe.receiver().recv(&mut buffer).unwrap();
            assert_eq!(buffer, message);
        }
        actor.finish();
    }
}
