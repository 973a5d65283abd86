//! Slots: messages that are written and read where they lie.

use std::time::{Duration, Instant};

use ringmq_pipe::{RecvError, SendError};
use ringmq_testing::{Messages, watchdog};

use crate::{WAITS, fill, pair, recv, small, soon, vow};

#[test]
fn a_claim_is_sent_as_far_as_it_is_committed() {
    let _guard = watchdog(Duration::from_secs(60));
    let (mut left, mut right) = pair(&small());
    for round in 0..1000usize {
        let len = round % 97;
        let mut claim = left.sender().claim(len).unwrap();
        assert_eq!(claim.len(), len);
        assert_eq!(claim.as_ptr().addr() % 8, 0);
        claim.fill(round as u8);
        assert_eq!(claim[..], vec![round as u8; len]);
        // More than was claimed means all of it.
        let commit = if round % 3 == 0 {
            usize::MAX
        } else {
            round % 50
        };
        if round % 5 == 0 {
            claim.commit().unwrap();
            let lent = right.receiver().recv_in_place(vow()).unwrap();
            assert_eq!(lent[..], vec![round as u8; len]);
            assert_eq!(lent.as_ptr().addr() % 8, 0);
        } else {
            claim.commit_len(commit).unwrap();
            assert_eq!(recv(&mut right), vec![round as u8; len.min(commit)]);
        }
    }
}

#[test]
fn a_claim_that_is_dropped_was_never_there() {
    let _guard = watchdog(Duration::from_secs(60));
    let (mut left, mut right) = pair(&small());
    // Far more than the ring holds, were it kept.
    for _ in 0..100 {
        left.sender().claim(1400).unwrap().fill(0xee);
        let error = right.receiver().try_recv(&mut Vec::new()).unwrap_err();
        assert!(matches!(error, RecvError::WouldBlock), "{error}");
    }
    assert_eq!(left.sender().stats().messages, 0);
    left.sender().send(b"first").unwrap();
    drop(left.sender().claim(10).unwrap());
    drop(left);
    assert_eq!(recv(&mut right), b"first");
    assert!(matches!(
        right.receiver().recv(&mut Vec::new()),
        Err(RecvError::Closed)
    ));
}

#[test]
fn claims_have_a_greatest_length() {
    let _guard = watchdog(Duration::from_secs(60));
    for capacity in [4096, 65536, 1 << 20] {
        let (mut left, mut right) = pair(&small().capacity(capacity));
        let most = left.sender().max_claim();
        assert_eq!(most, capacity / 8 * 3 - 128);
        // Wherever the ring stands.
        for offset in 0..40 {
            left.sender().send(&vec![1; offset * 8]).unwrap();
            recv(&mut right);
            left.sender().try_claim(most).unwrap().commit().unwrap();
            assert_eq!(recv(&mut right).len(), most);
        }
        let error = left.sender().claim(most + 1).unwrap_err();
        assert!(matches!(error, SendError::TooLarge { .. }), "{error}");
        let error = left.sender().claim(usize::MAX).unwrap_err();
        assert!(matches!(error, SendError::TooLarge { .. }), "{error}");
    }
}

#[test]
fn claims_wait_as_sends_do() {
    let _guard = watchdog(Duration::from_secs(60));
    for wait in WAITS {
        let (mut left, mut right) = pair(&small().wait(wait));
        let sent = fill(&mut left, 1000);
        let error = left.sender().try_claim(1000).unwrap_err();
        assert!(matches!(error, SendError::WouldBlock), "{error}");
        let deadline = soon();
        let error = left.sender().claim_deadline(1000, deadline).unwrap_err();
        assert!(
            matches!(error, SendError::TimedOut) && Instant::now() >= deadline,
            "{error}"
        );
        ringmq_testing::scope(|scope| {
            let claims = scope.spawn(|| {
                let mut claim = left.sender().claim(1000).unwrap();
                claim.fill(9);
                claim.commit().unwrap();
            });
            for _ in 0..sent {
                assert_eq!(recv(&mut right), [6; 1000]);
            }
            assert_eq!(recv(&mut right), [9; 1000]);
            claims.join().unwrap();
        });
        // The commit fails after the receiver has gone, and every later claim.
        drop(right);
        let outcome = left.sender().claim(1).and_then(|claim| claim.commit());
        assert!(matches!(outcome, Err(SendError::Closed)));
        assert!(matches!(left.sender().claim(1), Err(SendError::Closed)));
    }
}

/// The receiver goes between claim and commit.
#[test]
fn a_commit_without_a_receiver() {
    let _guard = watchdog(Duration::from_secs(60));
    let (mut left, right) = pair(&small());
    let claim = left.sender().claim(10).unwrap();
    drop(right);
    assert!(matches!(claim.commit(), Err(SendError::Closed)));
}

#[test]
fn a_message_is_lent_until_it_is_dropped() {
    let _guard = watchdog(Duration::from_secs(60));
    for wait in WAITS {
        let (mut left, mut right) = pair(&small().wait(wait));
        let sent = fill(&mut left, 1000);
        let lent = right.receiver().recv_in_place(vow()).unwrap();
        assert_eq!(*lent, [6; 1000]);
        // Its room is not given back while it is lent.
        assert!(matches!(
            left.sender().try_send(&[7; 1000]),
            Err(SendError::WouldBlock)
        ));
        assert_eq!(*lent, [6; 1000]);
        drop(lent);
        for _ in 1..sent {
            assert_eq!(
                *right.receiver().try_recv_in_place(vow()).unwrap(),
                [6; 1000]
            );
        }
        let error = right.receiver().try_recv_in_place(vow()).unwrap_err();
        assert!(matches!(error, RecvError::WouldBlock), "{error}");
        let deadline = soon();
        let error = right
            .receiver()
            .recv_in_place_deadline(vow(), deadline)
            .unwrap_err();
        assert!(
            matches!(error, RecvError::TimedOut) && Instant::now() >= deadline,
            "{error}"
        );
        left.sender().try_send(&[7; 1000]).unwrap();
        assert_eq!(
            *right
                .receiver()
                .recv_in_place_deadline(vow(), deadline)
                .unwrap(),
            [7; 1000]
        );
        drop(left);
        assert!(matches!(
            right.receiver().recv_in_place(vow()),
            Err(RecvError::Closed)
        ));
    }
}

/// In place on both sides, with messages of all sizes, some of them in pieces: those are gathered.
#[test]
fn in_place_on_both_sides() {
    let _guard = watchdog(Duration::from_secs(60));
    for wait in WAITS {
        let (mut left, mut right) = pair(&small().wait(wait));
        let messages = Messages::new(3, 0, 4000);
        ringmq_testing::scope(|scope| {
            scope.spawn(|| {
                let mut message = Vec::new();
                let most = left.sender().max_claim();
                for number in 0..2000 {
                    messages.make(number, &mut message);
                    if message.len() <= most {
                        let mut claim = left.sender().claim(message.len()).unwrap();
                        claim.copy_from_slice(&message);
                        claim.commit().unwrap();
                    } else {
                        left.sender().send(&message).unwrap();
                    }
                }
            });
            for number in 0..2000 {
                let lent = right.receiver().recv_in_place(vow()).unwrap();
                messages.check(number, &lent);
                // It can be looked at any number of times.
                messages.check(number, &lent);
            }
        });
        assert_eq!(right.receiver().stats().messages, 2000);
    }
}
