//! Two processes, one of which is killed.

use std::time::Duration;

use ringmq_pipe::{HeldBlock, Options, Pipe, RecvError, SendError, Wait};
use ringmq_testing::{Counters, Random, listen, role, say, seed, watchdog};

use crate::ends::{arg, join, meet, name_of, number, wait_named};
use crate::{BLOCKS, send, vow};

fn options(wait: Wait) -> Options {
    crate::options().wait(wait)
}

/// Messages that a receiver holds while it waits for the next one. There is room for that between them, wherever they lie.
const HELD: usize = 3;

/// Bytes of message `number`: all are its lowest byte.
fn len(number: u64) -> usize {
    number as usize * 7919 % 100_000 + 1
}

/// The role: sends until it is killed.
fn sends(pipe: &mut Pipe) {
    for number in 0.. {
        send(pipe, len(number), number as u8);
    }
}

/// The role: receives until it is killed, and holds some of what it gets.
fn receives(pipe: &mut Pipe, seed: u64) {
    let mut random = Random::new(seed);
    let mut held = Vec::<HeldBlock>::new();
    loop {
        held.push(pipe.receiver().recv_block(vow()).unwrap());
        while held.len() > HELD || (!held.is_empty() && random.one_in(2)) {
            held.swap_remove(random.within(0..held.len()));
        }
    }
}

fn play() -> bool {
    let Some(role) = role() else { return false };
    let mut pipe = join(&options(wait_named(&arg(0))));
    match &role[..] {
        "sends" => sends(&mut pipe),
        "receives" => receives(&mut pipe, number(1)),
        "holds" => {
            let held: Vec<_> = (0..4)
                .map(|_| pipe.receiver().recv_block(vow()).unwrap())
                .collect();
            assert!(held.iter().all(HeldBlock::is_in_place));
            say("held");
            listen();
        }
        other => panic!("{other}"),
    }
    true
}

#[test]
fn what_a_killed_sender_has_sent_stays() {
    senders_are_killed("death::what_a_killed_sender_has_sent_stays", 30);
}

#[test]
#[ignore = "soak: 1,000 deaths"]
fn what_many_killed_senders_have_sent_stays() {
    senders_are_killed("death::what_many_killed_senders_have_sent_stays", 1000);
}

fn senders_are_killed(test: &str, rounds: usize) {
    if play() {
        return;
    }
    let _guard = watchdog(Duration::from_secs(900));
    let mut random = Random::new(seed());
    let mut before = None;
    for round in 0..rounds {
        let wait = crate::ends::STRATEGIES[round % 3];
        if round == 5 {
            before = Some(Counters::now());
        }
        let args = [name_of(wait)];
        let (mut pipe, mut actor) = meet(test, "sends", &args, &options(wait));
        let mut held = Vec::new();
        for number in 0..random.below(60) {
            let one = pipe.receiver().recv_block(vow()).unwrap();
            if held.len() < HELD && random.one_in(3) {
                held.push((one, number));
            }
        }
        random.dawdle(Duration::from_millis(1));
        actor.kill();
        actor.wait();
        // All that it had published, each message whole.
        loop {
            match pipe.receiver().recv_block(vow()) {
                Ok(one) => assert!(one.iter().all(|byte| *byte == one[0])),
                Err(RecvError::PeerDied) => break,
                Err(error) => panic!("{error}"),
            }
        }
        drop(pipe);
        for (one, number) in held {
            assert_eq!(one.len(), len(number));
            assert!(one.iter().all(|byte| *byte == number as u8));
        }
    }
    let (before, now) = (before.unwrap(), Counters::now());
    assert!(
        now.rss_kib < before.rss_kib + 64 * 1024,
        "{before:?} {now:?}"
    );
}

#[test]
fn a_killed_receiver_ends_its_sender() {
    receivers_are_killed("death::a_killed_receiver_ends_its_sender", 30);
}

#[test]
#[ignore = "soak: 1,000 deaths"]
fn many_killed_receivers_end_their_senders() {
    receivers_are_killed("death::many_killed_receivers_end_their_senders", 1000);
}

fn receivers_are_killed(test: &str, rounds: usize) {
    if play() {
        return;
    }
    let _guard = watchdog(Duration::from_secs(900));
    let mut random = Random::new(seed());
    for round in 0..rounds {
        let wait = crate::ends::STRATEGIES[round % 3];
        let args = [name_of(wait), &round.to_string()];
        let (mut pipe, mut actor) = meet(test, "receives", &args, &options(wait));
        for number in 0..random.below(100) {
            send(&mut pipe, len(number), number as u8);
        }
        random.dawdle(Duration::from_millis(1));
        actor.kill();
        loop {
            let sent = match pipe.sender().block(50_000) {
                Ok(block) => pipe.sender().send_block(block).map_err(SendError::from),
                Err(error) => Err(error),
            };
            match sent {
                Ok(()) => {}
                Err(SendError::PeerDied) => break,
                Err(error) => panic!("{error}"),
            }
        }
        actor.wait();
    }
}

/// A sender that sleeps until memory comes home hears of the death of the process that holds it.
#[test]
fn a_sender_does_not_wait_for_memory_that_a_dead_receiver_holds() {
    const TEST: &str = "death::a_sender_does_not_wait_for_memory_that_a_dead_receiver_holds";
    if play() {
        return;
    }
    let _guard = watchdog(Duration::from_secs(120));
    for wait in crate::ends::STRATEGIES {
        let (mut pipe, mut actor) = meet(TEST, "holds", &[name_of(wait)], &options(wait));
        for number in 0..4 {
            send(&mut pipe, BLOCKS / 4, number);
        }
        assert_eq!(actor.hear(), "held");
        let refused = pipe.sender().try_block(1).unwrap_err();
        assert!(matches!(refused, SendError::WouldBlock));
        let waiting = std::thread::spawn(move || pipe.sender().block(1).map(drop));
        std::thread::yield_now();
        actor.kill();
        let refused = waiting.join().unwrap().unwrap_err();
        assert!(matches!(refused, SendError::PeerDied), "{refused}");
        actor.wait();
    }
}
