//! Endpoints and connections, ours to ours.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use ringmq::{Carrier, Context, EventKind, Kind, Message, MonitorError, RecvError, Socket};
use ringmq_testing::{Scratch, soon, watchdog};

use super::{is_disconnected, is_retried, is_stopped, monitored, next, settled};

#[test]
fn both_sides_tell_of_a_connection() {
    let _guard = watchdog(Duration::from_secs(60));
    let scratch = Scratch::new();
    let path = format!("ipc://{}", scratch.path("s"));
    for endpoint in ["tcp://127.0.0.1:*", "tcp://[::1]:*", &path, "ipc://*"] {
        let (mut server, mut of_server) = monitored(Kind::Rep);
        let (mut client, mut of_client) = monitored(Kind::Req);
        for socket in [&mut server, &mut client] {
            socket.change_options(|options| options.ipv6(true)).unwrap();
        }
        server.bind(endpoint).unwrap();
        let endpoint = server.last_endpoint().to_owned();
        let listening = next(&mut of_server);
        let EventKind::Listening { fd: listener } = listening.kind else {
            panic!("{listening:?}");
        };
        assert_eq!((&listening.local, &*listening.remote), (&endpoint, ""));

        client.connect(&endpoint).unwrap();
        let connected = settled(&mut of_client);
        let EventKind::Connected { fd } = connected.kind else {
            panic!("{connected:?}");
        };
        assert_eq!(connected.remote, endpoint);
        let ready = next(&mut of_client);
        assert_eq!(ready.kind, EventKind::HandshakeSucceeded);
        assert_eq!((&ready.local, &ready.remote), (&connected.local, &endpoint));

        let accepted = next(&mut of_server);
        assert!(matches!(accepted.kind, EventKind::Accepted { .. }));
        let ends = (&connected.remote, &connected.local);
        assert_eq!((&accepted.local, &accepted.remote), ends);
        let ready = next(&mut of_server);
        assert_eq!(ready.kind, EventKind::HandshakeSucceeded);
        assert_eq!((&ready.local, &ready.remote), ends);

        drop(server);
        let closed = next(&mut of_server);
        let fd_of_listener = Some(listener);
        assert_eq!(closed.kind, EventKind::Closed { fd: fd_of_listener });
        assert_eq!(closed.local, endpoint);
        is_stopped(&mut of_server);
        let disconnected = next(&mut of_client);
        assert_eq!(disconnected.kind, EventKind::Disconnected { fd });
        assert_eq!(disconnected.local, connected.local);
        is_retried(&mut of_client);
    }
}

#[test]
fn a_peer_that_goes_and_comes_back_is_told_of() {
    let _guard = watchdog(Duration::from_secs(60));
    let scratch = Scratch::new();
    let endpoint = format!("ipc://{}", scratch.path("s"));
    let (mut client, mut monitor) = monitored(Kind::Dealer);
    client.connect(&endpoint).unwrap();
    for _ in 0..3 {
        let closed = next(&mut monitor).kind;
        let has_number = matches!(closed, EventKind::Closed { fd: Some(fd) } if fd >= 0);
        assert!(has_number, "{closed:?}");
        is_retried(&mut monitor);
    }
    let mut server = Context::new().unwrap().socket(Kind::Dealer).unwrap();
    server.bind(&endpoint).unwrap();
    let found = monitor.by_ref().find_map(|event| {
        let kind = event.unwrap().kind;
        (kind == EventKind::HandshakeSucceeded).then_some(())
    });
    assert!(found.is_some());
    server.send("hello").unwrap();
    assert_eq!(
        client.recv_deadline(soon()).unwrap()[0].as_slice(),
        b"hello"
    );
    drop(server);
    is_disconnected(&mut monitor);
    is_retried(&mut monitor);
}

#[test]
fn a_peer_in_shared_memory_that_goes_is_told_of_like_any_other() {
    let _guard = watchdog(Duration::from_secs(60));
    let scratch = Scratch::new();
    let endpoint = format!("ipc://{}", scratch.path("s"));
    let serve = || {
        let mut server = Context::new().unwrap().socket(Kind::Dealer).unwrap();
        server.set_linger(Duration::ZERO);
        server
            .change_options(|options| options.shared_memory(true).recv_hwm(1))
            .unwrap();
        server.bind(&endpoint).unwrap();
        server
    };
    let mut server = serve();
    let (mut client, mut monitor) = monitored(Kind::Dealer);
    client
        .change_options(|options| options.shared_memory(true))
        .unwrap();
    client.connect(&endpoint).unwrap();
    let shares = |socket: &mut Socket| {
        let mut all = socket.connections().into_iter();
        all.any(|connection| connection.carrier == Carrier::SharedMemory)
    };
    let mut seen = Vec::new();
    let mut stats = |client: &mut Socket| {
        assert_eq!(client.ask_for_stats(), Some(1));
        loop {
            match next(&mut monitor).kind {
                EventKind::PipeStats { sending, receiving } => return (sending, receiving),
                other => seen.push(other),
            }
        }
    };
    // Each direction goes over with a message of its own, at a time of its own. What a pipe of ZMTP has carried before
    // counts, though it was received, until half a mark of it is reported.
    let until = soon();
    while !(shares(&mut client) && shares(&mut server) && stats(&mut client) == (0, 0)) {
        assert!(Instant::now() < until, "no shared memory");
        client.send("there").unwrap();
        server.recv_deadline(until).unwrap();
        server.send("back").unwrap();
        client.recv_deadline(until).unwrap();
    }
    for number in ["1", "2", "3"] {
        client.send(number).unwrap();
    }
    // Each message counts until it is received, of one part or of several. One is in the queue of the server, by its mark.
    assert_eq!(stats(&mut client), (2, 0));
    server.recv_deadline(until).unwrap();
    assert_eq!(stats(&mut client), (1, 0));
    server.send("one").unwrap();
    server
        .send(["two", "parts"].into_iter().collect::<Message>())
        .unwrap();
    assert_eq!(stats(&mut client), (1, 2));
    client.recv_deadline(until).unwrap();
    assert_eq!(stats(&mut client), (1, 1));
    client.recv_deadline(until).unwrap();
    server.recv_deadline(until).unwrap();
    server.recv_deadline(until).unwrap();
    assert_eq!(stats(&mut client), (0, 0));
    for number in ["1", "2", "3"] {
        client.send(number).unwrap();
    }
    assert!(
        matches!(
            seen[..],
            [EventKind::Connected { .. }, EventKind::HandshakeSucceeded]
        ),
        "{seen:?}"
    );

    drop(server);
    is_disconnected(&mut monitor);
    is_retried(&mut monitor);
    let mut server = serve();
    let found = monitor.by_ref().find_map(|event| {
        let kind = event.unwrap().kind;
        (kind == EventKind::HandshakeSucceeded).then_some(())
    });
    assert!(found.is_some());
    for number in ["1", "2", "3"] {
        let message = server.recv_deadline(soon()).unwrap();
        assert_eq!(message[0].as_slice(), number.as_bytes());
    }
}

#[test]
fn an_endpoint_in_use_is_told_of() {
    let _guard = watchdog(Duration::from_secs(60));
    let scratch = Scratch::new();
    let path = format!("ipc://{}", scratch.path("s"));
    for endpoint in ["tcp://127.0.0.1:*", &path] {
        let (mut first, _) = monitored(Kind::Pull);
        first.bind(endpoint).unwrap();
        let (mut second, mut monitor) = monitored(Kind::Pull);
        second.bind(first.last_endpoint()).unwrap_err();
        let event = next(&mut monitor);
        assert_eq!(event.local, first.last_endpoint());
        let EventKind::BindFailed { error } = event.kind else {
            panic!("{event:?}");
        };
        assert_eq!(error.kind(), ErrorKind::AddrInUse);
    }
}

#[test]
fn a_routing_id_that_is_taken_is_told_of_and_the_newcomer_stays_and_is_not_heard() {
    let _guard = watchdog(Duration::from_secs(60));
    let (mut router, mut of_router) = monitored(Kind::Router);
    router.bind("tcp://127.0.0.1:*").unwrap();
    let endpoint = router.last_endpoint().to_owned();
    let (mut first, _) = monitored(Kind::Dealer);
    let (mut second, mut of_second) = monitored(Kind::Dealer);
    for dealer in [&mut first, &mut second] {
        dealer
            .change_options(|options| options.routing_id(b"twin"))
            .unwrap();
    }
    first.connect(&endpoint).unwrap();
    first.send("first").unwrap();
    assert_eq!(
        router.recv_deadline(soon()).unwrap()[1].as_slice(),
        b"first"
    );
    second.connect(&endpoint).unwrap();
    let connected = settled(&mut of_second);
    assert_eq!(next(&mut of_second).kind, EventKind::HandshakeSucceeded);
    let taken = loop {
        // The ROUTER learns of it when it is called.
        assert!(matches!(router.try_recv(), Err(RecvError::WouldBlock)));
        match of_router.try_recv() {
            Ok(event) => {
                if let EventKind::RoutingIdTaken { .. } = event.kind {
                    break event;
                }
            }
            Err(MonitorError::WouldBlock) => std::thread::yield_now(),
            Err(error) => panic!("{error}"),
        }
    };
    let routing_id = b"twin".to_vec();
    assert_eq!(taken.kind, EventKind::RoutingIdTaken { routing_id });
    assert_eq!((&taken.local, &taken.remote), (&endpoint, &connected.local));
    second.send("unheard").unwrap();
    first.send("again").unwrap();
    assert_eq!(
        router.recv_deadline(soon()).unwrap()[1].as_slice(),
        b"again"
    );
    router
        .send(["twin", "answer"].into_iter().collect::<Message>())
        .unwrap();
    assert_eq!(
        first.recv_deadline(soon()).unwrap()[0].as_slice(),
        b"answer"
    );
    // Nothing has become of the connection.
    assert!(matches!(
        of_second.try_recv(),
        Err(MonitorError::WouldBlock)
    ));
    drop(second);
    is_disconnected(&mut of_router);
}
