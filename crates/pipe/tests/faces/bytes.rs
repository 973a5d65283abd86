//! Bytes: `Read` and `Write`, as on a socket.

use std::io::{self, BufRead, BufReader, ErrorKind, IoSlice, IoSliceMut, Read, Write};
use std::time::Duration;

use ringmq_pipe::{RecvError, SendError};
use ringmq_testing::{Bytes, Random, seed, watchdog};

use crate::{WAITS, pair, small};

fn source<E: std::error::Error + 'static>(error: &io::Error) -> &E {
    error.get_ref().unwrap().downcast_ref().unwrap()
}

/// Reads of any length, at any offset of a record and of a word.
#[test]
fn pieces_of_all_lengths() {
    let _guard = watchdog(Duration::from_secs(60));
    let mut random = Random::new(seed());
    let bytes = Bytes::new(1);
    let (mut left, mut right) = pair(&small());
    let (mut written, mut read) = (0, 0);
    let mut piece = [0; 200];
    for _ in 0..20_000 {
        let len = random.within(0..200);
        if random.one_in(2) {
            bytes.fill(written, &mut piece[..len]);
            match left.sender().try_write(&piece[..len]) {
                Ok(taken) => {
                    // A record takes all of so few bytes, or none.
                    assert_eq!(taken, len);
                    written += taken as u64;
                }
                Err(SendError::WouldBlock) => assert!(written - read > 1000),
                Err(error) => panic!("{error}"),
            }
        } else {
            match right.receiver().try_read(&mut piece[..len]) {
                Ok(got) => {
                    // As much as there is, from as many records as it takes.
                    assert_eq!(got as u64, (written - read).min(len as u64));
                    assert!(bytes.is_at(read, &piece[..got]), "at {read}");
                    read += got as u64;
                }
                Err(RecvError::WouldBlock) => assert!(written == read && len > 0),
                Err(error) => panic!("{error}"),
            }
        }
    }
    assert!(written > 100_000);
}

#[test]
fn a_write_takes_an_eighth_of_the_ring() {
    let _guard = watchdog(Duration::from_secs(60));
    let (mut left, mut right) = pair(&small());
    let bytes = [3; 5000];
    assert_eq!(left.write(&bytes).unwrap(), 512);
    assert_eq!(left.write(&bytes[..511]).unwrap(), 511);
    let mut into = [0; 5000];
    assert_eq!(right.read(&mut into).unwrap(), 1023);
    let mut total = 0;
    loop {
        match left.sender().try_write(&bytes) {
            Ok(taken) => total += taken,
            Err(error) => break assert!(matches!(error, SendError::WouldBlock), "{error}"),
        }
    }
    assert!(total >= 3 * 512, "{total}");
    assert_eq!(right.read(&mut into).unwrap(), total);
    assert!(left.flush().is_ok());
}

#[test]
fn vectored() {
    let _guard = watchdog(Duration::from_secs(60));
    let (mut left, mut right) = pair(&small());
    let (a, b, c) = ([1; 10], [2; 7], [3; 600]);
    let slices = [&a[..], &[], &b, &[], &c].map(IoSlice::new);
    // As much as a write takes, of one slice after the other.
    assert_eq!(left.write_vectored(&slices).unwrap(), 512);
    assert_eq!(left.write_vectored(&slices[..3]).unwrap(), 17);
    assert_eq!(left.write_vectored(&[]).unwrap(), 0);
    assert_eq!(left.write_vectored(&slices[1..2]).unwrap(), 0);

    let (mut d, mut e, mut f) = ([0; 3], [0; 20], [0; 1000]);
    let mut into = [&mut d[..], &mut [], &mut e, &mut f].map(IoSliceMut::new);
    // Both writes at once, and no waiting for more.
    assert_eq!(right.read_vectored(&mut into).unwrap(), 529);
    let mut wanted = vec![1; 10];
    wanted.extend([2; 7]);
    wanted.extend([3; 495]);
    wanted.extend([1; 10]);
    wanted.extend([2; 7]);
    let got = [&d[..], &e, &f[..506]].concat();
    assert_eq!(got, wanted);

    let mut nothing = [&mut [][..], &mut []].map(IoSliceMut::new);
    assert_eq!(right.read_vectored(&mut nothing).unwrap(), 0);
    drop(left);
    let mut into = [&mut d[..], &mut e].map(IoSliceMut::new);
    assert_eq!(right.read_vectored(&mut into).unwrap(), 0);
}

#[test]
fn nothing_is_written_and_nothing_is_read() {
    let _guard = watchdog(Duration::from_secs(60));
    let (mut left, mut right) = pair(&small());
    for _ in 0..10_000 {
        assert_eq!(left.write(b"").unwrap(), 0);
        assert_eq!(left.sender().try_write(b"").unwrap(), 0);
    }
    // They took no room, and there is nothing to be read.
    let error = right.receiver().try_read(&mut [0; 9]).unwrap_err();
    assert!(matches!(error, RecvError::WouldBlock), "{error}");
    // Reading into nothing does not wait.
    assert_eq!(right.read(&mut []).unwrap(), 0);
    left.write_all(b"x").unwrap();
    assert_eq!(right.read(&mut []).unwrap(), 0);
    assert_eq!(right.read(&mut [0; 2]).unwrap(), 1);
    assert_eq!(left.sender().stats().messages, 1);
}

#[test]
fn the_end_comes_after_everything() {
    let _guard = watchdog(Duration::from_secs(60));
    for wait in WAITS {
        let (mut left, mut right) = pair(&small().wait(wait));
        left.write_all(b"all of this").unwrap();
        drop(left);
        let mut into = [0; 4];
        for wanted in [&b"all "[..], b"of t", b"his"] {
            let got = right.read(&mut into).unwrap();
            assert_eq!(&into[..got], wanted);
        }
        for _ in 0..3 {
            assert_eq!(right.read(&mut into).unwrap(), 0);
            assert_eq!(right.receiver().try_read(&mut into).unwrap(), 0);
        }
        // By the message face the same end has a name.
        let error = right.receiver().recv(&mut Vec::new()).unwrap_err();
        assert!(matches!(error, RecvError::Closed), "{error}");
    }
}

#[test]
fn writes_fail_without_a_reader() {
    let _guard = watchdog(Duration::from_secs(60));
    for wait in WAITS {
        let (mut left, right) = pair(&small().wait(wait));
        left.write_all(b"never read").unwrap();
        let (mut sender, receiver) = right.split();
        drop(receiver);
        for _ in 0..3 {
            let error = left.write(b"more").unwrap_err();
            assert_eq!(error.kind(), ErrorKind::BrokenPipe);
            assert!(matches!(source(&error), SendError::Closed), "{error}");
            let error = left.sender().try_write(b"more").unwrap_err();
            assert!(matches!(error, SendError::Closed), "{error}");
        }
        // The other direction goes on.
        sender.write_all(b"back").unwrap();
        let mut into = [0; 9];
        assert_eq!(left.read(&mut into).unwrap(), 4);
    }
}

/// A writer that waits for room fails when the reader goes.
#[test]
fn a_waiting_writer_fails_when_the_reader_goes() {
    let _guard = watchdog(Duration::from_secs(60));
    for wait in WAITS {
        let (mut left, right) = pair(&small().wait(wait));
        ringmq_testing::scope(|scope| {
            let writes = scope.spawn(move || left.write_all(&[1; 10_000]).unwrap_err());
            drop(right);
            assert_eq!(writes.join().unwrap().kind(), ErrorKind::BrokenPipe);
        });
    }
}

/// What the standard library makes of `Read` and `Write`.
#[test]
fn as_the_standard_library_uses_them() {
    let _guard = watchdog(Duration::from_secs(60));
    for wait in WAITS {
        let (left, right) = pair(&small().wait(wait));
        let (mut sender, from_right) = left.split();
        let (mut to_left, receiver) = right.split();
        ringmq_testing::scope(|scope| {
            scope.spawn(move || {
                for number in 0..2000 {
                    writeln!(sender, "line {number}").unwrap();
                }
            });
            // An echo by io::copy, until the end.
            scope.spawn(move || {
                let mut receiver = receiver;
                let copied = io::copy(&mut receiver, &mut to_left).unwrap();
                assert_eq!(
                    copied,
                    (0..2000).map(|n| format!("line {n}\n").len() as u64).sum()
                );
            });
            let lines = BufReader::new(from_right).lines();
            let mut count = 0;
            for (number, line) in lines.enumerate() {
                assert_eq!(line.unwrap(), format!("line {number}"));
                count += 1;
            }
            assert_eq!(count, 2000);
        });
    }
}
