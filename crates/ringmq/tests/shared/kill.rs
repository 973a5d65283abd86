//! kill -9 of either side at any point: the other one has whole messages, in order, each once, and goes on with the
//! next peer, in shared memory.

use std::collections::HashMap;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use ringmq::{Context, Kind, RecvError, SetOption, Socket};
use ringmq_testing::{Actor, Random, role, say, scope, seed, soon, spawn_role, watchdog};

use crate::parts::{Held, arg, last, make, number, open, read, rings, socket};
use crate::places::Places;

/// Who sends to whom, and whether the receiver answers.
#[derive(Debug, Clone, Copy)]
struct Pairing {
    sender: Kind,
    receiver: Kind,
    answers: bool,
}

const fn one_way(sender: Kind, receiver: Kind) -> Pairing {
    Pairing {
        sender,
        receiver,
        answers: false,
    }
}

const fn answered(sender: Kind, receiver: Kind) -> Pairing {
    Pairing {
        sender,
        receiver,
        answers: true,
    }
}

const PAIRINGS: [Pairing; 6] = [
    one_way(Kind::Push, Kind::Pull),
    one_way(Kind::Pair, Kind::Pair),
    one_way(Kind::Dealer, Kind::Router),
    one_way(Kind::Pub, Kind::Sub),
    answered(Kind::Req, Kind::Rep),
    answered(Kind::Dealer, Kind::Router),
];

/// Messages that are on their way by ZMTP, at most, when the memory for those behind them arrives: up to both marks, and
/// 64 KiB of the stream.
const BY_ZMTP: u64 = 2 * 1000 + (64 << 10) / 18;

/// What came from each sender.
#[derive(Debug, Default)]
struct Seen {
    next: HashMap<u64, u64>,
    /// Some may be missing.
    gaps: bool,
}

impl Seen {
    /// Sees that a message is a later one than those before; without gaps, the next one.
    #[track_caller]
    fn see(&mut self, bytes: &[u8]) -> (u64, u64) {
        let (from, number) = read(bytes);
        let next = self.next.insert(from, number + 1).unwrap_or(0);
        let right = number == next || self.gaps && number > next;
        assert!(right, "message {number} of {from} instead of {next}");
        (from, number)
    }
}

/// Plays its role until it is killed.
fn victim(part: &str) {
    let pairing = PAIRINGS[number(2) as usize];
    let context = Context::new().unwrap();
    let sends = part == "sends";
    let mut socket = socket(
        &context,
        if sends {
            pairing.sender
        } else {
            pairing.receiver
        },
    );
    open(&mut socket, arg(1) == "binds", &arg(0));
    if sends {
        for count in 0.. {
            socket.send(make(number(3), count)).unwrap();
            if pairing.answers {
                // The peer may have had an answer left for a victim before this one.
                let (from, answered) = read(last(&socket.recv().unwrap()));
                assert!(from < number(3) || from == number(3) && answered <= count);
            }
        }
    }
    // The first message of this victim, the last one so far, and how many since there was memory.
    let log = File::create(arg(3)).unwrap();
    let mut seen = Seen {
        gaps: true,
        ..Seen::default()
    };
    let mut behind = 0_u64;
    for count in 0_u64.. {
        let message = socket.recv().unwrap();
        let (_, number) = seen.see(last(&message));
        if count == 0 {
            log.write_all_at(&number.to_le_bytes(), 0).unwrap();
        }
        log.write_all_at(&number.to_le_bytes(), 8).unwrap();
        // Mapped memory says that the peer goes over; what it sent by ZMTP before that comes first.
        if behind > 0 || count % 64 == 0 && rings() > 0 {
            behind += 1;
            log.write_all_at(&behind.to_le_bytes(), 16).unwrap();
        }
        if count == 0 {
            say("receives");
        }
        if pairing.answers {
            socket.send(message).unwrap();
        }
    }
}

fn name(binds: bool) -> &'static str {
    if binds { "binds" } else { "connects" }
}

/// Receives a message, if there is one, and answers it. Tells whose it was.
fn receive(socket: &mut Socket, pairing: Pairing, seen: &mut Seen, wait: bool) -> Option<u64> {
    let received = if wait {
        socket.recv_deadline(soon())
    } else {
        socket.try_recv()
    };
    let message = match received {
        Err(RecvError::WouldBlock) if !wait => return None,
        received => received.unwrap(),
    };
    let (from, _) = seen.see(last(&message));
    if pairing.answers {
        // A peer that is gone gets no answer.
        let _ = socket.try_send(message);
    }
    Some(from)
}

/// Victims send, one after the other.
fn kill_senders(test: &str, which: usize, victim_binds: bool, rounds: u64) {
    let pairing = PAIRINGS[which];
    let mut random = Random::new(seed());
    let places = Places::new();
    let endpoint = places.endpoint("s");
    let context = Context::new().unwrap();
    let mut survivor = socket(&context, pairing.receiver);
    open(&mut survivor, !victim_binds, &endpoint);
    let mut seen = Seen {
        // A publisher never waits.
        gaps: pairing.sender == Kind::Pub,
        ..Seen::default()
    };
    let before = Held::now();
    let mut shared = 0;
    for round in 0..rounds {
        let (who, number) = (round.to_string(), which.to_string());
        let args = [&endpoint[..], name(victim_binds), &number, &who];
        let mut victim = Actor::start(&mut spawn_role(test, "sends", &args));
        let last_round = round + 1 == rounds;
        let mut left = random.below(if pairing.answers { 100 } else { 2000 }) + 1;
        // The last one is listened to until it has gone over.
        while left > 0 || last_round && rings() == 0 {
            let from = receive(&mut survivor, pairing, &mut seen, true).unwrap();
            left = left.saturating_sub(u64::from(from == round));
        }
        random.dawdle(Duration::from_micros(300));
        shared += usize::from(rings() > 0);
        victim.kill();
        victim.wait();
        drop(victim);
        if pairing.receiver == Kind::Pair && !victim_binds {
            // It has one peer, up to the last message of that: what another sends meanwhile is lost, as with libzmq.
            while !survivor.connections().is_empty() {
                receive(&mut survivor, pairing, &mut seen, false);
            }
        }
        let drain = || while receive(&mut survivor, pairing, &mut seen, false).is_some() {};
        if pairing.answers && victim_binds {
            // An answer that was not read is kept.
            Held::now().is_near(&before);
        } else if last_round || round % 64 == 2 {
            before.wait(drain);
        }
    }
    println!(
        "{pairing:?}, victims {}: {shared} of {rounds} shared",
        name(victim_binds)
    );
    assert!(shared > 0);
}

fn all_senders(test: &str, victim_binds: bool, rounds: u64) {
    if let Some(part) = role() {
        return victim(&part);
    }
    for which in 0..PAIRINGS.len() {
        let _guard = watchdog(Duration::from_secs(60 + rounds));
        kill_senders(test, which, victim_binds, rounds);
    }
}

#[test]
fn a_binding_side_has_all_that_the_dead_have_sent() {
    const TEST: &str = "kill::a_binding_side_has_all_that_the_dead_have_sent";
    all_senders(TEST, false, 17);
}

#[test]
fn a_connecting_side_has_all_that_the_dead_have_sent() {
    const TEST: &str = "kill::a_connecting_side_has_all_that_the_dead_have_sent";
    all_senders(TEST, true, 17);
}

#[test]
#[ignore = "soak: 10,000 deaths"]
fn a_receiver_has_all_that_the_dead_have_sent_ten_thousand_times() {
    const TEST: &str = "kill::a_receiver_has_all_that_the_dead_have_sent_ten_thousand_times";
    all_senders(TEST, false, 850);
    if role().is_none() {
        all_senders(TEST, true, 850);
    }
}

/// Sends until `stop` is set. Tries a message again if no peer has room for it.
fn send_on(socket: &mut Socket, pairing: Pairing, stop: &AtomicBool) {
    let moment = || Instant::now() + Duration::from_millis(20);
    let mut number = 0;
    // ORDERING: a flag only; it publishes nothing else.
    while !stop.load(Ordering::Relaxed) {
        if socket.send_deadline(make(0, number), moment()).is_err() {
            continue;
        }
        if pairing.answers {
            // The answers of the dead do not come.
            while let Ok(answer) = socket.recv_deadline(moment()) {
                if read(last(&answer)) == (0, number) {
                    break;
                }
            }
        }
        number += 1;
        if pairing.sender == Kind::Pub {
            std::thread::yield_now();
        }
    }
}

/// Also when a test fails: a thread that goes on would keep it from ending.
struct StopOnDrop<'a>(&'a AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        // ORDERING: a flag only; it publishes nothing else.
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Victims receive, one after the other.
fn kill_receivers(test: &str, which: usize, victim_binds: bool, rounds: u64) {
    let pairing = PAIRINGS[which];
    let mut random = Random::new(seed());
    let places = Places::new();
    let endpoint = places.endpoint("s");
    let log = places.path("log");
    let context = Context::new().unwrap();
    let mut survivor = socket(&context, pairing.sender);
    if pairing.sender == Kind::Req {
        survivor.set(SetOption::ReqRelaxed(true)).unwrap();
        survivor.set(SetOption::ReqCorrelate(true)).unwrap();
    }
    open(&mut survivor, !victim_binds, &endpoint);
    let stop = AtomicBool::new(false);
    // What was not read is sent again, if the survivor's pipe outlives its peer.
    let keeps = victim_binds && pairing.sender != Kind::Pub && !pairing.answers;
    let (mut shared, mut next) = (0, 0);
    scope(|scope| {
        let _stops = StopOnDrop(&stop);
        scope.spawn(|| send_on(&mut survivor, pairing, &stop));
        let before = Held::now();
        let mut was_shared = false;
        for round in 0..rounds {
            let number = which.to_string();
            let args = [&endpoint[..], name(victim_binds), &number, &log];
            let mut victim = Actor::start(&mut spawn_role(test, "receives", &args));
            assert_eq!(victim.hear(), "receives");
            let most = if random.one_in(2) { 2 } else { 30 };
            random.dawdle(Duration::from_millis(most));
            let has_ring = |victim: &Actor| {
                let maps = fs::read_to_string(format!("/proc/{}/maps", victim.pid())).unwrap();
                maps.contains("/memfd:ringmq-ring")
            };
            while round + 1 == rounds && !has_ring(&victim) {
                std::thread::yield_now();
            }
            let words = || fs::read(&log).unwrap();
            let word = |words: &[u8], at: usize| {
                let word = words.get(at..at + 8);
                word.map_or(0, |word| u64::from_le_bytes(word.try_into().unwrap()))
            };
            let late = Instant::now() + Duration::from_secs(1);
            if keeps && random.one_in(3) {
                while word(&words(), 16) <= BY_ZMTP && Instant::now() < late {
                    std::thread::yield_now();
                }
            }
            victim.stop();
            shared += usize::from(has_ring(&victim));
            let is_shared = word(&words(), 16) > BY_ZMTP;
            victim.kill();
            victim.wait();
            drop(victim);
            let words = words();
            let (first, end) = (word(&words, 0), word(&words, 8));
            assert!(first >= next, "{first} has come twice: {next} was expected");
            if keeps && was_shared {
                // The one before may have had it, and not yet told.
                assert!(first <= next + 1, "{first} came instead of {next}");
            }
            (next, was_shared) = (end + 1, is_shared);
            if victim_binds {
                // What was not read is kept.
                Held::now().is_near(&before);
            } else if round + 1 == rounds || round % 64 == 2 {
                before.wait(|| {});
            }
        }
    });
    println!(
        "{pairing:?}, victims {}: {shared} of {rounds} shared",
        name(victim_binds)
    );
    assert!(shared > 0);
}

fn all_receivers(test: &str, victim_binds: bool, rounds: u64) {
    if let Some(part) = role() {
        return victim(&part);
    }
    for which in 0..PAIRINGS.len() {
        let _guard = watchdog(Duration::from_secs(60 + rounds));
        kill_receivers(test, which, victim_binds, rounds);
    }
}

#[test]
fn a_connecting_side_sends_again_what_the_dead_have_not_read() {
    const TEST: &str = "kill::a_connecting_side_sends_again_what_the_dead_have_not_read";
    all_receivers(TEST, true, 17);
}

#[test]
fn a_binding_side_sends_nothing_twice_when_receivers_die() {
    const TEST: &str = "kill::a_binding_side_sends_nothing_twice_when_receivers_die";
    all_receivers(TEST, false, 17);
}

#[test]
#[ignore = "soak: 10,000 deaths"]
fn nothing_is_sent_twice_when_receivers_die_ten_thousand_times() {
    const TEST: &str = "kill::nothing_is_sent_twice_when_receivers_die_ten_thousand_times";
    all_receivers(TEST, true, 850);
    if role().is_none() {
        all_receivers(TEST, false, 850);
    }
}
