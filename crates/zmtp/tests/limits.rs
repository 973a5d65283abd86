//! What a peer may ask of our memory.

#[allow(dead_code, reason = "shared with the other tests")]
mod invariants;

use std::time::Duration;

use invariants::{command, drain, frame, greeting, property, ready, receive_all};
use ringmq_message::Frame;
use ringmq_zmtp::{BadMetadata, Connection, Error, Event, Kind, Settings};

/// The head of a long frame.
fn head(flags: u8, size: u64) -> Vec<u8> {
    [&[flags | 2], &size.to_be_bytes()[..]].concat()
}

#[test]
fn a_size_alone_gets_no_memory() {
    for size in [1 << 30, 1 << 40, i64::MAX as u64] {
        let mut connection = ready(Settings::new(Kind::Pull));
        let end = receive_all(&mut connection, &head(0, size)).1;
        assert_eq!(end, Ok(()));
        let (_, room) = connection.large_target().expect("long");
        assert!(room <= 64 << 10);
    }
    let mut connection = ready(Settings::new(Kind::Pull));
    let end = receive_all(&mut connection, &head(0, 1 << 63)).1;
    let (size, limit) = (1 << 63, isize::MAX as u64);
    assert_eq!(end, Err(Error::TooLong { size, limit }));
}

#[test]
fn a_frame_may_be_as_long_as_allowed_and_no_longer() {
    for limit in [0, 10, 255, 256, 70_000] {
        let mut settings = Settings::new(Kind::Pull);
        settings.max_message = Some(limit);
        let mut connection = ready(settings);
        let payload = vec![1; limit as usize];
        let flags = if limit > 255 { 2 } else { 0 };
        let (events, end) = receive_all(&mut connection, &frame(flags, &payload));
        assert_eq!(
            (events, end),
            (vec![Event::Frame(Frame::from(payload))], Ok(()))
        );
        let size = limit + 1;
        let settings = connection.settings().clone();
        let whole = [head(1, size), vec![1; size as usize]].concat();
        let end = receive_all(&mut ready(settings), &whole).1;
        assert_eq!(end, Err(Error::TooLong { size, limit }));
        // The head is enough.
        let end = receive_all(&mut connection, &head(1, size)).1;
        assert_eq!(end, Err(Error::TooLong { size, limit }));
    }
}

#[test]
fn the_limit_of_messages_is_none_of_commands_and_their_own_is_64_kib() {
    let mut settings = Settings::new(Kind::Pub);
    settings.max_message = Some(3);
    let mut connection = ready(settings);
    let topic = vec![b't'; (64 << 10) - 10];
    let (events, end) = receive_all(&mut connection, &command("SUBSCRIBE", &topic));
    assert_eq!(end, Ok(()));
    let topic = Frame::from(topic);
    assert_eq!(events, [Event::Subscribe { topic, on: true }]);
    let (size, limit) = ((64 << 10) + 1, 64 << 10);
    let end = receive_all(&mut connection, &head(4, size)).1;
    assert_eq!(end, Err(Error::CommandTooLong { size, limit }));
}

#[test]
fn before_the_handshake_there_are_no_messages_and_no_long_commands() {
    let early = |bytes: &[u8]| {
        let mut connection = Connection::new(Settings::new(Kind::Pull), Duration::ZERO);
        let bytes = [&greeting()[..], bytes].concat();
        receive_all(&mut connection, &bytes).1.unwrap_err()
    };
    assert_eq!(early(b"\x00\x05"), Error::DataInHandshake { size: 5 });
    let size = i64::MAX as u64;
    assert_eq!(early(&head(1, size)), Error::DataInHandshake { size });
    let limit = 64 << 10;
    assert_eq!(early(&head(4, size)), Error::CommandTooLong { size, limit });
}

#[test]
fn properties_are_counted() {
    let properties: Vec<u8> = (0..65)
        .flat_map(|at| property(format!("X-{at}").as_bytes(), b""))
        .collect();
    let mut connection = Connection::new(Settings::new(Kind::Pull), Duration::ZERO);
    let bytes = [greeting(), command("READY", &properties)].concat();
    let error = receive_all(&mut connection, &bytes).1.unwrap_err();
    let wrong = BadMetadata::TooMany { limit: 64 };
    assert!(matches!(error, Error::Metadata { wrong: it, .. } if it == wrong));
}

#[test]
fn frames_of_many_mib_are_read_into_their_place() {
    let mut push = ready(Settings::new(Kind::Push));
    let mut pull = ready(Settings::new(Kind::Pull));
    let payload: Vec<u8> = (0..9 << 20).map(|at: u32| (at % 251) as u8).collect();
    push.send(Frame::from(payload.clone()));
    push.send(Frame::from("next"));
    let bytes = drain(&mut push);
    // The way of a session: an ordinary read when there is no target.
    let (mut rest, mut events, mut direct) = (&bytes[..], Vec::new(), 0);
    while !rest.is_empty() {
        let mut input = &rest[..0];
        if let Some((target, room)) = pull.large_target() {
            let n = room.min(rest.len()).min(150_000);
            target.extend_from_slice(&rest[..n]);
            pull.large_filled(n);
            rest = &rest[n..];
            direct += n;
        } else {
            (input, rest) = rest.split_at(rest.len().min(64 << 10));
        }
        while let Some(event) = pull.receive(&mut input, Duration::ZERO).unwrap() {
            events.push(event);
        }
    }
    let want = [Frame::from(payload), Frame::from("next")];
    assert!(events == want.map(Event::Frame));
    assert!(direct > 8 << 20);
}

#[test]
fn bytes_are_kept_while_events_are_taken_one_at_a_time() {
    let mut connection = ready(Settings::new(Kind::Pull));
    let mut input = &b"\x00\x01a\x00\x01b\x00"[..];
    let first = connection.receive(&mut input, Duration::ZERO).unwrap();
    assert_eq!(first, Some(Event::Frame(Frame::from("a"))));
    assert_eq!(input, b"\x00\x01b\x00");
}

#[test]
#[should_panic(expected = "so many were appended")]
fn filling_more_than_the_target_is_a_mistake() {
    let mut connection = ready(Settings::new(Kind::Pull));
    receive_all(&mut connection, &head(0, 1 << 20)).1.unwrap();
    let (target, _) = connection.large_target().unwrap();
    target.resize((1 << 20) + 1, 0);
    connection.large_filled((1 << 20) + 1);
}

#[test]
fn a_message_has_so_many_parts_and_no_more() {
    let mut settings = Settings::new(Kind::Pull);
    settings.limits.parts = 3;
    let limit = 3;
    for part in [&b""[..], &[1; 300]] {
        let flags = |more: u8| if part.len() > 255 { more | 2 } else { more };
        let (more, last) = (frame(flags(1), part), frame(flags(0), part));
        let mut connection = ready(settings.clone());
        // Twice, for the count begins with each message.
        let whole = [&more[..], &more, &last].concat().repeat(2);
        let (events, end) = receive_all(&mut connection, &whole);
        assert_eq!((events.len(), end), (6, Ok(())));
        let end = receive_all(&mut connection, &more.repeat(3)).1;
        assert_eq!(end, Err(Error::TooManyParts { limit }));
        // It is over.
        let end = receive_all(&mut connection, &last).1;
        assert_eq!(end, Err(Error::TooManyParts { limit }));
    }
    assert_eq!(Settings::new(Kind::Pull).limits.parts, 1 << 20);
}

#[test]
fn few_subscriptions_are_kept_between_two_parts() {
    let limit = 64 << 10;
    for name in ["SUBSCRIBE", "CANCEL"] {
        for len in [0, 1000] {
            let subscription = command(name, &vec![1; len]);
            let fit = limit / (len + 64);
            let mut connection = ready(Settings::new(Kind::Xpub));
            // Between two messages there may be any number.
            let end = receive_all(&mut connection, &subscription.repeat(2 * fit)).1;
            assert_eq!(end, Ok(()));
            for _ in 0..2 {
                let within = subscription.repeat(fit);
                let message = [&frame(1, b"a")[..], &within, &frame(0, b"b")].concat();
                let (events, end) = receive_all(&mut connection, &message);
                assert_eq!((events.len(), end), (fit + 2, Ok(())));
            }
            let within = subscription.repeat(fit + 1);
            let end = receive_all(&mut connection, &[frame(1, b"a"), within].concat()).1;
            let bytes = (fit + 1) * (len + 64);
            assert_eq!(end, Err(Error::SubscriptionsWithin { bytes, limit }));
        }
    }
}
