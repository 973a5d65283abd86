//! CURVE: what libzmq with libsodium says, byte by byte, and what neither end accepts.

#[allow(dead_code, reason = "shared with the other tests")]
mod invariants;
#[allow(dead_code, reason = "shared with the other tests")]
mod secured;

use std::time::Duration;

use invariants::{drain, receive_all};
use ringmq_message::Frame;
use ringmq_zmtp::{Connection, Detail, Error, Event, Kind, Mechanism, PublicKey};
use secured::{Recorded, curve_client, curve_server, exchange, frames};

/// What the client of `dealer` sent.
fn request() -> Vec<Event> {
    let parts = [b"hello".to_vec(), Vec::new(), vec![b'w'; 300]];
    frames(&parts, &[true, true, false])
}

/// What its server sent.
fn reply() -> Vec<Event> {
    let parts = [b"reply".to_vec(), vec![b'R'; 2000], Vec::new()];
    frames(&parts, &[true, false, false])
}

fn subscription(topic: &str, on: bool) -> Event {
    let topic = Frame::from(topic);
    Event::Subscribe { topic, on }
}

/// Feeds an end what libzmq said, lets it send this once it is ready, and returns its events and all that it wrote.
fn play(
    mut connection: Connection,
    said: &[u8],
    mut send: impl FnMut(&mut Connection, &Event),
) -> (Vec<Event>, Vec<u8>) {
    let (mut events, mut wrote) = (Vec::new(), drain(&mut connection));
    // libzmq reads what comes in pieces, and answers each.
    for byte in said {
        let (some, end) = receive_all(&mut connection, &[*byte]);
        assert_eq!(end, Ok(()));
        for event in &some {
            send(&mut connection, event);
        }
        events.extend(some);
        wrote.extend(drain(&mut connection));
    }
    (events, wrote)
}

fn send_all(connection: &mut Connection, events: &[Event]) {
    for event in events {
        match event {
            Event::Frame(frame) => connection.send(frame.clone()),
            Event::Subscribe { topic, on } => connection.subscribe(topic, *on),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn our_client_says_what_libzmqs_says() {
    let recorded = Recorded::dealer();
    let (events, wrote) = play(recorded.client(), &recorded.server_said(), |end, event| {
        if *event == Event::Ready {
            send_all(end, &request());
        }
    });
    assert_eq!(events, [vec![Event::Ready], reply()].concat());
    assert!(wrote == recorded.client_said());

    let recorded = Recorded::publisher();
    let (events, wrote) = play(recorded.client(), &recorded.server_said(), |end, event| {
        let says = match event {
            Event::Ready => vec![subscription("topic", true), subscription("other", true)],
            _ => vec![subscription("other", false)],
        };
        send_all(end, &says);
    });
    let topic = Event::Frame(Frame::from("topic A"));
    assert_eq!(events, [Event::Ready, topic]);
    assert!(wrote == recorded.client_said());
}

#[test]
fn our_server_says_what_libzmqs_says() {
    let recorded = Recorded::dealer();
    let (events, wrote) = play(recorded.server(), &recorded.client_said(), |end, event| {
        if *event == request()[2] {
            send_all(end, &reply());
        }
    });
    assert_eq!(events, [vec![Event::Ready], request()].concat());
    // We say in the greeting that we are the server. libzmq does not.
    let mut said = recorded.server_said();
    said[32] = 1;
    assert!(wrote == said);

    let recorded = Recorded::publisher();
    let (events, _) = play(recorded.server(), &recorded.client_said(), |_, _| ());
    let mut want = vec![Event::Ready];
    want.extend(
        [("topic", true), ("other", true), ("other", false)].map(|(a, b)| subscription(a, b)),
    );
    assert_eq!(events, want);
}

#[test]
fn a_part_that_is_left_out_ends_the_connection() {
    let recorded = Recorded::dealer();
    let said = recorded.client_said();
    let (greeting, mut parts) = secured::split(&said);
    // HELLO, INITIATE, and three parts: this is the second.
    parts.remove(3);
    let said = [greeting, &parts.concat()].concat();
    let (events, end) = receive_all(&mut recorded.server(), &said);
    assert_eq!(events, [Event::Ready, request()[0].clone()]);
    let sequence = Error::Sequence { nonce: 5, last: 3 };
    assert_eq!(end, Err(sequence.clone()));
    assert_eq!(sequence.detail(), Detail::Protocol(0x1000_0002));
}

#[test]
fn another_server_key_opens_nothing() {
    let server = curve_server(Kind::Pull);
    let mut client = curve_client(Kind::Push);
    let Mechanism::CurveClient(config) = &mut client.mechanism else {
        panic!("it is a client of CURVE");
    };
    config.server_key = *config.keys.public();
    let ended = exchange(client, server, Duration::ZERO);
    let hello = Error::Cryptographic { command: "HELLO" };
    assert_eq!(ended.server, Err(hello.clone()));
    assert_eq!(hello.detail(), Detail::Protocol(0x1100_0001));
    // The client gets no ERROR: the stream ends.
    assert_eq!(ended.client, Ok(()));
    assert_eq!(ended.last_of_server, b"");
}

#[test]
fn weak_keys_are_refused_by_both_ends() {
    let mut client = curve_client(Kind::Push);
    let Mechanism::CurveClient(config) = &mut client.mechanism else {
        panic!("it is a client of CURVE");
    };
    config.server_key = PublicKey::from_bytes([0; 32]);
    let ended = exchange(client, curve_server(Kind::Pull), Duration::ZERO);
    assert_eq!(ended.client, Err(Error::WeakKey));

    // C' of zeros.
    let recorded = Recorded::dealer();
    let mut said = recorded.client_said();
    said[64 + 2 + 80..][..32].fill(0);
    let (events, end) = receive_all(&mut recorded.server(), &said);
    assert_eq!((events, end), (vec![], Err(Error::WeakKey)));
}

#[test]
fn a_cookie_is_good_for_a_minute() {
    let minute = Duration::from_secs(60);
    let mut settings = [curve_client(Kind::Push), curve_server(Kind::Pull)];
    for settings in &mut settings {
        settings.handshake_timeout = None;
    }
    let [client, server] = settings;
    let good = exchange(
        client.clone(),
        server.clone(),
        minute - Duration::from_nanos(1),
    );
    assert_eq!((good.client, good.server), (Ok(()), Ok(())));
    let old = exchange(client, server, minute);
    assert_eq!(old.server, Err(Error::CookieExpired));
    assert_eq!(old.last_of_server, b"");
}

#[test]
fn the_cookie_of_another_connection_is_not_taken() {
    let recorded = Recorded::dealer();
    let said = recorded.client_said();
    let mut settings = recorded.settings(true);
    let Mechanism::CurveServer(config) = &mut settings.mechanism else {
        panic!("it is a server of CURVE");
    };
    config.random = |bytes| {
        bytes.fill(0x33);
        Ok(())
    };
    let mut server = Connection::new(settings, Duration::ZERO);
    let (events, end) = receive_all(&mut server, &said);
    let command = "INITIATE";
    assert_eq!(
        (events, end),
        (vec![], Err(Error::Cryptographic { command }))
    );
}

#[test]
fn sizes_are_checked_first() {
    let recorded = Recorded::dealer();
    let said = recorded.client_said();
    let (greeting, frames) = secured::split(&said);
    let cut = |at: usize, len: usize| {
        let mut said = greeting.to_vec();
        said.extend(frames[..at].concat());
        let head = if frames[at][0] & 2 == 0 { 2 } else { 9 };
        let body = &frames[at][head..head + len];
        said.extend(invariants::frame(frames[at][0] & 4 | 2, body));
        receive_all(&mut recorded.server(), &said).1.unwrap_err()
    };
    let error = cut(0, 199);
    assert_eq!(error, Error::MalformedHello { size: 193 });
    assert_eq!(error.detail(), Detail::Protocol(0x1000_0013));
    let error = cut(1, 256);
    assert_eq!(error, Error::MalformedInitiate { size: 247 });
    assert_eq!(error.detail(), Detail::Protocol(0x1000_0014));
    let error = cut(2, 32);
    assert_eq!(error, Error::MalformedMessage { size: 32 });
    assert_eq!(error.detail(), Detail::Protocol(0x1000_0012));
    // In the middle of the name.
    let error = cut(2, 3);
    assert_eq!(error, Error::MalformedCommand { name: 7, size: 3 });
    assert_eq!(error.detail(), Detail::Protocol(0x1000_0011));
}

#[test]
fn nothing_passes_in_the_clear_after_the_handshake() {
    let recorded = Recorded::dealer();
    let said = recorded.client_said();
    let (greeting, parts) = secured::split(&said);
    // What does not begin as a command is another error, as in libzmq.
    for (flags, body, begins) in [
        (0, &b"hello"[..], false),
        (4, b"\x04PING\0\0", true),
        (4, b"\x05ERROR\x03400", true),
        (0, b"\0a", true),
        (0, b"\0", false),
        (0, b"", false),
    ] {
        let clear = invariants::frame(flags, body);
        let said = [greeting, parts[0], parts[1], &clear].concat();
        let (events, end) = receive_all(&mut recorded.server(), &said);
        assert_eq!(events, [Event::Ready]);
        let error = end.unwrap_err();
        let expected = if begins {
            matches!(error, Error::UnexpectedCommand { .. })
        } else {
            matches!(error, Error::MalformedCommand { .. })
        };
        assert!(expected, "{error}");
    }
}

#[test]
fn limits_are_those_of_what_is_in_the_box() {
    let limited = |limit| {
        let recorded = Recorded::dealer();
        let mut settings = recorded.settings(true);
        settings.max_message = Some(limit);
        let mut server = Connection::new(settings, Duration::ZERO);
        receive_all(&mut server, &recorded.client_said())
    };
    assert_eq!(limited(300).1, Ok(()));
    let (events, end) = limited(299);
    assert_eq!(events.len(), 3);
    let (size, limit) = (300, 299);
    assert_eq!(end, Err(Error::TooLong { size, limit }));
}

#[test]
fn messages_of_all_sizes_pass_both_ways_in_any_pieces() {
    let ended = exchange(
        curve_client(Kind::Dealer),
        curve_server(Kind::Router),
        Duration::ZERO,
    );
    let mut ends = ended.ends;
    let mut sizes: Vec<usize> = (0..100).collect();
    sizes.extend([
        222,
        223,
        255,
        256,
        990,
        991,
        992,
        4062,
        4063,
        4064,
        8192,
        65_536,
        1 << 20,
    ]);
    for (at, size) in sizes.into_iter().enumerate() {
        let frame = Frame::from(vec![at as u8; size]).with_more(at % 3 != 0);
        for from in [0, 1] {
            ends[from].send(frame.clone());
            let said = drain(&mut ends[from]);
            assert_eq!(said.len(), size + 33 + if size + 33 > 255 { 9 } else { 2 });
            let pieces = || {
                if size > 10_000 {
                    1 + size / 7
                } else {
                    1 + size % 5
                }
            };
            let (events, end) = invariants::pieces::in_pieces(&mut ends[1 - from], &said, pieces);
            assert_eq!((events, end), (vec![Event::Frame(frame.clone())], Ok(())));
        }
    }
}

#[test]
fn messages_as_commands_are_taken_too() {
    // RFC 26 has MESSAGE as a command. libzmq sends it as a message.
    let recorded = Recorded::dealer();
    let said = recorded.client_said();
    let (greeting, parts) = secured::split(&said);
    let mut said = greeting.to_vec();
    for part in parts {
        let start = said.len();
        said.extend(part);
        said[start] |= 4;
    }
    let (events, end) = receive_all(&mut recorded.server(), &said);
    assert_eq!(end, Ok(()));
    assert_eq!(events, [vec![Event::Ready], request()].concat());
}
