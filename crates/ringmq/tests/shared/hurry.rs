//! A sender waits for a late reader before its ring grows, but not in a call that does not wait, and it does not sleep
//! where it is to spin.

use std::fs;
use std::time::{Duration, Instant};

use ringmq::{Context, Frame, Kind, Socket, Wait};
use ringmq_testing::watchdog;

use crate::parts::{socket, until_shared};
use crate::places::Places;

type Send = fn(&mut Socket, &[u8]);

/// Of a sender that waits there are many more.
const FEW: u64 = 20;
const TRIES: usize = 20;

/// How often this thread has given up its CPU by itself, as by a sleep.
fn switches() -> u64 {
    let status = fs::read_to_string("/proc/thread-self/status").unwrap();
    let mut lines = status.lines();
    let line = lines.find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
    line.unwrap().trim().parse().unwrap()
}

/// How often a sender of long messages sleeps whose reader does not read.
fn sleeps(prepare: impl Fn(&mut Socket), send: impl Fn(&mut Socket, &[u8])) -> u64 {
    let places = Places::new();
    let endpoint = places.endpoint("s");
    let context = Context::new().unwrap();
    let mut pull = socket(&context, Kind::Pull);
    let mut push = socket(&context, Kind::Push);
    prepare(&mut push);
    pull.bind(&endpoint).unwrap();
    push.connect(&endpoint).unwrap();
    until_shared(&mut push, 1);
    let long = vec![7; 1 << 20];
    let before = switches();
    for _ in 0..24 {
        send(&mut push, &long);
    }
    switches() - before
}

fn far() -> Instant {
    Instant::now() + Duration::from_secs(60)
}

#[test]
fn a_call_that_may_wait_waits_for_a_late_reader() {
    let _guard = watchdog(Duration::from_secs(120));
    let sends: [(&str, Send); 4] = [
        ("send", |push, bytes| push.send(bytes).unwrap()),
        ("send_slice", |push, bytes| push.send_slice(bytes).unwrap()),
        ("send_part_from", |push, bytes| {
            push.send_part_from(&mut Frame::copy_from_slice(bytes))
                .unwrap();
        }),
        ("send_deadline", |push, bytes| {
            push.send_deadline(bytes, far()).unwrap();
        }),
    ];
    for (name, send) in sends {
        // On a loaded machine a sleep may take as long as all of them together.
        let waited = (0..TRIES).any(|_| sleeps(|_| (), send) > FEW);
        assert!(waited, "{name}");
    }
}

#[test]
fn a_call_that_does_not_wait_makes_memory_at_once() {
    let _guard = watchdog(Duration::from_secs(120));
    let sends: [(&str, Send); 5] = [
        ("try_send", |push, bytes| push.try_send(bytes).unwrap()),
        ("try_send_slice", |push, bytes| {
            push.try_send_slice(bytes).unwrap();
        }),
        ("try_send_part", |push, bytes| {
            push.try_send_part(bytes).unwrap();
        }),
        ("try_send_part_from", |push, bytes| {
            let mut frame = Frame::copy_from_slice(bytes);
            push.try_send_part_from(&mut frame).unwrap();
        }),
        ("send_deadline", |push, bytes| {
            let soon = Instant::now() + Duration::from_millis(20);
            push.send_deadline(bytes, soon).unwrap();
        }),
    ];
    for (name, send) in sends {
        // Other reasons to give up the CPU are rare.
        let waited = (0..TRIES).all(|_| sleeps(|_| (), send) > FEW);
        assert!(!waited, "{name}");
    }
}

#[test]
fn a_timeout_that_is_shorter_than_the_wait_is_none() {
    let _guard = watchdog(Duration::from_secs(120));
    let short = |push: &mut Socket| push.set_send_timeout(Duration::ZERO);
    let waited =
        (0..TRIES).all(|_| sleeps(short, |push, bytes| push.send_slice(bytes).unwrap()) > FEW);
    assert!(!waited);
}

#[test]
fn a_sender_that_spins_does_not_sleep_for_a_late_reader() {
    let _guard = watchdog(Duration::from_secs(120));
    let spin = |push: &mut Socket| push.set_wait(Wait::Spin);
    let waited =
        (0..TRIES).all(|_| sleeps(spin, |push, bytes| push.send_slice(bytes).unwrap()) > FEW);
    assert!(!waited);
}

#[test]
fn a_call_that_does_not_wait_leaves_the_next_one_its_time() {
    let _guard = watchdog(Duration::from_secs(120));
    let waited = (0..TRIES).any(|_| {
        let send = |push: &mut Socket, bytes: &[u8]| {
            push.try_send("short").unwrap();
            push.send_slice(bytes).unwrap();
        };
        sleeps(|_| (), send) > FEW
    });
    assert!(waited);
}
