//! Peers that do not fit, do not speak, or are not there.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use ringmq::{
    Context, EventKind, HandshakeFailure, Heartbeat, Kind, Monitor, ReconnectStop, Security,
    Socket, generate_key_pair,
};
use ringmq_testing::{Scratch, watchdog};
use ringmq_zmtp::{Connection, CurveClient, Event, Mechanism, Settings};

use super::{INTERVAL, is_disconnected, is_retried, is_stopped, monitored, next, nowhere, settled};

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
    assert!(matches!(connected.kind, EventKind::Connected { .. }));
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
    match next(monitor).kind {
        EventKind::HandshakeFailed(failure) => failure,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_peer_that_breaks_the_protocol_is_not_tried_again() {
    let _guard = watchdog(Duration::from_secs(60));
    // A mechanism that we have not; a command that has no place; an error that the peer sends.
    let cases: [(&str, &[u8], HandshakeFailure); 3] = [
        ("PLAIN", b"", HandshakeFailure::Protocol(0x1100_0002)),
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

/// The right peer may be there later, at the same endpoint.
#[test]
fn a_peer_that_does_not_fit_is_tried_again() {
    let _guard = watchdog(Duration::from_secs(60));
    let sub = b"\x04\x19\x05READY\x0bSocket-Type\0\0\0\x03SUB";
    let (listener, mut peer, _dealer, mut monitor) = stranger();
    peer.write_all(&greeting("NULL")).unwrap();
    peer.write_all(sub).unwrap();
    let failure = HandshakeFailure::Protocol(0x1000_0018);
    assert_eq!(failed(&mut monitor), failure);
    is_disconnected(&mut monitor);
    is_retried(&mut monitor);
    listener.accept().unwrap();
}

/// Both sides are ours: either may be the first to notice. What was sent arrives when the right one is there.
#[test]
fn a_socket_of_the_wrong_type_makes_way_for_the_right_one() {
    let _guard = watchdog(Duration::from_secs(60));
    let scratch = Scratch::new();
    let ipc = format!("ipc://{}", scratch.path("s"));
    for endpoint in [ipc.as_str(), "tcp://127.0.0.1:*"] {
        for (kind, wrong, right) in [
            (Kind::Push, Kind::Rep, Kind::Pull),
            (Kind::Dealer, Kind::Pull, Kind::Router),
            (Kind::Pair, Kind::Pub, Kind::Pair),
        ] {
            let context = Context::new().unwrap();
            let mut server = context.socket(wrong).unwrap();
            server.bind(endpoint).unwrap();
            let endpoint = server.last_endpoint().to_owned();
            let (mut client, mut monitor) = monitored(kind);
            client.connect(&endpoint).unwrap();
            client.send("kept").unwrap();
            // A few of these, so that either side was the first.
            for _ in 0..6 {
                while !matches!(next(&mut monitor).kind, EventKind::Disconnected { .. }) {}
            }
            server.unbind(&endpoint).unwrap();
            let mut server = context.socket(right).unwrap();
            server.bind(&endpoint).unwrap();
            let message = server.recv().unwrap();
            assert_eq!(&message[message.len() - 1][..], b"kept");
        }
    }
}

#[test]
fn a_peer_that_goes_without_a_word_is_tried_again() {
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
fn a_silent_peer_is_tried_again_unless_told_otherwise() {
    let _guard = watchdog(Duration::from_secs(60));
    for stops in [false, true] {
        let (listener, _peer, dealer, mut monitor) = stranger_with(|dealer| {
            dealer
                .change_options(|options| {
                    options
                        .handshake_timeout(INTERVAL)
                        .reconnect_stop(ReconnectStop {
                            handshake_failed: stops,
                            ..ReconnectStop::default()
                        })
                })
                .unwrap();
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

#[test]
fn a_refusal_can_be_the_end() {
    let _guard = watchdog(Duration::from_secs(60));
    let endpoint = nowhere();
    let (mut dealer, mut monitor) = monitored(Kind::Dealer);
    dealer
        .change_options(|options| {
            options.reconnect_stop(ReconnectStop {
                refused: true,
                ..ReconnectStop::default()
            })
        })
        .unwrap();
    dealer.connect(&endpoint).unwrap();
    let closed = settled(&mut monitor);
    assert!(matches!(closed.kind, EventKind::Closed { .. }));
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
    dealer
        .change_options(|options| {
            options.reconnect_stop(ReconnectStop {
                after_disconnect: true,
                ..ReconnectStop::default()
            })
        })
        .unwrap();
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
        let kind = &event.as_ref().unwrap().kind;
        *kind == EventKind::MonitorStopped
    });
    assert!(stopped.is_some());
}

/// Bytes that a client's end has to say.
fn output(end: &mut Connection) -> Vec<u8> {
    let bytes: Vec<u8> = end.output().flatten().copied().collect();
    end.sent(bytes.len());
    bytes
}

/// As in libzmq, a box that cannot be opened is a failed handshake after one that has succeeded, and then an end.
#[test]
fn a_box_that_does_not_open_is_a_failure_and_an_end() {
    let _guard = watchdog(Duration::from_secs(60));
    let [server, keys] = [(); 2].map(|()| generate_key_pair().unwrap());
    let server_key = *server.public();
    let (_listener, mut peer, dealer, mut monitor) = stranger_with(|dealer| {
        dealer
            .change_options(|options| options.security(Security::CurveServer(server)))
            .unwrap();
    });
    let mut settings = Settings::new(Kind::Dealer);
    settings.mechanism = Mechanism::CurveClient(CurveClient {
        keys,
        server_key,
        random: |bytes| {
            bytes.fill(7);
            Ok(())
        },
    });
    let mut end = Connection::new(settings, Duration::ZERO);
    let mut read = [0; 1024];
    while !end.is_ready() {
        peer.write_all(&output(&mut end)).unwrap();
        let n = peer.read(&mut read).unwrap();
        let mut heard = &read[..n];
        while let Some(event) = end.receive(&mut heard, Duration::ZERO).unwrap() {
            assert_eq!(event, Event::Ready);
        }
    }
    assert_eq!(next(&mut monitor).kind, EventKind::HandshakeSucceeded);
    end.send("changed".into());
    let mut said = output(&mut end);
    *said.last_mut().unwrap() ^= 1;
    peer.write_all(&said).unwrap();
    let failure = HandshakeFailure::Protocol(0x1100_0001);
    assert_eq!(failed(&mut monitor), failure);
    is_disconnected(&mut monitor);
    drop(dealer);
    is_stopped(&mut monitor);
}

/// The handshake has not failed, so this option does not end the attempts.
#[test]
fn a_peer_that_falls_silent_is_tried_again() {
    let _guard = watchdog(Duration::from_secs(60));
    let dealer_says = b"\x04\x1c\x05READY\x0bSocket-Type\0\0\0\x06DEALER";
    let (listener, mut peer, _dealer, mut monitor) = stranger_with(|dealer| {
        let stop = ReconnectStop {
            handshake_failed: true,
            ..ReconnectStop::default()
        };
        dealer
            .change_options(|options| {
                options
                    .heartbeat(Heartbeat {
                        interval: INTERVAL,
                        timeout: INTERVAL,
                        ttl: Duration::ZERO,
                    })
                    .reconnect_stop(stop)
            })
            .unwrap();
    });
    peer.write_all(&greeting("NULL")).unwrap();
    peer.write_all(dealer_says).unwrap();
    assert_eq!(next(&mut monitor).kind, EventKind::HandshakeSucceeded);
    is_disconnected(&mut monitor);
    is_retried(&mut monitor);
    listener.accept().unwrap();
}
