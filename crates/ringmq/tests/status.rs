//! What other processes can see of the sockets of this one.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::{Duration, Instant};

use ringmq::status::{Connection, Phase, Snapshot, Socket, Waiting, Watcher};
use ringmq::{Carrier, Context, Kind, SharedMemory, Wait, ZmtpReason};
use ringmq_testing::soon;

/// The sockets of this process, of one context of this test.
fn sockets(snapshot: &Snapshot) -> Vec<Socket> {
    let own = std::process::id().cast_signed();
    let processes = snapshot.processes.iter();
    let own = processes.filter(|process| process.pid == own);
    own.flat_map(|process| process.sockets.clone()).collect()
}

/// Looks until the two connections of an endpoint are as wanted: that of the socket that is bound, and the other.
fn until(
    endpoint: &str,
    mut wanted: impl FnMut(&Connection, &Connection) -> bool,
) -> (Connection, Connection) {
    let mut watcher = Watcher::new().unwrap();
    let end = soon();
    loop {
        let snapshot = watcher.look_at_process(std::process::id().cast_signed());
        let sockets = sockets(&snapshot).into_iter();
        let all = sockets.flat_map(|socket| socket.connections);
        let all = all.filter(|one| one.endpoint == endpoint);
        let (connected, bound): (Vec<_>, Vec<_>) = all.partition(|one| one.connects);
        if let ([bound], [connected]) = (&bound[..], &connected[..])
            && wanted(bound, connected)
        {
            return (bound.clone(), connected.clone());
        }
        assert!(
            Instant::now() < end,
            "no such connections: {bound:#?} {connected:#?}"
        );
        std::thread::yield_now();
    }
}

#[test]
fn messages_within_the_process_are_counted_on_both_sides() {
    let context = Context::new().unwrap();
    let mut pull = context.socket(Kind::Pull).unwrap();
    let mut push = context.socket(Kind::Push).unwrap();
    pull.set_wait(Wait::Park);
    push.set_send_hwm(100);
    pull.bind("inproc://counted").unwrap();
    push.connect("inproc://counted").unwrap();
    for _ in 0..10 {
        push.send("job").unwrap();
    }
    for _ in 0..4 {
        pull.recv().unwrap();
    }
    let mut watcher = Watcher::new().unwrap();
    let sockets = sockets(&watcher.look());
    let listens = |socket: &&Socket| socket.listeners == ["inproc://counted"];
    let pull_row = sockets.iter().find(listens).unwrap();
    assert_eq!(
        (pull_row.kind, pull_row.wait),
        (Kind::Pull, Some(Wait::Park))
    );
    let (bound, connected) = until("inproc://counted", |_, _| true);
    assert_eq!(
        (bound.carrier, bound.phase),
        (Carrier::Inproc, Phase::Ready)
    );
    assert_eq!(connected.sent.mark, Some(1100));
    assert_eq!(connected.sent.bytes, None);
    drop((push, pull));
    let sockets = self::sockets(&watcher.look());
    assert!(
        !sockets
            .iter()
            .any(|socket| socket.listeners == ["inproc://counted"])
    );
}

#[test]
fn a_connection_in_shared_memory_says_so_and_what_waits() {
    let context = Context::new().unwrap();
    let mut pull = context.socket(Kind::Pull).unwrap();
    let mut push = context.socket(Kind::Push).unwrap();
    pull.bind("ipc://*").unwrap();
    let endpoint = pull.last_endpoint().to_owned();
    push.connect(&endpoint).unwrap();
    ringmq_testing::until(|| {
        push.send("go over").unwrap();
        pull.recv().unwrap();
        push.connections()[0].carrier == Carrier::SharedMemory
    });
    for _ in 0..1000 {
        push.send(vec![7; 100]).unwrap();
    }
    for _ in 0..400 {
        pull.recv().unwrap();
    }
    push.set_send_timeout(Duration::ZERO);
    // The counts are shown at slow points: a mark that is reached, a message that is not there.
    while push.send("until it is full").is_ok() {}
    while pull.try_recv().is_ok() {}
    let _ = push.try_send("the last");
    let (bound, connected) = until(&endpoint, |bound, connected| {
        bound.received.messages == connected.sent.messages && bound.received.messages > 1000
    });
    assert_eq!(bound.carrier, Carrier::SharedMemory);
    assert_eq!(connected.sent.waiting, Some(Waiting::Exactly(0)));
    assert_eq!(bound.received.waiting, Some(Waiting::Exactly(0)));
    assert_eq!(connected.sent.mark, Some(2000));
    assert!(connected.memory > 0 && connected.sent.bytes > Some(100_000));
    assert_eq!(connected.peer_pid, Some(std::process::id().cast_signed()));
}

#[test]
fn a_connection_over_tcp_says_why_it_is_there() {
    let context = Context::new().unwrap();
    context.set_shared_memory(SharedMemory::Ipc);
    let mut server = context.socket(Kind::Rep).unwrap();
    let mut client = context.socket(Kind::Req).unwrap();
    server.bind("tcp://127.0.0.1:*").unwrap();
    let endpoint = server.last_endpoint().to_owned();
    client.connect(&endpoint).unwrap();
    for _ in 0..3 {
        client.send("question").unwrap();
        server.recv().unwrap();
        server.send("answer").unwrap();
        client.recv().unwrap();
    }
    let (bound, connected) = until(&endpoint, |bound, connected| {
        bound.received.messages == 3 && connected.received.messages == 3
    });
    for connection in [&bound, &connected] {
        assert_eq!(connection.carrier, Carrier::Zmtp(ZmtpReason::TurnedOff));
        assert_eq!((connection.sent.messages, connection.dropped), (3, 0));
        // Greeting, READY and three messages.
        assert!(connection.sent.bytes > Some(64) && connection.received.bytes > Some(64));
        assert_eq!(connection.sent.mark, Some(1000));
    }
    assert!(bound.peer.starts_with("tcp://127.0.0.1:"));
}

#[test]
fn a_socket_without_a_peer_is_shown_as_connecting() {
    let context = Context::new().unwrap();
    let mut push = context.socket(Kind::Push).unwrap();
    push.connect("ipc:///nowhere/ringmq-status.sock").unwrap();
    let mut watcher = Watcher::new().unwrap();
    let sockets = sockets(&watcher.look());
    let mut all = sockets.iter().flat_map(|socket| &socket.connections);
    let connection = all
        .find(|one| one.endpoint == "ipc:///nowhere/ringmq-status.sock")
        .unwrap();
    assert_eq!(connection.phase, Phase::Connecting);
    assert_eq!(connection.carrier, Carrier::Zmtp(ZmtpReason::Undecided));
    assert!(connection.connects && connection.peer_pid.is_none());
}
