//! STREAM, and ROUTER with connections that carry bytes.

mod oracle;
mod world;

use oracle::Choices;
use ringmq_pattern::{Kind, Pattern, Peer, RecvPartError, Remote, SendPartError, SetOption};
use ringmq_testing::{Random, seed};
use world::{START, Stage};

/// The routing id that is made up for a connection.
fn made(count: u32) -> String {
    let number = (START + count).to_be_bytes();
    format!("\0{}", String::from_utf8_lossy(&number))
}

/// A STREAM and a raw ROUTER, each with connections.
fn both(connections: u32) -> [Stage; 2] {
    let mut router = Stage::new(Kind::Router);
    router.set(SetOption::RouterRaw(true));
    let mut stages = [Stage::new(Kind::Stream), router];
    for stage in &mut stages {
        assert!(stage.pattern.is_raw());
        for peer in 0..connections {
            stage.join(peer);
        }
    }
    stages
}

#[test]
fn bytes_come_with_the_id_of_their_connection_and_go_to_the_one_that_is_named() {
    for mut stage in both(2) {
        stage.give(0, "");
        stage.give(1, "GET");
        assert_eq!(stage.recv().unwrap(), made(0) + "|");
        assert_eq!(stage.recv().unwrap(), made(1) + "|GET");
        assert_eq!(stage.recv(), Err(RecvPartError::Empty));
        stage.send(&(made(1) + "|OK")).unwrap();
        assert_eq!(stage.got(0), [""; 0]);
        assert_eq!(stage.got(1), ["OK"]);
    }
}

#[test]
fn a_part_ends_its_message_whether_or_not_more_follow() {
    for mut stage in both(1) {
        for text in ["a", "b"] {
            stage.send_part(&made(0)).unwrap();
            stage.send_part(text).unwrap();
        }
        assert_eq!(stage.got(0), ["a", "b"]);
    }
}

#[test]
fn an_empty_part_ends_the_connection() {
    for mut stage in both(2) {
        stage.send(&(made(0) + "|")).unwrap();
        assert!(stage.world.pipes[0].terminated && !stage.world.pipes[1].terminated);
        assert_eq!(stage.got(0), [""; 0]);
        stage.leave(0);
        stage.send(&(made(1) + "|still")).unwrap();
        assert_eq!(stage.got(1), ["still"]);
    }
}

#[test]
fn a_stream_refuses_what_it_cannot_deliver() {
    let mut stream = Stage::with(Kind::Stream, 1);
    let refused = stream.send("a stranger|x");
    assert!(matches!(refused, Err(SendPartError::HostUnreachable(_))));
    for _ in 0..10 {
        stream.send(&(made(0) + "|x")).unwrap();
    }
    let refused = stream.send(&(made(0) + "|x"));
    assert!(matches!(refused, Err(SendPartError::WouldBlock(id)) if id.more()));
    assert!(stream.can_send(), "as in libzmq");
    assert_eq!(stream.got(0).len(), 10);
    stream.send(&(made(0) + "|y")).unwrap();
    assert_eq!(stream.got(0), ["y"]);
}

#[test]
fn a_raw_router_drops_what_it_cannot_deliver() {
    let [_, mut router] = both(1);
    router.send("a stranger|x").unwrap();
    router.set(SetOption::RouterMandatory(true));
    let refused = router.send("a stranger|x");
    assert!(matches!(refused, Err(SendPartError::HostUnreachable(_))));
}

#[test]
fn what_follows_an_id_without_a_message_is_dropped() {
    let mut stream = Stage::with(Kind::Stream, 1);
    stream.send(&made(0)).unwrap();
    stream.send("dropped").unwrap();
    stream.send(&(made(0) + "|a")).unwrap();
    assert_eq!(stream.got(0), ["a"]);
}

#[test]
fn the_bytes_for_a_connection_that_has_gone_are_dropped() {
    for mut stage in both(2) {
        stage.send_part(&made(0)).unwrap();
        stage.leave(0);
        stage.send("dropped").unwrap();
        stage.send(&(made(1) + "|a")).unwrap();
        assert_eq!(stage.got(1), ["a"]);
    }
}

#[test]
fn the_application_names_a_connection() {
    for mut stage in both(1) {
        stage.pipe(1);
        let remote = Remote {
            assigned_id: Some(b"web"),
            ..Remote::default()
        };
        let Stage { pattern, world, .. } = &mut stage;
        pattern.attach(Peer(1), remote, world).unwrap();
        assert_eq!(pattern.routing_id(Peer(1)), Some(&b"web"[..]));
        assert_eq!(pattern.peer_by_id(b"web"), Some(Peer(1)));
        stage.give(1, "x");
        assert_eq!(stage.recv().unwrap(), "web|x");
    }
}

#[test]
fn other_types_carry_messages_only() {
    let mut stream = Stage::new(Kind::Stream);
    let refused = stream
        .pattern
        .set(SetOption::RouterRaw(false), &mut stream.world);
    assert!(refused.is_err());
    assert!(!Pattern::new(Kind::Router, START).is_raw());
    let mut dealer = Stage::new(Kind::Dealer);
    let refused = dealer
        .pattern
        .set(SetOption::RouterRaw(true), &mut dealer.world);
    assert!(refused.is_err());
}

struct Seeded(Random);

impl Choices for Seeded {
    fn below(&mut self, limit: u64) -> u64 {
        self.0.below(limit)
    }

    fn is_over(&self) -> bool {
        false
    }
}

#[test]
fn every_call_does_what_the_model_says() {
    let mut choices = Seeded(Random::new(seed()));
    for _ in 0..500 {
        oracle::check(&mut choices);
    }
}
