//! A message is sent with all of its parts, or not at all, and an error gives all of them back.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Barrier;
use std::time::Duration;

use ringmq::{Context, Kind, Message, SendError};
use ringmq_testing::{scope, watchdog};

/// So many that another thread comes in between, and how often that is tried.
const PARTS: usize = 20_000;
const ROUNDS: u32 = 40;

fn long() -> Message {
    (0..PARTS).map(|number| number.to_string()).collect()
}

#[test]
fn a_context_that_is_shut_down_meanwhile_takes_no_part() {
    let _guard = watchdog(Duration::from_secs(120));
    for round in 0..ROUNDS {
        let context = Context::new().unwrap();
        let mut pull = context.socket(Kind::Pull).unwrap();
        let mut push = context.socket(Kind::Push).unwrap();
        pull.bind("inproc://here").unwrap();
        push.connect("inproc://here").unwrap();
        let (message, barrier) = (long(), Barrier::new(2));
        let sent = scope(|scope| {
            scope.spawn(|| {
                barrier.wait();
                (0..round * 10).for_each(|_| std::thread::yield_now());
                context.shutdown();
            });
            barrier.wait();
            push.send(message)
        });
        if let Err(error) = sent {
            assert!(matches!(error.reason, SendError::Terminated));
            assert!(error.message == long(), "{} parts", error.message.len());
        }
    }
}

#[test]
fn a_peer_that_goes_meanwhile_takes_all_parts_or_none() {
    let _guard = watchdog(Duration::from_secs(120));
    for round in 0..ROUNDS {
        let context = Context::new().unwrap();
        let mut pull = context.socket(Kind::Pull).unwrap();
        let mut push = context.socket(Kind::Push).unwrap();
        push.bind("inproc://here").unwrap();
        pull.connect("inproc://here").unwrap();
        let (message, barrier) = (long(), Barrier::new(2));
        let sent = scope(|scope| {
            scope.spawn(|| {
                barrier.wait();
                (0..round * 10).for_each(|_| std::thread::yield_now());
                drop(pull);
            });
            barrier.wait();
            push.try_send(message)
        });
        if let Err(error) = sent {
            assert!(matches!(error.reason, SendError::WouldBlock));
            assert!(error.message == long(), "{} parts", error.message.len());
        }
        // The next message is one by itself.
        let mut next = context.socket(Kind::Pull).unwrap();
        next.connect("inproc://here").unwrap();
        push.send("B").unwrap();
        assert_eq!(next.recv().unwrap(), Message::from("B"));
    }
}
