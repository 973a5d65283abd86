//! What the counters of a half say.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use ringmq_pipe::{RecvError, Wait};
use ringmq_testing::watchdog;

use crate::{pair, recv, small, soon, vow};

#[test]
fn messages_and_bytes() {
    let _guard = watchdog(Duration::from_secs(60));
    let (mut left, mut right) = pair(&small());
    let sent = |left: &mut ringmq_pipe::Pipe| {
        let stats = left.sender().stats();
        (stats.messages, stats.bytes)
    };
    assert_eq!(sent(&mut left), (0, 0));
    left.sender().send(&[1; 10]).unwrap();
    left.sender().try_send(b"").unwrap();
    left.sender().send_deadline(&[1; 1400], soon()).unwrap();
    assert_eq!(sent(&mut left), (3, 1410));
    left.sender().send_batch([[1; 5], [2; 5]]).unwrap();
    left.sender().claim(100).unwrap().commit_len(50).unwrap();
    drop(left.sender().claim(100).unwrap());
    assert_eq!(sent(&mut left), (6, 1470));
    left.write_all(&[1; 30]).unwrap();
    assert_eq!(sent(&mut left), (7, 1500));
    // What was not sent does not count.
    assert!(
        left.sender()
            .send_deadline(&[1; 9000], Instant::now())
            .is_err()
    );
    assert!(left.sender().try_send(&[1; 9000]).is_err());
    assert_eq!(sent(&mut left), (7, 1500));

    let received = |right: &mut ringmq_pipe::Pipe| {
        let stats = right.receiver().stats();
        (stats.messages, stats.bytes)
    };
    for (count, bytes) in [(1, 10), (2, 10), (3, 1410)] {
        recv(&mut right);
        assert_eq!(received(&mut right), (count, bytes));
    }
    drop(right.receiver().recv_in_place(vow()).unwrap());
    assert_eq!(received(&mut right), (4, 1415));
    // A call of `read` that moves bytes counts as one, wherever they come from.
    assert_eq!(right.read(&mut [0; 60]).unwrap(), 60);
    assert_eq!(received(&mut right), (5, 1475));
    recv(&mut right);
    assert_eq!(received(&mut right), (6, 1500));
    // Pieces that were gathered in vain do not count, nor does a look at nothing.
    let error = right.receiver().try_recv(&mut Vec::new()).unwrap_err();
    assert!(matches!(error, RecvError::WouldBlock), "{error}");
    assert_eq!(received(&mut right), (6, 1500));
}

/// The other halves of the two ends have counted nothing.
#[test]
fn directions_count_for_themselves() {
    let _guard = watchdog(Duration::from_secs(60));
    let (mut left, mut right) = pair(&small().wait(Wait::Park));
    left.sender().send(b"one way").unwrap();
    recv(&mut right);
    assert_eq!(left.receiver().stats().messages, 0);
    assert_eq!(right.sender().stats().messages, 0);
}

/// Sleeps, rings and spins, as the strategy has it.
#[test]
fn how_an_end_waited() {
    let _guard = watchdog(Duration::from_secs(60));
    const ROUNDS: u64 = 200;
    for wait in [Wait::Park, Wait::Spin] {
        let (mut left, mut right) = pair(&small().wait(wait));
        let echo = std::thread::spawn(move || {
            for _ in 0..ROUNDS {
                let message = recv(&mut right);
                right.sender().send(&message).unwrap();
            }
            right
        });
        for _ in 0..ROUNDS {
            left.sender().send(b"there and back").unwrap();
            recv(&mut left);
        }
        let mut right = echo.join().unwrap();
        let (ours, theirs) = (left.receiver().stats(), right.receiver().stats());
        let rings = (left.sender().stats().rings, right.sender().stats().rings);
        if wait == Wait::Park {
            assert_eq!((ours.spun, theirs.spun), (0, 0));
            // At most one ring for each sleep, and at least one side slept.
            assert!(
                rings.0 <= theirs.slept && rings.1 <= ours.slept,
                "{rings:?}"
            );
            assert!(ours.slept + theirs.slept > 0);
            assert!(ours.slept <= ROUNDS + ours.spurious);
        } else {
            assert!(ours.spun <= ROUNDS && theirs.spun <= ROUNDS);
        }
    }
    // A sender whose receiver never sleeps rings no doorbell.
    let (mut left, mut right) = pair(&small().wait(Wait::Park));
    for _ in 0..1000 {
        left.sender().send(b"to a receiver awake").unwrap();
        recv(&mut right);
    }
    assert_eq!(
        (left.sender().stats().rings, right.receiver().stats().slept),
        (0, 0)
    );
    // A sleep that ends by its deadline is one sleep.
    assert!(
        right
            .receiver()
            .recv_deadline(&mut Vec::new(), soon())
            .is_err()
    );
    assert_eq!(right.receiver().stats().slept, 1);
}
