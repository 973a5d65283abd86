//! A side that has connected, and ends the connection by itself: its peer is stopped, and does not answer heartbeats. When
//! the peer goes on, it reads what it has in shared memory, and nothing comes to it twice.

use std::collections::HashSet;
use std::time::Duration;

use ringmq::{Carrier, Context, EventKind, Heartbeat, Kind, ZmtpReason};
use ringmq_testing::{Actor, role, say, soon, spawn_role, watchdog};

use crate::parts::{arg, last, make, read, socket, until_shared};
use crate::places::Places;

/// Messages that are read before the receiver is stopped, that are sent to it then, and that are sent once the sender has
/// left the connection.
const READ: u64 = 10;
const UNREAD: u64 = 200;
const LATER: u64 = 50;
const ALL: u64 = READ + UNREAD + LATER;

fn kinds(name: &str) -> (Kind, Kind) {
    match name {
        "PUSH" => (Kind::Push, Kind::Pull),
        _ => (Kind::Dealer, Kind::Router),
    }
}

/// Receives everything, each message once. What is left of the first connection comes in turn with what comes by the
/// second one.
fn receiver() {
    let context = Context::new().unwrap();
    let mut socket = socket(&context, kinds(&arg(1)).1);
    socket.bind(&arg(0)).unwrap();
    say("bound");
    let mut seen = HashSet::new();
    for count in 1..=ALL {
        let message = socket.recv_deadline(soon());
        let message = message.unwrap_or_else(|error| panic!("{count}: {error}"));
        let (_, number) = read(last(&message));
        assert!(number < ALL && seen.insert(number), "{number} comes twice");
        if count == READ {
            say("has read");
        }
    }
    assert!(socket.try_recv().is_err());
    say("has read all");
}

#[test]
fn a_peer_that_was_stopped_gets_nothing_twice() {
    const TEST: &str = "abandoned::a_peer_that_was_stopped_gets_nothing_twice";
    if role().is_some() {
        return receiver();
    }
    let _guard = watchdog(Duration::from_secs(120));
    for kind in ["PUSH", "DEALER"] {
        let places = Places::new();
        let endpoint = places.endpoint("s");
        let mut receiver = Actor::start(&mut spawn_role(TEST, "receiver", &[&endpoint, kind]));
        assert_eq!(receiver.hear(), "bound");
        let context = Context::new().unwrap();
        let mut sender = socket(&context, kinds(kind).0);
        let heartbeat = Heartbeat {
            interval: Duration::from_millis(100),
            timeout: Duration::from_secs(1),
            ttl: Duration::ZERO,
        };
        sender
            .change_options(|options| options.heartbeat(heartbeat))
            .unwrap();
        sender.set_linger(None);
        let mut monitor = sender.monitor().unwrap();
        sender.connect(&endpoint).unwrap();
        until_shared(&mut sender, 1);
        for number in 0..READ {
            sender.send(make(0, number)).unwrap();
        }
        assert_eq!(receiver.hear(), "has read");
        receiver.stop();
        for number in READ..READ + UNREAD {
            sender.send(make(0, number)).unwrap();
        }
        // The socket hears of the end with a command: what it sends from then on goes to the next connection.
        let gone = Carrier::Zmtp(ZmtpReason::PeerGone);
        while sender.connections()[0].carrier != gone {
            std::thread::yield_now();
        }
        for number in READ + UNREAD..ALL {
            sender.send(make(0, number)).unwrap();
        }
        receiver.go_on();
        assert_eq!(receiver.hear(), "has read all");
        receiver.finish();
        let mut ends = 0;
        while let Ok(event) = monitor.try_recv() {
            ends += u64::from(matches!(event.kind, EventKind::Disconnected { .. }));
        }
        assert!(ends > 0, "the connection has not ended");
    }
}
