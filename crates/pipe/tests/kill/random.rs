//! Ends that are killed at random, under traffic.

use std::io::{ErrorKind, Read, Write};
use std::time::Duration;

use ringmq_pipe::{Options, Pipe, RecvError, SendError};
use ringmq_testing::{Actor, Bytes, Messages, Random, role, seed, watchdog};

use crate::ends::{STRATEGIES, arg, join, meet, name_of, number, wait_named};

fn options(wait: &str) -> Options {
    Options::new().capacity(4096).wait(wait_named(wait))
}

/// Short ones, and some that go in pieces around the ring.
fn messages(seed: u64) -> Messages {
    Messages::new(seed, 8, 3000)
}

/// The victim: works until it is killed, with pauses in which the other one catches up.
fn work(part: &str, mut pipe: Pipe, seed: u64) {
    let (messages, bytes) = (messages(seed), Bytes::new(seed));
    let mut random = Random::new(seed);
    let mut buffer = vec![0; 5000];
    let (mut number, mut written) = (0, 0);
    loop {
        match part {
            "sends" => pipe.sender().send(&messages.get(number)).unwrap(),
            "receives" => pipe.receiver().recv(&mut buffer).unwrap(),
            "writes" => {
                let take = random.within(1..5000);
                buffer.resize(take, 0);
                bytes.fill(written, &mut buffer);
                written += pipe.write(&buffer).unwrap() as u64;
            }
            other => panic!("{other}"),
        }
        number += 1;
        if random.one_in(20) {
            random.dawdle(Duration::from_micros(100));
        }
    }
}

/// Receives until the peer is dead; calls `each` with the number of each message.
fn survive_sender(mut pipe: Pipe, seed: u64, mut each: impl FnMut(u64)) {
    let messages = messages(seed);
    let (mut number, mut message) = (0, Vec::new());
    loop {
        match pipe.receiver().recv(&mut message) {
            Ok(()) => messages.check(number, &message),
            Err(RecvError::PeerDied) => return,
            Err(error) => panic!("message {number}: {error}"),
        }
        each(number);
        number += 1;
    }
}

fn survive_receiver(mut pipe: Pipe, seed: u64, mut each: impl FnMut(u64)) {
    let messages = messages(seed);
    let mut number = 0;
    loop {
        match pipe.sender().send(&messages.get(number)) {
            Ok(()) => {}
            Err(SendError::PeerDied) => return,
            Err(error) => panic!("message {number}: {error}"),
        }
        each(number);
        number += 1;
    }
}

fn survive_writer(mut pipe: Pipe, seed: u64, mut each: impl FnMut(u64)) {
    let bytes = Bytes::new(seed);
    let (mut number, mut read, mut buffer) = (0, 0, [0; 2000]);
    loop {
        match pipe.read(&mut buffer) {
            Ok(0) => panic!("the end of a stream that did not end"),
            Ok(got) => {
                assert!(bytes.is_at(read, &buffer[..got]), "{got} bytes from {read}");
                read += got as u64;
            }
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{error}");
                return;
            }
        }
        each(number);
        number += 1;
    }
}

/// Kills the victim, by another thread at a random time, or by the survivor after some traffic.
fn survive(pipe: Pipe, actor: &Actor, part: &str, seed: u64) {
    let mut random = Random::new(!seed);
    let (after, by_survivor) = (random.below(300), random.one_in(2));
    let kill_at = |number| {
        if by_survivor && number == after {
            actor.kill();
        }
    };
    ringmq_testing::scope(|scope| {
        if !by_survivor {
            scope.spawn(move || {
                random.dawdle(Duration::from_millis(3));
                actor.kill();
            });
        }
        match part {
            "sends" => survive_sender(pipe, seed, kill_at),
            "receives" => survive_receiver(pipe, seed, kill_at),
            _ => survive_writer(pipe, seed, kill_at),
        }
    });
}

fn kill_many(test: &str, rounds: usize, limit: Duration) {
    if let Some(part) = role() {
        return work(&part, join(&options(&arg(1))), number(0));
    }
    let _guard = watchdog(limit);
    let mut random = Random::new(seed());
    for round in 0..rounds {
        let wait = name_of(STRATEGIES[round % 3]);
        let part = ["sends", "receives", "writes"][round / 3 % 3];
        let seed = random.next();
        let args = [&seed.to_string(), wait];
        let (pipe, actor) = meet(test, part, &args, &options(wait));
        survive(pipe, &actor, part, seed);
    }
}

/// The survivor gets whole messages, in order, each once, and then learns of the death.
#[test]
fn a_survivor_has_whole_messages() {
    const TEST: &str = "random::a_survivor_has_whole_messages";
    kill_many(TEST, 60, Duration::from_secs(60));
}

#[test]
#[ignore = "soak: 1,000 deaths"]
fn a_survivor_of_many_deaths_has_whole_messages() {
    const TEST: &str = "random::a_survivor_of_many_deaths_has_whole_messages";
    kill_many(TEST, 1000, Duration::from_secs(600));
}
