//! The two ends need not use the same face, nor one end always the same.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use ringmq_pipe::{RecvError, SendError};
use ringmq_testing::watchdog;

use crate::{pair, recv, small, vow};

#[test]
fn bytes_arrive_as_messages() {
    let _guard = watchdog(Duration::from_secs(60));
    let (mut left, mut right) = pair(&small());
    left.write_all(b"one").unwrap();
    left.write_all(b"two").unwrap();
    // More than an eighth of the ring takes two calls.
    left.write_all(&[3; 600]).unwrap();
    assert_eq!(recv(&mut right), b"one");
    assert_eq!(*right.receiver().recv_in_place(vow()).unwrap(), *b"two");
    assert_eq!(recv(&mut right), [3; 512]);
    assert_eq!(recv(&mut right), [3; 88]);
}

#[test]
fn messages_are_read_as_bytes() {
    let _guard = watchdog(Duration::from_secs(60));
    let (mut left, mut right) = pair(&small());
    for message in [&b"one"[..], b"", b"two", b"", b"", b"three"] {
        left.sender().send(message).unwrap();
    }
    let mut into = [0; 100];
    assert_eq!(right.read(&mut into[..4]).unwrap(), 4);
    assert_eq!(right.read(&mut into[4..]).unwrap(), 7);
    assert_eq!(&into[..11], b"onetwothree");
    // Nothing but empty messages is nothing to read.
    for _ in 0..5 {
        left.sender().send(b"").unwrap();
    }
    let error = right.receiver().try_read(&mut into).unwrap_err();
    assert!(matches!(error, RecvError::WouldBlock), "{error}");
    left.sender().send(b"").unwrap();
    drop(left);
    assert_eq!(right.read(&mut into).unwrap(), 0);
}

/// A large message is a stream of bytes like any other.
#[test]
fn a_message_in_pieces_is_read_as_bytes() {
    let _guard = watchdog(Duration::from_secs(60));
    let (mut left, mut right) = pair(&small());
    let long: Vec<u8> = (0..50_000u32).map(|number| (number / 7) as u8).collect();
    ringmq_testing::scope(|scope| {
        scope.spawn(|| left.sender().send(&long).unwrap());
        let mut got = vec![0; long.len()];
        for piece in got.chunks_mut(777) {
            right.read_exact(piece).unwrap();
        }
        assert_eq!(got, long);
    });
    left.sender().send(b"next").unwrap();
    assert_eq!(recv(&mut right), b"next");
}

/// What `read` has left of a message, `recv` returns; and the other way round.
#[test]
fn one_face_goes_on_where_the_other_stopped() {
    let _guard = watchdog(Duration::from_secs(60));
    let (mut left, mut right) = pair(&small());
    let mut into = [0; 5];
    for in_place in [false, true] {
        left.sender().send(b"hello world").unwrap();
        left.sender().send(b"next").unwrap();
        right.read_exact(&mut into).unwrap();
        assert_eq!(&into, b"hello");
        if in_place {
            assert_eq!(*right.receiver().recv_in_place(vow()).unwrap(), *b" world");
        } else {
            assert_eq!(recv(&mut right), b" world");
        }
        assert_eq!(recv(&mut right), b"next");
    }
    // Some of the first piece of a message is read; the rest of all pieces is one message.
    let long: Vec<u8> = (0..3000u32).map(|number| (number % 251) as u8).collect();
    left.sender().send(&long).unwrap();
    right.read_exact(&mut into).unwrap();
    assert_eq!(into, long[..5]);
    assert_eq!(recv(&mut right), long[5..]);
}

/// `try_recv` has gathered pieces of a message that is not complete: they can be read as bytes.
#[test]
fn gathered_pieces_are_read_first() {
    let _guard = watchdog(Duration::from_secs(60));
    let (left, mut right) = pair(&small());
    let (mut sender, _receiver) = left.split();
    let long: Vec<u8> = (0..20_000u32).map(|number| (number % 253) as u8).collect();
    ringmq_testing::scope(|scope| {
        scope.spawn(|| sender.send(&long).unwrap());
        let mut message = Vec::new();
        // Once more than the first piece was gathered, the sender waits for room no longer.
        let mut got = Vec::new();
        while got.len() < long.len() {
            let outcome = right.receiver().try_recv(&mut message);
            if outcome.is_ok() {
                // The rest of it, in the end.
                got.extend_from_slice(&message);
                continue;
            }
            let mut some = [0; 100];
            match right.receiver().try_read(&mut some) {
                Ok(read) => got.extend_from_slice(&some[..read]),
                Err(RecvError::WouldBlock) => std::thread::yield_now(),
                Err(error) => panic!("{error}"),
            }
        }
        assert!(got == long);
    });
    sender.send(b"next").unwrap();
    assert_eq!(recv(&mut right), b"next");
}

/// A message that is withdrawn after some of it was read as bytes.
#[test]
fn withdrawn_after_it_was_read() {
    let _guard = watchdog(Duration::from_secs(60));
    let (mut left, mut right) = pair(&small());
    for read in [1, 511, 512, 513, 1024, 2000] {
        let error = left
            .sender()
            .send_deadline(&[7; 9000], Instant::now())
            .unwrap_err();
        assert!(matches!(error, SendError::TimedOut), "{error}");
        let mut some = vec![0; read];
        right.read_exact(&mut some).unwrap();
        assert!(some.iter().all(|byte| *byte == 7));
        // The message face knows nothing of the rest.
        let error = right.receiver().try_recv(&mut Vec::new()).unwrap_err();
        assert!(matches!(error, RecvError::WouldBlock), "{error}");
        left.sender().send(b"next").unwrap();
        assert_eq!(recv(&mut right), b"next");
    }
}
