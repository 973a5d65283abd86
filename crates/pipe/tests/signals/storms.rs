//! A timer that interrupts a thread a thousand times a second: calls say so, and nothing is lost.

use std::io::{Read, Write};
use std::time::Duration;

use ringmq_pipe::{Options, Pipe, RecvError, SendError};
use ringmq_testing::{Bytes, Messages, Random, SignalStorm, role, seed, watchdog};

use crate::ends::{STRATEGIES, join, meet, name_of, number, wait_named};

const CAPACITY: usize = 4096;
/// Calls that have to be interrupted, and that are waited for.
const INTERRUPTIONS: u64 = 20;

fn options(wait: &str) -> Options {
    Options::new().capacity(CAPACITY).wait(wait_named(wait))
}

/// Many that go in pieces: what a signal interrupts is withdrawn, and sent again.
fn messages(seed: u64) -> Messages {
    Messages::new(seed, 8, 6000)
}

/// Pauses in which the other end waits, and is interrupted.
fn dawdle(random: &mut Random) {
    if random.one_in(20) {
        random.dawdle(Duration::from_millis(3));
    }
}

/// The undisturbed end, until the other one closes.
fn play(part: &str, mut pipe: Pipe, seed: u64) {
    let (messages, bytes) = (messages(seed), Bytes::new(seed));
    let mut random = Random::new(seed);
    let mut buffer = vec![0; 6000];
    let (mut number, mut at) = (0, 0);
    loop {
        match part {
            "sends" => match pipe.sender().send(&messages.get(number)) {
                Ok(()) => {}
                Err(SendError::Closed) => return,
                Err(error) => panic!("message {number}: {error}"),
            },
            "receives" => match pipe.receiver().recv(&mut buffer) {
                Ok(()) => messages.check(number, &buffer),
                Err(RecvError::Closed) => return,
                Err(error) => panic!("message {number}: {error}"),
            },
            "writes" => {
                buffer.resize(random.within(1..6000), 0);
                bytes.fill(at, &mut buffer);
                if pipe.write_all(&buffer).is_err() {
                    return;
                }
                at += buffer.len() as u64;
            }
            _ => {
                let got = pipe.read(&mut buffer[..random.within(1..6000)]).unwrap();
                if got == 0 {
                    return;
                }
                assert!(bytes.is_at(at, &buffer[..got]), "{got} bytes from {at}");
                at += got as u64;
            }
        }
        number += 1;
        dawdle(&mut random);
    }
}

/// Receives under the storm until enough calls were interrupted.
fn receive(pipe: &mut Pipe, seed: u64) {
    let messages = messages(seed);
    let (mut number, mut interrupted, mut message) = (0, 0, Vec::new());
    while interrupted < INTERRUPTIONS || number < 1000 {
        match pipe.receiver().recv(&mut message) {
            Ok(()) => {
                messages.check(number, &message);
                number += 1;
            }
            Err(RecvError::Interrupted) => interrupted += 1,
            Err(error) => panic!("message {number}: {error}"),
        }
    }
    println!("{interrupted} interruptions in {number} messages");
}

/// What is interrupted is sent again; the other end sees each message once.
fn send(pipe: &mut Pipe, seed: u64) {
    let messages = messages(seed);
    let (mut number, mut interrupted) = (0, 0);
    while interrupted < INTERRUPTIONS || number < 1000 {
        match pipe.sender().send(&messages.get(number)) {
            Ok(()) => number += 1,
            Err(SendError::Interrupted) => interrupted += 1,
            Err(error) => panic!("message {number}: {error}"),
        }
    }
    println!("{interrupted} interruptions in {number} messages");
}

/// `read_exact` and `write_all` take up again what a signal interrupts.
fn read(pipe: &mut Pipe, seed: u64, storm: &SignalStorm) {
    let (bytes, mut at, mut buffer) = (Bytes::new(seed), 0, vec![0; 10_000]);
    while storm.handled() < 50 * INTERRUPTIONS {
        pipe.read_exact(&mut buffer).unwrap();
        assert!(bytes.is_at(at, &buffer), "10,000 bytes from {at}");
        at += 10_000;
    }
}

fn write(pipe: &mut Pipe, seed: u64, storm: &SignalStorm) {
    let (bytes, mut at, mut buffer) = (Bytes::new(seed), 0, vec![0; 10_000]);
    while storm.handled() < 50 * INTERRUPTIONS {
        bytes.fill(at, &mut buffer);
        pipe.write_all(&buffer).unwrap();
        at += 10_000;
    }
}

fn under_a_storm(test: &str, part: &str) {
    if role().is_some() {
        return play(part, join(&options(&crate::ends::arg(1))), number(0));
    }
    let _guard = watchdog(Duration::from_secs(120));
    let seed = seed();
    for wait in STRATEGIES {
        let args = [&seed.to_string(), name_of(wait)];
        let (mut pipe, actor) = meet(test, part, &args, &options(name_of(wait)));
        let storm = SignalStorm::start(Duration::from_millis(1));
        match part {
            "sends" => receive(&mut pipe, seed),
            "receives" => send(&mut pipe, seed),
            "writes" => read(&mut pipe, seed, &storm),
            _ => write(&mut pipe, seed, &storm),
        }
        assert!(storm.handled() >= INTERRUPTIONS);
        drop(storm);
        drop(pipe);
        actor.finish();
    }
}

#[test]
fn a_receiver_loses_nothing() {
    under_a_storm("storms::a_receiver_loses_nothing", "sends");
}

#[test]
fn a_sender_loses_nothing() {
    under_a_storm("storms::a_sender_loses_nothing", "receives");
}

#[test]
fn a_reader_loses_nothing() {
    under_a_storm("storms::a_reader_loses_nothing", "writes");
}

#[test]
fn a_writer_loses_nothing() {
    under_a_storm("storms::a_writer_loses_nothing", "reads");
}
