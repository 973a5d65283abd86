//! Every mechanism at both ends, and what becomes of ends that do not fit.

#[allow(dead_code, reason = "shared with the other tests")]
mod invariants;
#[allow(dead_code, reason = "shared with the other tests")]
mod secured;

use std::time::Duration;

use invariants::{command, drain, receive_all};
use ringmq_message::{Frame, names};
use ringmq_zmtp::{
    Connection, Credentials, Detail, Error, Event, Heartbeat, Kind, Login, Mechanism, Refusal,
    Settings, User, Verdict,
};
use secured::{
    curve_client, curve_server, exchange, judged, pass, plain_client, plain_server, settings,
};

/// The settings of the two ends of each mechanism, the server behind the client.
fn pairs(client: Kind, server: Kind) -> [[Settings; 2]; 3] {
    [
        [settings(client), settings(server)],
        [plain_client(client), plain_server(server)],
        [curve_client(client), curve_server(server)],
    ]
}

#[test]
fn messages_commands_and_subscriptions_pass() {
    for ends in pairs(Kind::Xsub, Kind::Xpub) {
        for server_publishes in [false, true] {
            let [mut client, mut server] = ends.clone();
            if !server_publishes {
                std::mem::swap(&mut client.socket_type, &mut server.socket_type);
            }
            let heartbeat = Heartbeat {
                interval: Duration::from_secs(1),
                timeout: Duration::from_secs(1),
                ttl: Duration::ZERO,
            };
            for settings in [&mut client, &mut server] {
                settings.extensions = vec!["X-EXAMPLE".into()];
                settings.heartbeat = Some(heartbeat);
            }
            let ended = exchange(client, server, Duration::ZERO);
            assert_eq!((&ended.client, &ended.server), (&Ok(()), &Ok(())));
            let [mut client, mut server] = ended.ends;
            let (sub, publisher) = match server_publishes {
                true => (&mut client, &mut server),
                false => (&mut server, &mut client),
            };
            let topic = Frame::from("topic");
            sub.subscribe(&topic, true);
            sub.subscribe(&topic, false);
            sub.command("X-EXAMPLE", b"data");
            let events = pass(sub, publisher);
            let subscribe = |on| Event::Subscribe {
                topic: topic.clone(),
                on,
            };
            assert_eq!(events[..2], [subscribe(true), subscribe(false)]);
            assert!(matches!(&events[2], Event::Command(command) if command.data == b"data"));
            publisher.send(topic.clone().with_more(true));
            publisher.send(Frame::from("body"));
            let events = pass(publisher, sub);
            let parts = [topic.with_more(true), Frame::from("body")];
            assert_eq!(events, parts.map(Event::Frame));

            // A PING is answered, and the answer is a sign of life.
            sub.tick(Duration::from_secs(1)).unwrap();
            assert_eq!(pass(sub, publisher), []);
            assert!(publisher.pending() > 0);
            assert_eq!(pass(publisher, sub), []);
            assert_eq!(sub.deadline(), Some(Duration::from_secs(2)));
            sub.tick(Duration::from_millis(1999)).unwrap();
        }
    }
}

#[test]
fn the_clear_has_no_place_in_what_curve_writes() {
    let [client, server] = [curve_client(Kind::Sub), curve_server(Kind::Pub)];
    let [mut client, mut server] = exchange(client, server, Duration::ZERO).ends;
    client.subscribe(b"a secret topic", true);
    server.send(Frame::from(&b"a secret topic"[..]));
    for end in [&mut client, &mut server] {
        let wrote = drain(end);
        assert!(!wrote.windows(6).any(|bytes| bytes == b"secret"));
    }
}

#[test]
fn an_authenticator_sees_what_the_peer_shows() {
    let user = User {
        id: b"alice".to_vec(),
        metadata: vec![
            ("X-Group".into(), b"some".to_vec()),
            ("Socket-Type".into(), b"its own".to_vec()),
        ],
    };
    for [mut client, mut server] in pairs(Kind::Push, Kind::Pull) {
        server.authenticate = true;
        // A peer cannot say who it is by itself.
        client.metadata = vec![("user-id".into(), b"root".to_vec())];
        let shown = match &client.mechanism {
            Mechanism::PlainClient(login) => Credentials::Plain(login.clone()),
            Mechanism::CurveClient(config) => Credentials::Curve(*config.keys.public()),
            _ => Credentials::Null,
        };
        assert_eq!(shown.mechanism(), client.mechanism.name());
        let accept = || Verdict::Accept(user.clone());
        let ended = judged(client, server, Duration::ZERO, accept);
        assert_eq!((ended.client, ended.server), (Ok(()), Ok(())));
        let asked = Event::Authenticate(Box::new(shown));
        assert_eq!(
            ended.events,
            [vec![Event::Ready], vec![asked, Event::Ready]]
        );
        let [client, server] = ended.ends;
        assert_eq!(client.peer().unwrap().user(), None);
        let peer = server.peer().unwrap();
        assert_eq!(peer.user(), Some(&user));
        let properties = peer.properties();
        let property = |name| properties.get(name).map(|value| value.to_bytes().to_vec());
        assert_eq!(property(names::USER_ID), Some(b"alice".to_vec()));
        assert_eq!(property("X-Group"), Some(b"some".to_vec()));
        assert_eq!(property(names::SOCKET_TYPE), Some(b"its own".to_vec()));
        assert_eq!(property("user-id"), None);
    }
}

#[test]
fn without_an_authenticator_there_is_no_user() {
    let mut client = settings(Kind::Push);
    client.metadata = vec![("User-Id".into(), b"root".to_vec())];
    let ended = exchange(client, settings(Kind::Pull), Duration::ZERO);
    let peer = ended.ends[1].peer().unwrap();
    assert_eq!(peer.user(), None);
    assert_eq!(peer.properties().get(names::USER_ID), None);
}

/// Without an authenticator the peer may go on, and has no user.
#[test]
fn a_peer_that_is_not_judged_has_no_user() {
    let mut settings = settings(Kind::Pull);
    settings.authenticate = true;
    let mut server = Connection::new(settings, Duration::ZERO);
    let null = Event::Authenticate(Box::new(Credentials::Null));
    let greeting = invariants::greeting();
    assert_eq!(receive_all(&mut server, &greeting), (vec![null], Ok(())));
    server.accept_unjudged().unwrap();
    let ready = b"\x04\x1a\x05READY\x0bSocket-Type\x00\x00\x00\x04PUSH";
    assert_eq!(
        receive_all(&mut server, ready),
        (vec![Event::Ready], Ok(()))
    );
    assert_eq!(server.peer().unwrap().user(), None);
}

#[test]
fn a_refused_peer_gets_the_status_or_nothing() {
    for refusal in [Refusal::Temporary, Refusal::Denied, Refusal::Internal] {
        for [client, mut server] in pairs(Kind::Push, Kind::Pull) {
            server.authenticate = true;
            let refuse = || Verdict::Refuse(refusal);
            let ended = judged(client, server, Duration::ZERO, refuse);
            let denied = Error::Denied { refusal };
            assert_eq!(denied.detail(), Detail::Refused(refusal.status()));
            assert_eq!(ended.server, Err(denied));
            let told = ended.client.err().map(|error| error.detail());
            if refusal == Refusal::Temporary {
                assert_eq!(told, None);
                assert!(
                    !ended
                        .last_of_server
                        .windows(5)
                        .any(|bytes| bytes == b"ERROR")
                );
            } else {
                assert_eq!(told, Some(Detail::Refused(refusal.status())));
                let reason = format!("\x03{}", refusal.status());
                let error = command("ERROR", reason.as_bytes());
                assert!(ended.last_of_server.ends_with(&error));
            }
        }
    }
}

#[test]
fn nothing_is_received_before_the_verdict() {
    let timeout = Duration::from_secs(3);
    for [client, mut server] in pairs(Kind::Push, Kind::Pull) {
        server.authenticate = true;
        server.handshake_timeout = Some(timeout);
        let mut ends = [client, server].map(|end| Connection::new(end, Duration::ZERO));
        let mut asked = false;
        while !asked {
            for (from, to) in [(0, 1), (1, 0)] {
                let said = drain(&mut ends[from]);
                let mut input = &said[..];
                while let Some(event) = ends[to].receive(&mut input, Duration::ZERO).unwrap() {
                    asked |= matches!(event, Event::Authenticate(_));
                }
                if asked {
                    break;
                }
            }
        }
        let server = &mut ends[1];
        drain(server);
        let mut input = &b"\x00\x05hello"[..];
        assert_eq!(server.receive(&mut input, Duration::ZERO), Ok(None));
        assert_eq!(input.len(), 7);
        assert!(!server.is_ready() && server.pending() == 0);
        assert_eq!(server.deadline(), Some(timeout));
        assert_eq!(server.tick(timeout), Err(Error::HandshakeTimeout));
        let late = server.decide(Verdict::Accept(User::default()));
        assert_eq!(late, Err(Error::HandshakeTimeout));
    }
}

#[test]
#[should_panic(expected = "no verdict was asked for")]
fn a_verdict_that_was_not_asked_for_is_a_mistake() {
    let mut end = Connection::new(settings(Kind::Pull), Duration::ZERO);
    let _ = end.decide(Verdict::Accept(User::default()));
}

#[test]
fn mechanisms_have_to_be_the_same() {
    let all = pairs(Kind::Push, Kind::Pull);
    for (at, [client, _]) in all.iter().enumerate() {
        for (other, [_, server]) in all.iter().enumerate() {
            if at == other {
                continue;
            }
            let ended = exchange(client.clone(), server.clone(), Duration::ZERO);
            for (end, ours) in [(ended.client, client), (ended.server, server)] {
                let error = end.unwrap_err();
                assert!(
                    matches!(&error, Error::Mechanism { ours: name, .. } if *name == ours.mechanism.name())
                );
                assert_eq!(error.detail(), Detail::Protocol(0x1100_0002));
            }
        }
    }
}

#[test]
fn one_end_is_the_server() {
    for [client, server] in &pairs(Kind::Pair, Kind::Pair)[1..] {
        // libzmq says the same of two clients.
        let ended = exchange(client.clone(), client.clone(), Duration::ZERO);
        let name = "HELLO".to_owned();
        let hello = Error::UnexpectedCommand { name };
        assert_eq!(hello.detail(), Detail::Protocol(0x1000_0001));
        assert_eq!(
            (ended.client, ended.server),
            (Err(hello.clone()), Err(hello))
        );

        let ended = exchange(server.clone(), server.clone(), Duration::ZERO);
        let servers = Error::BothServers;
        assert_eq!(servers.detail(), Detail::None);
        assert_eq!(
            (ended.client, ended.server),
            (Err(servers.clone()), Err(servers))
        );
    }
}

#[test]
fn older_peers_do_not_get_around_a_mechanism() {
    let mut judged = settings(Kind::Pull);
    judged.authenticate = true;
    for mut settings in [judged, plain_server(Kind::Pull), curve_server(Kind::Pull)] {
        settings.accept_older = true;
        for said in [&b"\x01\x00"[..], b"\xff\0\0\0\0\0\0\0\x01\x7f\x01\x08\0\0"] {
            let mut end = Connection::new(settings.clone(), Duration::ZERO);
            let (events, ended) = receive_all(&mut end, said);
            assert_eq!(events, []);
            let error = ended.unwrap_err();
            assert!(matches!(
                error,
                Error::Unversioned | Error::OldVersion { revision: 1 }
            ));
        }
    }
}

/// The greeting of a peer of PLAIN.
fn plain_greeting() -> Vec<u8> {
    let mut greeting = invariants::greeting();
    greeting[12..17].copy_from_slice(b"PLAIN");
    greeting
}

#[test]
fn plain_on_the_wire() {
    let mut client = Connection::new(plain_client(Kind::Pull), Duration::ZERO);
    assert_eq!(
        receive_all(&mut client, &plain_greeting()),
        (vec![], Ok(()))
    );
    let wrote = drain(&mut client);
    assert_eq!(wrote[12..33], *b"PLAIN\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0");
    assert_eq!(wrote[64..], *b"\x04\x10\x05HELLO\x02me\x06secret");
    assert_eq!(
        receive_all(&mut client, b"\x04\x08\x07WELCOME"),
        (vec![], Ok(()))
    );
    let pull = b"\x04\x1d\x08INITIATE\x0bSocket-Type\x00\x00\x00\x04PULL";
    assert_eq!(drain(&mut client), pull);

    let mut server = Connection::new(plain_server(Kind::Push), Duration::ZERO);
    let said = [&plain_greeting(), &b"\x04\x10\x05HELLO\x02me\x06secret"[..]].concat();
    let asked = Credentials::Plain(Login::new("me", "secret"));
    let (events, end) = receive_all(&mut server, &said);
    assert_eq!(
        (events, end),
        (vec![Event::Authenticate(Box::new(asked))], Ok(()))
    );
    assert_eq!(drain(&mut server)[32], 1);
    server.decide(Verdict::Accept(User::default())).unwrap();
    assert_eq!(receive_all(&mut server, b""), (vec![], Ok(())));
    assert_eq!(drain(&mut server), b"\x04\x08\x07WELCOME");
    assert_eq!(receive_all(&mut server, pull), (vec![Event::Ready], Ok(())));
    let ready = b"\x04\x1a\x05READY\x0bSocket-Type\x00\x00\x00\x04PUSH";
    assert_eq!(drain(&mut server), ready);
    assert_eq!(
        receive_all(&mut client, ready),
        (vec![Event::Ready], Ok(()))
    );
}

#[test]
fn what_plain_does_not_know_ends_it() {
    let ended = |settings: Settings, commands: &[Vec<u8>]| {
        let mut end = Connection::new(settings, Duration::ZERO);
        let mut said = plain_greeting();
        said.extend(commands.concat());
        let error = receive_all(&mut end, &said).1.unwrap_err();
        (error.clone(), error.detail())
    };
    let client = || plain_client(Kind::Pull);
    let server = || plain_server(Kind::Pull);
    let unexpected = Detail::Protocol(0x1000_0001);
    let ready = command("READY", b"");
    let welcome = command("WELCOME", b"");
    let initiate = command("INITIATE", b"");
    assert_eq!(ended(client(), std::slice::from_ref(&ready)).1, unexpected);
    assert_eq!(ended(client(), &[welcome.clone(), welcome]).1, unexpected);
    assert_eq!(ended(server(), &[initiate]).1, unexpected);
    assert_eq!(ended(server(), &[ready]).1, unexpected);
    assert_eq!(
        ended(server(), &[command("ERROR", b"\x03400")]).1,
        unexpected
    );
    // As Debian's libzmq sends it, and as it should be.
    let refused = Detail::Refused(400);
    let odd = b"\x04\x09^RROR\x03400".to_vec();
    assert_eq!(ended(client(), std::slice::from_ref(&odd)).1, refused);
    assert_eq!(ended(client(), &[command("ERROR", b"\x03400")]).1, refused);
    let (error, _) = ended(server(), &[odd]);
    assert_eq!(error, Error::MalformedCommand { name: 94, size: 9 });
    let (error, detail) = ended(client(), &[command("WELCOME", b"!")]);
    assert_eq!(error, Error::MalformedWelcome { size: 1 });
    assert_eq!(detail, Detail::Protocol(0x1000_0017));
    let (error, detail) = ended(server(), &[command("HELLO", b"\x02me\x07secret")]);
    assert_eq!(error, Error::MalformedHello { size: 10 });
    assert_eq!(detail, Detail::Protocol(0x1000_0013));
}
