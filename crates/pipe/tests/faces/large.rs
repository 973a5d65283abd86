//! Messages larger than the ring: in pieces, and still whole or absent.

use std::time::{Duration, Instant};

use ringmq_pipe::{Listener, Options, RecvError, SendError};
use ringmq_testing::{Actor, Messages, abstract_name, role, role_args, say, spawn_role, watchdog};

use crate::{WAITS, fill, pair, recv, small, soon, vow};

/// What a receiver that has received all there is finds.
fn nothing(outcome: Result<(), RecvError>) -> bool {
    matches!(outcome, Err(RecvError::WouldBlock))
}

#[test]
fn both_ways_to_send_one() {
    let _guard = watchdog(Duration::from_secs(60));
    for wait in WAITS {
        let (mut left, mut right) = pair(&small().wait(wait));
        let (piece, longest) = (512, left.sender().max_claim());
        // Up to three eighths of the ring in one record, at once.
        for len in [piece - 1, piece, piece + 1, longest] {
            left.sender().try_send(&vec![1; len]).unwrap();
            assert_eq!(recv(&mut right), vec![1; len]);
        }
        for len in [longest + 1, 4096, 100_000] {
            let error = left.sender().try_send(&vec![1; len]).unwrap_err();
            let SendError::TooLarge { len: told, most } = error else {
                panic!("{error}");
            };
            assert_eq!((told, most), (len as u64, longest as u64));
        }
        // Of any length in pieces.
        let messages = Messages::new(5, 0, 50_000);
        ringmq_testing::scope(|scope| {
            scope.spawn(|| {
                for number in 0..100 {
                    left.sender().send(&messages.get(number)).unwrap();
                }
            });
            for number in 0..100 {
                if number % 2 == 0 {
                    messages.check(number, &recv(&mut right));
                } else {
                    messages.check(number, &right.receiver().recv_in_place(vow()).unwrap());
                }
            }
        });
        assert!(nothing(right.receiver().try_recv(&mut Vec::new())));
    }
}

/// The deadline passes in the midst of one: the peer sees nothing of it, and the next is whole.
#[test]
fn a_deadline_in_the_midst() {
    let _guard = watchdog(Duration::from_secs(60));
    for wait in WAITS {
        let (mut left, mut right) = pair(&small().wait(wait));
        let mut message = Vec::new();
        for round in 0..50u64 {
            left.sender().send(b"before").unwrap();
            let deadline = if round % 2 == 0 {
                Instant::now()
            } else {
                soon()
            };
            let error = left
                .sender()
                .send_deadline(&[1; 9000], deadline)
                .unwrap_err();
            assert!(
                matches!(error, SendError::TimedOut) && Instant::now() >= deadline,
                "{error}"
            );
            assert_eq!(recv(&mut right), b"before");
            // It may have begun to gather the pieces by the time that they are withdrawn.
            if round % 3 == 0 {
                assert!(nothing(right.receiver().try_recv(&mut message)));
            }
            let after = vec![round as u8; 300];
            left.sender().send(&after).unwrap();
            match round % 4 {
                0 => assert_eq!(*right.receiver().recv_in_place(vow()).unwrap(), after),
                _ => assert_eq!(recv(&mut right), after),
            }
            assert!(nothing(right.receiver().try_recv(&mut message)));
        }
    }
}

/// The same while the receiver is at it, in a thread of its own.
#[test]
fn a_deadline_while_it_is_received() {
    let _guard = watchdog(Duration::from_secs(60));
    for wait in WAITS {
        let (left, mut right) = pair(&small().wait(wait));
        let (mut sender, _receiver) = left.split();
        let sends = std::thread::spawn(move || {
            let mut withdrawn = 0;
            for number in 0..2000u32 {
                let mut long = vec![7; 20_000];
                long[..4].copy_from_slice(&number.to_le_bytes());
                let deadline = Instant::now() + Duration::from_micros(u64::from(number % 30));
                match sender.send_deadline(&long, deadline) {
                    Ok(()) => {}
                    Err(SendError::TimedOut) => {
                        withdrawn += 1;
                        sender.send(&number.to_le_bytes()).unwrap();
                    }
                    Err(error) => panic!("{error}"),
                }
            }
            withdrawn
        });
        let mut message = Vec::new();
        let mut short = 0;
        for number in 0..2000u32 {
            right.receiver().recv(&mut message).unwrap();
            assert_eq!(message[..4], number.to_le_bytes());
            match message.len() {
                4 => short += 1,
                len => assert!(len == 20_000 && message[4..].iter().all(|byte| *byte == 7)),
            }
        }
        assert_eq!(sends.join().unwrap(), short);
        let end = right.receiver().recv(&mut message);
        assert!(matches!(end, Err(RecvError::Closed)), "{end:?}");
    }
}

/// A receiver's patience ends in the midst of one: what has come is kept.
#[test]
fn a_receiver_that_comes_back() {
    let _guard = watchdog(Duration::from_secs(60));
    for wait in WAITS {
        let (left, mut right) = pair(&small().wait(wait));
        let (mut sender, _receiver) = left.split();
        let sends = std::thread::spawn(move || {
            for number in 0..100u32 {
                sender.send(&[number as u8; 30_000]).unwrap();
            }
        });
        let mut message = Vec::new();
        for number in 0..100u32 {
            let mut tries = 0u64;
            loop {
                tries += 1;
                let outcome = match tries % 3 {
                    0 => right.receiver().try_recv(&mut message),
                    1 => right.receiver().recv_deadline(&mut message, Instant::now()),
                    _ => right.receiver().try_recv_in_place(vow()).map(|lent| {
                        message.clear();
                        message.extend_from_slice(&lent);
                    }),
                };
                match outcome {
                    Ok(()) => break assert_eq!(message, [number as u8; 30_000]),
                    Err(RecvError::WouldBlock | RecvError::TimedOut) => std::thread::yield_now(),
                    Err(error) => panic!("{error}"),
                }
            }
        }
        sends.join().unwrap();
    }
}

/// A sender that waits for room fails when the receiver goes.
#[test]
fn the_receiver_goes_in_the_midst() {
    let _guard = watchdog(Duration::from_secs(60));
    for wait in WAITS {
        let (mut left, mut right) = pair(&small().wait(wait));
        ringmq_testing::scope(|scope| {
            let sends = scope.spawn(|| left.sender().send(&[1; 1 << 20]).unwrap_err());
            let mut bytes = [0; 3000];
            std::io::Read::read_exact(&mut right, &mut bytes).unwrap();
            drop(right);
            let error = sends.join().unwrap();
            assert!(matches!(error, SendError::Closed), "{error}");
        });
        let error = left.sender().send(b"small").unwrap_err();
        assert!(matches!(error, SendError::Closed), "{error}");
    }
}

/// The sender dies in the midst of one: what has come of it is dropped, and what came before it is whole.
#[test]
fn the_sender_dies_in_the_midst() {
    const TEST: &str = "large::the_sender_dies_in_the_midst";
    if role().is_some() {
        let mut pipe = Options::new()
            .capacity(4096)
            .connect(&role_args()[0])
            .unwrap();
        pipe.sender().send(b"whole").unwrap();
        say(&fill(&mut pipe, 1000).to_string());
        // The receiver never reads all of this: the process is killed here.
        pipe.sender().send(&[1; 1 << 20]).unwrap();
        return;
    }
    let _guard = watchdog(Duration::from_secs(60));
    for wait in WAITS {
        for takes in [0, 3, 5, 100] {
            let address = abstract_name("dies");
            let mut listener = Listener::bind(&address, &small().wait(wait)).unwrap();
            let mut other = Actor::start(&mut spawn_role(TEST, "dies", &[&address]));
            let mut pipe = listener.accept().unwrap();
            let sent: u32 = other.hear().parse().unwrap();
            let mut message = Vec::new();
            let mut whole = 0;
            // Now and then in the midst of the long one.
            for _ in 0..takes {
                whole += u32::from(pipe.receiver().try_recv(&mut message).is_ok());
            }
            other.kill();
            let error = loop {
                match pipe.receiver().recv(&mut message) {
                    Ok(()) => whole += 1,
                    Err(error) => break error,
                }
                assert!(message == b"whole" || message == [6; 1000]);
            };
            assert!(matches!(error, RecvError::PeerDied), "{error}");
            assert_eq!(whole, 1 + sent);
            // And by the byte face it is no end of a stream, but a reset.
            let error = std::io::Read::read(&mut pipe, &mut [0; 9]).unwrap_err();
            assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
        }
    }
}
