//! Proxies.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::thread::JoinHandle;
use std::time::Duration;

use ringmq::{
    Context, Kind, Message, Proxy, ProxyEnd, ProxyError, RecvError, SendError, Socket, Wait, proxy,
};
use ringmq_testing::watchdog;

fn bound(context: &Context, kind: Kind, name: &str) -> Socket {
    let mut socket = context.socket(kind).unwrap();
    socket.bind(name).unwrap();
    socket
}

fn connected(context: &Context, kind: Kind, name: &str) -> Socket {
    let mut socket = context.socket(kind).unwrap();
    socket.connect(name).unwrap();
    socket
}

fn texts(message: &Message) -> Vec<String> {
    let frames = message.iter();
    frames
        .map(|frame| String::from_utf8_lossy(frame).into_owned())
        .collect()
}

/// A proxy between a ROUTER `inproc://front` and a DEALER `inproc://back`.
fn broker(context: &Context) -> JoinHandle<Result<(), ProxyError>> {
    let mut front = bound(context, Kind::Router, "inproc://front");
    let mut back = bound(context, Kind::Dealer, "inproc://back");
    std::thread::spawn(move || proxy(&mut front, &mut back, None))
}

#[test]
fn many_clients_are_answered_by_many_services() {
    let _guard = watchdog(Duration::from_secs(120));
    for wait in [Wait::Spin, Wait::Park, Wait::Adaptive] {
        let context = Context::new().unwrap();
        context.set_wait(wait);
        let broker = broker(&context);
        let services: Vec<_> = (0..2)
            .map(|_| {
                let mut service = connected(&context, Kind::Rep, "inproc://back");
                std::thread::spawn(move || {
                    while let Ok(request) = service.recv() {
                        service.send(request).unwrap();
                    }
                })
            })
            .collect();
        let clients: Vec<_> = (0..3)
            .map(|name| {
                let mut client = connected(&context, Kind::Req, "inproc://front");
                std::thread::spawn(move || {
                    for number in 0..300 {
                        let parts = [format!("client {name}"), format!("question {number}")];
                        client
                            .send(parts.iter().map(String::as_str).collect::<Message>())
                            .unwrap();
                        assert_eq!(texts(&client.recv().unwrap()), parts);
                    }
                })
            })
            .collect();
        for client in clients {
            client.join().unwrap();
        }
        context.shutdown();
        broker.join().unwrap().unwrap();
        for service in services {
            service.join().unwrap();
        }
    }
}

#[test]
fn the_capture_gets_every_part() {
    let _guard = watchdog(Duration::from_secs(60));
    let context = Context::new().unwrap();
    let mut front = bound(&context, Kind::Pull, "inproc://front");
    let mut back = bound(&context, Kind::Push, "inproc://back");
    let mut capture = bound(&context, Kind::Push, "inproc://capture");
    let mut copies = connected(&context, Kind::Pull, "inproc://capture");
    let mut source = connected(&context, Kind::Push, "inproc://front");
    let mut sink = connected(&context, Kind::Pull, "inproc://back");
    let large = "x".repeat(100_000);
    let running = std::thread::spawn(move || proxy(&mut front, &mut back, Some(&mut capture)));
    for number in 0..2500 {
        let parts = ["head", &number.to_string(), &large[..number * 40]];
        source.send(parts.into_iter().collect::<Message>()).unwrap();
        assert_eq!(texts(&sink.recv().unwrap()), parts);
        assert_eq!(texts(&copies.recv().unwrap()), parts);
    }
    context.shutdown();
    running.join().unwrap().unwrap();
}

#[test]
fn one_socket_may_be_on_both_sides() {
    let _guard = watchdog(Duration::from_secs(60));
    let context = Context::new().unwrap();
    let mut echo = bound(&context, Kind::Rep, "inproc://echo");
    let mut client = connected(&context, Kind::Req, "inproc://echo");
    let running = std::thread::spawn(move || Proxy::of(&mut echo).run());
    for word in ["one", "two", "three"] {
        client.send(word).unwrap();
        assert_eq!(texts(&client.recv().unwrap()), [word]);
    }
    context.shutdown();
    assert_eq!(running.join().unwrap().unwrap(), ProxyEnd::Shutdown);
}

/// Both pipes full, no more may be taken: marks of 2 and 2 on each side of the proxy.
#[test]
fn nothing_is_read_that_the_other_side_cannot_take() {
    let _guard = watchdog(Duration::from_secs(60));
    let context = Context::new().unwrap();
    let small = |kind| {
        let mut socket = context.socket(kind).unwrap();
        socket.set_send_hwm(2);
        socket.set_recv_hwm(2);
        socket
    };
    let (mut front, mut back) = (small(Kind::Pull), small(Kind::Push));
    front.bind("inproc://front").unwrap();
    back.bind("inproc://back").unwrap();
    let mut control = bound(&context, Kind::Rep, "inproc://control");
    let mut remote = connected(&context, Kind::Req, "inproc://control");
    let (mut source, mut sink) = (small(Kind::Push), small(Kind::Pull));
    source.connect("inproc://front").unwrap();
    sink.connect("inproc://back").unwrap();
    let running = std::thread::spawn(move || {
        Proxy::between(&mut front, &mut back)
            .control(&mut control)
            .run()
    });
    // The proxy sleeps with what it cannot pass on, and still answers.
    let ask = |remote: &mut Socket| -> Vec<u64> {
        remote.send("STATISTICS").unwrap();
        let answer = remote.recv().unwrap();
        let numbers = answer.iter();
        numbers
            .map(|frame| u64::from_ne_bytes(frame.as_slice().try_into().unwrap()))
            .collect()
    };
    let sent = 8;
    for _ in 0..sent {
        source.send("word").unwrap();
    }
    assert_eq!(ask(&mut remote), [4, 16, 0, 0, 0, 0, 4, 16]);
    let refused = source.try_send("word").unwrap_err().reason;
    assert!(matches!(refused, SendError::WouldBlock));
    for _ in 0..sent {
        assert_eq!(texts(&sink.recv().unwrap()), ["word"]);
    }
    assert_eq!(ask(&mut remote), [8, 32, 0, 0, 0, 0, 8, 32]);
    remote.send("TERMINATE").unwrap();
    assert_eq!(texts(&remote.recv().unwrap()), [""]);
    assert_eq!(running.join().unwrap().unwrap(), ProxyEnd::Told);
}

#[test]
fn a_pause_lasts_until_it_is_told_to_go_on() {
    let _guard = watchdog(Duration::from_secs(60));
    let context = Context::new().unwrap();
    let mut front = bound(&context, Kind::Pull, "inproc://front");
    let mut back = bound(&context, Kind::Push, "inproc://back");
    let mut control = bound(&context, Kind::Rep, "inproc://control");
    let mut remote = connected(&context, Kind::Req, "inproc://control");
    let mut source = connected(&context, Kind::Push, "inproc://front");
    let mut sink = connected(&context, Kind::Pull, "inproc://back");
    let running = std::thread::spawn(move || {
        Proxy::between(&mut front, &mut back)
            .control(&mut control)
            .run()
    });
    let mut tell = |word: &str| {
        remote.send(word).unwrap();
        remote.recv().unwrap()
    };
    tell("PAUSE");
    source.send("word").unwrap();
    // It has looked at its sockets since.
    tell("STATISTICS");
    assert!(matches!(sink.try_recv(), Err(RecvError::WouldBlock)));
    tell("RESUME");
    assert_eq!(texts(&sink.recv().unwrap()), ["word"]);
    tell("TERMINATE");
    assert_eq!(running.join().unwrap().unwrap(), ProxyEnd::Told);
}

#[test]
fn a_socket_that_cannot_send_ends_it() {
    let _guard = watchdog(Duration::from_secs(60));
    let context = Context::new().unwrap();
    let mut front = bound(&context, Kind::Pull, "inproc://front");
    let mut source = connected(&context, Kind::Push, "inproc://front");
    source.send("word").unwrap();
    let ended = Proxy::of(&mut front).run();
    assert!(matches!(
        ended,
        Err(ProxyError::Send(error)) if matches!(error.reason, SendError::NotSupported)
    ));
}

#[test]
fn a_message_that_is_not_passed_on_comes_back_whole() {
    let _guard = watchdog(Duration::from_secs(60));
    let context = Context::new().unwrap();
    let mut front = bound(&context, Kind::Pull, "inproc://front");
    let mut back = bound(&context, Kind::Push, "inproc://back");
    let mut push = connected(&context, Kind::Push, "inproc://front");
    let mut pull = connected(&context, Kind::Pull, "inproc://back");
    push.send(["a", "b", "c"].into_iter().collect::<Message>())
        .unwrap();
    push.send("next").unwrap();
    // What captures does not send, so that nothing can be passed on.
    let mut capture = context.socket(Kind::Pull).unwrap();
    let ended = proxy(&mut front, &mut back, Some(&mut capture));
    let Err(ProxyError::Send(error)) = ended else {
        panic!("{ended:?}");
    };
    assert!(matches!(error.reason, SendError::NotSupported));
    assert_eq!(texts(&error.message), ["a", "b", "c"]);
    // Both sockets are between two messages.
    let next = front.recv().unwrap();
    assert_eq!(texts(&next), ["next"]);
    back.send(error.message).unwrap();
    back.send(next).unwrap();
    assert_eq!(texts(&pull.recv().unwrap()), ["a", "b", "c"]);
    assert_eq!(texts(&pull.recv().unwrap()), ["next"]);
}
