//! Messages: whole, in order, with three kinds of patience.

use std::time::{Duration, Instant};

use ringmq_pipe::{OptionsError, RecvError, SendError};
use ringmq_testing::watchdog;

use crate::{WAITS, fill, pair, recv, small, soon};

#[test]
fn boundaries_are_kept_and_empty_messages_count() {
    let _guard = watchdog(Duration::from_secs(60));
    for wait in WAITS {
        let (mut left, mut right) = pair(&small().wait(wait));
        let messages = [&b""[..], b"a", b"", b"", b"bc", &[7; 1000], b"", &[8; 57]];
        // Again and again: the ring goes round.
        for _ in 0..100 {
            for message in messages {
                left.sender().send(message).unwrap();
            }
            for message in messages {
                assert_eq!(recv(&mut right), message);
            }
        }
    }
}

/// A `Vec` that is given is used, whatever it held.
#[test]
fn the_room_that_is_given_is_used() {
    let _guard = watchdog(Duration::from_secs(60));
    let (mut left, mut right) = pair(&small());
    let mut message = vec![1; 2000];
    let at = message.as_ptr();
    for len in [0, 1, 100, 512] {
        left.sender().send(&vec![9; len]).unwrap();
        right.receiver().recv(&mut message).unwrap();
        assert_eq!(message, vec![9; len]);
        assert_eq!((message.capacity(), message.as_ptr()), (2000, at));
    }
    // One that is too small, and one for a message in pieces, is made anew.
    let mut message = Vec::new();
    left.sender().send(&[9; 1400]).unwrap();
    right.receiver().recv(&mut message).unwrap();
    assert_eq!(message, [9; 1400]);
}

#[test]
fn calls_that_do_not_wait() {
    let _guard = watchdog(Duration::from_secs(60));
    for wait in WAITS {
        let (mut left, mut right) = pair(&small().wait(wait));
        let mut message = b"what was there".to_vec();
        for _ in 0..3 {
            let error = right.receiver().try_recv(&mut message).unwrap_err();
            assert!(matches!(error, RecvError::WouldBlock), "{error}");
        }
        let sent = fill(&mut left, 100);
        assert!((30..=40).contains(&sent), "{sent}");
        for _ in 0..3 {
            let error = left.sender().try_send(&[6; 100]).unwrap_err();
            assert!(matches!(error, SendError::WouldBlock), "{error}");
        }
        for _ in 0..sent {
            right.receiver().try_recv(&mut message).unwrap();
            assert_eq!(message, [6; 100]);
        }
        assert!(right.receiver().try_recv(&mut message).is_err());
        // Of the one that was refused nothing is left.
        left.sender().try_send(b"next").unwrap();
        assert_eq!(recv(&mut right), b"next");
    }
}

#[test]
fn deadlines_pass_not_early_and_lose_nothing() {
    let _guard = watchdog(Duration::from_secs(60));
    for wait in WAITS {
        let (mut left, mut right) = pair(&small().wait(wait));
        let mut message = Vec::new();
        let deadline = soon();
        let error = right
            .receiver()
            .recv_deadline(&mut message, deadline)
            .unwrap_err();
        assert!(
            matches!(error, RecvError::TimedOut) && Instant::now() >= deadline,
            "{error}"
        );
        // One that has passed already is a look.
        let past = Instant::now();
        let error = right
            .receiver()
            .recv_deadline(&mut message, past)
            .unwrap_err();
        assert!(matches!(error, RecvError::TimedOut), "{error}");
        left.sender().send_deadline(b"there", past).unwrap();
        right.receiver().recv_deadline(&mut message, past).unwrap();
        assert_eq!(message, b"there");

        let sent = fill(&mut left, 100);
        let deadline = soon();
        let error = left
            .sender()
            .send_deadline(&[1; 100], deadline)
            .unwrap_err();
        assert!(
            matches!(error, SendError::TimedOut) && Instant::now() >= deadline,
            "{error}"
        );
        for _ in 0..sent {
            assert_eq!(recv(&mut right), [6; 100]);
        }
        left.sender().send_deadline(b"last", soon()).unwrap();
        assert_eq!(recv(&mut right), b"last");
    }
}

/// What waits is woken by what it waits for: a message, room, the end.
#[test]
fn waiting_ends() {
    let _guard = watchdog(Duration::from_secs(60));
    for wait in WAITS {
        let (mut left, mut right) = pair(&small().wait(wait));
        ringmq_testing::scope(|scope| {
            let receives = scope.spawn(|| {
                let first = recv(&mut right);
                (first, right)
            });
            left.sender().send(b"woken").unwrap();
            let (first, mut right) = receives.join().unwrap();
            assert_eq!(first, b"woken");

            let sent = fill(&mut left, 100);
            let sends = scope.spawn(|| {
                left.sender().send(b"at last").unwrap();
                drop(left);
            });
            for _ in 0..sent {
                assert_eq!(recv(&mut right), [6; 100]);
            }
            assert_eq!(recv(&mut right), b"at last");
            let error = right.receiver().recv(&mut Vec::new()).unwrap_err();
            assert!(matches!(error, RecvError::Closed), "{error}");
            sends.join().unwrap();
        });
    }
}

/// Each end has a greatest message of its own, and the other keeps to it in every way of sending.
#[test]
fn the_greatest_message() {
    let _guard = watchdog(Duration::from_secs(60));
    let (mut left, mut right) = {
        let (limited, address) = (
            small().max_message(100),
            ringmq_testing::abstract_name("most"),
        );
        let mut listener = ringmq_pipe::Listener::bind(&address, &limited).unwrap();
        ringmq_testing::scope(|scope| {
            let client = scope.spawn(|| small().connect(&address).unwrap());
            (listener.accept().unwrap(), client.join().unwrap())
        })
    };
    assert_eq!(
        (left.sender().max_message(), right.sender().max_message()),
        (1 << 30, 100)
    );
    let (fits, long) = ([1; 100], [2; 101]);
    let refused = |error: SendError| {
        assert!(
            matches!(
                error,
                SendError::TooLarge {
                    len: 101,
                    most: 100
                }
            ),
            "{error}"
        );
    };
    let sender = right.sender();
    for _ in 0..20 {
        refused(sender.send(&long).unwrap_err());
        refused(sender.try_send(&long).unwrap_err());
        refused(sender.send_deadline(&long, soon()).unwrap_err());
        refused(sender.send_batch([long]).unwrap_err());
        refused(sender.claim(101).unwrap_err());
        refused(sender.try_claim(101).unwrap_err());
        assert_eq!(sender.send_batch([&fits[..], &long]).unwrap(), 1);
        sender.send(&fits).unwrap();
        assert_eq!(
            (recv(&mut left), recv(&mut left)),
            (fits.to_vec(), fits.to_vec())
        );
    }
    // A stream of bytes has no such limit; a receiver of messages receives none that is longer.
    std::io::Write::write_all(&mut right, &[3; 1000]).unwrap();
    let mut got = 0;
    while got < 1000 {
        got += recv(&mut left).len();
    }
    left.sender().send(&long).unwrap();
    assert_eq!(recv(&mut right), long);

    let none = small().max_message(0).pair().unwrap_err();
    assert!(
        matches!(
            none,
            ringmq_pipe::ConnectError::Options(OptionsError::MaxMessage)
        ),
        "{none}"
    );
}

#[test]
fn closing_one_direction_leaves_the_other() {
    let _guard = watchdog(Duration::from_secs(60));
    for wait in WAITS {
        let (left, right) = pair(&small().wait(wait));
        let (mut left_sender, left_receiver) = left.split();
        let (mut right_sender, mut right_receiver) = right.split();
        drop(left_receiver);
        for _ in 0..3 {
            let error = right_sender.send(b"refused").unwrap_err();
            assert!(matches!(error, SendError::Closed), "{error}");
            assert!(right_sender.try_send(b"refused").is_err());
            assert!(right_sender.claim(1).is_err());
            assert!(right_sender.send_batch([b"refused"]).is_err());
            left_sender.send(b"taken").unwrap();
        }
        drop(left_sender);
        let mut message = Vec::new();
        for _ in 0..3 {
            right_receiver.recv(&mut message).unwrap();
            assert_eq!(message, b"taken");
        }
        for _ in 0..3 {
            assert!(matches!(
                right_receiver.recv(&mut message),
                Err(RecvError::Closed)
            ));
            assert!(matches!(
                right_receiver.try_recv(&mut message),
                Err(RecvError::Closed)
            ));
        }
    }
}
