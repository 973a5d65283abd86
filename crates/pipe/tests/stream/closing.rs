//! Ends that close while the other one is at work.

use std::io::{Read, Write};
use std::thread;
use std::time::Duration;

use ringmq_pipe::{Options, Pipe, Receiver, RecvError, SendError, Sender, Wait};
use ringmq_testing::{Bytes, Messages, Random, role, say, seed, watchdog};

use crate::ends::{STRATEGIES, arg, join, meet, name_of, number, wait_named};

fn options(wait: Wait) -> Options {
    Options::new().capacity(4096).wait(wait)
}

/// Sends until the receiver has closed; returns how many messages were taken.
fn send_until_closed(sender: &mut Sender, messages: Messages) -> u64 {
    let mut number = 0;
    loop {
        match sender.send(&messages.get(number)) {
            Ok(()) => number += 1,
            Err(SendError::Closed) => break,
            Err(error) => panic!("message {number}: {error}"),
        }
    }
    // It stays so, in every face.
    assert!(matches!(sender.try_send(b"x"), Err(SendError::Closed)));
    let error = sender.write(b"x").unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::BrokenPipe);
    number
}

/// Receives until the sender has closed; returns how many messages came.
fn receive_until_closed(receiver: &mut Receiver, messages: Messages) -> u64 {
    let (mut number, mut message) = (0, Vec::new());
    loop {
        match receiver.recv(&mut message) {
            Ok(()) => messages.check(number, &message),
            Err(RecvError::Closed) => break,
            Err(error) => panic!("message {number}: {error}"),
        }
        number += 1;
    }
    assert!(matches!(
        receiver.try_recv(&mut message),
        Err(RecvError::Closed)
    ));
    assert_eq!(
        receiver.read(&mut [0; 8]).unwrap(),
        0,
        "the end of a stream"
    );
    number
}

/// A sender that is dropped at any time is heard to the last message; a receiver that is dropped at any
/// time ends the sender's call, whether that is in its midst, waits for room, or has not begun.
#[test]
fn either_half_may_go_at_any_time() {
    let _guard = watchdog(Duration::from_secs(120));
    let seed = seed();
    let mut random = Random::new(seed);
    for round in 0..600 {
        let wait = STRATEGIES[round % 3];
        let messages = Messages::new(seed ^ round as u64, 8, 700);
        let (left, right) = options(wait).pair().unwrap();
        let ((mut sender, left), (right, mut receiver)) = (left.split(), right.split());
        // The other direction is unused. It is dropped before this one, or after.
        let others = round.is_multiple_of(2).then_some((left, right));
        let whole = random.below(300);
        if random.one_in(2) {
            let peer = thread::spawn(move || send_until_closed(&mut sender, messages));
            let mut message = Vec::new();
            for number in 0..whole {
                receiver.recv(&mut message).unwrap();
                messages.check(number, &message);
            }
            random.dawdle(Duration::from_micros(50));
            drop(receiver);
            assert!(peer.join().unwrap() >= whole);
        } else {
            let peer = thread::spawn(move || receive_until_closed(&mut receiver, messages));
            for number in 0..whole {
                sender.send(&messages.get(number)).unwrap();
            }
            random.dawdle(Duration::from_micros(50));
            drop(sender);
            assert_eq!(peer.join().unwrap(), whole);
        }
        drop(others);
    }
}

fn play(part: &str, mut pipe: Pipe) {
    let (seed, count) = (number(0), number(1));
    let messages = Messages::new(seed, 8, 700);
    let many = match part {
        "sends until closed" => send_until_closed(pipe.sender(), messages),
        "receives until closed" => receive_until_closed(pipe.receiver(), messages),
        "sends some" => {
            for number in 0..count {
                pipe.sender().send(&messages.get(number)).unwrap();
            }
            count
        }
        "writes some" => {
            let mut bytes = vec![0; count as usize * 100];
            Bytes::new(seed).fill(0, &mut bytes);
            pipe.write_all(&bytes).unwrap();
            count
        }
        other => panic!("{other}"),
    };
    drop(pipe);
    say(&many.to_string());
}

/// The same between two processes, and the process that has closed ends at once.
#[test]
fn a_process_may_close_and_go() {
    const TEST: &str = "closing::a_process_may_close_and_go";
    if let Some(part) = role() {
        return play(&part, join(&options(wait_named(&arg(2)))));
    }
    let _guard = watchdog(Duration::from_secs(120));
    let seed = seed();
    let mut random = Random::new(seed);
    for round in 0..24 {
        let wait = STRATEGIES[round % 3];
        let (count, messages) = (random.below(3000), Messages::new(seed, 8, 700));
        let args = [seed.to_string(), count.to_string()];
        let args = [&args[0], &args[1], name_of(wait)];
        let with = |part| meet(TEST, part, &args, &options(wait));
        match round / 3 % 4 {
            0 => {
                let (mut pipe, mut actor) = with("sends until closed");
                let mut message = Vec::new();
                for number in 0..count {
                    pipe.receiver().recv(&mut message).unwrap();
                    messages.check(number, &message);
                }
                drop(pipe);
                assert!(actor.hear().parse::<u64>().unwrap() >= count);
                actor.finish();
            }
            1 => {
                let (mut pipe, mut actor) = with("receives until closed");
                for number in 0..count {
                    pipe.sender().send(&messages.get(number)).unwrap();
                }
                drop(pipe);
                assert_eq!(actor.hear(), count.to_string());
                actor.finish();
            }
            2 => {
                let (mut pipe, actor) = with("sends some");
                assert_eq!(receive_until_closed(pipe.receiver(), messages), count);
                actor.finish();
            }
            _ => {
                let (mut pipe, actor) = with("writes some");
                let mut bytes = Vec::new();
                pipe.read_to_end(&mut bytes).unwrap();
                assert_eq!(bytes.len() as u64, count * 100);
                assert!(Bytes::new(seed).is_at(0, &bytes));
                actor.finish();
            }
        }
    }
}
