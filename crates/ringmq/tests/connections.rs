//! Connections that come, go and come again, and the threads that serve them.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::time::Duration;

use ringmq::{
    Carrier, Connection, Context, EndpointError, Heartbeat, Interest, Item, Kind, ListenError,
    Message, Poller, SendError, Socket, SocketOptions, ZmtpReason,
};
use ringmq_testing::{Scratch, soon, watchdog};

fn text(message: &Message) -> &str {
    std::str::from_utf8(&message[0]).unwrap()
}

/// Sends until the socket has noticed that it has no peer.
fn send_until_alone(socket: &mut Socket) {
    loop {
        match socket.try_send("lost") {
            Ok(()) => std::thread::yield_now(),
            Err(error) => {
                assert!(matches!(error.reason, SendError::WouldBlock));
                return;
            }
        }
    }
}

/// What lingers for a peer that goes is lost with its pipe, and the context ends.
#[test]
fn an_immediate_socket_does_not_linger_for_a_peer_that_has_gone() {
    let _guard = watchdog(Duration::from_secs(60));
    let context = Context::new().unwrap();
    let other = Context::new().unwrap();
    let mut pull = other.socket(Kind::Pull).unwrap();
    pull.set_recv_hwm(1);
    pull.bind("tcp://127.0.0.1:*").unwrap();
    let options = SocketOptions::new().immediate(true).send_hwm(None);
    let mut push = context.socket_with(Kind::Push, &options).unwrap();
    push.connect(pull.last_endpoint()).unwrap();
    for _ in 0..100 {
        push.send(vec![0; 1 << 20]).unwrap();
    }
    drop(push);
    pull.recv_deadline(soon()).unwrap();
    drop(pull);
    context.terminate();
}

#[test]
fn the_longest_time_is_no_limit() {
    let _guard = watchdog(Duration::from_secs(60));
    let scratch = Scratch::new();
    let patient = |kind| {
        let mut socket = Context::new().unwrap().socket(kind).unwrap();
        socket.set_send_timeout(Duration::MAX);
        socket.set_recv_timeout(Duration::MAX);
        socket.set_linger(Duration::MAX);
        socket
            .change_options(|options| {
                options
                    .reconnect_interval(Duration::MAX)
                    .reconnect_interval_max(Duration::MAX)
                    .handshake_timeout(Duration::MAX)
                    .connect_timeout(Duration::MAX)
                    .max_retransmit(Duration::MAX)
                    .heartbeat(Heartbeat {
                        interval: Duration::MAX,
                        timeout: Duration::MAX,
                        ttl: Duration::MAX,
                    })
            })
            .unwrap();
        socket
    };
    let ipc = format!("ipc://{}", scratch.path("s"));
    for endpoint in ["tcp://127.0.0.1:*", &ipc] {
        let (mut rep, mut req) = (patient(Kind::Rep), patient(Kind::Req));
        rep.bind(endpoint).unwrap();
        req.connect(rep.last_endpoint()).unwrap();
        req.send("question").unwrap();
        assert_eq!(text(&rep.recv().unwrap()), "question");
        rep.send("answer").unwrap();
        let mut items = [Item::socket(&mut req, Interest::READABLE)];
        let ready = Poller::new().wait(&mut items, Some(Duration::MAX));
        assert_eq!(ready.unwrap(), 1);
        assert_eq!(text(&req.recv().unwrap()), "answer");
        req.send("last words").unwrap();
        drop(req);
        assert_eq!(text(&rep.recv().unwrap()), "last words");
    }
}

#[test]
fn a_listener_can_be_given_and_keeps_its_path() {
    let _guard = watchdog(Duration::from_secs(60));
    let scratch = Scratch::new();
    let path = scratch.path("given");
    let endpoint = format!("ipc://{path}");
    let context = Context::new().unwrap();
    let mut rep = context.socket(Kind::Rep).unwrap();
    let listener = UnixListener::bind(&path).unwrap();
    let copy = OwnedFd::from(listener.try_clone().unwrap());
    assert!(matches!(
        rep.bind_descriptor("tcp://127.0.0.1:*", copy),
        Err(EndpointError::WrongTransport(_))
    ));
    let no_listener = OwnedFd::from(std::fs::File::open("/dev/null").unwrap());
    assert!(matches!(
        rep.bind_descriptor(&endpoint, no_listener),
        Err(EndpointError::Listen(ListenError::Descriptor(_)))
    ));
    rep.bind_descriptor(&endpoint, listener.into()).unwrap();
    assert_eq!(rep.last_endpoint(), endpoint);
    let mut req = context.socket(Kind::Req).unwrap();
    req.connect(&endpoint).unwrap();
    req.send("question").unwrap();
    assert_eq!(text(&rep.recv_deadline(soon()).unwrap()), "question");
    rep.send("answer").unwrap();
    assert_eq!(text(&req.recv_deadline(soon()).unwrap()), "answer");
    drop(rep);
    assert!(std::fs::exists(&path).unwrap());
}

#[test]
fn several_io_threads_serve_one_listener() {
    let _guard = watchdog(Duration::from_secs(60));
    let scratch = Scratch::new();
    for affinity in [0, 0b110] {
        let context = Context::new().unwrap();
        context.set_io_threads(3);
        let options = SocketOptions::new().affinity(affinity);
        let mut router = context.socket_with(Kind::Router, &options).unwrap();
        let endpoint = format!("ipc://{}", scratch.path("s"));
        router.bind(&endpoint).unwrap();
        let mut dealers: Vec<_> = (0..9)
            .map(|_| {
                let mut dealer = context.socket(Kind::Dealer).unwrap();
                dealer.connect(&endpoint).unwrap();
                dealer
            })
            .collect();
        for round in 0..20 {
            for dealer in &mut dealers {
                dealer.send(round.to_string()).unwrap();
            }
            for _ in 0..dealers.len() {
                let message = router.recv_deadline(soon()).unwrap();
                router.send(message).unwrap();
            }
            for dealer in &mut dealers {
                let message = dealer.recv_deadline(soon()).unwrap();
                assert_eq!(text(&message), round.to_string());
            }
        }
        // The threads that did not listen end their connections, too.
        router.unbind(&endpoint).unwrap();
        drop(dealers);
        drop(router);
        context.terminate();
    }
}

#[test]
fn without_an_io_thread_there_is_inproc_only() {
    let scratch = Scratch::new();
    let endpoint = format!("ipc://{}", scratch.path("s"));
    for (threads, affinity) in [(0, 0), (2, 0b100)] {
        let context = Context::new().unwrap();
        context.set_io_threads(threads);
        let options = SocketOptions::new().affinity(affinity);
        let mut pair = context.socket_with(Kind::Pair, &options).unwrap();
        for refused in [pair.bind(&endpoint), pair.connect(&endpoint)] {
            assert!(matches!(refused, Err(EndpointError::NoThread)));
        }
        pair.bind("inproc://a").unwrap();
        let mut other = context.socket(Kind::Pair).unwrap();
        other.connect("inproc://a").unwrap();
        other.send("x").unwrap();
        assert_eq!(text(&pair.recv().unwrap()), "x");
    }
}

/// A peer that goes on sending does not keep a socket that has closed from ending.
#[test]
fn what_comes_after_a_close_is_not_waited_for() {
    let _guard = watchdog(Duration::from_secs(60));
    let (context, other) = (Context::new().unwrap(), Context::new().unwrap());
    let mut pull = context.socket(Kind::Pull).unwrap();
    pull.set_recv_hwm(1);
    pull.bind("tcp://127.0.0.1:*").unwrap();
    let options = SocketOptions::new()
        .linger(Duration::ZERO)
        .immediate(true)
        .send_hwm(None);
    let mut push = other.socket_with(Kind::Push, &options).unwrap();
    push.connect(pull.last_endpoint()).unwrap();
    for _ in 0..100 {
        push.send(vec![0; 1 << 20]).unwrap();
    }
    pull.recv_deadline(soon()).unwrap();
    drop(pull);
    context.terminate();
    send_until_alone(&mut push);
}

/// The only connection of a socket, once its peer is known.
fn connection(socket: &mut Socket) -> Connection {
    loop {
        if let [connection] = &socket.connections()[..]
            && !connection.peer.is_empty()
        {
            return connection.clone();
        }
        std::thread::yield_now();
    }
}

#[test]
fn a_connection_names_its_endpoint_its_peer_and_over_ipc_the_process_of_the_peer() {
    let _guard = watchdog(Duration::from_secs(60));
    let scratch = Scratch::new();
    let context = Context::new().unwrap();
    let path = format!("ipc://{}", scratch.path("s"));
    for endpoint in ["inproc://s", "tcp://127.0.0.1:*", &path] {
        let mut server = context.socket(Kind::Rep).unwrap();
        server.bind(endpoint).unwrap();
        let endpoint = server.last_endpoint().to_owned();
        let mut client = context.socket(Kind::Req).unwrap();
        client.connect(&endpoint).unwrap();
        assert_eq!(client.connections()[0].endpoint, endpoint);

        let [of_server, of_client] = [connection(&mut server), connection(&mut client)];
        assert_eq!(of_server.endpoint, endpoint);
        assert_eq!(of_client.endpoint, endpoint);
        assert_eq!(of_client.peer, endpoint);
        let (peer, is_ipc) = match &endpoint[..3] {
            "inp" => (&endpoint[..], false),
            "tcp" => ("tcp://127.0.0.1:", false),
            _ => ("ipc://", true),
        };
        assert!(of_server.peer.starts_with(peer), "{}", of_server.peer);
        for connection in [of_server, of_client] {
            let pid = connection.credentials.map(|process| process.pid);
            let own = i32::try_from(std::process::id()).unwrap();
            assert_eq!(pid, is_ipc.then_some(own));
            assert_eq!(
                connection.reason().is_some(),
                matches!(connection.carrier, Carrier::Zmtp(_))
            );
        }
    }
}

#[test]
fn a_connection_has_no_peer_before_the_first_handshake() {
    let scratch = Scratch::new();
    let context = Context::new().unwrap();
    let mut push = context.socket(Kind::Push).unwrap();
    push.set_linger(Duration::ZERO);
    let endpoint = format!("ipc://{}", scratch.path("s"));
    push.connect(&endpoint).unwrap();
    let [connection] = &push.connections()[..] else {
        panic!("one connection");
    };
    assert_eq!(connection.endpoint, endpoint);
    assert_eq!((&connection.peer[..], connection.credentials), ("", None));
    assert_eq!(connection.reason(), Some(ZmtpReason::Undecided));
}
