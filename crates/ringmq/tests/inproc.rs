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

/// A routing id that ZMTP cannot carry is refused when it is set.
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
fn a_peer_that_connected_first_is_missed_when_it_closes() {
    for connect_first in [false, true] {
        let context = Context::new().unwrap();
        let (mut push, pull) = pair(&context, Kind::Push, Kind::Pull, connect_first);
        push.try_send("taken").unwrap();
        drop(pull);
        let refused = push.try_send("refused").unwrap_err();
        assert!(matches!(refused.reason, SendError::WouldBlock));
    }
}

/// A peer that comes just as the other one is about to wait is heard.
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
                // Waits, so that only this message can wake the receiver.
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
