//! Mechanisms and authenticators, between sockets.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::thread::JoinHandle;
use std::time::Duration;

use ringmq::{
    Authenticator, AuthenticatorError, Carrier, Context, EventKind, HandshakeFailure, KeyPair,
    Kind, Login, Message, Monitor, PublicKey, RecvError, Security, Socket, SocketOptions,
    generate_key_pair,
};
use ringmq_testing::{Scratch, soon, watchdog};

/// What an authenticator does with a request.
type Judge = fn(&Message) -> Vec<Message>;

/// Serves requests until the context ends.
fn authenticator(context: &Context, judge: Judge) -> JoinHandle<()> {
    let mut handler = context.socket(Kind::Router).unwrap();
    handler.bind("inproc://zeromq.zap.01").unwrap();
    std::thread::spawn(move || {
        while let Ok(request) = handler.recv() {
            for reply in judge(&request) {
                let whom = request[0].clone();
                let reply: Message = std::iter::once(whom).chain(reply).collect();
                handler.send(reply).unwrap();
            }
        }
    })
}

/// The reply of this status, for a user.
fn reply(status: &str, user: &str, properties: &[u8]) -> Message {
    let parts = [
        b"",
        &b"1.0"[..],
        b"1",
        status.as_bytes(),
        b"text",
        user.as_bytes(),
        properties,
    ];
    parts.into_iter().collect()
}

/// Accepts the user `me` with the password `secret`, and each key and address.
fn friendly(request: &Message) -> Vec<Message> {
    assert_eq!(request[2].as_slice(), b"1.0");
    assert_eq!(request[4].as_slice(), b"domain");
    let good = match request[7].as_slice() {
        b"PLAIN" => request[8].as_slice() == b"me" && request[9].as_slice() == b"secret",
        b"CURVE" => request[8].len() == 32,
        b"NULL" => request[5].as_slice() == b"127.0.0.1",
        _ => false,
    };
    if good {
        vec![reply("200", "me", b"\x04Role\x00\x00\x00\x05admin")]
    } else {
        vec![reply("400", "", b"")]
    }
}

fn plain(password: &str) -> SocketOptions {
    SocketOptions::new().security(Security::PlainClient(Login::new("me", password)))
}

fn with(security: Security) -> SocketOptions {
    SocketOptions::new().security(security).zap_domain("domain")
}

/// A REP with these options at an endpoint, its monitor, and a REQ that has connected to it.
fn pair(
    context: &Context,
    options: [&SocketOptions; 2],
    endpoint: &str,
) -> (Socket, Monitor, Socket) {
    let mut server = context.socket_with(Kind::Rep, options[0]).unwrap();
    let monitor = server.monitor().unwrap();
    server.bind(endpoint).unwrap();
    let there = Context::new().unwrap();
    let mut client = there.socket_with(Kind::Req, options[1]).unwrap();
    client.set_linger(Duration::ZERO);
    client.connect(server.last_endpoint()).unwrap();
    (server, monitor, client)
}

fn talk(server: &mut Socket, client: &mut Socket) -> Message {
    client.send("question").unwrap();
    let question = server.recv_deadline(soon()).unwrap();
    assert_eq!(question[0].as_slice(), b"question");
    server.send("answer").unwrap();
    let answer = client.recv_deadline(soon()).unwrap();
    assert_eq!(answer[0].as_slice(), b"answer");
    question
}

/// Why the first handshake fails.
fn failure(monitor: &mut Monitor) -> HandshakeFailure {
    loop {
        match monitor.recv_deadline(soon()).unwrap().kind {
            EventKind::HandshakeFailed(why) => return why,
            EventKind::HandshakeSucceeded => panic!("the peer was accepted"),
            _ => {}
        }
    }
}

/// Nothing arrives that a peer has sent which was denied.
fn nothing(server: &mut Socket, client: &mut Socket) {
    // A dialer that was denied for good has no peer any more.
    drop(client.try_send("question"));
    assert!(matches!(server.try_recv(), Err(RecvError::WouldBlock)));
}

#[test]
fn curve_carries_messages_of_all_sizes_and_stays_on_zmtp() {
    let _guard = watchdog(Duration::from_secs(60));
    let scratch = Scratch::new();
    for endpoint in ["tcp://127.0.0.1:*", &format!("ipc://{}", scratch.path("s"))] {
        let context = Context::new().unwrap();
        let [server_keys, keys] = [(); 2].map(|()| generate_key_pair().unwrap());
        let server_key = *server_keys.public();
        let server = SocketOptions::new().security(Security::CurveServer(server_keys));
        let client = SocketOptions::new().security(Security::CurveClient { keys, server_key });
        let (mut server, _, mut client) = pair(&context, [&server, &client], endpoint);
        talk(&mut server, &mut client);
        for len in [0, 1, 45, 46, 8 << 10, 64 << 10, (1 << 20) + 1] {
            let parts = [vec![1; len], vec![2; len / 2], vec![]];
            client
                .send(parts.iter().cloned().collect::<Message>())
                .unwrap();
            let message = server.recv_deadline(soon()).unwrap();
            assert!(
                message
                    .iter()
                    .zip(&parts)
                    .all(|(got, sent)| got.as_slice() == sent)
            );
            server.send(vec![3; len]).unwrap();
            assert!(client.recv_deadline(soon()).unwrap()[0].as_slice() == vec![3; len]);
        }
        let carrier = server.connections()[0].carrier;
        assert!(matches!(carrier, Carrier::Zmtp(_)), "{carrier:?}");
    }
}

#[test]
fn a_server_of_another_key_is_refused() {
    let _guard = watchdog(Duration::from_secs(60));
    let context = Context::new().unwrap();
    let [server_keys, keys, other] = [(); 3].map(|()| generate_key_pair().unwrap());
    let server_key = *other.public();
    let server = SocketOptions::new().security(Security::CurveServer(server_keys));
    let client = SocketOptions::new().security(Security::CurveClient { keys, server_key });
    let endpoint = "tcp://127.0.0.1:*";
    let (mut server, mut monitor, mut client) = pair(&context, [&server, &client], endpoint);
    // ZMQ_PROTOCOL_ERROR_ZMTP_CRYPTOGRAPHIC
    assert_eq!(
        failure(&mut monitor),
        HandshakeFailure::Protocol(0x1100_0001)
    );
    nothing(&mut server, &mut client);
}

#[test]
fn a_client_whose_keys_do_not_belong_together_is_refused() {
    let _guard = watchdog(Duration::from_secs(60));
    let [server_keys, one, two] = [(); 3].map(|()| generate_key_pair().unwrap());
    let server_key = *server_keys.public();
    let server = SocketOptions::new().security(Security::CurveServer(server_keys));
    for public in [*two.public(), PublicKey::from_bytes([0; 32])] {
        let context = Context::new().unwrap();
        let keys = KeyPair::from_halves(public, one.secret().clone());
        let client = SocketOptions::new().security(Security::CurveClient { keys, server_key });
        let endpoint = "tcp://127.0.0.1:*";
        let (mut server, mut monitor, mut client) = pair(&context, [&server, &client], endpoint);
        assert_eq!(
            failure(&mut monitor),
            HandshakeFailure::Protocol(0x1100_0001)
        );
        nothing(&mut server, &mut client);
    }
}

#[test]
fn an_authenticator_accepts_and_names_the_user() {
    let _guard = watchdog(Duration::from_secs(60));
    let [server_keys, keys] = [(); 2].map(|()| generate_key_pair().unwrap());
    let server_key = *server_keys.public();
    let curve = SocketOptions::new().security(Security::CurveClient { keys, server_key });
    for (server, client) in [
        (with(Security::PlainServer), plain("secret")),
        (with(Security::CurveServer(server_keys)), curve),
        (with(Security::Null), SocketOptions::new()),
    ] {
        let context = Context::new().unwrap();
        let authenticator = authenticator(&context, friendly);
        let (mut server, _, mut client) = pair(&context, [&server, &client], "tcp://127.0.0.1:*");
        let question = talk(&mut server, &mut client);
        let properties = question[0].properties().unwrap();
        assert_eq!(properties.get("User-Id"), Some(c"me"));
        assert_eq!(properties.get("Role"), Some(c"admin"));
        drop((server, client));
        context.terminate();
        authenticator.join().unwrap();
    }
}

#[test]
fn an_authenticator_denies() {
    let _guard = watchdog(Duration::from_secs(60));
    for (status, want) in [
        ("300", HandshakeFailure::Auth(300)),
        ("400", HandshakeFailure::Auth(400)),
        ("500", HandshakeFailure::Auth(500)),
    ] {
        let context = Context::new().unwrap();
        let judge: Judge = match status {
            "300" => |_| vec![reply("300", "", b"")],
            "400" => |_| vec![reply("400", "", b"")],
            _ => |_| vec![reply("500", "", b"")],
        };
        let authenticator = authenticator(&context, judge);
        for (server, client) in [
            (with(Security::PlainServer), plain("secret")),
            (with(Security::Null), SocketOptions::new()),
        ] {
            let (mut server, mut monitor, mut client) =
                pair(&context, [&server, &client], "tcp://127.0.0.1:*");
            assert_eq!(failure(&mut monitor), want);
            nothing(&mut server, &mut client);
        }
        context.terminate();
        authenticator.join().unwrap();
    }
}

#[test]
fn a_client_learns_that_it_was_denied() {
    let _guard = watchdog(Duration::from_secs(60));
    let context = Context::new().unwrap();
    let authenticator = authenticator(&context, friendly);
    let mut server = context
        .socket_with(Kind::Rep, &with(Security::PlainServer))
        .unwrap();
    server.bind("tcp://127.0.0.1:*").unwrap();
    let there = Context::new().unwrap();
    let mut client = there.socket_with(Kind::Req, &plain("wrong")).unwrap();
    let mut monitor = client.monitor().unwrap();
    client.connect(server.last_endpoint()).unwrap();
    assert_eq!(failure(&mut monitor), HandshakeFailure::Auth(400));
    drop(server);
    context.terminate();
    authenticator.join().unwrap();
}

#[test]
fn a_reply_that_is_none_denies() {
    let _guard = watchdog(Duration::from_secs(60));
    let cases: [(Judge, u32); 5] = [
        (
            |_| vec![Message::from_iter(["", "1.0", "1", "200"])],
            0x2000_0001,
        ),
        (
            |_| vec![Message::from_iter(["", "1.0", "2", "200", "", "", ""])],
            0x2000_0002,
        ),
        (
            |_| vec![Message::from_iter(["", "9.9", "1", "200", "", "", ""])],
            0x2000_0003,
        ),
        (|_| vec![reply("201", "", b"")], 0x2000_0004),
        (|_| vec![reply("200", "", b"\xff")], 0x2000_0005),
    ];
    for (judge, code) in cases {
        let context = Context::new().unwrap();
        let authenticator = authenticator(&context, judge);
        let options = [&with(Security::PlainServer), &plain("secret")];
        let (mut server, mut monitor, mut client) = pair(&context, options, "tcp://127.0.0.1:*");
        assert_eq!(failure(&mut monitor), HandshakeFailure::Protocol(code));
        nothing(&mut server, &mut client);
        drop((server, monitor));
        context.terminate();
        authenticator.join().unwrap();
    }
}

#[test]
fn an_authenticator_that_ends_without_a_reply_denies() {
    let _guard = watchdog(Duration::from_secs(60));
    let context = Context::new().unwrap();
    let mut handler = context.socket(Kind::Rep).unwrap();
    handler.bind("inproc://zeromq.zap.01").unwrap();
    let server = with(Security::PlainServer).handshake_timeout(Duration::from_millis(100));
    let options = [&server, &plain("secret")];
    let (mut server, mut monitor, mut client) = pair(&context, options, "tcp://127.0.0.1:*");
    handler.recv_deadline(soon()).unwrap();
    drop(handler);
    assert!(matches!(
        failure(&mut monitor),
        HandshakeFailure::NoDetail(_)
    ));
    nothing(&mut server, &mut client);
}

#[test]
fn without_an_authenticator_a_domain_denies_unless_it_is_told_not_to() {
    let _guard = watchdog(Duration::from_secs(60));
    let context = Context::new().unwrap();
    let client = SocketOptions::new();
    for security in [Security::Null, Security::PlainServer] {
        let client = match security {
            Security::Null => client.clone(),
            _ => plain("secret"),
        };
        let options = [&with(security), &client];
        let (mut server, mut monitor, mut client) = pair(&context, options, "tcp://127.0.0.1:*");
        assert!(matches!(
            failure(&mut monitor),
            HandshakeFailure::NoDetail(_)
        ));
        nothing(&mut server, &mut client);
    }
    let lenient = with(Security::Null).zap_enforce_domain(false);
    let (mut server, _, mut client) = pair(&context, [&lenient, &client], "tcp://127.0.0.1:*");
    talk(&mut server, &mut client);
}

#[test]
fn a_peer_that_goes_before_the_verdict_is_noticed() {
    let _guard = watchdog(Duration::from_secs(60));
    for (security, client) in [
        (Security::Null, SocketOptions::new()),
        (Security::PlainServer, plain("secret")),
    ] {
        let context = Context::new().unwrap();
        let mut handler = context.socket(Kind::Rep).unwrap();
        handler.bind("inproc://zeromq.zap.01").unwrap();
        let options = [&with(security), &client];
        let (_server, mut monitor, client) = pair(&context, options, "tcp://127.0.0.1:*");
        handler.recv_deadline(soon()).unwrap();
        drop(client);
        let HandshakeFailure::NoDetail(why) = failure(&mut monitor) else {
            panic!("the peer has gone");
        };
        assert_eq!(why.kind(), std::io::ErrorKind::BrokenPipe);
    }
}

#[test]
fn an_authenticator_that_is_late_denies() {
    let _guard = watchdog(Duration::from_secs(60));
    let context = Context::new().unwrap();
    let mut handler = context.socket(Kind::Rep).unwrap();
    handler.bind("inproc://zeromq.zap.01").unwrap();
    let server = with(Security::PlainServer).handshake_timeout(Duration::from_millis(100));
    let options = [&server, &plain("secret")];
    let (mut server, mut monitor, mut client) = pair(&context, options, "tcp://127.0.0.1:*");
    handler.recv_deadline(soon()).unwrap();
    assert!(matches!(
        failure(&mut monitor),
        HandshakeFailure::NoDetail(_)
    ));
    // What it says now is heard by no connection.
    handler.send(reply("200", "me", b"")).unwrap();
    nothing(&mut server, &mut client);
}

#[test]
fn plain_moves_to_shared_memory() {
    let _guard = watchdog(Duration::from_secs(60));
    let scratch = Scratch::new();
    let context = Context::new().unwrap();
    let authenticator = authenticator(&context, friendly);
    let endpoint = format!("ipc://{}", scratch.path("s"));
    let options = [&with(Security::PlainServer), &plain("secret")];
    let (mut server, monitor, mut client) = pair(&context, options, &endpoint);
    loop {
        let question = talk(&mut server, &mut client);
        let properties = question[0].properties().unwrap();
        assert_eq!(properties.get("User-Id"), Some(c"me"));
        if server.connections()[0].carrier == Carrier::SharedMemory
            && client.connections()[0].carrier == Carrier::SharedMemory
        {
            break;
        }
    }
    let question = talk(&mut server, &mut client);
    let properties = question[0].properties().unwrap();
    assert_eq!(properties.get("User-Id"), Some(c"me"));
    drop((server, monitor));
    context.terminate();
    authenticator.join().unwrap();
}

#[test]
fn mechanisms_that_differ_never_talk() {
    let _guard = watchdog(Duration::from_secs(60));
    let context = Context::new().unwrap();
    let keys = generate_key_pair().unwrap();
    let server = SocketOptions::new().security(Security::CurveServer(keys));
    let clients = [SocketOptions::new(), plain("secret")];
    for client in clients {
        let endpoint = "tcp://127.0.0.1:*";
        let (mut server, mut monitor, mut client) = pair(&context, [&server, &client], endpoint);
        // ZMQ_PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH, or the client has seen it first, and has closed.
        let why = failure(&mut monitor);
        let mismatch = HandshakeFailure::Protocol(0x1100_0002);
        let closed = matches!(why, HandshakeFailure::NoDetail(_));
        assert!(why == mismatch || closed, "{why:?}");
        nothing(&mut server, &mut client);
    }
}

#[test]
fn an_authenticator_of_the_library_judges_by_passwords_and_keys() {
    let _guard = watchdog(Duration::from_secs(60));
    let context = Context::new().unwrap();
    let [server_keys, keys, other] = [(); 3].map(|()| generate_key_pair().unwrap());
    let server_key = *server_keys.public();
    let authenticator = Authenticator::new()
        .password(Login::new("me", "secret"))
        .key(*keys.public(), "alice")
        .start(&context)
        .unwrap();
    let taken = Authenticator::new().start(&context);
    assert!(matches!(taken, Err(AuthenticatorError::Endpoint(_))));
    let curve = |keys| SocketOptions::new().security(Security::CurveClient { keys, server_key });
    let server = with(Security::CurveServer(server_keys));
    for (server, client, user) in [
        (&with(Security::PlainServer), plain("secret"), Some(c"me")),
        (&with(Security::PlainServer), plain("wrong"), None),
        (&server, curve(keys), Some(c"alice")),
        (&server, curve(other), None),
    ] {
        let options = [server, &client];
        let (mut server, mut monitor, mut client) = pair(&context, options, "tcp://127.0.0.1:*");
        match user {
            Some(user) => {
                let question = talk(&mut server, &mut client);
                let properties = question[0].properties().unwrap();
                assert_eq!(properties.get("User-Id"), Some(user));
            }
            None => {
                assert_eq!(failure(&mut monitor), HandshakeFailure::Auth(400));
                nothing(&mut server, &mut client);
            }
        }
    }
    authenticator.stop().unwrap();
    // Another one can take its place, and ends with the context.
    let another = Authenticator::new().start(&context).unwrap();
    context.clone().terminate();
    another.stop().unwrap();
}
