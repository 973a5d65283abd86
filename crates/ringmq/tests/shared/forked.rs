//! Processes that fork: the child has no sockets, and its parent's death shows although it lives.

use std::time::Duration;

use ringmq::{
    Context, EndpointError, Interest, Item, Kind, MonitorError, OptionError, PollError, Poller,
    RecvError, SendError, SocketError, TerminateError,
};
use ringmq_testing::{
    Actor, fork_and, fork_and_linger, listen, role, say, soon, spawn_role, watchdog,
};

use crate::parts::{arg, last, make, open, read, rings, socket};
use crate::places::Places;

#[test]
fn a_child_gets_errors_and_the_parent_is_unharmed() {
    let _guard = watchdog(Duration::from_secs(60));
    let places = Places::new();
    let endpoint = places.endpoint("s");
    let (context, other) = (Context::new().unwrap(), Context::new().unwrap());
    let mut far = socket(&other, Kind::Pair);
    far.bind(&endpoint).unwrap();
    let mut near = socket(&context, Kind::Pair);
    near.connect(&endpoint).unwrap();
    let mut number = 0;
    while number < 100 || rings() == 0 {
        near.send(make(0, number)).unwrap();
        assert_eq!(read(last(&far.recv_deadline(soon()).unwrap())), (0, number));
        number += 1;
    }
    let (mut near, mut far) = (Some(near), Some(far));
    let child = fork_and(|| {
        let (mut near, mut far) = (near.take().unwrap(), far.take().unwrap());
        let sent = near.try_send("from the child");
        let sent = sent.map_err(|error| error.reason);
        let received = far.try_recv();
        // What it drops is its parent's.
        drop((near, far));
        matches!(sent, Err(SendError::Forked)) && matches!(received, Err(RecvError::Forked))
    });
    assert!(child, "the child was not refused");
    let (mut near, mut far) = (near.unwrap(), far.unwrap());
    for number in 0..5000 {
        near.send(make(0, number)).unwrap();
        assert_eq!(read(last(&far.recv_deadline(soon()).unwrap())), (0, number));
    }
}

#[test]
fn every_call_fails_in_a_child() {
    let _guard = watchdog(Duration::from_secs(60));
    let places = Places::new();
    let endpoint = places.endpoint("s");
    let context = Context::new().unwrap();
    let mut far = socket(&context, Kind::Pair);
    let monitor = far.monitor().unwrap();
    far.bind(&endpoint).unwrap();
    let mut near = socket(&context, Kind::Pair);
    near.connect(&endpoint).unwrap();
    let mut number = 0;
    while number < 100 || rings() == 0 {
        near.send(make(0, number)).unwrap();
        assert_eq!(read(last(&far.recv_deadline(soon()).unwrap())), (0, number));
        number += 1;
    }
    let sub = socket(&context, Kind::Sub);
    let mut all = Some((context, near, far, sub, monitor));
    let child = fork_and(|| {
        let (context, mut near, mut far, mut sub, mut monitor) = all.take().unwrap();
        let other = places.endpoint("other");
        let calls = [
            matches!(context.socket(Kind::Pair), Err(SocketError::Forked)),
            forked(near.bind(&other)),
            forked(near.bind("tcp://127.0.0.1:*")),
            forked(near.bind("inproc://child")),
            forked(near.connect(&other)),
            forked(near.connect("inproc://child")),
            forked(near.disconnect(&endpoint)),
            forked(far.unbind(&endpoint)),
            sub.subscribe(b"") == Err(OptionError::Forked),
            matches!(near.monitor(), Err(SocketError::Forked)),
            matches!(monitor.recv(), Err(MonitorError::Forked)),
            matches!(far.recv(), Err(RecvError::Forked)),
            matches!(far.events(), Err(RecvError::Forked)),
            matches!(near.send_slice(b"x"), Err(SendError::Forked)),
            matches!(
                Poller::new().wait(&mut [Item::socket(&mut far, Interest::READABLE)], None),
                Err(PollError::Forked)
            ),
            matches!(
                context.terminate_unless_interrupted(),
                Err(TerminateError::Forked)
            ),
            near.connections().is_empty() && far.ask_for_stats().is_none(),
            !std::fs::exists(other).unwrap(),
        ];
        // What returns nothing does nothing.
        near.set_send_hwm(1);
        near.set_recv_hwm(1);
        far.stop_monitor();
        let _descriptor = near.watch();
        context.set_max_sockets(1);
        context.shutdown();
        context.clone().terminate();
        // The child's own.
        let own = Context::new().unwrap();
        let mut one = socket(&own, Kind::Pair);
        one.bind("tcp://127.0.0.1:*").unwrap();
        let mut two = socket(&own, Kind::Pair);
        two.connect(one.last_endpoint()).unwrap();
        two.send("x").unwrap();
        let received = one.recv_deadline(soon()).is_ok();
        drop((near, far, sub, monitor, context));
        drop((one, two));
        own.terminate();
        println!("{calls:?}, {received}");
        received && calls == [true; 18]
    });
    assert!(child, "a call in the child did not fail as it should");
    let (context, mut near, mut far, sub, mut monitor) = all.unwrap();
    for number in 0..5000 {
        near.send(make(0, number)).unwrap();
        assert_eq!(read(last(&far.recv_deadline(soon()).unwrap())), (0, number));
    }
    far.unbind(&endpoint).unwrap();
    drop((near, far, sub));
    context.terminate();
    assert!(monitor.all(|event| event.is_ok()));
}

fn forked(called: Result<(), EndpointError>) -> bool {
    matches!(called, Err(EndpointError::Forked))
}

/// As the parent of a child that lives on.
fn parent() {
    let context = Context::new().unwrap();
    let kind = if arg(1) == "sends" {
        Kind::Push
    } else {
        Kind::Pull
    };
    let mut socket = socket(&context, kind);
    open(&mut socket, arg(2) == "binds", &arg(0));
    for number in 0.. {
        if kind == Kind::Push {
            socket.send(make(0, number)).unwrap();
        } else {
            assert_eq!(read(last(&socket.recv().unwrap())), (0, number));
        }
        // A message by ZMTP is in no shared ring.
        if number > 100 && rings() > 0 {
            break;
        }
    }
    fork_and_linger();
    say("forked");
    assert_eq!(listen(), "never");
}

#[test]
fn a_dead_parent_is_noticed_although_its_child_lives() {
    const TEST: &str = "forked::a_dead_parent_is_noticed_although_its_child_lives";
    if role().is_some() {
        return parent();
    }
    let _guard = watchdog(Duration::from_secs(60));
    for (does, binds) in [
        ("sends", true),
        ("sends", false),
        ("receives", true),
        ("receives", false),
    ] {
        let places = Places::new();
        let endpoint = places.endpoint("s");
        let context = Context::new().unwrap();
        let kind = if does == "sends" {
            Kind::Pull
        } else {
            Kind::Push
        };
        let mut socket = socket(&context, kind);
        open(&mut socket, !binds, &endpoint);
        let args = [
            &endpoint[..],
            does,
            if binds { "binds" } else { "connects" },
        ];
        let mut parent = Actor::start(&mut spawn_role(TEST, "parent", &args));
        std::thread::scope(|scope| {
            let forked = scope.spawn(|| assert_eq!(parent.hear(), "forked"));
            let mut number = 0;
            while !forked.is_finished() {
                if kind == Kind::Push {
                    if socket.try_send(make(0, number)).is_ok() {
                        number += 1;
                    }
                } else if let Ok(message) = socket.try_recv() {
                    assert_eq!(read(last(&message)), (0, number));
                    number += 1;
                }
                std::thread::yield_now();
            }
        });
        // The parent has gone over; this side follows, and fills what there is to fill.
        while rings() == 0 {
            drop(socket.try_recv());
        }
        while kind == Kind::Push && socket.try_send(make(0, 0)).is_ok() {}
        parent.kill();
        if kind == Kind::Push && binds {
            // The pipe goes on, and has room again, in the session.
            while socket.try_send(make(0, 0)).is_err() {
                std::thread::yield_now();
            }
        } else {
            while rings() > 0 {
                drop(socket.try_recv());
                drop(socket.try_send(make(0, 0)));
                std::thread::yield_now();
            }
        }
        parent.wait();
    }
}
