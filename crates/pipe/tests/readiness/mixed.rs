//! Calls that wait, and readiness, of the same half by turns: neither takes from the other what it needs.

use std::time::{Duration, Instant};

use ringmq_pipe::{Options, RecvError, SendError, Wait};
use ringmq_testing::{Random, pin_to, role, seed, watchdog};

use crate::ends::{STRATEGIES, arg, join, meet, name_of, number, wait_named};
use crate::events::{Edges, is_readable, poll};
use crate::faces::Take;

const ROUNDS: u64 = 3000;
/// Around the time that a wait with a deadline takes.
const PAUSE: Duration = Duration::from_micros(100);

fn options(wait: Wait) -> Options {
    Options::new().capacity(4096).wait(wait)
}

/// The ways to do one thing, of which one may follow any other.
#[derive(Debug, Clone, Copy)]
enum Way {
    Wait,
    Deadline,
    /// Until a deadline, and then for an edge.
    DeadlineEdge,
    Poll,
    Edge,
}

impl Way {
    fn any(random: &mut Random) -> Way {
        let all = [
            Way::Wait,
            Way::Deadline,
            Way::DeadlineEdge,
            Way::Poll,
            Way::Edge,
        ];
        all[random.within(0..all.len())]
    }
}

fn soon(random: &mut Random) -> Instant {
    Instant::now() + PAUSE / (1 + random.below(8) as u32)
}

/// A waiting call sleeps, although the descriptor stays readable for a user who has not looked yet.
#[test]
fn a_watched_half_sleeps_while_it_waits() {
    let _guard = watchdog(Duration::from_secs(20));
    for wait in STRATEGIES {
        let (mut left, _right) = options(wait).pair().unwrap();
        let receiver = left.receiver();
        for _ in 0..3 {
            assert!(is_readable(receiver), "{wait:?}: to look after a wait, too");
            let waited = receiver.recv_deadline(&mut Vec::new(), Instant::now() + PAUSE * 100);
            assert!(matches!(waited, Err(RecvError::TimedOut)), "{waited:?}");
            assert_eq!(receiver.stats().spurious, 0, "{wait:?}");
        }
    }
}

/// Each request is answered after a while, and each answer awaited in another way. Between them, with
/// nothing under way, the descriptor is calm.
#[test]
fn a_receiver_that_waits_by_turns() {
    const TEST: &str = "mixed::a_receiver_that_waits_by_turns";
    if role().is_some() {
        // On a CPU of its own: otherwise no end spins.
        pin_to(1);
        let mut pipe = join(&options(wait_named(&arg(0))));
        let (mut random, mut message) = (Random::new(number(1)), Vec::new());
        while pipe.receiver().recv(&mut message).is_ok() {
            random.dawdle(PAUSE);
            pipe.sender().send(&message).unwrap();
        }
        return;
    }
    let _guard = watchdog(Duration::from_secs(60));
    pin_to(0);
    let mut random = Random::new(seed());
    for wait in STRATEGIES {
        let args = [name_of(wait), &random.next().to_string()];
        let (pipe, actor) = meet(TEST, "answers", &args, &options(wait));
        let (mut sender, mut receiver) = pipe.split();
        let edges = Edges::of(&receiver);
        let mut message = Vec::new();
        for round in 0..ROUNDS {
            sender.send(&round.to_le_bytes()).unwrap();
            loop {
                let way = Way::any(&mut random);
                let outcome = match way {
                    Way::Wait => receiver.recv(&mut message),
                    Way::Deadline | Way::DeadlineEdge => {
                        receiver.recv_deadline(&mut message, soon(&mut random))
                    }
                    Way::Poll | Way::Edge => receiver.try_recv(&mut message),
                };
                match (outcome, way) {
                    (Ok(()), _) => break,
                    (Err(RecvError::WouldBlock), Way::Poll) => drop(poll(&receiver, None)),
                    (Err(RecvError::WouldBlock), Way::Edge)
                    | (Err(RecvError::TimedOut), Way::DeadlineEdge) => drop(edges.wait(None)),
                    (Err(RecvError::TimedOut), Way::Deadline) => {}
                    (Err(error), _) => panic!("{way:?}: {error}"),
                }
            }
            assert_eq!(message, round.to_le_bytes());
            if random.one_in(2) {
                // The bell may ring for the answer after it was taken, but only once.
                let calm = (0..2).any(|_| {
                    assert!(Take::Recv.finds_nothing(&mut receiver));
                    !is_readable(&receiver)
                });
                assert!(calm, "{wait:?}: readable, and nothing there");
            }
        }
        drop((sender, receiver));
        actor.finish();
    }
}

/// A sender into a small ring that is emptied by fits and starts.
#[test]
fn a_sender_that_waits_by_turns() {
    const TEST: &str = "mixed::a_sender_that_waits_by_turns";
    if role().is_some() {
        pin_to(1);
        let mut pipe = join(&options(wait_named(&arg(0))));
        let (mut random, mut message) = (Random::new(number(1)), Vec::new());
        let mut came = 0u64;
        while pipe.receiver().recv(&mut message).is_ok() {
            assert_eq!(message[..8], came.to_le_bytes());
            came += 1;
            if random.one_in(4) {
                random.dawdle(PAUSE);
            }
        }
        assert_eq!(came, ROUNDS);
        return;
    }
    let _guard = watchdog(Duration::from_secs(60));
    pin_to(0);
    let mut random = Random::new(seed());
    for wait in STRATEGIES {
        let args = [name_of(wait), &random.next().to_string()];
        let (mut pipe, actor) = meet(TEST, "receiver", &args, &options(wait));
        let sender = pipe.sender();
        let edges = Edges::of(sender);
        for round in 0..ROUNDS {
            let mut message = round.to_le_bytes().to_vec();
            message.resize(random.within(8..500), 0);
            loop {
                let way = Way::any(&mut random);
                let outcome = match way {
                    Way::Wait => sender.send(&message),
                    Way::Deadline | Way::DeadlineEdge => {
                        sender.send_deadline(&message, soon(&mut random))
                    }
                    Way::Poll | Way::Edge => sender.try_send(&message),
                };
                match (outcome, way) {
                    (Ok(()), _) => break,
                    (Err(SendError::WouldBlock), Way::Poll) => drop(poll(sender, None)),
                    (Err(SendError::WouldBlock), Way::Edge)
                    | (Err(SendError::TimedOut), Way::DeadlineEdge) => drop(edges.wait(None)),
                    (Err(SendError::TimedOut), Way::Deadline) => {}
                    (Err(error), _) => panic!("{way:?}: {error}"),
                }
            }
        }
        drop(pipe);
        actor.finish();
    }
}
