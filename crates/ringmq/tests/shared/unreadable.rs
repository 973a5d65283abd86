//! A receiver that has no memory for what is in shared memory: it gets that by ZMTP, on the same connection, and in order.

use std::time::Duration;

use ringmq::{Carrier, Context, Interest, Item, Kind, Message, Poller, Socket, WhyZmtp};
use ringmq_testing::{Actor, Scratch, limit_memory, listen, role, say, spawn_role, watchdog};

use crate::parts::{arg, is_shared, last, number, open, socket, soon};

/// All messages; this one needs more memory than the receiver has for a segment.
const COUNT: u64 = 40;
const LARGE: u64 = 20;
const BYTES: usize = 25 << 20;
/// What the receiver may map when it has received those before that one: enough for the message itself, but not for the
/// segment of 128 MiB that it comes in.
const MORE: u64 = 90 << 20;

fn numbered(number: u64) -> Vec<u8> {
    let len = if number == LARGE { BYTES } else { 100 };
    let mut bytes = vec![number as u8; len];
    bytes[..8].copy_from_slice(&number.to_le_bytes());
    bytes
}

fn kind(name: &str) -> Kind {
    match name {
        "PUSH" => Kind::Push,
        "PULL" => Kind::Pull,
        "PAIR" => Kind::Pair,
        "DEALER" => Kind::Dealer,
        "ROUTER" => Kind::Router,
        "PUB" => Kind::Pub,
        "SUB" => Kind::Sub,
        "REQ" => Kind::Req,
        _ => Kind::Rep,
    }
}

/// Waits for a message in a call to receive, or in a poller.
fn receive(socket: &mut Socket, polls: bool) -> Message {
    if polls {
        let mut items = [Item::socket(socket, Interest::READABLE)];
        let limit = Some(Duration::from_secs(20));
        assert_eq!(Poller::new().wait(&mut items, limit).unwrap(), 1);
    }
    socket.recv_deadline(soon()).unwrap()
}

/// Receives all messages, with little memory from the large one on.
fn receiver() {
    let kind = kind(&arg(1));
    let polls = number(3) % 2 == 1;
    let context = Context::new().unwrap();
    let mut socket = socket(&context, kind);
    open(&mut socket, arg(2) == "binds", &arg(0));
    say("open");
    for number in 0..COUNT {
        if number == LARGE {
            while !is_shared(&mut socket) {
                std::thread::yield_now();
            }
            assert!(limit_memory(MORE));
            say("limited");
        }
        let message = receive(&mut socket, polls);
        assert!(last(&message) == numbered(number), "{number}");
        if kind == Kind::Rep {
            socket.send("thanks").unwrap();
        }
    }
    let connections = socket.connections();
    let back = |one: &&ringmq::Connection| one.carrier == Carrier::Zmtp(WhyZmtp::Resources);
    assert_eq!(connections.iter().filter(back).count(), 1);
    say("received");
    assert_eq!(listen(), "end");
}

fn send(sender: &mut Socket, number: u64) {
    sender.send(numbered(number)).unwrap();
    if sender.kind() == Kind::Req {
        sender.recv_deadline(soon()).unwrap();
    }
}

#[test]
fn what_a_receiver_has_no_memory_for_comes_by_zmtp() {
    const TEST: &str = "unreadable::what_a_receiver_has_no_memory_for_comes_by_zmtp";
    if role().is_some() {
        return receiver();
    }
    let _guard = watchdog(Duration::from_secs(240));
    let pairs = [
        ("PUSH", "PULL"),
        ("PAIR", "PAIR"),
        ("DEALER", "DEALER"),
        ("DEALER", "ROUTER"),
        ("REQ", "REP"),
        ("PUB", "SUB"),
    ];
    let all = pairs.iter().flat_map(|pair| [(pair, true), (pair, false)]);
    for (turn, ((from, to), binds)) in all.enumerate() {
        // A second peer is there that is silent, where there can be two.
        let others = usize::from(*to != "PAIR" && binds);
        println!("{from} to {to}, which binds: {binds}");
        let scratch = Scratch::new();
        let endpoint = format!("ipc://{}", scratch.path("s"));
        let side = if binds { "binds" } else { "connects" };
        let polls = (turn / 2 + turn).to_string();
        let args = [&endpoint[..], to, side, &polls];
        let mut receiver = Actor::start(&mut spawn_role(TEST, "receiver", &args));
        let context = Context::new().unwrap();
        let mut sender = socket(&context, kind(from));
        sender.set_linger(None);
        let mut monitor = sender.monitor().unwrap();
        if binds {
            assert_eq!(receiver.hear(), "open");
            open(&mut sender, false, &endpoint);
        } else {
            open(&mut sender, true, &endpoint);
            assert_eq!(receiver.hear(), "open");
        }
        let silent: Vec<Socket> = (0..others)
            .map(|_| {
                let mut other = socket(&context, kind(from));
                open(&mut other, false, &endpoint);
                while !is_shared(&mut other) {
                    std::thread::yield_now();
                }
                other
            })
            .collect();
        while !is_shared(&mut sender) {
            std::thread::yield_now();
        }
        (0..LARGE).for_each(|number| send(&mut sender, number));
        assert_eq!(receiver.hear(), "limited");
        (LARGE..COUNT).for_each(|number| send(&mut sender, number));
        assert_eq!(receiver.hear(), "received");
        let refused = Carrier::Zmtp(WhyZmtp::RefusedByPeer(ringmq::Refuse::Resources));
        assert_eq!(sender.connections()[0].carrier, refused);
        while let Ok(event) = monitor.try_recv() {
            let ended = matches!(event.occurrence, ringmq::Occurrence::Disconnected { .. });
            assert!(!ended, "the connection has ended");
        }
        drop(silent);
        receiver.tell("end");
        receiver.finish();
    }
}
