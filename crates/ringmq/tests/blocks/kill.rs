//! kill -9 of either side while blocks are on their way, lent, and coming home: what was received stays whole as long as it
//! is held, the next peer is served, and no memory of the dead is left.

use std::os::unix::process::ExitStatusExt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use ringmq::{Context, Kind, Message, Socket, Vow};
use ringmq_testing::{
    Actor, Random, in_own_process, mix, role, say, scope, seed, soon, spawn_role, until, watchdog,
};

use crate::memory::Kept;
use crate::parts::{arg, number, open, socket, until_shared};
use crate::places::Places;

/// A sender and a receiver.
#[derive(Debug, Clone, Copy)]
struct Pairing {
    sender: Kind,
    receiver: Kind,
}

const PAIRINGS: [Pairing; 5] = [
    Pairing {
        sender: Kind::Push,
        receiver: Kind::Pull,
    },
    Pairing {
        sender: Kind::Pair,
        receiver: Kind::Pair,
    },
    Pairing {
        sender: Kind::Dealer,
        receiver: Kind::Router,
    },
    Pairing {
        sender: Kind::Pub,
        receiver: Kind::Sub,
    },
    // It is answered.
    Pairing {
        sender: Kind::Req,
        receiver: Kind::Rep,
    },
];

/// Memory of blocks that a sender may use. A dead reader that kept its part would stop it after a few rounds.
const LIMIT: u64 = 8 << 20;
/// Messages that wait for a peer before there is one in shared memory.
const HWM: u32 = 20;
/// Bytes of the longest message.
const LONGEST: u64 = 32_048 * 8;
/// The limit, what waits beside it, what the arena keeps, and a segment.
const MEMORY: u64 = LIMIT + 2 * HWM as u64 * LONGEST + (16 << 20) + (8 << 20);

/// Message `number` of `from`, in a block: both, and words that follow from them.
fn make(context: &Context, from: u64, number: u64) -> Message {
    let key = mix(from) ^ number;
    let words = 2048 + mix(key) % 30_000;
    let mut block = context.block(words as usize * 8).unwrap();
    let (head, rest) = block.split_at_mut(16);
    head[..8].copy_from_slice(&from.to_le_bytes());
    head[8..].copy_from_slice(&number.to_le_bytes());
    let rest = rest.chunks_exact_mut(8);
    rest.for_each(|word| word.copy_from_slice(&key.to_le_bytes()));
    Message::from_iter([block.freeze()])
}

/// Whose message that is, and which.
///
/// # Panics
///
/// If it is not as it was made.
#[track_caller]
fn read(message: &Message) -> (u64, u64) {
    let bytes = message[message.len() - 1].as_slice();
    let word = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
    let (from, number) = (word(0), word(8));
    let key = mix(from) ^ number;
    let len = (2048 + mix(key) % 30_000) as usize * 8;
    let mut rest = bytes[16..].chunks_exact(8);
    let is_whole = bytes.len() == len && rest.all(|word| word == key.to_le_bytes());
    assert!(is_whole, "message {number} of {from} is torn");
    (from, number)
}

/// What a receiver holds.
struct Holder {
    held: Vec<(Message, (u64, u64))>,
    random: Random,
}

impl Holder {
    fn new(seed: u64) -> Holder {
        Holder {
            held: Vec::new(),
            random: Random::new(seed),
        }
    }

    /// Holds a message, and drops some of those that are held, in any order. Returns whose it is, and which.
    #[track_caller]
    fn hold(&mut self, message: Message) -> (u64, u64) {
        let read = read(&message);
        self.held.push((message, read));
        while self.held.len() > 10 || !self.held.is_empty() && self.random.one_in(3) {
            let index = self.random.within(0..self.held.len());
            check(&self.held.swap_remove(index));
        }
        read
    }

    /// What was held is as it was, and is dropped.
    #[track_caller]
    fn end(&mut self) {
        self.held.drain(..).for_each(|held| check(&held));
    }
}

#[track_caller]
fn check(held: &(Message, (u64, u64))) {
    assert_eq!(read(&held.0), held.1);
}

fn ready(context: &Context, kind: Kind) -> Socket {
    let mut socket = socket(context, kind);
    socket
        .change_options(|options| options.shared_limit(LIMIT))
        .unwrap();
    socket.set_send_hwm(HWM);
    socket.set_recv_hwm(HWM);
    // SAFETY: the peers are this test's, which do not write to what they have sent.
    socket.set_in_place(unsafe { Vow::new() });
    socket
}

/// Plays its role until it is killed.
fn victim(part: &str) {
    let pairing = PAIRINGS[number(2) as usize];
    let context = Context::new().unwrap();
    if part == "sends" {
        let mut socket = ready(&context, pairing.sender);
        open(&mut socket, arg(1) == "binds", &arg(0));
        for count in 0.. {
            socket.send(make(&context, number(3), count)).unwrap();
            if pairing.sender == Kind::Req {
                socket.recv().unwrap();
            }
        }
    }
    let mut socket = ready(&context, pairing.receiver);
    open(&mut socket, arg(1) == "binds", &arg(0));
    let mut holder = Holder::new(number(3));
    let (mut next, mut has_said) = (0, false);
    loop {
        let message = socket.recv().unwrap();
        let answer = (pairing.receiver == Kind::Rep).then(|| message.clone());
        let (_, number) = holder.hold(message);
        assert!(number >= next, "{number} instead of {next}");
        next = number + 1;
        if let Some(answer) = answer {
            socket.send(answer).unwrap();
        }
        // It has blocks of the survivor.
        if !has_said && Kept::by(std::process::id()).mapped > 0 {
            has_said = true;
            say("receives");
        }
    }
}

fn name(binds: bool) -> &'static str {
    if binds { "binds" } else { "connects" }
}

#[track_caller]
fn kill(victim: &mut Actor) {
    victim.kill();
    // It had found nothing wrong.
    assert_eq!(victim.wait().signal(), Some(9));
}

/// Waits until no block of the dead is left. The arena gives its last segments back with the last connection.
#[track_caller]
fn all_is_back(places: &Places) {
    let endpoint = places.endpoint("last");
    until(|| {
        let (context, far) = (Context::new().unwrap(), Context::new().unwrap());
        let mut pull = socket(&context, Kind::Pull);
        pull.bind(&endpoint).unwrap();
        let mut push = socket(&far, Kind::Push);
        push.connect(&endpoint).unwrap();
        until_shared(&mut push, 1);
        drop((push, pull, context, far));
        Kept::by(std::process::id()).mapped == 0
    });
}

#[track_caller]
fn is_bounded() {
    let kept = Kept::by(std::process::id());
    assert!(kept.allocated <= MEMORY, "{kept:?}");
}

/// Victims send, one after the other.
fn kill_senders(test: &str, which: usize, victim_binds: bool, rounds: u64) {
    let pairing = PAIRINGS[which];
    let mut random = Random::new(seed());
    let places = Places::new();
    let endpoint = places.endpoint("s");
    let context = Context::new().unwrap();
    let mut survivor = ready(&context, pairing.receiver);
    open(&mut survivor, !victim_binds, &endpoint);
    let mut holder = Holder::new(random.next());
    let mut next = std::collections::HashMap::new();
    let mut receive = |survivor: &mut Socket, holder: &mut Holder, wait: bool| {
        let message = if wait {
            let received = survivor.recv_deadline(soon());
            received.unwrap_or_else(|error| panic!("{error}: {:?}", survivor.connections()))
        } else {
            survivor.try_recv().ok()?
        };
        let answer = (pairing.receiver == Kind::Rep).then(|| message.clone());
        let (from, number) = holder.hold(message);
        let expected = next.insert(from, number + 1).unwrap_or(0);
        let right = number == expected || pairing.sender == Kind::Pub && number > expected;
        assert!(right, "message {number} of {from} instead of {expected}");
        if let Some(answer) = answer {
            // A peer that is gone gets no answer.
            let _ = survivor.try_send(answer);
        }
        Some(from)
    };
    let mut lent = 0;
    for round in 0..rounds {
        let (who, number) = (round.to_string(), which.to_string());
        let args = [&endpoint[..], name(victim_binds), &number, &who];
        let mut victim = Actor::start(&mut spawn_role(test, "sends", &args));
        let mut left = random.below(40) + 1;
        while left > 0 {
            let from = receive(&mut survivor, &mut holder, true).unwrap();
            left = left.saturating_sub(u64::from(from == round));
        }
        random.dawdle(Duration::from_micros(300));
        lent += u64::from(Kept::by(std::process::id()).mapped > 0);
        kill(&mut victim);
        drop(victim);
        if pairing.receiver == Kind::Pair && !victim_binds {
            // It has one peer, up to the last message of that.
            while !survivor.connections().is_empty() {
                receive(&mut survivor, &mut holder, false);
            }
        }
        if random.one_in(4) {
            // After the sender has gone, too.
            holder.end();
        }
    }
    println!(
        "{pairing:?}, victims {}: {lent} of {rounds} had blocks out",
        name(victim_binds)
    );
    assert!(lent > 0);
    drop((survivor, context));
    // What is held outlives its socket.
    holder.end();
    all_is_back(&places);
}

/// Also when a test fails: a thread that goes on would keep it from ending.
struct StopOnDrop<'a>(&'a AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        // ORDERING: a flag only; it publishes nothing else.
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Sends until `stop` is set. Tries a message again if no peer has room for it.
fn send_on(context: &Context, socket: &mut Socket, stop: &AtomicBool) {
    let moment = || Instant::now() + Duration::from_millis(5);
    let mut number = 0;
    // ORDERING: a flag only; it publishes nothing else.
    while !stop.load(Ordering::Relaxed) {
        if socket
            .send_deadline(make(context, 0, number), moment())
            .is_err()
        {
            continue;
        }
        if socket.kind() == Kind::Req {
            // The answers of the dead do not come.
            let _none = socket.recv_deadline(moment());
        }
        number += 1;
        if socket.kind() == Kind::Pub {
            std::thread::yield_now();
        }
    }
}

/// Victims receive, and hold what they have received.
fn kill_receivers(test: &str, which: usize, victim_binds: bool, rounds: u64) {
    let pairing = PAIRINGS[which];
    let mut random = Random::new(seed());
    let places = Places::new();
    let endpoint = places.endpoint("s");
    let context = Context::new().unwrap();
    let mut survivor = ready(&context, pairing.sender);
    if pairing.sender == Kind::Req {
        survivor.set(ringmq::SetOption::ReqRelaxed(true)).unwrap();
        survivor.set(ringmq::SetOption::ReqCorrelate(true)).unwrap();
    }
    open(&mut survivor, !victim_binds, &endpoint);
    let stop = AtomicBool::new(false);
    scope(|scope| {
        let _stops = StopOnDrop(&stop);
        scope.spawn(|| send_on(&context, &mut survivor, &stop));
        for round in 0..rounds {
            let (who, number) = (round.to_string(), which.to_string());
            let args = [&endpoint[..], name(victim_binds), &number, &who];
            let mut victim = Actor::start(&mut spawn_role(test, "receives", &args));
            assert_eq!(victim.hear(), "receives");
            random.dawdle(Duration::from_millis(3));
            kill(&mut victim);
            is_bounded();
        }
    });
    println!(
        "{pairing:?}, victims {}: {rounds} rounds",
        name(victim_binds)
    );
    drop((survivor, context));
    all_is_back(&places);
}

/// What is done to the victims of a pairing.
type Killing = fn(&str, usize, bool, u64);

fn all(test: &str, kill: Killing, rounds: u64) {
    match role().as_deref() {
        Some("alone") | None => {}
        Some(part) => return victim(part),
    }
    in_own_process(test, || {
        for which in 0..PAIRINGS.len() {
            for victim_binds in [false, true] {
                let _guard = watchdog(Duration::from_secs(60 + rounds));
                kill(test, which, victim_binds, rounds);
            }
        }
    });
}

#[test]
fn what_the_dead_have_sent_stays_whole_while_it_is_held() {
    const TEST: &str = "kill::what_the_dead_have_sent_stays_whole_while_it_is_held";
    all(TEST, kill_senders, 10);
}

#[test]
fn the_dead_give_back_what_they_held() {
    const TEST: &str = "kill::the_dead_give_back_what_they_held";
    all(TEST, kill_receivers, 10);
}

#[test]
#[ignore = "soak: 1,000 deaths of each pairing"]
fn what_the_dead_have_sent_stays_whole_a_thousand_times() {
    const TEST: &str = "kill::what_the_dead_have_sent_stays_whole_a_thousand_times";
    all(TEST, kill_senders, 500);
}

#[test]
#[ignore = "soak: 1,000 deaths of each pairing"]
fn the_dead_give_back_what_they_held_a_thousand_times() {
    const TEST: &str = "kill::the_dead_give_back_what_they_held_a_thousand_times";
    all(TEST, kill_receivers, 500);
}
