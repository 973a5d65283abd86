//! Sockets over tcp and ipc.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::{Duration, Instant};

use ringmq::{
    Context, EventKind, Kind, Message, RecvError, SendError, SetOption, Socket, SocketOptions,
};
use ringmq_testing::{Scratch, scope, watchdog};

/// An endpoint of each transport, to bind to.
fn endpoints(scratch: &Scratch) -> [String; 3] {
    [
        "tcp://127.0.0.1:*".to_owned(),
        format!("ipc://{}", scratch.path("s")),
        "ipc://*".to_owned(),
    ]
}

/// A bound and a connected socket, each of a context of its own.
fn pair(bound: Kind, connected: Kind, endpoint: &str) -> (Socket, Socket) {
    let mut bound = Context::new().unwrap().socket(bound).unwrap();
    bound.bind(endpoint).unwrap();
    let mut connected = Context::new().unwrap().socket(connected).unwrap();
    connected.connect(bound.last_endpoint()).unwrap();
    (bound, connected)
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(20)
}

#[test]
fn requests_are_answered() {
    let _guard = watchdog(Duration::from_secs(60));
    let scratch = Scratch::new();
    for endpoint in endpoints(&scratch) {
        let (mut rep, mut req) = pair(Kind::Rep, Kind::Req, &endpoint);
        for round in 0..100 {
            req.send(
                ["question", &round.to_string()]
                    .into_iter()
                    .collect::<Message>(),
            )
            .unwrap();
            let request = rep.recv_deadline(soon()).unwrap();
            assert_eq!(request[1].as_slice(), round.to_string().as_bytes());
            rep.send("answer").unwrap();
            assert_eq!(req.recv_deadline(soon()).unwrap()[0].as_slice(), b"answer");
        }
    }
}

#[test]
fn messages_of_all_sizes_in_order() {
    let _guard = watchdog(Duration::from_secs(60));
    let scratch = Scratch::new();
    for endpoint in endpoints(&scratch) {
        let (mut pull, mut push) = pair(Kind::Pull, Kind::Push, &endpoint);
        scope(|scope| {
            scope.spawn(move || {
                for number in 0..2000_usize {
                    push.send(
                        [vec![number as u8; number * number % 5000], vec![1; 3]]
                            .into_iter()
                            .collect::<Message>(),
                    )
                    .unwrap();
                }
                push.send(vec![9; 64 << 20]).unwrap();
            });
            for number in 0..2000_usize {
                let message = pull.recv_deadline(soon()).unwrap();
                assert_eq!(message.len(), 2);
                assert_eq!(
                    message[0].as_slice(),
                    vec![number as u8; number * number % 5000]
                );
            }
            let message = pull.recv_deadline(soon()).unwrap();
            assert!(message[0].len() == 64 << 20 && message[0].iter().all(|byte| *byte == 9));
        });
    }
}

/// Closing the socket and ending its context right after sending loses nothing, whatever the marks are.
#[test]
fn nothing_is_lost_on_a_clean_close() {
    let _guard = watchdog(Duration::from_secs(120));
    let scratch = Scratch::new();
    for endpoint in endpoints(&scratch) {
        for _ in 0..3 {
            let (mut pull, mut push) = pair(Kind::Pull, Kind::Push, &endpoint);
            scope(|scope| {
                scope.spawn(move || {
                    for number in 0..50_000_u64 {
                        push.send(&number.to_ne_bytes()).unwrap();
                    }
                });
                for number in 0..50_000_u64 {
                    let message = pull.recv_deadline(soon()).unwrap();
                    assert_eq!(message[0].as_slice(), number.to_ne_bytes());
                }
            });
        }
    }
}

/// Connecting first, and binding again to the same place, finds the peer.
#[test]
fn peers_meet_again() {
    let _guard = watchdog(Duration::from_secs(60));
    let scratch = Scratch::new();
    let endpoint = format!("ipc://{}", scratch.path("again"));
    let context = Context::new().unwrap();
    let options = SocketOptions::new().reconnect_interval(Duration::from_millis(10));
    let mut dealer = context.socket_with(Kind::Dealer, &options).unwrap();
    let mut monitor = dealer.monitor().unwrap();
    dealer.connect(&endpoint).unwrap();
    for round in 0..3 {
        dealer.send(round.to_string()).unwrap();
        let mut router = context.socket(Kind::Router).unwrap();
        router.bind(&endpoint).unwrap();
        let message = router.recv_deadline(soon()).unwrap();
        assert_eq!(message[1].as_slice(), round.to_string().as_bytes());
        router
            .send([&message[0][..], b"back"].into_iter().collect::<Message>())
            .unwrap();
        assert_eq!(dealer.recv_deadline(soon()).unwrap()[0].as_slice(), b"back");
        assert!(matches!(dealer.try_recv(), Err(RecvError::WouldBlock)));
        drop(router);
        // What is sent before that is noticed may be lost with the connection.
        let noticed = monitor.find(|event| {
            let kind = &event.as_ref().unwrap().kind;
            matches!(kind, EventKind::Disconnected { .. })
        });
        assert!(noticed.is_some());
    }
}

#[test]
fn subscriptions_travel() {
    let _guard = watchdog(Duration::from_secs(60));
    let scratch = Scratch::new();
    for endpoint in endpoints(&scratch) {
        let (mut publisher, mut subscriber) = pair(Kind::Xpub, Kind::Sub, &endpoint);
        subscriber.subscribe(b"a").unwrap();
        assert_eq!(
            publisher.recv_deadline(soon()).unwrap()[0].as_slice(),
            b"\x01a"
        );
        for topic in ["b", "a1", "c"] {
            publisher.send(topic).unwrap();
        }
        assert_eq!(
            subscriber.recv_deadline(soon()).unwrap()[0].as_slice(),
            b"a1"
        );
        subscriber.unsubscribe(b"a").unwrap();
        assert_eq!(
            publisher.recv_deadline(soon()).unwrap()[0].as_slice(),
            b"\x00a"
        );
    }
}

/// Fills the pipe of a peer that has read everything: whether the next message is refused.
fn is_refused(
    sender: &mut Socket,
    receiver: &mut Socket,
    message: &[&str],
    pause: Duration,
) -> bool {
    let message: Message = message.iter().copied().collect();
    for _ in 0..2 * MARK {
        sender.send(message.clone()).unwrap();
        receiver.recv_deadline(soon()).unwrap();
    }
    std::thread::sleep(pause);
    match sender.try_send(message) {
        Ok(()) => {
            receiver.recv_deadline(soon()).unwrap();
            false
        }
        Err(error) => {
            assert!(matches!(error.reason, SendError::WouldBlock));
            true
        }
    }
}

const MARK: usize = 100;

/// As in libzmq, it is not noticed at once that there is room again; for no longer than a millisecond.
#[test]
fn whoever_fills_a_pipe_at_once_is_told_that_it_is_full() {
    let _guard = watchdog(Duration::from_secs(60));
    let context = Context::new().unwrap();
    let marked = |kind| {
        let mut socket = context.socket(kind).unwrap();
        socket.set_send_hwm(MARK as u32);
        socket.set_recv_hwm(MARK as u32);
        socket
    };
    let mut publisher = marked(Kind::Xpub);
    publisher.set(SetOption::XpubNodrop(true)).unwrap();
    publisher.bind("inproc://publisher").unwrap();
    let mut subscriber = marked(Kind::Sub);
    subscriber.subscribe(b"").unwrap();
    subscriber.connect("inproc://publisher").unwrap();
    publisher.recv_deadline(soon()).unwrap();
    let mut router = marked(Kind::Router);
    router.set(SetOption::RouterMandatory(true)).unwrap();
    router.bind("inproc://router").unwrap();
    let mut dealer = marked(Kind::Dealer);
    dealer
        .change_options(|options| options.routing_id(b"dealer"))
        .unwrap();
    dealer.connect("inproc://router").unwrap();
    dealer.send("here").unwrap();
    router.recv_deadline(soon()).unwrap();
    for (sender, receiver, message) in [
        (&mut publisher, &mut subscriber, &["x"][..]),
        (&mut router, &mut dealer, &["dealer", "x"]),
    ] {
        while !is_refused(sender, receiver, message, Duration::ZERO) {}
        for _ in 0..3 {
            let pause = Duration::from_millis(2);
            assert!(!is_refused(sender, receiver, message, pause));
        }
    }
}

#[test]
fn a_router_that_met_nobody_can_be_closed() {
    let context = Context::new().unwrap();
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("tcp://{}", nobody.local_addr().unwrap());
    drop(nobody);
    let mut router = context.socket(Kind::Router).unwrap();
    router.connect(&endpoint).unwrap();
    router.disconnect(&endpoint).unwrap();
    router.connect(&endpoint).unwrap();
    drop(router);
    context.terminate();
}
