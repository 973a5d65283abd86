//! A context that requires shared memory leaves peers that have none, and no others.

use std::time::Duration;

use ringmq::{
    Context, EndpointError, EventKind, Kind, Monitor, Security, Socket, SocketOptions,
    generate_key_pair,
};
use ringmq_testing::{soon, watchdog};

use crate::parts::{last, socket, until_shared};
use crate::places::Places;

/// A context that requires shared memory, and one that has turned it off.
fn contexts() -> (Context, Context) {
    let (requires, without) = (Context::new().unwrap(), Context::new().unwrap());
    requires.set_shared_memory_required(true);
    without.set_shared_memory(false);
    (requires, without)
}

/// Waits until the monitor has seen this many handshakes fail, and asserts that none has succeeded before.
fn until_failed(monitor: &mut Monitor, count: usize) {
    let mut failed = 0;
    while failed < count {
        match monitor.recv().unwrap().kind {
            EventKind::HandshakeFailed(_) => failed += 1,
            EventKind::HandshakeSucceeded => panic!("a peer without shared memory was accepted"),
            _ => {}
        }
    }
}

fn ask(client: &mut Socket, server: &mut Socket, question: &str) {
    client.send(question).unwrap();
    answer(client, server, question);
}

fn answer(client: &mut Socket, server: &mut Socket, question: &str) {
    let request = server.recv_deadline(soon()).unwrap();
    assert_eq!(last(&request), question.as_bytes());
    server.send(request).unwrap();
    assert_eq!(
        last(&client.recv_deadline(soon()).unwrap()),
        question.as_bytes()
    );
}

#[test]
fn a_listener_leaves_peers_without_and_serves_those_with() {
    let _guard = watchdog(Duration::from_secs(60));
    let places = Places::new();
    let endpoint = places.endpoint("s");
    let (requires, without) = contexts();
    let mut server = socket(&requires, Kind::Rep);
    let mut monitor = server.monitor().unwrap();
    server.bind(&endpoint).unwrap();
    let mut stranger = socket(&without, Kind::Req);
    stranger.connect(&endpoint).unwrap();
    stranger.send("from a stranger").unwrap();
    // It tries again and again.
    until_failed(&mut monitor, 3);
    let mut client = socket(&requires, Kind::Req);
    client.connect(&endpoint).unwrap();
    ask(&mut client, &mut server, "from a friend");
    until_shared(&mut client, 1);
    for _ in 0..100 {
        ask(&mut client, &mut server, "in shared memory");
    }
}

#[test]
fn a_client_waits_for_a_peer_with_shared_memory() {
    let _guard = watchdog(Duration::from_secs(60));
    let places = Places::new();
    let endpoint = places.endpoint("s");
    let (requires, without) = contexts();
    let mut stranger = socket(&without, Kind::Rep);
    stranger.bind(&endpoint).unwrap();
    let mut client = socket(&requires, Kind::Req);
    let mut monitor = client.monitor().unwrap();
    client.connect(&endpoint).unwrap();
    client.send("hello").unwrap();
    until_failed(&mut monitor, 3);
    drop(stranger);
    let mut server = socket(&requires, Kind::Rep);
    server.bind(&endpoint).unwrap();
    answer(&mut client, &mut server, "hello");
    until_shared(&mut client, 1);
}

#[test]
fn what_can_never_be_shared_is_an_error_of_bind_and_connect() {
    let places = Places::new();
    let endpoint = places.endpoint("s");
    let (requires, _) = contexts();
    let keys = generate_key_pair().unwrap();
    let encrypts = SocketOptions::new().security(Security::CurveServer(keys));
    let sockets = [
        (
            Kind::Pull,
            SocketOptions::new().conflate(true),
            "last message",
        ),
        (
            Kind::Rep,
            SocketOptions::new().shared_memory(false),
            "turned off",
        ),
        (Kind::Stream, SocketOptions::new(), "streams"),
        (Kind::Rep, encrypts, "encrypted"),
    ];
    for (kind, options, says) in sockets {
        let mut socket = requires.socket_with(kind, &options).unwrap();
        let bound = socket.bind(&endpoint);
        let connected = socket.connect(&endpoint);
        for outcome in [bound, connected] {
            let error = outcome.unwrap_err();
            assert!(
                matches!(error, EndpointError::NotShared { .. }),
                "{error:?}"
            );
            assert!(error.to_string().contains(says), "{error}");
        }
        // Other transports have no shared memory.
        socket.bind("tcp://127.0.0.1:*").unwrap();
    }
    // Nothing was bound.
    let mut server = socket(&requires, Kind::Rep);
    server.bind(&endpoint).unwrap();
}
