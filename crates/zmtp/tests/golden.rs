//! The bytes on the wire, one by one.

#[allow(dead_code, reason = "shared with the other tests")]
mod invariants;

use std::time::Duration;

use invariants::{command, drain, greeting, hello, ready, receive_all};
use ringmq_message::Frame;
use ringmq_zmtp::{Connection, Event, Kind, Settings};

fn connection(socket_type: Kind) -> Connection {
    Connection::new(Settings::new(socket_type), Duration::ZERO)
}

#[test]
fn the_greeting_goes_out_by_stages() {
    let mut connection = connection(Kind::Pub);
    assert_eq!(
        drain(&mut connection),
        b"\xff\x00\x00\x00\x00\x00\x00\x00\x01\x7f"
    );
    let greeting = greeting();
    let mut stage = |bytes: &[u8]| {
        assert_eq!(receive_all(&mut connection, bytes), (vec![], Ok(())));
        drain(&mut connection)
    };
    assert_eq!(stage(&greeting[..9]), b"");
    assert_eq!(stage(&greeting[9..10]), b"\x03");
    let last = stage(&greeting[10..11]);
    assert_eq!(last.len(), 53);
    assert_eq!(last[..5], *b"\x01NULL");
    assert!(last[5..].iter().all(|byte| *byte == 0));
    assert_eq!(stage(&greeting[11..63]), b"");
    assert_eq!(
        stage(&greeting[63..]),
        b"\x04\x19\x05READY\x0bSocket-Type\x00\x00\x00\x03PUB"
    );
}

#[test]
fn ready_has_the_routing_id_and_metadata() {
    let mut settings = Settings::new(Kind::Dealer);
    settings.routing_id = b"me".to_vec();
    settings.metadata = vec![("X-Key".into(), b"value".to_vec())];
    let mut connection = Connection::new(settings, Duration::ZERO);
    receive_all(&mut connection, &greeting()).1.unwrap();
    let bytes = drain(&mut connection);
    assert_eq!(bytes[..10], *b"\xff\x00\x00\x00\x00\x00\x00\x00\x03\x7f");
    assert_eq!(
        bytes[64..],
        *b"\x04\x3a\x05READY\x0bSocket-Type\x00\x00\x00\x06DEALER\
           \x08Identity\x00\x00\x00\x02me\x05X-Key\x00\x00\x00\x05value"
    );
}

#[test]
fn those_that_can_have_a_routing_id_send_it_even_when_it_is_empty() {
    for socket_type in Kind::ALL {
        let mut connection = connection(socket_type);
        receive_all(&mut connection, &greeting()).1.unwrap();
        let bytes = drain(&mut connection);
        let empty = b"\x08Identity\x00\x00\x00\x00";
        let sends = bytes.ends_with(empty);
        let should = matches!(socket_type, Kind::Req | Kind::Dealer | Kind::Router);
        assert_eq!(sends, should, "{socket_type}");
    }
}

#[test]
fn frames_are_short_up_to_255_bytes() {
    let mut connection = ready(Settings::new(Kind::Push));
    let mut sent = |frame: Frame| {
        connection.send(frame);
        drain(&mut connection)
    };
    assert_eq!(sent(Frame::new()), b"\x00\x00");
    assert_eq!(sent(Frame::from("ab").with_more(true)), b"\x01\x02ab");
    assert_eq!(sent(Frame::from(vec![7; 255]))[..3], *b"\x00\xff\x07");
    assert_eq!(
        sent(Frame::from(vec![7; 256]))[..10],
        *b"\x02\x00\x00\x00\x00\x00\x00\x01\x00\x07"
    );
    let long = sent(Frame::from(vec![7; 70_000]).with_more(true));
    assert_eq!(long[..9], *b"\x03\x00\x00\x00\x00\x00\x01\x11\x70");
    assert_eq!(long.len(), 9 + 70_000);
}

#[test]
fn subscriptions_are_commands() {
    let mut connection = ready(Settings::new(Kind::Sub));
    connection.subscribe(b"abc", true);
    connection.subscribe(b"", false);
    assert_eq!(
        drain(&mut connection),
        b"\x04\x0d\x09SUBSCRIBEabc\x04\x07\x06CANCEL"
    );
    // The name counts, too: 10 bytes and 246.
    connection.subscribe(&[7; 246], true);
    let bytes = drain(&mut connection);
    assert_eq!(bytes[..11], *b"\x06\x00\x00\x00\x00\x00\x00\x01\x00\x09S");
}

/// The bytes that libzmq's DISH sends: the same of every version of ZMTP that has commands.
#[test]
fn groups_are_joined_and_left_by_commands() {
    for minor in [0, 1] {
        let mut connection = connection(Kind::Dish);
        let mut bytes = hello(Kind::Radio);
        bytes[11] = minor;
        receive_all(&mut connection, &bytes).1.unwrap();
        drain(&mut connection);
        connection.subscribe(b"abc", true);
        connection.subscribe(b"", false);
        assert_eq!(
            drain(&mut connection),
            b"\x04\x08\x04JOINabc\x04\x06\x05LEAVE"
        );
    }
}

#[test]
fn only_a_radio_heeds_groups() {
    let bytes = [command("JOIN", b"abc"), command("LEAVE", b"")].concat();
    let mut radio = ready(Settings::new(Kind::Radio));
    let (events, _) = receive_all(&mut radio, &bytes);
    let event = |topic: &str, on| Event::Subscribe {
        topic: Frame::from(topic),
        on,
    };
    assert_eq!(events, [event("abc", true), event("", false)]);
    let mut publisher = ready(Settings::new(Kind::Pub));
    assert_eq!(receive_all(&mut publisher, &bytes).0, []);
}

#[test]
fn subscriptions_of_3_0_are_messages_whose_size_counts_their_first_byte() {
    let mut connection = connection(Kind::Sub);
    let mut bytes = hello(Kind::Pub);
    bytes[11] = 0;
    receive_all(&mut connection, &bytes).1.unwrap();
    assert_eq!(connection.peer().unwrap().version(), (3, 0));
    drain(&mut connection);
    let mut sent = |topic: &[u8], on| {
        connection.subscribe(topic, on);
        drain(&mut connection)
    };
    assert_eq!(sent(b"abc", true), b"\x00\x04\x01abc");
    assert_eq!(sent(b"", false), b"\x00\x01\x00");
    assert_eq!(sent(&[7; 254], true)[..4], *b"\x00\xff\x01\x07");
    let long = sent(&[7; 255], true);
    assert_eq!(long[..11], *b"\x02\x00\x00\x00\x00\x00\x00\x01\x00\x01\x07");
    assert_eq!(long.len(), 9 + 256);
}

#[test]
fn subscriptions_come_in_both_forms() {
    let mut connection = ready(Settings::new(Kind::Xpub));
    let bytes = [
        &command("SUBSCRIBE", b"a")[..],
        &command("CANCEL", b""),
        b"\x00\x02\x01a\x00\x01\x00",
    ]
    .concat();
    let (events, end) = receive_all(&mut connection, &bytes);
    assert_eq!(end, Ok(()));
    assert_eq!(
        events,
        [
            Event::Subscribe {
                topic: Frame::from("a"),
                on: true
            },
            Event::Subscribe {
                topic: Frame::new(),
                on: false
            },
            Event::Frame(Frame::from(b"\x01a")),
            Event::Frame(Frame::from(b"\x00")),
        ]
    );
}

#[test]
fn nothing_is_sent_behind_our_ready_until_theirs_has_come() {
    let mut settings = Settings::new(Kind::Push);
    settings.heartbeat = Some(ringmq_zmtp::Heartbeat {
        interval: Duration::from_millis(1),
        timeout: Duration::ZERO,
        ttl: Duration::ZERO,
    });
    let mut connection = Connection::new(settings, Duration::ZERO);
    receive_all(&mut connection, &greeting()).1.unwrap();
    drain(&mut connection);
    connection.tick(Duration::from_secs(1)).unwrap();
    assert_eq!(connection.pending(), 0);
    assert!(!connection.is_ready());
}

#[test]
#[should_panic(expected = "handshake")]
fn sending_before_the_end_of_the_handshake_is_a_mistake() {
    connection(Kind::Push).send(Frame::new());
}

#[test]
fn extensions_are_commands() {
    let mut connection = ready(Settings::new(Kind::Push));
    connection.command("SHMOPEN", b"\x01");
    assert_eq!(drain(&mut connection), b"\x04\x09\x07SHMOPEN\x01");
}
