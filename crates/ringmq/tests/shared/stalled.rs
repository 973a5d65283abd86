//! A receiver that is stopped, and then killed, while others go on: they never stall, and what the sender had for it is
//! gone with it.

use std::fs;
use std::time::Duration;

use ringmq::{Context, Kind, Message, SetOption, Socket};
use ringmq_testing::{Actor, Counters, listen, role, say, soon, spawn_role, watchdog};

use crate::parts::{arg, last, make, read, socket, until_shared};
use crate::places::Places;

/// Receivers beside the one that is stopped.
const OTHERS: usize = 3;
/// Messages of a round, and rounds: more than the marks admit for a receiver that reads nothing.
const EACH: u64 = 500;
const ROUNDS: u64 = 10;
/// A ring of this size is kept although it is empty, in bytes.
const KEPT: usize = 512 << 10;
/// What the allocator may keep, in KiB.
const SPARE: u64 = 4 << 10;

/// What the sender has for its receivers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Taken {
    descriptors: usize,
    mappings: usize,
}

impl Taken {
    /// And bytes of rings.
    fn now() -> (Taken, usize) {
        let maps = fs::read_to_string("/proc/self/maps").unwrap();
        let ours = maps.lines().filter(|line| line.contains("/memfd:ringmq-"));
        // The memory for blocks and the status page are the process's, not those of a receiver.
        let is_shared =
            |line: &&str| line.contains("ringmq-blocks") || line.contains("ringmq-status");
        let ours = ours.filter(|line| !is_shared(line));
        let rings = ours.clone().filter(|line| line.contains("ring "));
        let taken = Taken {
            descriptors: Counters::now().fds - blocks(),
            mappings: ours.count(),
        };
        (taken, rings.map(bytes).sum())
    }
}

/// Descriptors of the memory for blocks.
fn blocks() -> usize {
    let open = fs::read_dir("/proc/self/fd").unwrap();
    let names = open.filter_map(|entry| fs::read_link(entry.unwrap().path()).ok());
    let blocks = names.filter(|name| name.to_string_lossy().contains("ringmq-blocks"));
    blocks.count()
}

/// Bytes that a line of `/proc/PID/maps` is about.
fn bytes(line: &str) -> usize {
    let (from, to) = line.split(' ').next().unwrap().split_once('-').unwrap();
    let address = |text| usize::from_str_radix(text, 16).unwrap();
    address(to) - address(from)
}

fn private_kib() -> u64 {
    let Counters {
        rss_kib, shmem_kib, ..
    } = Counters::now();
    rss_kib - shmem_kib
}

fn name(which: usize) -> String {
    format!("receiver {which}")
}

/// Sends to all: by itself, or to each by name.
fn send_to_all(sender: &mut Socket, bytes: &[u8]) {
    match sender.kind() {
        Kind::Router => {
            for which in 0..=OTHERS {
                // A peer that is gone or has no room does not get it.
                let message: Message = [name(which).as_bytes(), bytes].into_iter().collect();
                sender.send(message).unwrap();
            }
        }
        // Each gets some.
        Kind::Push => sender.send_deadline(bytes, soon()).unwrap(),
        _ => sender.send(bytes).unwrap(),
    }
}

/// Waits for another `more` receivers, `count` in all.
fn until_there(sender: &mut Socket, more: usize, count: usize) {
    if sender.kind() == Kind::Xpub {
        for _ in 0..more {
            // A subscriber gets nothing before its subscription has arrived.
            assert_eq!(last(&sender.recv_deadline(soon()).unwrap()), [1]);
        }
    }
    until_shared(sender, count);
}

/// Sends rounds on command, and counts its resources before a receiver is stopped, and after.
fn sender() {
    let context = Context::new().unwrap();
    let kind = kind(&arg(1)).0;
    let mut sender = socket(&context, kind);
    if kind == Kind::Xpub {
        // It hears of each subscription, also when another one is the same.
        sender.set(SetOption::XpubVerbose(true)).unwrap();
    }
    sender.bind(&arg(0)).unwrap();
    until_there(&mut sender, OTHERS, OTHERS);
    let settle = |sender: &mut Socket, wanted: Option<Taken>| {
        loop {
            send_to_all(sender, &make(0, 0));
            let (now, bytes) = Taken::now();
            // A page of its own; of each other one a page and a ring.
            let least = 1 + 2 * OTHERS;
            if now.mappings == least
                && bytes <= OTHERS * KEPT
                && wanted.is_none_or(|wanted| now == wanted)
            {
                return now;
            }
            // It does not wait for anything: it sends at a pace at which every receiver has room for what is counted.
            std::thread::sleep(Duration::from_millis(1));
        }
    };
    let rounds = |sender: &mut Socket, from: u64| {
        for round in from..from + ROUNDS {
            for number in 0..EACH {
                send_to_all(sender, &make(round, number));
            }
            say(&format!("round {round}"));
            assert_eq!(listen(), "they have it");
        }
    };
    rounds(&mut sender, 1);
    let before = settle(&mut sender, None);
    let private = private_kib();
    say("another one");
    until_there(&mut sender, 1, OTHERS + 1);
    send_to_all(&mut sender, &make(0, 0));
    say("it is there");
    assert_eq!(listen(), "it is stopped");
    rounds(&mut sender, 1 + ROUNDS);
    let (most, _) = Taken::now();
    assert!(most.mappings > before.mappings, "{most:?}, {before:?}");
    say("kill it");
    assert_eq!(listen(), "it is dead");
    rounds(&mut sender, 1 + 2 * ROUNDS);
    settle(&mut sender, Some(before));
    let grown = private_kib().saturating_sub(private);
    assert!(grown <= SPARE, "{grown} KiB of private memory are left");
    say("as before");
    assert_eq!(listen(), "end");
}

/// Receives, and tells of the end of each round.
fn receiver() {
    let context = Context::new().unwrap();
    let mut receiver = socket(&context, kind(&arg(1)).1);
    if receiver.kind() == Kind::Dealer {
        receiver
            .change_options(|options| options.routing_id(arg(2).as_bytes()))
            .unwrap();
    }
    receiver.connect(&arg(0)).unwrap();
    loop {
        let message = receiver.recv().unwrap();
        let (round, number) = read(last(&message));
        if round > 0 && number == EACH - 1 && receiver.kind() != Kind::Pull {
            say(&format!("round {round}"));
        }
    }
}

fn kind(name: &str) -> (Kind, Kind) {
    match name {
        "publishes" => (Kind::Xpub, Kind::Sub),
        "routes" => (Kind::Router, Kind::Dealer),
        _ => (Kind::Push, Kind::Pull),
    }
}

fn stop_and_kill(test: &str, does: &str) {
    let places = Places::new();
    let endpoint = places.endpoint("s");
    let mut sender = Actor::start(&mut spawn_role(test, "sender", &[&endpoint, does]));
    let start = |which: usize| {
        let args = [&endpoint[..], does, &name(which)];
        Actor::start(&mut spawn_role(test, "receiver", &args))
    };
    let mut others: Vec<Actor> = (0..OTHERS).map(start).collect();
    let mut pass_on = |sender: &mut Actor| loop {
        let heard = sender.hear();
        if !heard.starts_with("round") {
            return heard;
        }
        if does != "shares out" {
            for other in &mut others {
                assert_eq!(other.hear(), heard);
            }
        }
        sender.tell("they have it");
    };
    assert_eq!(pass_on(&mut sender), "another one");
    let mut victim = start(OTHERS);
    assert_eq!(sender.hear(), "it is there");
    victim.stop();
    sender.tell("it is stopped");
    assert_eq!(pass_on(&mut sender), "kill it");
    victim.kill();
    victim.wait();
    sender.tell("it is dead");
    assert_eq!(pass_on(&mut sender), "as before");
    sender.tell("end");
    sender.finish();
}

#[test]
fn a_receiver_that_is_stopped_and_killed_stalls_no_peer_and_leaves_nothing() {
    const TEST: &str =
        "stalled::a_receiver_that_is_stopped_and_killed_stalls_no_peer_and_leaves_nothing";
    match role().as_deref() {
        Some("sender") => return sender(),
        Some(_) => return receiver(),
        None => {}
    }
    let _guard = watchdog(Duration::from_secs(60));
    for does in ["publishes", "routes", "shares out"] {
        stop_and_kill(TEST, does);
    }
}
