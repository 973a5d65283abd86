//! The message face, with every size and every way to send and to receive.

use std::time::Duration;

use ringmq_pipe::{Options, Pipe, Receiver, RecvError, Sender, Vow};
use ringmq_testing::{Messages, Random, role, seed, watchdog};

use crate::ends::{STRATEGIES, arg, join, meet, name_of, number, wait_named};

/// Lengths from nothing to some laps of this ring.
const CAPACITY: usize = 16 << 10;
const LONGEST: usize = 40 << 10;

fn options(wait: &str) -> Options {
    Options::new()
        .capacity(CAPACITY)
        .wait(wait_named(wait))
        .max_message(LONGEST as u64)
}

/// Sends message `next` and perhaps some after it, in one way or another; returns how many.
fn send_some(sender: &mut Sender, sent: Messages, next: u64, left: u64, way: u64) -> u64 {
    let message = sent.get(next);
    let many = left.min(5);
    match way {
        0 => sender.send(&message).unwrap(),
        1 if message.len() <= sender.max_claim() => {
            let mut claim = sender
                .claim(sender.max_claim().min(message.len() + 9))
                .unwrap();
            claim[..message.len()].copy_from_slice(&message);
            claim.commit_len(message.len()).unwrap();
        }
        2 => {
            let batch = (next..next + many).map(|number| sent.get(number));
            assert_eq!(sender.send_batch(batch).unwrap() as u64, many);
            return many;
        }
        _ if message.len() <= sender.max_claim() => {
            while let Err(error) = sender.try_send(&message) {
                assert!(
                    matches!(error, ringmq_pipe::SendError::WouldBlock),
                    "{error}"
                );
                std::thread::yield_now();
            }
        }
        _ => sender.send(&message).unwrap(),
    }
    1
}

fn send_all(sender: &mut Sender, seed: u64, count: u64) {
    let sent = Messages::new(seed, 0, LONGEST);
    // Most are short, so that many fit the ring.
    let short = Messages::new(seed, 0, 200);
    let mut random = Random::new(seed);
    let mut next = 0;
    while next < count {
        let of = if is_long(seed, next) { sent } else { short };
        let left = (next..count).take_while(|&n| is_long(seed, n) == is_long(seed, next));
        let left = left.take(5).count() as u64;
        next += send_some(sender, of, next, left, random.below(4));
    }
}

fn is_long(seed: u64, number: u64) -> bool {
    ringmq_testing::mix(seed ^ number).is_multiple_of(16)
}

fn receive_all(receiver: &mut Receiver, seed: u64, count: u64) {
    let (long, short) = (Messages::new(seed, 0, LONGEST), Messages::new(seed, 0, 200));
    let mut random = Random::new(!seed);
    let mut message = Vec::new();
    // SAFETY: the other end is this program, which writes no message again before it was released.
    let vow = unsafe { Vow::new() };
    for next in 0..count {
        let of = if is_long(seed, next) { long } else { short };
        match random.below(3) {
            0 => receiver.recv(&mut message).unwrap(),
            1 => {
                of.check(next, &receiver.recv_in_place(vow).unwrap());
                continue;
            }
            _ => loop {
                match receiver.try_recv(&mut message) {
                    Ok(()) => break,
                    Err(RecvError::WouldBlock) => std::thread::yield_now(),
                    Err(error) => panic!("message {next}: {error}"),
                }
            },
        }
        of.check(next, &message);
    }
    let end = receiver.recv(&mut message);
    assert!(matches!(end, Err(RecvError::Closed)), "{end:?}");
}

fn exchange(pipe: Pipe, outgoing: u64, incoming: u64, count: u64) {
    let (mut sender, mut receiver) = pipe.split();
    let there = std::thread::spawn(move || receive_all(&mut receiver, incoming, count));
    send_all(&mut sender, outgoing, count);
    drop(sender);
    there.join().unwrap();
}

/// Messages of any length arrive whole and in order, however they are sent and received, in both
/// directions at once.
#[test]
fn any_message_in_any_way() {
    const TEST: &str = "messages::any_message_in_any_way";
    if role().is_some() {
        let (seed, count) = (number(0), number(1));
        return exchange(join(&options(&arg(2))), seed, !seed, count);
    }
    let _guard = watchdog(Duration::from_secs(120));
    let (seed, count) = (seed(), 20_000);
    for wait in STRATEGIES {
        let args = [seed.to_string(), count.to_string()];
        let args = [&args[0], &args[1], name_of(wait)];
        let (pipe, actor) = meet(TEST, "other", &args, &options(name_of(wait)));
        exchange(pipe, !seed, seed, count);
        actor.finish();
    }
}
