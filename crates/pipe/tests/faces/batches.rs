//! Batches: several messages, published together as far as there is room.

use std::time::Duration;

use ringmq_pipe::{RecvError, SendError};
use ringmq_testing::{Messages, watchdog};

use crate::{WAITS, fill, pair, recv, small};

#[test]
fn a_batch_that_fits() {
    let _guard = watchdog(Duration::from_secs(60));
    let (mut left, mut right) = pair(&small());
    let messages = Messages::new(1, 0, 100);
    for round in 0..200 {
        let numbers = round * 10..round * 10 + 10;
        let batch = numbers.clone().map(|number| messages.get(number));
        assert_eq!(left.sender().send_batch(batch).unwrap(), 10);
        for number in numbers {
            messages.check(number, &recv(&mut right));
        }
    }
    assert_eq!(left.sender().stats().messages, 2000);
}

#[test]
fn a_batch_of_none() {
    let _guard = watchdog(Duration::from_secs(60));
    let (mut left, mut right) = pair(&small());
    assert_eq!(left.sender().send_batch([[0u8; 0]; 0]).unwrap(), 0);
    assert!(matches!(
        right.receiver().try_recv(&mut Vec::new()),
        Err(RecvError::WouldBlock)
    ));
    drop(right);
    // It is an error only where there would be something to send.
    assert!(left.sender().send_batch([b"one"]).is_err());
}

/// Longer than the ring, and with messages among it that are: it flows.
#[test]
fn a_batch_that_flows() {
    let _guard = watchdog(Duration::from_secs(60));
    for wait in WAITS {
        let (mut left, mut right) = pair(&small().wait(wait));
        let messages = Messages::new(2, 0, 9000);
        ringmq_testing::scope(|scope| {
            scope.spawn(move || {
                let batch = (0..300).map(|number| messages.get(number));
                assert_eq!(left.sender().send_batch(batch).unwrap(), 300);
            });
            for number in 0..300 {
                messages.check(number, &recv(&mut right));
            }
        });
    }
}

/// The first that cannot be sent ends the batch; those before it are sent.
#[test]
fn a_batch_that_stops() {
    let _guard = watchdog(Duration::from_secs(60));
    let (mut left, mut right) = pair(&small().max_message(600));
    let (good, long) = (vec![1; 10], vec![2; 601]);
    let sent = left
        .sender()
        .send_batch([&good, &good, &long, &good])
        .unwrap();
    assert_eq!(sent, 2);
    assert_eq!(
        (recv(&mut right), recv(&mut right)),
        (good.clone(), good.clone())
    );
    assert!(matches!(
        right.receiver().try_recv(&mut Vec::new()),
        Err(RecvError::WouldBlock)
    ));
    let error = left.sender().send_batch([&long, &good]).unwrap_err();
    assert!(
        matches!(
            error,
            SendError::TooLarge {
                len: 601,
                most: 600
            }
        ),
        "{error}"
    );
    assert!(matches!(
        right.receiver().try_recv(&mut Vec::new()),
        Err(RecvError::WouldBlock)
    ));
}

/// What an iterator does before it panics is sent by the next call, not lost and not sent twice.
#[test]
fn a_batch_that_panics() {
    let _guard = watchdog(Duration::from_secs(60));
    let (mut left, mut right) = pair(&small());
    let panics = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let batch = (0..5).map(|number| {
            assert!(number < 3, "as expected");
            [number]
        });
        left.sender().send_batch(batch)
    }));
    assert!(panics.is_err());
    left.sender().send(b"next").unwrap();
    for wanted in [&[0][..], &[1], &[2], b"next"] {
        assert_eq!(recv(&mut right), wanted);
    }
}

/// The receiver goes while a batch waits for room.
#[test]
fn a_batch_without_a_receiver() {
    let _guard = watchdog(Duration::from_secs(60));
    for wait in WAITS {
        let (mut left, mut right) = pair(&small().wait(wait));
        fill(&mut left, 400);
        ringmq_testing::scope(|scope| {
            let sends = scope.spawn(|| left.sender().send_batch(vec![[1; 400]; 100]));
            // Some of it gets through.
            assert_eq!(recv(&mut right), [6; 400]);
            drop(right);
            match sends.join().unwrap() {
                Ok(sent) => assert!((1..100).contains(&sent), "{sent}"),
                Err(error) => assert!(matches!(error, SendError::Closed), "{error}"),
            }
        });
        let error = left.sender().send_batch([b"more"]).unwrap_err();
        assert!(matches!(error, SendError::Closed), "{error}");
    }
}
