//! poll(2): a descriptor is readable while there is something to do, and at no other time.

use std::time::Duration;

use ringmq_pipe::{Options, RecvError};
use ringmq_testing::watchdog;

use crate::ends::STRATEGIES;
use crate::events::is_readable;
use crate::faces::{Give, Take};

/// A receiver is readable at first, until a look that finds nothing. Then it is readable from the next message on,
/// until the next look that finds nothing.
#[test]
fn a_receiver_is_readable_while_messages_wait() {
    let _guard = watchdog(Duration::from_secs(20));
    for wait in STRATEGIES {
        for take in Take::ALL {
            let options = Options::new().capacity(4096).wait(wait);
            let (mut left, mut right) = options.pair().unwrap();
            let (sender, receiver) = (left.sender(), right.receiver());
            assert!(is_readable(receiver), "{wait:?}: no look yet");
            for round in 0..200u8 {
                assert!(take.finds_nothing(receiver));
                assert!(!is_readable(receiver), "{wait:?}, {take:?}: nothing came");
                // A second look is as good as one.
                assert!(take.finds_nothing(receiver));
                assert!(!is_readable(receiver), "{wait:?}, {take:?}: nothing came");

                let messages = 1 + round % 3;
                let mut bytes = Vec::new();
                for number in 0..messages {
                    sender.send(&[round, number]).unwrap();
                    bytes.extend([round, number]);
                    assert!(is_readable(receiver), "{wait:?}, {take:?}: {number} came");
                }
                let (mut came, mut message) = (Vec::new(), Vec::new());
                while came != bytes {
                    assert!(is_readable(receiver), "{wait:?}, {take:?}: more is there");
                    take.take(receiver, &mut message).unwrap();
                    came.extend_from_slice(&message);
                }
            }
        }
    }
}

/// A sender: at first; not while the ring is full, not either after a message that makes too little room;
/// and again when there is room.
#[test]
fn a_sender_is_readable_while_there_is_room() {
    let _guard = watchdog(Duration::from_secs(20));
    for wait in STRATEGIES {
        for give in Give::ALL {
            let options = Options::new().capacity(4096).wait(wait);
            let (mut left, mut right) = options.pair().unwrap();
            let (sender, receiver) = (left.sender(), right.receiver());
            assert!(is_readable(sender), "{wait:?}: no attempt yet");
            let mut message = Vec::new();
            for round in 0..200u8 {
                let mut filled = give.fill(sender, &[round; 100]);
                assert!(filled > 1, "{wait:?}, {give:?}: {filled} messages of room");
                assert!(!is_readable(sender), "{wait:?}, {give:?}: there is no room");
                assert_eq!(give.fill(sender, &[round; 100]), 0);
                assert!(!is_readable(sender), "{wait:?}, {give:?}: there is no room");

                // The sender becomes readable once an eighth of the ring is free.
                while !is_readable(sender) {
                    receiver.try_recv(&mut message).unwrap();
                }
                filled = give.fill(sender, &[round; 100]);
                assert!(filled > 1, "{wait:?}, {give:?}: {filled} messages of room");
                assert!(!is_readable(sender), "{wait:?}, {give:?}: there is no room");
                while receiver.try_recv(&mut message).is_ok() {}
                assert!(is_readable(sender), "{wait:?}, {give:?}: all is empty");
            }
        }
    }
}

/// A whole pipe has the descriptor of its receiver. The descriptors of the two halves report different events.
#[test]
fn a_pipe_is_readable_as_its_receiver() {
    let _guard = watchdog(Duration::from_secs(20));
    let (mut left, mut right) = Options::new().capacity(4096).pair().unwrap();
    assert!(is_readable(&right) && is_readable(right.sender()));
    assert!(Take::Recv.finds_nothing(right.receiver()));
    assert!(!is_readable(&right) && is_readable(right.sender()));
    Give::Send.fill(right.sender(), &[0; 100]);
    assert!(!is_readable(&right) && !is_readable(right.sender()));

    left.sender().send(b"for the receiver").unwrap();
    assert!(is_readable(&right) && !is_readable(right.sender()));
    let mut message = Vec::new();
    right.receiver().try_recv(&mut message).unwrap();
    assert!(Take::Recv.finds_nothing(right.receiver()));

    while left.receiver().try_recv(&mut message).is_ok() {}
    assert!(!is_readable(&right) && is_readable(right.sender()));
}

/// A descriptor that is fetched late shows what came before.
#[test]
fn a_late_watcher_looks_first() {
    let _guard = watchdog(Duration::from_secs(20));
    for wait in STRATEGIES {
        let (mut left, mut right) = Options::new().wait(wait).pair().unwrap();
        let mut message = Vec::new();
        // The descriptor is not watched yet, so nothing is armed.
        let nothing = right.receiver().try_recv(&mut message);
        assert!(matches!(nothing, Err(RecvError::WouldBlock)), "{nothing:?}");
        left.sender().send(b"early").unwrap();
        assert!(is_readable(right.receiver()), "{wait:?}");
        right.receiver().try_recv(&mut message).unwrap();
        assert_eq!(message, b"early");
        assert!(
            is_readable(right.receiver()),
            "{wait:?}: until a look in vain"
        );
        assert!(Take::Recv.finds_nothing(right.receiver()));
        assert!(!is_readable(right.receiver()), "{wait:?}");
    }
}
