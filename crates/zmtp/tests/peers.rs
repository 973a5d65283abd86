//! Whom we talk to: types, versions, and what peers say of themselves.

#[allow(dead_code, reason = "shared with the other tests")]
mod invariants;

use std::sync::Arc;
use std::time::Duration;

use invariants::{command, drain, frame, greeting, hello, property, ready, receive_all};
use ringmq_message::Frame;
use ringmq_zmtp::{Connection, Detail, Error, Event, Kind, Settings};

fn connection(socket_type: Kind) -> Connection {
    Connection::new(Settings::new(socket_type), Duration::ZERO)
}

/// One that knows older versions.
fn patient(socket_type: Kind) -> Connection {
    let mut settings = Settings::new(socket_type);
    settings.accept_older = true;
    settings.routing_id = b"id".to_vec();
    Connection::new(settings, Duration::ZERO)
}

#[test]
fn only_legal_pairs_become_ready() {
    let mut legal = Vec::new();
    for ours in Kind::ALL {
        for theirs in Kind::ALL {
            let mut connection = connection(ours);
            match receive_all(&mut connection, &hello(theirs)) {
                (events, Ok(())) => {
                    assert_eq!(events, [Event::Ready]);
                    legal.push(format!("{ours}-{theirs}"));
                }
                (events, Err(error)) => {
                    assert_eq!(events, []);
                    let theirs = theirs.name().to_owned();
                    assert_eq!(error, Error::SocketType { ours, theirs });
                    assert_eq!(error.detail(), Detail::Protocol(0x1000_0018));
                }
            }
        }
    }
    legal.sort();
    let want = "CHANNEL-CHANNEL CLIENT-SERVER DEALER-DEALER DEALER-REP DEALER-ROUTER DISH-RADIO GATHER-SCATTER PAIR-PAIR PEER-PEER \
                PUB-SUB PUB-XSUB PULL-PUSH PUSH-PULL RADIO-DISH REP-DEALER REP-REQ REQ-REP REQ-ROUTER ROUTER-DEALER ROUTER-REQ \
                ROUTER-ROUTER SCATTER-GATHER SERVER-CLIENT SUB-PUB SUB-XPUB XPUB-SUB XPUB-XSUB XSUB-PUB XSUB-XPUB";
    assert_eq!(legal.join(" "), want);
}

#[test]
fn what_a_peer_says_of_itself_is_kept() {
    let metadata = [
        property(b"socket-type", b"DEALER"),
        property(b"Identity", b"me"),
        property(b"X-Key", b"value"),
        property(b"Foo", b"bar"),
    ];
    let bytes = [greeting(), command("READY", &metadata.concat())].concat();
    let mut connection = connection(Kind::Router);
    receive_all(&mut connection, &bytes).1.unwrap();
    let peer = connection.peer().unwrap();
    assert_eq!(peer.socket_type(), Some(Kind::Dealer));
    assert_eq!((peer.routing_id(), peer.version()), (&b"me"[..], (3, 1)));
    assert_eq!(peer.metadata().nth(3), Some(("Foo", &b"bar"[..])));
    let properties = peer.properties();
    let get = |name: &str| properties.get(name).map(|value| value.to_bytes());
    assert_eq!(get("Socket-Type"), Some(&b"DEALER"[..]));
    assert_eq!(get("Identity"), Some(&b"me"[..]));
    assert_eq!(get("Routing-Id"), Some(&b"me"[..]));
    assert_eq!(get("X-Key"), Some(&b"value"[..]));
}

#[test]
fn frames_carry_the_properties_that_the_caller_sets() {
    let mut connection = ready(Settings::new(Kind::Pull));
    let properties = Arc::new(connection.peer().unwrap().properties());
    connection.set_properties(Some(Arc::clone(&properties)));
    let (events, _) = receive_all(&mut connection, b"\x00\x01a");
    let [Event::Frame(frame)] = &events[..] else {
        panic!("{events:?}");
    };
    assert!(Arc::ptr_eq(frame.properties().unwrap(), &properties));
}

#[test]
fn a_peer_without_a_type_is_accepted() {
    let mut connection = connection(Kind::Rep);
    let bytes = [greeting(), command("READY", b"")].concat();
    assert_eq!(receive_all(&mut connection, &bytes).0, [Event::Ready]);
    assert_eq!(connection.peer().unwrap().socket_type(), None);
}

#[test]
fn later_versions_are_answered_in_ours() {
    for (major, minor, version) in [
        (5, 7, (3, 1)),
        (4, 0, (3, 1)),
        (3, 9, (3, 1)),
        (3, 0, (3, 0)),
    ] {
        let mut connection = connection(Kind::Sub);
        let mut bytes = hello(Kind::Pub);
        bytes[10..12].copy_from_slice(&[major, minor]);
        assert_eq!(receive_all(&mut connection, &bytes).0, [Event::Ready]);
        assert_eq!(connection.peer().unwrap().version(), version);
        assert_eq!(drain(&mut connection)[10..12], [3, 1]);
    }
}

#[test]
fn another_mechanism_is_a_mismatch() {
    let mut bytes = hello(Kind::Pub);
    bytes[12..17].copy_from_slice(b"PLAIN");
    let mut connection = connection(Kind::Sub);
    let error = receive_all(&mut connection, &bytes).1.unwrap_err();
    let (ours, theirs) = ("NULL", "PLAIN".to_owned());
    assert_eq!(error, Error::Mechanism { ours, theirs });
    assert_eq!(error.detail(), Detail::Protocol(0x1100_0002));
    // It gets to see all of our greeting, and no READY.
    assert_eq!(drain(&mut connection).len(), 64);
}

#[test]
fn a_peer_that_refuses_says_why() {
    for (reason, detail) in [
        ("400", Detail::Refused(400)),
        ("600", Detail::Protocol(0x1000_0000)),
        ("go\n", Detail::Protocol(0x1000_0000)),
    ] {
        let data = [&[reason.len() as u8], reason.as_bytes()].concat();
        let bytes = [greeting(), command("ERROR", &data)].concat();
        let error = receive_all(&mut connection(Kind::Sub), &bytes)
            .1
            .unwrap_err();
        assert_eq!(error.detail(), detail);
        assert!(matches!(error, Error::Refused { .. }));
    }
}

#[test]
fn older_peers_are_refused_unless_wanted() {
    let refused = |bytes: &[u8]| {
        receive_all(&mut connection(Kind::Pull), bytes)
            .1
            .unwrap_err()
    };
    assert_eq!(refused(b"\x01"), Error::Unversioned);
    assert_eq!(refused(b"GET / HTTP/1.1\r\n"), Error::Unversioned);
    let long = b"\xff\x00\x00\x00\x00\x00\x00\x00\x01\x00";
    assert_eq!(refused(long), Error::Unversioned);
    let second = b"\xff\x00\x00\x00\x00\x00\x00\x00\x01\x7f\x01";
    assert_eq!(refused(second), Error::OldVersion { revision: 1 });
}

#[test]
fn zmtp_2_0() {
    let mut connection = patient(Kind::Sub);
    let hello = b"\xff\x00\x00\x00\x00\x00\x00\x00\x03\x7f\x01\x01\x00\x02ab";
    let (events, end) = receive_all(&mut connection, hello);
    assert_eq!((events, end), (vec![Event::Ready], Ok(())));
    let peer = connection.peer().unwrap();
    assert_eq!((peer.version(), peer.routing_id()), ((2, 0), &b"ab"[..]));
    assert_eq!(peer.socket_type(), Some(Kind::Pub));
    let ours = b"\xff\x00\x00\x00\x00\x00\x00\x00\x03\x7f\x03\x02\x00\x02id";
    assert_eq!(drain(&mut connection), ours);
    connection.subscribe(b"a", true);
    connection.command("SHMOPEN", b"");
    connection.send(Frame::from(vec![7; 256]).with_more(true));
    let sent = drain(&mut connection);
    assert_eq!(
        sent[..13],
        *b"\x00\x02\x01a\x03\x00\x00\x00\x00\x00\x00\x01\x00"
    );
    let (events, _) = receive_all(&mut connection, b"\x01\x01x\x00\x00");
    let want = [Frame::from("x").with_more(true), Frame::new()];
    assert_eq!(events, want.map(Event::Frame));
    assert_eq!(connection.deadline(), None);
}

#[test]
fn zmtp_2_0_of_the_wrong_type() {
    let mut connection = patient(Kind::Sub);
    let hello = b"\xff\x00\x00\x00\x00\x00\x00\x00\x03\x7f\x01\x03";
    let error = receive_all(&mut connection, hello).1.unwrap_err();
    assert!(matches!(error, Error::SocketType { .. }));
}

#[test]
fn zmtp_1_0_without_a_greeting() {
    for (id, bytes) in [
        (vec![], b"\x01\x00".to_vec()),
        (b"ab".to_vec(), b"\x03\x00ab".to_vec()),
        (vec![], b"\xff\x00\x00\x00\x00\x00\x00\x00\x01\x00".to_vec()),
        (
            vec![7; 254],
            [b"\xff\x00\x00\x00\x00\x00\x00\x00\xff\x00", &[7; 254][..]].concat(),
        ),
    ] {
        let mut connection = patient(Kind::Xpub);
        let bytes = [&bytes[..], b"\x02\x01a\x01\x00"].concat();
        let (events, end) = receive_all(&mut connection, &bytes);
        assert_eq!(end, Ok(()));
        let topic = Frame::new();
        let phantom = Event::Subscribe { topic, on: true };
        let frame = Event::Frame(Frame::from("a").with_more(true));
        let want = [Event::Ready, phantom, frame, Event::Frame(Frame::new())];
        assert_eq!(events, want);
        let peer = connection.peer().unwrap();
        assert_eq!((peer.version(), peer.routing_id()), ((1, 0), &id[..]));
        let ours = b"\xff\x00\x00\x00\x00\x00\x00\x00\x03\x7fid";
        assert_eq!(drain(&mut connection), ours);
        connection.send(Frame::from("b").with_more(true));
        connection.send(Frame::from(vec![7; 254]));
        let sent = drain(&mut connection);
        assert_eq!(
            sent[..13],
            *b"\x02\x01b\xff\x00\x00\x00\x00\x00\x00\x00\xff\x00"
        );
    }
}

#[test]
fn zmtp_1_0_with_a_greeting_says_what_it_subscribes_to() {
    let mut connection = patient(Kind::Pub);
    let hello = b"\xff\x00\x00\x00\x00\x00\x00\x00\x01\x7f\x00\x02\x01\x00";
    assert_eq!(receive_all(&mut connection, hello).0, [Event::Ready]);
    let ours = b"\xff\x00\x00\x00\x00\x00\x00\x00\x03\x7f\x03\x01\x03\x00id";
    assert_eq!(drain(&mut connection), ours);
}

#[test]
fn commands_between_frames_are_no_boundary() {
    let mut connection = ready(Settings::new(Kind::Pull));
    let bytes = [
        frame(1, b"a"),
        command("PING", b"\0\0"),
        command("WHAT", b"ever"),
        // MORE on a command has no meaning.
        frame(5, b"\x04PONG"),
        frame(0, b"b"),
    ];
    let (events, _) = receive_all(&mut connection, &bytes.concat());
    let want = [Frame::from("a").with_more(true), Frame::from("b")];
    assert_eq!(events, want.map(Event::Frame));
    assert_eq!(drain(&mut connection), command("PONG", b""));
}
