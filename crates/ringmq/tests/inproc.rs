//! Sockets of two threads, or one, over inproc.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{self, ErrorKind};
use std::time::{Duration, Instant};

use ringmq::{
    Context, EndpointError, Kind, Message, OptionError, RecvError, SendError, Socket, SocketError,
    SocketOptions, Wait,
};
use ringmq_testing::{scope, watchdog};

/// A bound and a connected socket; `connect_first` says in which order.
fn pair(context: &Context, bound: Kind, connected: Kind, connect_first: bool) -> (Socket, Socket) {
    let (mut bound, mut connected) = (
        context.socket(bound).unwrap(),
        context.socket(connected).unwrap(),
    );
    if connect_first {
        connected.connect("inproc://a").unwrap();
        bound.bind("inproc://a").unwrap();
    } else {
        bound.bind("inproc://a").unwrap();
        connected.connect("inproc://a").unwrap();
    }
    (bound, connected)
}

fn texts(message: &Message) -> Vec<&str> {
    let frames = message.iter();
    frames
        .map(|frame| std::str::from_utf8(frame).unwrap())
        .collect()
}

#[test]
fn requests_are_answered_whoever_comes_first() {
    let _guard = watchdog(Duration::from_secs(60));
    for connect_first in [false, true] {
        let context = Context::new().unwrap();
        let (mut rep, mut req) = pair(&context, Kind::Rep, Kind::Req, connect_first);
        for round in 0..3 {
            req.send(
                ["question", &round.to_string()]
                    .into_iter()
                    .collect::<Message>(),
            )
            .unwrap();
            assert!(matches!(
                req.send("again").unwrap_err().reason,
                SendError::State
            ));
            let request = rep.recv().unwrap();
            assert_eq!(texts(&request), ["question", &round.to_string()]);
            rep.send("answer").unwrap();
            assert_eq!(texts(&req.recv().unwrap()), ["answer"]);
            assert!(matches!(req.try_recv(), Err(RecvError::State)));
        }
    }
}

#[test]
fn a_router_knows_its_dealers() {
    let context = Context::new().unwrap();
    let mut router = context.socket(Kind::Router).unwrap();
    router.bind("inproc://r").unwrap();
    let mut dealers = Vec::new();
    for name in ["one", "two"] {
        let options = SocketOptions::new().routing_id(name.as_bytes());
        let mut dealer = context.socket_with(Kind::Dealer, &options).unwrap();
        dealer.connect("inproc://r").unwrap();
        dealer.send("hello").unwrap();
        dealers.push(dealer);
    }
    for _ in 0..2 {
        let message = router.recv().unwrap();
        let [id, "hello"] = texts(&message)[..] else {
            panic!("{message:?}")
        };
        router
            .send([id, "to", id].into_iter().collect::<Message>())
            .unwrap();
    }
    for (dealer, name) in dealers.iter_mut().zip(["one", "two"]) {
        assert_eq!(texts(&dealer.recv().unwrap()), ["to", name]);
    }
    // Nobody of that name: dropped.
    router
        .send(["three", "lost"].into_iter().collect::<Message>())
        .unwrap();
}

#[test]
fn subscribers_get_what_they_asked_for() {
    let context = Context::new().unwrap();
    let (mut publisher, mut subscriber) = pair(&context, Kind::Pub, Kind::Sub, false);
    publisher.send("before").unwrap();
    subscriber.subscribe(b"a").unwrap();
    subscriber.subscribe(b"c").unwrap();
    std::thread::sleep(Duration::from_millis(2));
    for topic in ["a1", "b1", "c1"] {
        publisher.send(topic).unwrap();
    }
    subscriber.unsubscribe(b"a").unwrap();
    assert_eq!(texts(&subscriber.recv().unwrap()), ["c1"]);
    std::thread::sleep(Duration::from_millis(2));
    for topic in ["a2", "c2"] {
        publisher.send(topic).unwrap();
    }
    assert_eq!(texts(&subscriber.recv().unwrap()), ["c2"]);
    assert!(matches!(subscriber.try_recv(), Err(RecvError::WouldBlock)));
    assert!(matches!(publisher.try_recv(), Err(RecvError::NotSupported)));
    assert!(matches!(
        subscriber.send("x").unwrap_err().reason,
        SendError::NotSupported
    ));
}

/// What the marks of both sides admit together, and not one more; whichever came first.
#[test]
fn marks_of_both_sides_count_together() {
    for connect_first in [false, true] {
        let context = Context::new().unwrap();
        let (mut push, mut pull) = (
            context.socket(Kind::Push).unwrap(),
            context.socket(Kind::Pull).unwrap(),
        );
        push.set_send_hwm(3);
        pull.set_recv_hwm(4);
        if connect_first {
            push.connect("inproc://a").unwrap();
            pull.bind("inproc://a").unwrap();
        } else {
            pull.bind("inproc://a").unwrap();
            push.connect("inproc://a").unwrap();
        }
        for number in 0..7 {
            push.try_send(number.to_string()).unwrap();
        }
        assert!(matches!(
            push.try_send("no").unwrap_err().reason,
            SendError::WouldBlock
        ));
        for number in 0..7 {
            assert_eq!(texts(&pull.recv().unwrap()), [number.to_string()]);
        }
        push.try_send("again").unwrap();
    }
}

#[test]
fn many_push_to_one_that_pulls() {
    let _guard = watchdog(Duration::from_secs(60));
    const EACH: usize = 20_000;
    for wait in [Wait::Park, Wait::Adaptive] {
        let context = Context::new().unwrap();
        context.set_wait(wait);
        let mut pull = context.socket(Kind::Pull).unwrap();
        pull.set_recv_hwm(10);
        pull.bind("inproc://p").unwrap();
        scope(|scope| {
            for sender in 0..4_u8 {
                let context = context.clone();
                scope.spawn(move || {
                    let mut push = context.socket(Kind::Push).unwrap();
                    push.set_send_hwm(10);
                    push.connect("inproc://p").unwrap();
                    for number in 0..EACH as u32 {
                        push.send(
                            [&[sender][..], &number.to_ne_bytes()]
                                .into_iter()
                                .collect::<Message>(),
                        )
                        .unwrap();
                    }
                });
            }
            let mut next = [0_u32; 4];
            let mut message = Message::new();
            for _ in 0..4 * EACH {
                pull.recv_into(&mut message).unwrap();
                let sender = usize::from(message[0][0]);
                assert_eq!(message[1].as_slice(), next[sender].to_ne_bytes());
                next[sender] += 1;
            }
            assert!(matches!(pull.try_recv(), Err(RecvError::WouldBlock)));
        });
    }
}

/// What was sent before a close arrives, and the peer is forgotten afterwards.
#[test]
fn nothing_is_lost_on_close() {
    let context = Context::new().unwrap();
    let (mut pull, mut push) = pair(&context, Kind::Pull, Kind::Push, false);
    for number in 0..100 {
        push.send(number.to_string()).unwrap();
    }
    drop(push);
    for number in 0..100 {
        assert_eq!(texts(&pull.recv().unwrap()), [number.to_string()]);
    }
    assert!(matches!(pull.try_recv(), Err(RecvError::WouldBlock)));
    // Also if the one who binds comes later.
    let mut push = context.socket(Kind::Push).unwrap();
    push.connect("inproc://later").unwrap();
    push.send("early").unwrap();
    drop(push);
    pull.bind("inproc://later").unwrap();
    assert_eq!(texts(&pull.recv().unwrap()), ["early"]);
}

#[test]
fn the_end_of_a_context_ends_all_that_waits() {
    let _guard = watchdog(Duration::from_secs(60));
    let context = Context::new().unwrap();
    let (made, sockets) = std::sync::mpsc::channel();
    scope(|scope| {
        for kind in [Kind::Pull, Kind::Push] {
            let (context, made) = (context.clone(), made.clone());
            scope.spawn(move || {
                let mut socket = context.socket(kind).unwrap();
                made.send(()).unwrap();
                if kind == Kind::Pull {
                    assert!(matches!(socket.recv(), Err(RecvError::Terminated)));
                } else {
                    assert!(matches!(
                        socket.send("").unwrap_err().reason,
                        SendError::Terminated
                    ));
                }
                assert!(matches!(
                    socket.connect("inproc://x"),
                    Err(EndpointError::Terminated)
                ));
            });
        }
        // Whether they wait by then or not, they end.
        sockets.iter().take(2).for_each(drop);
        context.clone().terminate();
        assert!(matches!(
            context.socket(Kind::Pair),
            Err(SocketError::Terminated)
        ));
    });
}

/// What no peer can be told is refused here, and not where it would be told.
#[test]
fn routing_ids_that_are_none() {
    let context = Context::new().unwrap();
    let mut dealer = context.socket(Kind::Dealer).unwrap();
    for id in [&b""[..], &[1; 256]] {
        let refused = dealer.change_options(|options| options.routing_id(id));
        assert_eq!(refused, Err(OptionError::Value), "{id:?}");
    }
    for id in [&b"i"[..], b"i\0", b"\0", b"\0id", &[1; 255]] {
        dealer
            .change_options(|options| options.routing_id(id))
            .unwrap();
    }
}

#[test]
fn timeouts_and_names() {
    let context = Context::new().unwrap();
    let mut pull = context.socket(Kind::Pull).unwrap();
    pull.set_recv_timeout(Duration::from_millis(20));
    let before = Instant::now();
    assert!(matches!(pull.recv(), Err(RecvError::TimedOut)));
    assert!(before.elapsed() >= Duration::from_millis(20));
    let moment = Duration::from_millis(1);
    let received = pull.recv_deadline(Instant::now() + moment);
    assert!(matches!(received, Err(RecvError::TimedOut)));
    assert!(matches!(pull.try_recv(), Err(RecvError::WouldBlock)));
    let mut push = context.socket(Kind::Push).unwrap();
    push.set_send_timeout(moment);
    let sent = [
        push.send("late"),
        push.send_deadline("late", Instant::now() + moment),
    ];
    for refused in sent {
        assert!(matches!(refused.unwrap_err().reason, SendError::TimedOut));
    }
    let refused = push.try_send("now").unwrap_err();
    assert!(matches!(refused.reason, SendError::WouldBlock));
    pull.bind("inproc://n").unwrap();
    let mut other = context.socket(Kind::Pull).unwrap();
    assert!(matches!(
        other.bind("inproc://n"),
        Err(EndpointError::InUse(_))
    ));
    assert!(matches!(
        other.unbind("inproc://n"),
        Err(EndpointError::Unknown(_))
    ));
    pull.unbind("inproc://n").unwrap();
    other.bind("inproc://n").unwrap();
    assert!(matches!(
        other.bind("nonsense"),
        Err(EndpointError::Endpoint(_))
    ));
    assert!(matches!(
        other.bind("pigeon://n"),
        Err(EndpointError::Endpoint(_))
    ));
}

#[test]
fn whoever_connected_first_is_missed_when_it_closes() {
    for connect_first in [false, true] {
        let context = Context::new().unwrap();
        let (mut push, pull) = pair(&context, Kind::Push, Kind::Pull, connect_first);
        push.try_send("taken").unwrap();
        drop(pull);
        let refused = push.try_send("nobody is there").unwrap_err();
        assert!(matches!(refused.reason, SendError::WouldBlock));
    }
}

#[test]
fn marks_may_change_while_connected() {
    let fill = |push: &mut Socket| {
        let sent = std::iter::repeat_with(|| push.try_send("x"));
        sent.take(1000).take_while(Result::is_ok).count()
    };
    for connect_first in [false, true] {
        let context = Context::new().unwrap();
        let (mut push, mut pull) = pair(&context, Kind::Push, Kind::Pull, connect_first);
        push.set_send_hwm(5);
        pull.set_recv_hwm(1);
        assert_eq!(fill(&mut push), 6);
        push.set_send_hwm(2);
        for _ in 0..6 {
            pull.try_recv().unwrap();
        }
        assert!(pull.try_recv().is_err());
        assert_eq!(fill(&mut push), 3);
        pull.set_recv_hwm(None);
        assert_eq!(fill(&mut push), 1000);
    }
}

/// Whoever comes at the very moment at which the other is about to wait is heard.
#[test]
fn newcomers_are_heard() {
    // Each that is not heard is missed sooner.
    let _guard = watchdog(Duration::from_secs(300));
    let context = Context::new().unwrap();
    let mut pull = context.socket(Kind::Pull).unwrap();
    pull.bind("inproc://newcomers").unwrap();
    let (heard, hear) = std::sync::mpsc::channel();
    scope(move |scope| {
        scope.spawn(move || {
            for number in 0..20_000_u32 {
                let mut push = context.socket(Kind::Push).unwrap();
                push.connect("inproc://newcomers").unwrap();
                push.send(&number.to_ne_bytes()).unwrap();
                // Nobody else may wake it.
                hear.recv().unwrap();
            }
        });
        for number in 0..20_000_u32 {
            let message = pull
                .recv_deadline(Instant::now() + Duration::from_secs(10))
                .unwrap();
            assert_eq!(message[0].as_slice(), number.to_ne_bytes());
            heard.send(()).unwrap();
        }
    });
}

/// Once everything of a peer that has gone was received, there is no connection to it any more.
#[test]
fn a_connection_that_has_ended_by_itself_is_none_to_be_ended() {
    let context = Context::new().unwrap();
    let (mut bound, mut connected) = pair(&context, Kind::Pair, Kind::Pair, false);
    bound.send("last").unwrap();
    drop(bound);
    assert!(connected.try_send("too late").is_err());
    assert_eq!(texts(&connected.recv().unwrap()), ["last"]);
    assert!(matches!(connected.try_recv(), Err(RecvError::WouldBlock)));
    assert!(matches!(
        connected.disconnect("inproc://a"),
        Err(EndpointError::Unknown(_))
    ));
}

#[test]
fn errors_become_those_of_io() {
    fn wait(pull: &mut Socket) -> io::Result<Message> {
        pull.set_recv_timeout(Duration::from_millis(1));
        Ok(pull.recv()?)
    }
    let context = Context::new().unwrap();
    let mut pull = context.socket(Kind::Pull).unwrap();
    assert_eq!(wait(&mut pull).unwrap_err().kind(), ErrorKind::TimedOut);
    let kinds: [(io::Error, ErrorKind); 6] = [
        (pull.try_recv().unwrap_err().into(), ErrorKind::WouldBlock),
        (
            pull.try_send("no").unwrap_err().into(),
            ErrorKind::Unsupported,
        ),
        (
            pull.subscribe("no").unwrap_err().into(),
            ErrorKind::Unsupported,
        ),
        (
            pull.bind("pigeon://n").unwrap_err().into(),
            ErrorKind::InvalidInput,
        ),
        (
            pull.unbind("inproc://n").unwrap_err().into(),
            ErrorKind::NotFound,
        ),
        (
            pull.bind("ipc:///nowhere/at/all").unwrap_err().into(),
            ErrorKind::NotFound,
        ),
    ];
    for (error, kind) in kinds {
        assert_eq!(error.kind(), kind, "{error}");
    }
    context.shutdown();
    let ended = io::Error::from(pull.recv().unwrap_err());
    assert_eq!(ended.kind(), ErrorKind::ConnectionAborted);
    assert_eq!(ended.to_string(), "the context was shut down");
}

#[test]
fn debug_of_a_socket_is_one_line() {
    let context = Context::new().unwrap();
    let (_pull, push) = pair(&context, Kind::Pull, Kind::Push, false);
    let line = r#"Socket { kind: PUSH, endpoints: ["inproc://a"], connections: 1 }"#;
    assert_eq!(format!("{push:#?}"), line);
}

#[test]
fn options_are_those_of_the_value_and_a_change_that_is_refused_leaves_them() {
    let context = Context::new().unwrap();
    context.set_wait(Wait::Park);
    // What the value leaves open comes from the context and the socket type.
    let sub = context.socket(Kind::Sub).unwrap();
    assert_eq!(sub.options().get_wait(), Some(Wait::Park));
    assert_eq!(sub.options().get_linger(), Some(Duration::ZERO));
    let wanted = SocketOptions::new()
        .wait(Wait::Adaptive)
        .linger(None)
        .send_hwm(0)
        .recv_hwm(None)
        .routing_id("me")
        .property("X-Name", "first")
        .property("X-NAME", "second");
    let mut dealer = context.socket_with(Kind::Dealer, &wanted).unwrap();
    let options = dealer.options();
    assert_eq!(options.get_wait(), Some(Wait::Adaptive));
    assert_eq!(options.get_linger(), None);
    assert_eq!(options.get_send_hwm(), Some(1));
    assert_eq!(options.get_recv_hwm(), None);
    assert_eq!(options.get_routing_id(), b"me");

    for wrong in [
        SocketOptions::new().routing_id(""),
        SocketOptions::new().routing_id([7; 256]),
        SocketOptions::new().property("Name", "without X-"),
        SocketOptions::new().property("X-Ringmq-Name", "ours"),
        SocketOptions::new().property("X-Name", ""),
        SocketOptions::new().property("X-Name", vec![7; 32 << 10]),
    ] {
        let refused = context.socket_with(Kind::Dealer, &wrong).unwrap_err();
        assert!(matches!(refused, SocketError::Options(OptionError::Value)));
        let refused = dealer.change_options(|_| wrong);
        assert_eq!(refused, Err(OptionError::Value));
    }
    let kept: Vec<_> = dealer.options().get_properties().collect();
    assert_eq!(kept, [("X-Name", &b"first"[..])]);
    assert_eq!(dealer.options().get_routing_id(), b"me");

    // What a new value leaves open stays as it is, or as the socket type has it.
    let mut xsub = context.socket(Kind::Xsub).unwrap();
    xsub.change_options(|_| SocketOptions::new().recv_hwm(7))
        .unwrap();
    assert_eq!(xsub.options().get_wait(), Some(Wait::Park));
    assert_eq!(xsub.options().get_linger(), Some(Duration::ZERO));
    assert_eq!(
        xsub.options().get_shared_memory(),
        sub.options().get_shared_memory()
    );
}

#[test]
fn marks_that_are_changed_with_other_options_act_at_once() {
    let context = Context::new().unwrap();
    let mut pull = context.socket(Kind::Pull).unwrap();
    let options = SocketOptions::new().send_hwm(1);
    let mut push = context.socket_with(Kind::Push, &options).unwrap();
    pull.change_options(|options| options.recv_hwm(1)).unwrap();
    pull.bind("inproc://here").unwrap();
    push.connect("inproc://here").unwrap();
    let room = |push: &mut Socket| {
        let mut sent = 0;
        while push.try_send("message").is_ok() {
            sent += 1;
        }
        sent
    };
    assert_eq!(room(&mut push), 2);
    push.change_options(|options| options.send_hwm(4).backlog(7))
        .unwrap();
    assert_eq!(room(&mut push), 3);
    assert_eq!(push.options().get_backlog(), 7);
}
