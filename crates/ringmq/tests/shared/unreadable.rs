//! A receiver that has no memory or descriptor for what is in shared memory: it gets that by ZMTP, on the same connection,
//! and in order.

use std::time::Duration;

use ringmq::{Carrier, Context, Interest, Item, Kind, Message, Poller, Socket, ZmtpReason};
use ringmq_testing::{
    Actor, limit_descriptors, limit_memory, listen, role, say, soon, spawn_role, watchdog,
};

use crate::parts::{arg, is_shared, last, number, open, socket, until_shared};
use crate::places::Places;

/// All messages; this one needs another segment, and more memory than the receiver has for that.
const COUNT: u64 = 40;
const LARGE: u64 = 20;
const BYTES: usize = (32 << 20) + 8192;
/// Where descriptors run short, it only needs another segment.
const NO_ROOM: usize = 60_000;
/// What the receiver may map when it has received those before that one: enough for the message itself, but not for the
/// segment that it comes in, which has 36 MiB: an arena finds no room for such a block in less.
const MORE: u64 = (34 << 20) + (512 << 10);

/// A receiver that may have so many descriptors has more than that, and gets none: neither the kernel nor the one that is
/// kept for segments can help.
const FEW: u64 = 3;
const ENOUGH: u64 = 1000;

/// What runs short, and from which message on: from the first one that goes by shared memory, or from the large one.
#[derive(Debug, Clone, Copy)]
struct Lack {
    what: &'static str,
    from: u64,
}

const MEMORY: Lack = Lack {
    what: "memory",
    from: LARGE,
};
const DESCRIPTORS: [Lack; 2] = [
    Lack {
        what: "descriptors",
        from: LARGE,
    },
    Lack {
        what: "descriptors",
        from: 0,
    },
];

fn len(number: u64, lack: &str) -> usize {
    match number {
        LARGE if lack == "memory" => BYTES,
        LARGE => NO_ROOM,
        _ => 100,
    }
}

fn numbered(number: u64, lack: &str) -> Vec<u8> {
    let mut bytes = vec![number as u8; len(number, lack)];
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

/// Returns true if these are the bytes of [`numbered`]. Needs no memory.
fn is_numbered(bytes: &[u8], number: u64, lack: &str) -> bool {
    let (first, rest) = bytes.split_at(8);
    bytes.len() == len(number, lack)
        && first == number.to_le_bytes()
        && rest.iter().all(|byte| *byte == number as u8)
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

/// Receives all messages, with little memory or no more descriptors from one on.
fn receiver() {
    let kind = kind(&arg(1));
    let polls = number(3) % 2 == 1;
    let (lack, from) = (arg(4), number(5));
    let context = Context::new().unwrap();
    let mut socket = socket(&context, kind);
    open(&mut socket, arg(2) == "binds", &arg(0));
    say("open");
    for number in 0..COUNT {
        if number == from {
            // One that only receives is there as soon as both have agreed, others with the first message.
            while from > 0 && !is_shared(&mut socket) {
                std::thread::yield_now();
            }
            if from == 0 {
                assert_eq!(listen(), "limit");
            }
            let limited = match &lack[..] {
                "memory" => limit_memory(MORE),
                _ => limit_descriptors(FEW),
            };
            assert!(limited);
            say("limited");
        }
        let message = receive(&mut socket, polls);
        assert!(is_numbered(last(&message), number, &lack), "{number}");
        if kind == Kind::Rep {
            socket.send("thanks").unwrap();
        }
    }
    let connections = socket.connections();
    let back = |one: &&ringmq::Connection| one.carrier == Carrier::Zmtp(ZmtpReason::Resources);
    assert_eq!(
        connections.iter().filter(back).count(),
        1,
        "{connections:?}"
    );
    assert!(limit_descriptors(ENOUGH));
    say("received");
    assert_eq!(listen(), "end");
}

fn send(sender: &mut Socket, number: u64, lack: Lack) {
    sender.send(numbered(number, lack.what)).unwrap();
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
    everything_comes(TEST, MEMORY);
}

#[test]
fn a_segment_whose_descriptor_is_lost_comes_by_zmtp() {
    const TEST: &str = "unreadable::a_segment_whose_descriptor_is_lost_comes_by_zmtp";
    if role().is_some() {
        return receiver();
    }
    DESCRIPTORS
        .iter()
        .for_each(|lack| everything_comes(TEST, *lack));
}

/// Whatever side binds, and whatever the receiver's type is.
fn everything_comes(test: &str, lack: Lack) {
    let _guard = watchdog(Duration::from_secs(240));
    let pairs = [
        ("PUSH", "PULL"),
        ("PAIR", "PAIR"),
        ("DEALER", "DEALER"),
        ("DEALER", "ROUTER"),
        ("REQ", "REP"),
        ("PUB", "SUB"),
    ];
    // A SUB that does nothing before the first message has not subscribed to it.
    let all = pairs
        .iter()
        .filter(|(from, _)| lack.from > 0 || *from != "PUB")
        .flat_map(|pair| [(pair, true), (pair, false)]);
    for (turn, ((from, to), binds)) in all.enumerate() {
        // A second peer is there that is silent, where there can be two.
        let others = usize::from(*to != "PAIR" && binds);
        println!("{lack:?}, {from} to {to}, which binds: {binds}");
        let places = Places::new();
        let endpoint = places.endpoint("s");
        let side = if binds { "binds" } else { "connects" };
        let polls = (turn / 2 + turn).to_string();
        let args = [
            &endpoint[..],
            to,
            side,
            &polls,
            lack.what,
            &lack.from.to_string(),
        ];
        let mut receiver = Actor::start(&mut spawn_role(test, "receiver", &args));
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
                until_shared(&mut other, 1);
                other
            })
            .collect();
        until_shared(&mut sender, 1);
        (0..lack.from).for_each(|number| send(&mut sender, number, lack));
        if lack.from == 0 {
            receiver.tell("limit");
        }
        assert_eq!(receiver.hear(), "limited");
        (lack.from..COUNT).for_each(|number| send(&mut sender, number, lack));
        assert_eq!(receiver.hear(), "received");
        let refused = Carrier::Zmtp(ZmtpReason::RefusedByPeer(ringmq::RefusalReason::Resources));
        // The session tells the socket behind the messages that it sends.
        while sender.connections()[0].carrier != refused {
            std::thread::yield_now();
        }
        while let Ok(event) = monitor.try_recv() {
            let ended = matches!(event.kind, ringmq::EventKind::Disconnected { .. });
            assert!(!ended, "the connection has ended");
        }
        drop(silent);
        receiver.tell("end");
        receiver.finish();
    }
}

/// Messages of a sender that closes, and the place of the large one.
const LAST: u64 = 6;
const LARGE_LAST: u64 = 3;

fn of_a_closer(number: u64) -> Vec<u8> {
    vec![number as u8; if number == LARGE_LAST { BYTES } else { 100 }]
}

/// Receives what a sender has sent before it closed, without memory for the segment of the large message.
fn late_receiver() {
    let context = Context::new().unwrap();
    let mut pull = socket(&context, Kind::Pull);
    open(&mut pull, arg(1) == "binds", &arg(0));
    say("open");
    pull.recv_deadline(soon()).unwrap();
    until_shared(&mut pull, 1);
    assert!(limit_memory(MORE));
    say("limited");
    assert_eq!(listen(), "read");
    for number in 0..LAST {
        let message = pull.recv_deadline(soon());
        let message = message.unwrap_or_else(|error| panic!("{number}: {error}"));
        assert!(last(&message) == of_a_closer(number), "{number}");
    }
    say("received");
    assert_eq!(listen(), "end");
    assert!(pull.try_recv().is_err());
}

/// `send` and the close have succeeded, and the session lingers: it delivers what the receiver cannot map. libzmq does.
#[test]
fn what_a_receiver_has_no_memory_for_comes_from_a_socket_that_has_closed() {
    const TEST: &str =
        "unreadable::what_a_receiver_has_no_memory_for_comes_from_a_socket_that_has_closed";
    if role().is_some() {
        return late_receiver();
    }
    let _guard = watchdog(Duration::from_secs(120));
    for binds in [true, false] {
        println!("the receiver binds: {binds}");
        let places = Places::new();
        let endpoint = places.endpoint("s");
        let side = if binds { "binds" } else { "connects" };
        let mut receiver = Actor::start(&mut spawn_role(TEST, "late_receiver", &[&endpoint, side]));
        let context = Context::new().unwrap();
        let mut push = socket(&context, Kind::Push);
        push.set_linger(None);
        if binds {
            assert_eq!(receiver.hear(), "open");
            open(&mut push, false, &endpoint);
        } else {
            open(&mut push, true, &endpoint);
            assert_eq!(receiver.hear(), "open");
        }
        until_shared(&mut push, 1);
        push.send("begins").unwrap();
        assert_eq!(receiver.hear(), "limited");
        for number in 0..LAST {
            push.send(of_a_closer(number)).unwrap();
        }
        drop(push);
        receiver.tell("read");
        context.terminate();
        assert_eq!(receiver.hear(), "received");
        receiver.tell("end");
        receiver.finish();
    }
}
