//! What monitors tell, ours to ours, and of peers that do not fit.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd};
use std::time::{Duration, Instant};

use ringmq::{
    Context, EndpointRefusal, EventFormat, HandshakeFailure, Kind, Monitor, MonitorError,
    MonitorEvent, Occurrence, PlainMonitorError, ReconnectStop, RecvError, Socket,
};
use ringmq_testing::{Scratch, watchdog};

const INTERVAL: Duration = Duration::from_millis(20);

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(20)
}

fn next(monitor: &mut Monitor) -> MonitorEvent {
    monitor.recv_deadline(soon()).unwrap()
}

/// The next event but for `ConnectDelayed`, which ipc has not.
fn settled(monitor: &mut Monitor) -> MonitorEvent {
    let event = next(monitor);
    if event.occurrence == Occurrence::ConnectDelayed {
        return next(monitor);
    }
    event
}

/// The monitor has stopped, and ends.
#[track_caller]
fn is_stopped(monitor: &mut Monitor) {
    assert_eq!(next(monitor).occurrence, Occurrence::MonitorStopped);
    assert!(matches!(monitor.recv(), Err(MonitorError::Ended)));
    assert!(monitor.next().is_none());
}

/// A socket, and its monitor.
fn monitored(kind: Kind) -> (Socket, Monitor) {
    let mut socket = Context::new().unwrap().socket(kind).unwrap();
    socket.set_reconnect(Some(INTERVAL), Duration::ZERO);
    socket.set_linger(Some(Duration::ZERO));
    let monitor = socket.monitor().unwrap();
    (socket, monitor)
}

/// A stranger who listens, and a DEALER of ours that has connected to it.
fn stranger() -> (TcpListener, TcpStream, Socket, Monitor) {
    stranger_with(|_| {})
}

fn stranger_with(set: impl FnOnce(&mut Socket)) -> (TcpListener, TcpStream, Socket, Monitor) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("tcp://{}", listener.local_addr().unwrap());
    let (mut dealer, mut monitor) = monitored(Kind::Dealer);
    set(&mut dealer);
    dealer.connect(&endpoint).unwrap();
    let (peer, _) = listener.accept().unwrap();
    let connected = settled(&mut monitor);
    assert!(matches!(connected.occurrence, Occurrence::Connected { .. }));
    assert_eq!(connected.endpoint(), endpoint);
    (listener, peer, dealer, monitor)
}

fn greeting(mechanism: &str) -> Vec<u8> {
    let mut greeting = vec![0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, 3, 0];
    greeting.extend_from_slice(mechanism.as_bytes());
    greeting.resize(64, 0);
    greeting
}

fn failed(monitor: &mut Monitor) -> HandshakeFailure {
    match next(monitor).occurrence {
        Occurrence::HandshakeFailed(failure) => failure,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn is_disconnected(monitor: &mut Monitor) {
    let event = next(monitor).occurrence;
    assert!(
        matches!(event, Occurrence::Disconnected { .. }),
        "{event:?}"
    );
}

#[track_caller]
fn is_retried(monitor: &mut Monitor) {
    let Occurrence::ConnectRetried { after } = next(monitor).occurrence else {
        panic!("not tried again");
    };
    assert!((INTERVAL..INTERVAL * 2).contains(&after), "{after:?}");
}

#[test]
fn both_sides_tell_of_a_connection() {
    let _guard = watchdog(Duration::from_secs(60));
    let scratch = Scratch::new();
    let path = format!("ipc://{}", scratch.path("s"));
    for endpoint in ["tcp://127.0.0.1:*", "tcp://[::1]:*", &path, "ipc://*"] {
        let (mut server, mut of_server) = monitored(Kind::Rep);
        let (mut client, mut of_client) = monitored(Kind::Req);
        for socket in [&mut server, &mut client] {
            socket.set_ipv6(true);
        }
        server.bind(endpoint).unwrap();
        let endpoint = server.last_endpoint().to_owned();
        let listening = next(&mut of_server);
        let Occurrence::Listening { fd: listener } = listening.occurrence else {
            panic!("{listening:?}");
        };
        assert_eq!((&listening.local, &*listening.remote), (&endpoint, ""));

        client.connect(&endpoint).unwrap();
        let connected = settled(&mut of_client);
        let Occurrence::Connected { fd } = connected.occurrence else {
            panic!("{connected:?}");
        };
        assert_eq!(connected.remote, endpoint);
        let ready = next(&mut of_client);
        assert_eq!(ready.occurrence, Occurrence::HandshakeSucceeded);
        assert_eq!((&ready.local, &ready.remote), (&connected.local, &endpoint));

        let accepted = next(&mut of_server);
        assert!(matches!(accepted.occurrence, Occurrence::Accepted { .. }));
        let ends = (&connected.remote, &connected.local);
        assert_eq!((&accepted.local, &accepted.remote), ends);
        let ready = next(&mut of_server);
        assert_eq!(ready.occurrence, Occurrence::HandshakeSucceeded);
        assert_eq!((&ready.local, &ready.remote), ends);

        drop(server);
        let closed = next(&mut of_server);
        let fd_of_listener = Some(listener);
        assert_eq!(closed.occurrence, Occurrence::Closed { fd: fd_of_listener });
        assert_eq!(closed.local, endpoint);
        is_stopped(&mut of_server);
        let disconnected = next(&mut of_client);
        assert_eq!(disconnected.occurrence, Occurrence::Disconnected { fd });
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
        assert_eq!(
            next(&mut monitor).occurrence,
            Occurrence::Closed { fd: None }
        );
        is_retried(&mut monitor);
    }
    let mut server = Context::new().unwrap().socket(Kind::Dealer).unwrap();
    server.bind(&endpoint).unwrap();
    let found = monitor.by_ref().find_map(|event| {
        let occurrence = event.unwrap().occurrence;
        (occurrence == Occurrence::HandshakeSucceeded).then_some(())
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
fn whoever_breaks_the_protocol_is_not_tried_again() {
    let _guard = watchdog(Duration::from_secs(60));
    // A mechanism that we have not; a peer that ours does not talk to; a command that has no place; its word.
    let sub = b"\x04\x19\x05READY\x0bSocket-Type\0\0\0\x03SUB";
    let cases: [(&str, &[u8], HandshakeFailure); 4] = [
        ("PLAIN", b"", HandshakeFailure::Protocol(0x1100_0002)),
        ("NULL", sub, HandshakeFailure::Protocol(0x1000_0018)),
        (
            "NULL",
            b"\x04\x06\x05HELLO",
            HandshakeFailure::Protocol(0x1000_0001),
        ),
        (
            "NULL",
            b"\x04\x0a\x05ERROR\x03400",
            HandshakeFailure::Auth(400),
        ),
    ];
    for (mechanism, rest, failure) in cases {
        let (_listener, mut peer, dealer, mut monitor) = stranger();
        peer.write_all(&greeting(mechanism)).unwrap();
        peer.write_all(rest).unwrap();
        assert_eq!(failed(&mut monitor), failure, "{mechanism} {rest:?}");
        is_disconnected(&mut monitor);
        // The end comes next, and no other attempt.
        drop(dealer);
        is_stopped(&mut monitor);
    }
}

#[test]
fn whoever_goes_without_a_word_is_tried_again() {
    let _guard = watchdog(Duration::from_secs(60));
    let (listener, peer, _dealer, mut monitor) = stranger();
    // Its greeting is read, so that the end is no reset.
    (&peer).read_exact(&mut [0; 10]).unwrap();
    peer.shutdown(std::net::Shutdown::Write).unwrap();
    let HandshakeFailure::NoDetail(error) = failed(&mut monitor) else {
        panic!("a detail");
    };
    assert_eq!(error.kind(), ErrorKind::BrokenPipe);
    is_disconnected(&mut monitor);
    is_retried(&mut monitor);
    listener.accept().unwrap();
}

#[test]
fn whoever_says_nothing_is_tried_again_unless_told_otherwise() {
    let _guard = watchdog(Duration::from_secs(60));
    for stops in [false, true] {
        let (listener, _peer, dealer, mut monitor) = stranger_with(|dealer| {
            dealer.set_handshake_timeout(Some(INTERVAL));
            dealer.set_reconnect_stop(ReconnectStop {
                handshake_failed: stops,
                ..ReconnectStop::default()
            });
        });
        let HandshakeFailure::NoDetail(error) = failed(&mut monitor) else {
            panic!("a detail");
        };
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        is_disconnected(&mut monitor);
        if stops {
            drop(dealer);
            is_stopped(&mut monitor);
        } else {
            is_retried(&mut monitor);
            listener.accept().unwrap();
        }
    }
}

/// Where nobody listens.
fn nowhere() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("tcp://{}", listener.local_addr().unwrap())
}

#[test]
fn a_refusal_can_be_the_end() {
    let _guard = watchdog(Duration::from_secs(60));
    let endpoint = nowhere();
    let (mut dealer, mut monitor) = monitored(Kind::Dealer);
    dealer.set_reconnect_stop(ReconnectStop {
        refused: true,
        ..ReconnectStop::default()
    });
    dealer.connect(&endpoint).unwrap();
    let closed = settled(&mut monitor);
    assert!(matches!(closed.occurrence, Occurrence::Closed { .. }));
    assert_eq!(closed.endpoint(), endpoint);
    drop(dealer);
    is_stopped(&mut monitor);
}

#[test]
fn a_refusal_after_a_disconnect_can_be_the_end() {
    let _guard = watchdog(Duration::from_secs(60));
    let endpoint = nowhere();
    let (mut dealer, mut monitor) = monitored(Kind::Dealer);
    dealer.set_linger(None);
    dealer.set_reconnect_stop(ReconnectStop {
        after_disconnect: true,
        ..ReconnectStop::default()
    });
    dealer.connect(&endpoint).unwrap();
    dealer.send("would linger for ever").unwrap();
    for _ in 0..2 {
        settled(&mut monitor);
        is_retried(&mut monitor);
    }
    dealer.disconnect(&endpoint).unwrap();
    drop(dealer);
    // What was under way comes to its end, which is the last.
    let stopped = monitor.find(|event| {
        let occurrence = &event.as_ref().unwrap().occurrence;
        *occurrence == Occurrence::MonitorStopped
    });
    assert!(stopped.is_some());
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
        let Occurrence::BindFailed { error } = event.occurrence else {
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
        dealer.set_routing_id(b"twin").unwrap();
    }
    first.connect(&endpoint).unwrap();
    first.send("first").unwrap();
    assert_eq!(
        router.recv_deadline(soon()).unwrap()[1].as_slice(),
        b"first"
    );
    second.connect(&endpoint).unwrap();
    let connected = settled(&mut of_second);
    assert_eq!(
        next(&mut of_second).occurrence,
        Occurrence::HandshakeSucceeded
    );
    let taken = loop {
        // The ROUTER learns of it when it is called.
        assert!(matches!(router.try_recv(), Err(RecvError::WouldBlock)));
        match of_router.try_recv() {
            Ok(event) => {
                if let Occurrence::RoutingIdTaken { .. } = event.occurrence {
                    break event;
                }
            }
            Err(MonitorError::WouldBlock) => std::thread::yield_now(),
            Err(error) => panic!("{error}"),
        }
    };
    let routing_id = b"twin".to_vec();
    assert_eq!(taken.occurrence, Occurrence::RoutingIdTaken { routing_id });
    assert_eq!((&taken.local, &taken.remote), (&endpoint, &connected.local));
    second.send("unheard").unwrap();
    first.send("again").unwrap();
    assert_eq!(
        router.recv_deadline(soon()).unwrap()[1].as_slice(),
        b"again"
    );
    router
        .send(["twin", "answer"].into_iter().collect::<ringmq::Message>())
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

#[test]
fn a_slow_reader_is_told_how_many_events_it_has_lost() {
    let _guard = watchdog(Duration::from_secs(60));
    let (mut socket, mut monitor) = monitored(Kind::Pull);
    let rounds = 700;
    for _ in 0..rounds {
        socket.bind("tcp://127.0.0.1:*").unwrap();
        let endpoint = socket.last_endpoint().to_owned();
        socket.unbind(&endpoint).unwrap();
    }
    let mut told = 0;
    while monitor.try_recv().is_ok() {
        told += 1;
    }
    assert_eq!(told, 1000);
    socket.bind("tcp://127.0.0.1:*").unwrap();
    let lost = next(&mut monitor).occurrence;
    assert_eq!(
        lost,
        Occurrence::Lost {
            events: 2 * rounds - 1000
        }
    );
    let event = next(&mut monitor);
    assert_eq!(event.local, socket.last_endpoint());
}

#[test]
fn the_descriptor_says_when_there_is_an_event() {
    let _guard = watchdog(Duration::from_secs(60));
    let (mut socket, mut monitor) = monitored(Kind::Pull);
    let mut poll = mio::Poll::new().unwrap();
    let fd = monitor.as_fd().as_raw_fd();
    let (token, readable) = (mio::Token(0), mio::Interest::READABLE);
    let mut source = mio::unix::SourceFd(&fd);
    poll.registry()
        .register(&mut source, token, readable)
        .unwrap();
    let mut events = mio::Events::with_capacity(1);
    for _ in 0..3 {
        assert!(matches!(monitor.try_recv(), Err(MonitorError::WouldBlock)));
        poll.poll(&mut events, Some(Duration::ZERO)).unwrap();
        poll.poll(&mut events, Some(Duration::ZERO)).unwrap();
        assert!(events.is_empty());
        socket.bind("tcp://127.0.0.1:*").unwrap();
        poll.poll(&mut events, Some(Duration::from_secs(20)))
            .unwrap();
        assert!(!events.is_empty());
        monitor.try_recv().unwrap();
    }
}

#[test]
fn messages_that_wait_are_counted_on_request() {
    let _guard = watchdog(Duration::from_secs(60));
    let (mut push, mut monitor) = monitored(Kind::Push);
    let mut silent = Context::new().unwrap().socket(Kind::Push).unwrap();
    assert_eq!(silent.ask_for_stats(), None);
    assert_eq!(push.ask_for_stats(), Some(0));
    let endpoint = nowhere();
    push.connect(&endpoint).unwrap();
    for _ in 0..7 {
        push.send("nobody takes this").unwrap();
    }
    assert_eq!(push.ask_for_stats(), Some(1));
    let stats = monitor.find_map(|event| {
        let event = event.unwrap();
        match event.occurrence {
            Occurrence::PipeStats { sending, receiving } => {
                Some((sending, receiving, event.remote))
            }
            _ => None,
        }
    });
    assert_eq!(stats, Some((7, 0, endpoint)));
}

#[test]
fn a_socket_has_one_monitor() {
    let _guard = watchdog(Duration::from_secs(60));
    let (mut socket, mut first) = monitored(Kind::Pull);
    let mut second = socket.monitor().unwrap();
    is_stopped(&mut first);
    socket.stop_monitor();
    is_stopped(&mut second);
    socket.bind("tcp://127.0.0.1:*").unwrap();
}

#[test]
fn the_end_of_a_context_stops_monitors() {
    let _guard = watchdog(Duration::from_secs(60));
    let context = Context::new().unwrap();
    let mut socket = context.socket(Kind::Pull).unwrap();
    let mut monitor = socket.monitor().unwrap();
    context.shutdown();
    assert!(matches!(socket.recv(), Err(RecvError::Terminated)));
    is_stopped(&mut monitor);
    socket.monitor().unwrap_err();
    drop(socket);
    context.terminate();
}

#[test]
fn whoever_connects_late_to_a_plain_monitor_gets_what_has_happened() {
    let _guard = watchdog(Duration::from_secs(60));
    let context = Context::new().unwrap();
    let mut socket = context.socket(Kind::Pull).unwrap();
    let name = "inproc://events";
    let begin = |socket: &mut Socket| socket.monitor_on(name, Kind::Pair, 0xffff, EventFormat::One);
    begin(&mut socket).unwrap();
    let refused = begin(&mut context.socket(Kind::Pull).unwrap()).unwrap_err();
    let PlainMonitorError::Endpoint(EndpointRefusal::InUse(taken)) = refused else {
        panic!("{refused}");
    };
    assert_eq!(taken, name);
    socket.bind("tcp://127.0.0.1:*").unwrap();
    let mut reader = context.socket(Kind::Pair).unwrap();
    reader.connect(name).unwrap();
    let event = reader.try_recv().unwrap();
    assert_eq!(event[0].as_slice()[..2], 0x0008_u16.to_ne_bytes());
    assert_eq!(event[1].as_slice(), socket.last_endpoint().as_bytes());
    // Its name is free at once, and what it has said is not lost.
    begin(&mut socket).unwrap();
    let event = reader.try_recv().unwrap();
    assert_eq!(event[0].as_slice()[..2], 0x0400_u16.to_ne_bytes());
}

#[test]
fn a_plain_monitor_ends_with_what_the_io_thread_has() {
    let _guard = watchdog(Duration::from_secs(60));
    let mut pull = Context::new().unwrap().socket(Kind::Pull).unwrap();
    pull.bind("tcp://127.0.0.1:*").unwrap();
    for number in 0..50_u32 {
        let context = Context::new().unwrap();
        let mut push = context.socket(Kind::Push).unwrap();
        push.monitor_on("inproc://events", Kind::Pair, 0xffff, EventFormat::Two)
            .unwrap();
        push.connect(pull.last_endpoint()).unwrap();
        push.send(number.to_ne_bytes().to_vec()).unwrap();
        // What was sent leaves first, though the I/O thread is the last to know the monitor.
        drop((context, push));
        let message = pull.recv_deadline(soon()).unwrap();
        assert_eq!(message[0].as_slice(), number.to_ne_bytes());
    }
}
