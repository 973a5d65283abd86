//! What monitors tell of connections between ours and stock, on either side.

use std::time::Duration;

use interop::{Stock, Transport, begin, message, ours, recv};
use ringmq::{EventKind, HandshakeFailure, Kind, Monitor, Socket};
use ringmq_testing::{Scratch, soon};

/// A socket of ours, and its monitor.
fn monitored(kind: Kind) -> (Socket, Monitor) {
    let mut socket = ours(kind);
    socket.set_linger(Duration::ZERO);
    let monitor = socket.monitor().unwrap();
    (socket, monitor)
}

/// libzmq's name of the next event that it has, too.
fn next(monitor: &mut Monitor) -> &'static str {
    match monitor.recv_deadline(soon()).unwrap().kind {
        EventKind::CarrierChanged { .. } => next(monitor),
        EventKind::Listening { .. } => "LISTENING",
        EventKind::Accepted { .. } => "ACCEPTED",
        EventKind::Connected { .. } => "CONNECTED",
        EventKind::ConnectDelayed => "CONNECT_DELAYED",
        EventKind::ConnectRetried { .. } => "CONNECT_RETRIED",
        EventKind::Closed { .. } => "CLOSED",
        EventKind::Disconnected { .. } => "DISCONNECTED",
        EventKind::HandshakeSucceeded => "HANDSHAKE_SUCCEEDED",
        EventKind::MonitorStopped => "MONITOR_STOPPED",
        other => panic!("{other:?}"),
    }
}

/// The events of the binding side until its peer is there, and those of the connecting side, over tcp.
const BOUND: [&str; 3] = ["LISTENING", "ACCEPTED", "HANDSHAKE_SUCCEEDED"];
const CONNECTED: [&str; 3] = ["CONNECT_DELAYED", "CONNECTED", "HANDSHAKE_SUCCEEDED"];
/// Their events when the peer goes.
const ALONE: [&str; 1] = ["DISCONNECTED"];
const AGAIN: [&str; 2] = ["DISCONNECTED", "CONNECT_RETRIED"];

#[test]
fn ours_tells_of_a_stock_peer_what_stock_tells_of_ours() {
    let Some(_guard) = begin() else { return };
    let scratch = Scratch::new();
    for transport in Transport::ALL {
        // ipc connects at once.
        let connected = match transport {
            Transport::Tcp => &CONNECTED[..],
            _ => &CONNECTED[1..],
        };
        for we_bind in [true, false] {
            let (mut socket, mut monitor) = monitored(Kind::Dealer);
            let mut stock = Stock::new(Kind::Dealer);
            stock.ask("monitor");
            let endpoint = transport.endpoint(&scratch);
            if we_bind {
                socket.bind(&endpoint).unwrap();
                stock.connect(socket.last_endpoint());
            } else {
                socket.connect(&stock.bind(&endpoint)).unwrap();
            }
            let (we, it) = match we_bind {
                true => (&BOUND[..], connected),
                false => (connected, &BOUND[..]),
            };
            for expected in we {
                assert_eq!(next(&mut monitor), *expected);
            }
            for expected in it {
                assert_eq!(stock.ask("next_event"), *expected);
            }
            stock.send(&[b"here"]);
            assert_eq!(recv(&mut socket), [b"here"]);
            if we_bind {
                drop(socket);
                assert_eq!(next(&mut monitor), "CLOSED");
                assert_eq!(next(&mut monitor), "MONITOR_STOPPED");
                for expected in AGAIN {
                    assert_eq!(stock.ask("next_event"), expected);
                }
            } else {
                stock.kill();
                for expected in AGAIN {
                    assert_eq!(next(&mut monitor), expected);
                }
            }
        }
    }
}

#[test]
fn a_stock_peer_that_is_killed_is_told_of() {
    let Some(_guard) = begin() else { return };
    let (mut socket, mut monitor) = monitored(Kind::Rep);
    socket.bind("tcp://127.0.0.1:*").unwrap();
    let mut stock = Stock::new(Kind::Req);
    stock.connect(socket.last_endpoint());
    stock.send(&[b"question"]);
    assert_eq!(recv(&mut socket), [b"question"]);
    stock.kill();
    for expected in BOUND.into_iter().chain(ALONE) {
        assert_eq!(next(&mut monitor), expected);
    }
}

/// Two stock peers of one name: the first one is served, the second one stays and is not heard.
#[test]
fn stock_peers_of_the_same_name() {
    let Some(_guard) = begin() else { return };
    let (mut router, mut monitor) = monitored(Kind::Router);
    router.bind("tcp://127.0.0.1:*").unwrap();
    let [mut first, mut second] = [(); 2].map(|()| {
        let mut stock = Stock::new(Kind::Dealer);
        stock.set_bytes("ROUTING_ID", b"twin");
        stock
    });
    first.connect(router.last_endpoint());
    first.send(&[b"first"]);
    assert_eq!(recv(&mut router), [&b"twin"[..], b"first"]);
    second.ask("monitor");
    second.connect(router.last_endpoint());
    second.ask("event HANDSHAKE_SUCCEEDED");
    second.send(&[b"second"]);
    // A ROUTER learns of its peers when it is called.
    let taken = loop {
        assert!(router.try_recv().is_err());
        let event = monitor.try_recv().map(|event| event.kind);
        if let Ok(EventKind::RoutingIdTaken { routing_id }) = event {
            break routing_id;
        }
        std::thread::yield_now();
    };
    assert_eq!(taken, b"twin");
    assert_eq!(second.ask("no_event_within DISCONNECTED 300"), "none");
    router.send(message(&["twin", "answer"])).unwrap();
    assert_eq!(first.recv(), [b"answer"]);
    assert!(router.try_recv().is_err());
}

/// A stock socket of a type that does not fit is tried again, whichever side is the first to notice.
#[test]
fn a_stock_socket_of_the_wrong_type_is_tried_again() {
    let Some(_guard) = begin() else { return };
    let scratch = Scratch::new();
    for transport in Transport::ALL {
        let mut stock = Stock::new(Kind::Pull);
        let endpoint = stock.bind(&transport.endpoint(&scratch));
        let (mut req, mut monitor) = monitored(Kind::Req);
        req.change_options(|options| options.reconnect_interval(Duration::from_millis(5)))
            .unwrap();
        req.connect(&endpoint).unwrap();
        req.send("question").unwrap();
        // It may close before it has said what it is, as we may.
        let detail = EventKind::HandshakeFailed(HandshakeFailure::Protocol(0x1000_0018));
        let mut noticed = 0;
        while noticed < 3 {
            let event = monitor.recv_deadline(soon()).unwrap();
            noticed += u32::from(event.kind == detail);
        }
        stock.kill();
        let mut stock = Stock::new(Kind::Rep);
        assert_eq!(stock.bind(&endpoint), endpoint);
        assert_eq!(stock.recv(), [b"question"]);
        stock.send(&[b"answer"]);
        assert_eq!(recv(&mut req), [b"answer"]);
    }
}
