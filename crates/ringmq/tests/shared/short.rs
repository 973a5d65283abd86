//! A side that has no memory for a message, or no descriptor for that: it goes by ZMTP then, on the same connection, and
//! in order.

use std::fs::File;
use std::time::{Duration, Instant};

use ringmq::{Carrier, Context, EventKind, Kind, Monitor, Socket, ZmtpReason};
use ringmq_testing::{
    Actor, limit_descriptors, listen, role, say, scope, soon, spawn_role, watchdog,
};

use crate::parts::{arg, last, open, socket, until_shared};
use crate::places::Places;

/// All messages; those from here on, and up to there, find no descriptor left.
const COUNT: u64 = 60;
const SHORT: u64 = 20;
const AMPLE: u64 = 40;
const LARGE: u64 = 50;

/// Message `number`. The first for which there is no descriptor needs one, and so does a later one for which there is.
fn numbered(number: u64) -> Vec<u8> {
    let len = match number {
        SHORT => 60_000,
        LARGE => 300_000,
        _ => 100,
    };
    let mut bytes = vec![number as u8; len];
    bytes[..8].copy_from_slice(&number.to_le_bytes());
    bytes
}

/// Waits until what is sent goes by ZMTP for want of memory.
fn until_returned(socket: &mut Socket) {
    let why = Carrier::Zmtp(ZmtpReason::Resources);
    while socket.connections()[0].carrier != why {
        std::thread::yield_now();
    }
}

/// Takes all descriptors that there are.
fn use_up() -> Vec<File> {
    let mut files = Vec::new();
    while let Ok(file) = File::open("/dev/null") {
        files.push(file);
    }
    files
}

fn kind(name: &str) -> Kind {
    match name {
        "PUSH" => Kind::Push,
        "PULL" => Kind::Pull,
        "PAIR" => Kind::Pair,
        "DEALER" => Kind::Dealer,
        "REQ" => Kind::Req,
        _ => Kind::Rep,
    }
}

/// A socket of few descriptors, whose peer has gone over.
fn poor(kind: Kind, endpoint: &str, binds: &str) -> Socket {
    assert!(limit_descriptors(100));
    let mut socket = socket(&Context::new().unwrap(), kind);
    socket.set_linger(None);
    open(&mut socket, binds == "binds", endpoint);
    until_shared(&mut socket, 1);
    socket
}

/// Sends all messages: as requests, as replies, or just so.
fn sender() {
    let kind = kind(&arg(1));
    let mut socket = poor(kind, &arg(0), &arg(2));
    let mut files = Vec::new();
    for number in 0..COUNT {
        match number {
            SHORT => files = use_up(),
            AMPLE => files.clear(),
            _ => {}
        }
        if kind == Kind::Rep {
            socket.recv_deadline(soon()).unwrap();
        }
        socket.send(numbered(number)).unwrap();
        if kind == Kind::Req {
            socket.recv_deadline(soon()).unwrap();
        }
    }
    until_returned(&mut socket);
    say("returned");
    assert_eq!(listen(), "end");
}

/// Sees that nothing has happened to the one connection that there was.
#[track_caller]
fn stood(monitor: &mut Monitor) {
    let mut handshakes = 0;
    while let Ok(event) = monitor.try_recv() {
        match event.kind {
            EventKind::HandshakeSucceeded => handshakes += 1,
            EventKind::Disconnected { .. } => panic!("the connection has ended"),
            _ => {}
        }
    }
    assert_eq!(handshakes, 1);
}

#[test]
fn a_message_without_memory_goes_by_zmtp_from_either_side() {
    const TEST: &str = "short::a_message_without_memory_goes_by_zmtp_from_either_side";
    if role().is_some() {
        return sender();
    }
    let _guard = watchdog(Duration::from_secs(120));
    let pairs = [
        ("PUSH", "PULL"),
        ("PAIR", "PAIR"),
        ("DEALER", "DEALER"),
        ("REP", "REQ"),
        ("REQ", "REP"),
    ];
    for (from, to) in pairs {
        for binds in ["binds", "connects"] {
            println!("{from} {binds}");
            let places = Places::new();
            let endpoint = places.endpoint("s");
            let mut sender =
                Actor::start(&mut spawn_role(TEST, "sender", &[&endpoint, from, binds]));
            let mut receiver = socket(&Context::new().unwrap(), kind(to));
            let mut monitor = receiver.monitor().unwrap();
            open(&mut receiver, binds != "binds", &endpoint);
            for number in 0..COUNT {
                if to == "REQ" {
                    receiver.send("next").unwrap();
                }
                let message = receiver.recv_deadline(soon()).unwrap();
                assert!(last(&message) == numbered(number), "{number}");
                if to == "REP" {
                    receiver.send("thanks").unwrap();
                }
            }
            assert_eq!(sender.hear(), "returned");
            assert!(receiver.try_recv().is_err());
            stood(&mut monitor);
            sender.tell("end");
            sender.finish();
        }
    }
}

/// Sends and receives in turn.
fn talker() {
    let mut pair = poor(Kind::Pair, &arg(0), &arg(1));
    let mut files = Vec::new();
    for number in 0..COUNT {
        if number == SHORT {
            files = use_up();
        }
        pair.send(numbered(number)).unwrap();
        let message = pair.recv_deadline(soon()).unwrap();
        assert!(last(&message) == numbered(number), "{number}");
    }
    drop(files);
    say("done");
    assert_eq!(listen(), "end");
}

#[test]
fn both_directions_go_by_zmtp_again() {
    const TEST: &str = "short::both_directions_go_by_zmtp_again";
    if role().is_some() {
        return talker();
    }
    let _guard = watchdog(Duration::from_secs(60));
    let places = Places::new();
    let endpoint = places.endpoint("s");
    let mut talkers = ["binds", "connects"]
        .map(|binds| Actor::start(&mut spawn_role(TEST, "talker", &[&endpoint, binds])));
    scope(|scope| {
        for talker in &mut talkers {
            scope.spawn(move || assert_eq!(talker.hear(), "done"));
        }
    });
    for mut talker in talkers {
        talker.tell("end");
        talker.finish();
    }
}

/// Closes with a message for which there is no memory.
fn leaver() {
    let mut push = poor(Kind::Push, &arg(0), &arg(1));
    for number in 0..SHORT {
        push.send(numbered(number)).unwrap();
    }
    let files = use_up();
    push.send(numbered(SHORT)).unwrap();
    drop(push);
    drop(files);
}

#[test]
fn a_message_without_memory_arrives_after_a_close() {
    const TEST: &str = "short::a_message_without_memory_arrives_after_a_close";
    if role().is_some() {
        return leaver();
    }
    let _guard = watchdog(Duration::from_secs(60));
    for binds in ["binds", "connects"] {
        for _ in 0..5 {
            let places = Places::new();
            let endpoint = places.endpoint("s");
            let leaver = Actor::start(&mut spawn_role(TEST, "leaver", &[&endpoint, binds]));
            let mut pull = socket(&Context::new().unwrap(), Kind::Pull);
            open(&mut pull, binds != "binds", &endpoint);
            for number in 0..=SHORT {
                let message = pull.recv_deadline(soon()).unwrap();
                assert!(last(&message) == numbered(number), "{number}");
            }
            leaver.finish();
        }
    }
}

/// Whom the victim receives from before it dies, and so many.
const TAKEN: u64 = 3;

fn victim() {
    let mut pull = socket(&Context::new().unwrap(), Kind::Pull);
    pull.bind(&arg(0)).unwrap();
    say("bound");
    for number in 0..TAKEN {
        let message = pull.recv_deadline(soon()).unwrap();
        assert!(last(&message) == numbered(number));
    }
    say("taken");
    assert_eq!(listen(), "never");
}

fn survivor() {
    let mut push = poor(Kind::Push, &arg(0), "connects");
    for number in 0..SHORT {
        push.send(numbered(number)).unwrap();
    }
    let files = use_up();
    for number in SHORT..AMPLE {
        push.send(numbered(number)).unwrap();
    }
    until_returned(&mut push);
    drop(files);
    say("returned");
    assert_eq!(listen(), "go on");
    for number in AMPLE..COUNT {
        push.send(numbered(number)).unwrap();
    }
}

#[test]
fn what_a_dead_peer_has_not_read_goes_to_the_next_although_more_went_by_zmtp() {
    const TEST: &str =
        "short::what_a_dead_peer_has_not_read_goes_to_the_next_although_more_went_by_zmtp";
    match role().as_deref() {
        Some("victim") => return victim(),
        Some(_) => return survivor(),
        None => {}
    }
    let _guard = watchdog(Duration::from_secs(60));
    let places = Places::new();
    let endpoint = places.endpoint("s");
    let mut victim = Actor::start(&mut spawn_role(TEST, "victim", &[&endpoint]));
    assert_eq!(victim.hear(), "bound");
    let mut survivor = Actor::start(&mut spawn_role(TEST, "survivor", &[&endpoint]));
    assert_eq!(survivor.hear(), "returned");
    assert_eq!(victim.hear(), "taken");
    victim.kill();
    drop(victim);
    survivor.tell("go on");
    let mut pull = socket(&Context::new().unwrap(), Kind::Pull);
    pull.bind(&endpoint).unwrap();
    let mut received = Vec::new();
    while received.last() != Some(&(COUNT - 1)) {
        let message = pull.recv_deadline(soon()).unwrap();
        let bytes = last(&message);
        let number = u64::from_le_bytes(bytes[..8].try_into().unwrap());
        assert!(bytes == numbered(number));
        received.push(number);
    }
    // What was on its way by ZMTP is lost with the peer, as with libzmq.
    let unread: Vec<_> = (TAKEN..SHORT).collect();
    assert!(received.starts_with(&unread), "{received:?}");
    assert!(received.is_sorted_by(|one, two| one < two), "{received:?}");
    survivor.finish();
}

/// Fills what there is room for, by a mark that was changed after the connection had been made.
fn filler() {
    let mut push = poor(Kind::Push, &arg(0), "connects");
    push.set_send_hwm(MARK);
    push.send(numbered(0)).unwrap();
    let files = use_up();
    push.send(numbered(LARGE)).unwrap();
    until_returned(&mut push);
    drop(files);
    assert_eq!(listen(), "fill");
    let mut sent = 0;
    // A moment without room is one of the session's.
    let moment = || Instant::now() + Duration::from_millis(300);
    while sent < MOST && push.send_deadline(vec![0; 100_000], moment()).is_ok() {
        sent += 1;
    }
    say(&sent.to_string());
    assert_eq!(listen(), "end");
    // The peer does not read the rest.
    push.set_linger(Duration::ZERO);
}

const MARK: u32 = 2;
/// Many more than may wait, with what is on its way in the kernel.
const MOST: u32 = 200;

#[test]
fn a_mark_that_was_changed_holds_for_what_goes_by_zmtp_again() {
    const TEST: &str = "short::a_mark_that_was_changed_holds_for_what_goes_by_zmtp_again";
    if role().is_some() {
        return filler();
    }
    let _guard = watchdog(Duration::from_secs(60));
    let places = Places::new();
    let endpoint = places.endpoint("s");
    let mut pull = socket(&Context::new().unwrap(), Kind::Pull);
    pull.bind(&endpoint).unwrap();
    let mut filler = Actor::start(&mut spawn_role(TEST, "filler", &[&endpoint]));
    // Its mark is large until it, too, hears of the way back.
    pull.set_recv_hwm(MARK);
    for number in [0, LARGE] {
        assert!(last(&pull.recv_deadline(soon()).unwrap()) == numbered(number));
    }
    filler.tell("fill");
    let sent: u32 = filler.hear().parse().unwrap();
    filler.tell("end");
    filler.finish();
    assert!(sent < MOST, "{sent} of two marks of {MARK}");
}
