//! Frames in pieces, and hang-ups between any two steps.

use std::time::{Duration, Instant};

use ringmq_pipe::{ConnectError, Options};
use ringmq_sys::{RecvError, Stream};
use ringmq_testing::watchdog;

use crate::peers::{Court, answer, hear, receive};
use crate::raw::{self, NUMBERS, Raw, Sent, later};

/// Sends a frame byte by byte: its first `upto` bytes. Descriptors come with the first.
fn byte_by_byte(stream: &Stream, frame: &Raw, with: bool, upto: usize) {
    for (index, byte) in frame.bytes()[..upto].iter().enumerate() {
        let fds = if with && index == 0 {
            raw::descriptors()
        } else {
            Vec::new()
        };
        let bytes = vec![*byte];
        Sent { bytes, fds }.over(stream).unwrap();
    }
}

#[test]
fn bytes_that_are_all_there_are_a_frame() {
    let _guard = watchdog(Duration::from_secs(60));
    let mut court = Court::open();
    let peer = court.dial();
    byte_by_byte(&peer, &Raw::offer(), true, 64);
    byte_by_byte(&peer, &Raw::accept(), false, 64);
    let pipe = court.listener.attempt(later()).unwrap();
    drop((pipe, peer));
    court.adjourn("a listener, byte by byte");

    // A connector serves one peer only, so it waits for the rest.
    let (outcome, _) = court.meet(&Options::new(), |peer| {
        byte_by_byte(peer, &Raw::offer(), true, 64);
        assert_eq!(
            receive(peer).unwrap().0,
            Raw {
                kind: raw::OFFER,
                ..receive_as_sent()
            }
        );
        assert_eq!(receive(peer).unwrap().0, Raw::accept());
    });
    drop(outcome.unwrap());
    court.adjourn("a connector, byte by byte");
}

/// The default offer of this crate.
fn receive_as_sent() -> Raw {
    Raw {
        ring: 1 << 20,
        greatest: 1 << 30,
        features: u64::from(ringmq_sys::barrier::register()) | 2,
        ..Raw::offer()
    }
}

/// A listener does not wait for the rest of a frame: others are waiting, too.
#[test]
fn a_listener_refuses_part_of_a_frame() {
    let _guard = watchdog(Duration::from_secs(60));
    let mut court = Court::open();
    for upto in [1, 2, 8, 12, 16, 32, 63] {
        for step in [1, 2] {
            let peer = court.dial();
            if step == 1 {
                byte_by_byte(&peer, &Raw::offer(), true, upto);
            } else {
                Sent::new(Raw::offer(), raw::descriptors())
                    .over(&peer)
                    .unwrap();
                byte_by_byte(&peer, &Raw::accept(), false, upto);
            }
            let error = court.listener.attempt(later()).unwrap_err();
            assert!(
                matches!(
                    error,
                    ConnectError::Exchange(RecvError::TimedOut { got, want: 64 }) if got == upto
                ),
                "{step}, {upto}: {error}"
            );
            assert_eq!(answer(&peer), Some(Raw::refuse(NUMBERS)), "{step}, {upto}");
            drop(peer);
            court.adjourn("a piece");
        }
    }
}

#[test]
fn a_connector_waits_for_the_rest_until_its_deadline() {
    let _guard = watchdog(Duration::from_secs(60));
    let mut court = Court::open();
    let timeout = Duration::from_millis(100);
    for upto in [0, 1, 63] {
        let start = Instant::now();
        let options = Options::new().handshake_timeout(timeout);
        let (outcome, _) = court.meet(&options, |peer| {
            if upto > 0 {
                byte_by_byte(peer, &Raw::offer(), true, upto);
            }
            answer(peer)
        });
        let error = outcome.unwrap_err();
        assert!(matches!(error, ConnectError::TimedOut), "{upto}: {error}");
        assert!(start.elapsed() >= timeout);
        court.adjourn("a connector that waits");
    }
}

/// Descriptors that come with a later piece of the frame count as any others.
#[test]
fn descriptors_in_several_pieces() {
    let _guard = watchdog(Duration::from_secs(60));
    let mut court = Court::open();
    let pieces = |each: &[usize]| -> Vec<Sent> {
        let mut fds = raw::descriptors();
        fds.extend((0..8).map(|_| raw::bell()));
        let mut fds = fds.into_iter();
        let bytes = Raw::offer().bytes();
        let mut bytes = bytes.chunks(64 / each.len());
        each.iter()
            .map(|count| Sent {
                bytes: bytes.next().unwrap().to_vec(),
                fds: fds.by_ref().take(*count).collect(),
            })
            .collect()
    };
    for (each, is_right) in [
        (&[1, 1, 1, 1][..], true),
        (&[2, 2], true),
        (&[0, 4], true),
        (&[3, 2], false),
        (&[4, 1], false),
        (&[4, 4], false),
        (&[1, 1, 1, 9], false),
        (&[0, 3], false),
    ] {
        let peer = court.dial();
        let sent = pieces(each);
        for piece in &sent {
            piece.over(&peer).unwrap();
        }
        Sent::bare(Raw::accept()).over(&peer).unwrap();
        let outcome = court.listener.attempt(later());
        assert_eq!(outcome.is_ok(), is_right, "{each:?}: {outcome:?}");
        if !is_right {
            assert_eq!(
                answer(&peer),
                Some(Raw::refuse(raw::DESCRIPTOR)),
                "{each:?}"
            );
        }
        drop((outcome, peer, sent));
        court.adjourn("descriptors in pieces");
    }
}

fn hung_up(error: &ConnectError) -> bool {
    matches!(error, ConnectError::Exchange(RecvError::Closed { .. }))
}

/// A peer that hangs up, at any step, before or after we have written to it.
#[test]
fn a_peer_of_the_listener_hangs_up() {
    let _guard = watchdog(Duration::from_secs(60));
    let mut court = Court::open();
    let offer = || Sent::new(Raw::offer(), raw::descriptors());
    // What it sends, and whether it stays until it has our offer.
    for (bytes, stays) in [
        (0, false),
        (1, false),
        (63, false),
        (64, false),
        (64, true),
        (65, true),
    ] {
        let peer = court.dial();
        if bytes >= 64 {
            offer().over(&peer).unwrap();
            Sent {
                bytes: vec![0; bytes - 64],
                fds: Vec::new(),
            }
            .over(&peer)
            .unwrap();
        } else {
            byte_by_byte(&peer, &Raw::offer(), true, bytes);
        }
        if stays {
            // It hangs up while the listener waits for its accept.
            ringmq_testing::scope(|scope| {
                let ends = scope.spawn(|| {
                    assert_eq!(receive(&peer).unwrap().1, 4);
                    drop(peer);
                });
                let error = court.listener.attempt(later()).unwrap_err();
                // A byte too many is part of a frame, and refused as such.
                let part = matches!(
                    error,
                    ConnectError::Exchange(RecvError::TimedOut { got: 1, .. })
                );
                assert!(hung_up(&error) || bytes == 65 && part, "{bytes}: {error}");
                ends.join().unwrap();
            });
        } else {
            drop(peer);
            let error = court.listener.attempt(later()).unwrap_err();
            assert!(hung_up(&error), "{bytes}: {error}");
        }
        court.adjourn("a hang-up");
    }
}

/// None of that is the accepting program's affair: `accept` goes on to the next peer.
#[test]
fn accept_passes_over_those_who_hang_up() {
    let _guard = watchdog(Duration::from_secs(60));
    let mut court = Court::open();
    for bytes in [0, 1, 63, 64] {
        for _ in 0..3 {
            let peer = court.dial();
            byte_by_byte(&peer, &Raw::offer(), true, bytes);
        }
        let address = court.listener.address();
        ringmq_testing::scope(|scope| {
            let good = scope.spawn(move || {
                let mut pipe = Options::new().connect(&address).unwrap();
                pipe.sender().send(b"here").unwrap();
            });
            let mut pipe = court.listener.accept().unwrap();
            assert_eq!(hear(&mut pipe), b"here", "{bytes}");
            good.join().unwrap();
        });
        court.adjourn("accept");
    }
}

#[test]
fn a_peer_of_the_connector_hangs_up() {
    let _guard = watchdog(Duration::from_secs(60));
    let mut court = Court::open();
    for (reads, bytes) in [(false, 0), (true, 0), (true, 1), (true, 63), (false, 63)] {
        let verdict = court.connector(|peer| {
            if reads {
                receive(peer);
            }
            byte_by_byte(peer, &Raw::offer(), true, bytes);
            None
        });
        assert!(
            hung_up(&verdict.error),
            "{reads} {bytes}: {}",
            verdict.error
        );
        court.adjourn("a hang-up");
    }
    // At the last step: the connecting side learns of it by the first message, or at once.
    let (outcome, _) = court.meet(&Options::new(), |peer| {
        receive(peer);
        Sent::new(Raw::offer(), raw::descriptors())
            .over(peer)
            .unwrap();
    });
    match outcome {
        Err(error) => assert!(hung_up(&error), "{error}"),
        Ok(pipe) => drop(pipe),
    }
    court.adjourn("a hang-up before the accept");
}
