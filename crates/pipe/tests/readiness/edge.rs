//! epoll(7) with EPOLLET: one event for each look in vain, as soon as there is something.

use std::time::Duration;

use ringmq_pipe::Options;
use ringmq_testing::watchdog;

use crate::ends::STRATEGIES;
use crate::events::Edges;
use crate::faces::{Give, Take};

/// A receiver: an event at first, and one for the first message after each look in vain.
#[test]
fn a_receiver_has_one_event_for_each_arming() {
    let _guard = watchdog(Duration::from_secs(20));
    for wait in STRATEGIES {
        for take in Take::ALL {
            let options = Options::new().capacity(4096).wait(wait);
            let (mut left, mut right) = options.pair().unwrap();
            let (sender, receiver) = (left.sender(), right.receiver());
            let edges = Edges::of(receiver);
            assert!(edges.take(), "{wait:?}: no look yet");
            assert!(!edges.take(), "{wait:?}: one edge for one event");
            for round in 0..200u8 {
                assert!(take.finds_nothing(receiver));
                assert!(!edges.take(), "{wait:?}, {take:?}: nothing came");
                sender.send(&[round]).unwrap();
                assert!(edges.take(), "{wait:?}, {take:?}: the first came");
                sender.send(&[round]).unwrap();
                assert!(!edges.take(), "{wait:?}, {take:?}: one event is enough");
                let mut message = Vec::new();
                while take.take(receiver, &mut message).is_ok() {
                    assert!(message.iter().all(|byte| *byte == round));
                }
                assert!(!edges.take(), "{wait:?}, {take:?}: all was taken");
            }
        }
    }
}

/// A sender: an event at first, and one for the first room after each attempt in vain.
#[test]
fn a_sender_has_one_event_for_each_arming() {
    let _guard = watchdog(Duration::from_secs(20));
    for wait in STRATEGIES {
        for give in Give::ALL {
            let options = Options::new().capacity(4096).wait(wait);
            let (mut left, mut right) = options.pair().unwrap();
            let (sender, receiver) = (left.sender(), right.receiver());
            let edges = Edges::of(sender);
            assert!(edges.take(), "{wait:?}: no attempt yet");
            assert!(!edges.take(), "{wait:?}: one edge for one event");
            for round in 0..200u8 {
                let given = give.fill(sender, &[round; 100]);
                assert!(!edges.take(), "{wait:?}, {give:?}: there is no room");
                let mut message = Vec::new();
                let mut events = 0;
                for _ in 0..given {
                    receiver.try_recv(&mut message).unwrap();
                    events += u32::from(edges.take());
                }
                assert_eq!(events, 1, "{wait:?}, {give:?}: for {given} messages");
            }
        }
    }
}
