//! Those who read events, late or not at all.

use std::os::fd::{AsFd, AsRawFd};
use std::time::{Duration, Instant};

use ringmq::{
    Context, EndpointError, EventFormat, EventKind, Kind, MonitorError, MonitorEvent,
    PlainMonitorError, RecvError, Socket, SocketError,
};
use ringmq_testing::{soon, watchdog};

use super::{is_stopped, monitored, next, nowhere};

#[test]
fn a_slow_reader_is_told_how_many_events_it_has_lost() {
    let _guard = watchdog(Duration::from_secs(60));
    let (mut socket, mut monitor) = monitored(Kind::Pull);
    let rounds = 700;
    for _ in 0..rounds {
        socket.bind("tcp://127.0.0.1:*").unwrap();
        let endpoint = socket.last_endpoint().to_owned();
        socket.unbind(&endpoint).unwrap();
    }
    let mut told = [0, 0];
    while let Ok(event) = monitor.try_recv() {
        match event.kind {
            EventKind::Lost { events } => told[1] += events,
            _ => told[0] += 1,
        }
    }
    // Without a further event.
    assert_eq!(told, [1000, 2 * rounds - 1000]);
    socket.bind("tcp://127.0.0.1:*").unwrap();
    let event = next(&mut monitor);
    assert_eq!(event.local, socket.last_endpoint());
}

#[test]
fn a_shutdown_ends_the_events_of_a_socket_that_makes_no_call() {
    let _guard = watchdog(Duration::from_secs(60));
    for waits in [true, false] {
        let context = Context::new().unwrap();
        let mut socket = context.socket(Kind::Pull).unwrap();
        let mut monitor = socket.monitor().unwrap();
        socket.bind("tcp://127.0.0.1:*").unwrap();
        let listening = next(&mut monitor).kind;
        assert!(matches!(listening, EventKind::Listening { .. }));
        let mut read = move || {
            let events: Result<Vec<_>, _> = monitor.by_ref().collect();
            let end = monitor.try_recv();
            assert!(matches!(end, Err(MonitorError::Ended)), "{end:?}");
            events.unwrap()
        };
        let events = if waits {
            let reader = std::thread::spawn(read);
            context.shutdown();
            reader.join().unwrap()
        } else {
            context.shutdown();
            read()
        };
        assert!(
            events
                .iter()
                .map(|event| &event.kind)
                .eq([&EventKind::MonitorStopped])
        );
        let another = socket.monitor();
        assert!(
            matches!(another, Err(SocketError::Terminated)),
            "{another:?}"
        );
    }
}

#[test]
fn no_event_is_kept_back_until_the_next_one() {
    let _guard = watchdog(Duration::from_secs(60));
    let context = Context::new().unwrap();
    let mut socket = context.socket(Kind::Pull).unwrap();
    let format = EventFormat::One;
    socket
        .monitor_on("inproc://events", Kind::Pair, 0xffff, format)
        .unwrap();
    let mut reader = context.socket(Kind::Pair).unwrap();
    reader.connect("inproc://events").unwrap();
    // More than the pipe to the reader holds.
    for _ in 0..1500 {
        socket.bind("tcp://127.0.0.1:*").unwrap();
        let endpoint = socket.last_endpoint().to_owned();
        socket.unbind(&endpoint).unwrap();
    }
    while reader.try_recv().is_ok() {}
    socket.bind("tcp://127.0.0.1:*").unwrap();
    let event = reader.recv().unwrap();
    assert_eq!(event[1].as_slice(), socket.last_endpoint().as_bytes());
}

#[test]
fn the_descriptor_says_when_there_is_an_event() {
    let _guard = watchdog(Duration::from_secs(60));
    let (mut socket, mut monitor) = monitored(Kind::Pull);
    let mut poll = mio::Poll::new().unwrap();
    let fd = monitor.as_fd().as_raw_fd();
    let (token, readable) = (mio::Token(0), mio::Interest::READABLE);
    let mut source = mio::unix::SourceFd(&fd);
    poll.registry()
        .register(&mut source, token, readable)
        .unwrap();
    let mut events = mio::Events::with_capacity(1);
    for _ in 0..3 {
        assert!(matches!(monitor.try_recv(), Err(MonitorError::WouldBlock)));
        poll.poll(&mut events, Some(Duration::ZERO)).unwrap();
        poll.poll(&mut events, Some(Duration::ZERO)).unwrap();
        assert!(events.is_empty());
        socket.bind("tcp://127.0.0.1:*").unwrap();
        poll.poll(&mut events, Some(Duration::from_secs(20)))
            .unwrap();
        assert!(!events.is_empty());
        monitor.try_recv().unwrap();
    }
}

#[test]
fn messages_that_wait_are_counted_on_request() {
    let _guard = watchdog(Duration::from_secs(60));
    let (mut push, mut monitor) = monitored(Kind::Push);
    let mut silent = Context::new().unwrap().socket(Kind::Push).unwrap();
    assert_eq!(silent.ask_for_stats(), None);
    assert_eq!(push.ask_for_stats(), Some(0));
    let endpoint = nowhere();
    push.connect(&endpoint).unwrap();
    for _ in 0..7 {
        push.send("not received").unwrap();
    }
    assert_eq!(push.ask_for_stats(), Some(1));
    let stats = monitor.find_map(|event| {
        let event = event.unwrap();
        match event.kind {
            EventKind::PipeStats { sending, receiving } => Some((sending, receiving, event.remote)),
            _ => None,
        }
    });
    assert_eq!(stats, Some((7, 0, endpoint)));
}

#[test]
fn a_connection_that_has_ended_is_not_counted() {
    let _guard = watchdog(Duration::from_secs(60));
    let (mut pull, mut monitor) = monitored(Kind::Pull);
    pull.bind("tcp://127.0.0.1:*").unwrap();
    let mut push = Context::new().unwrap().socket(Kind::Push).unwrap();
    push.connect(pull.last_endpoint()).unwrap();
    push.send("not read before the end").unwrap();
    push.send("nor this").unwrap();
    assert_eq!(
        pull.recv().unwrap()[0].as_slice(),
        b"not read before the end"
    );
    assert_eq!(pull.ask_for_stats(), Some(1));
    drop(push);
    let ended = |event: &MonitorEvent| matches!(event.kind, EventKind::Disconnected { .. });
    while !ended(&next(&mut monitor)) {}
    // The socket learns of the end after its monitor.
    let until = soon();
    while pull.ask_for_stats() != Some(0) {
        assert!(Instant::now() < until, "a connection is still counted");
        std::thread::yield_now();
    }
    assert_eq!(pull.recv().unwrap()[0].as_slice(), b"nor this");
}

#[test]
fn a_socket_has_one_monitor() {
    let _guard = watchdog(Duration::from_secs(60));
    let (mut socket, mut first) = monitored(Kind::Pull);
    let mut second = socket.monitor().unwrap();
    is_stopped(&mut first);
    socket.stop_monitor();
    is_stopped(&mut second);
    socket.bind("tcp://127.0.0.1:*").unwrap();
}

#[test]
fn the_end_of_a_context_stops_monitors() {
    let _guard = watchdog(Duration::from_secs(60));
    let context = Context::new().unwrap();
    let mut socket = context.socket(Kind::Pull).unwrap();
    let mut monitor = socket.monitor().unwrap();
    context.shutdown();
    assert!(matches!(socket.recv(), Err(RecvError::Terminated)));
    is_stopped(&mut monitor);
    socket.monitor().unwrap_err();
    drop(socket);
    context.terminate();
}

#[test]
fn a_late_reader_of_a_plain_monitor_gets_what_has_happened() {
    let _guard = watchdog(Duration::from_secs(60));
    let context = Context::new().unwrap();
    let mut socket = context.socket(Kind::Pull).unwrap();
    let name = "inproc://events";
    let begin = |socket: &mut Socket| socket.monitor_on(name, Kind::Pair, 0xffff, EventFormat::One);
    begin(&mut socket).unwrap();
    let refused = begin(&mut context.socket(Kind::Pull).unwrap()).unwrap_err();
    let PlainMonitorError::Endpoint(EndpointError::InUse(taken)) = refused else {
        panic!("{refused}");
    };
    assert_eq!(taken, name);
    socket.bind("tcp://127.0.0.1:*").unwrap();
    let mut reader = context.socket(Kind::Pair).unwrap();
    reader.connect(name).unwrap();
    let event = reader.try_recv().unwrap();
    assert_eq!(event[0].as_slice()[..2], 0x0008_u16.to_ne_bytes());
    assert_eq!(event[1].as_slice(), socket.last_endpoint().as_bytes());
    // Its name is free at once, and what it has said is not lost.
    begin(&mut socket).unwrap();
    let event = reader.try_recv().unwrap();
    assert_eq!(event[0].as_slice()[..2], 0x0400_u16.to_ne_bytes());
}

#[test]
fn a_plain_monitor_ends_with_what_the_io_thread_has() {
    let _guard = watchdog(Duration::from_secs(60));
    let mut pull = Context::new().unwrap().socket(Kind::Pull).unwrap();
    pull.bind("tcp://127.0.0.1:*").unwrap();
    for number in 0..50_u32 {
        let context = Context::new().unwrap();
        let mut push = context.socket(Kind::Push).unwrap();
        push.monitor_on("inproc://events", Kind::Pair, 0xffff, EventFormat::Two)
            .unwrap();
        push.connect(pull.last_endpoint()).unwrap();
        push.send(number.to_ne_bytes().to_vec()).unwrap();
        // What was sent leaves first, though the I/O thread is the last to know the monitor.
        drop((context, push));
        let message = pull.recv_deadline(soon()).unwrap();
        assert_eq!(message[0].as_slice(), number.to_ne_bytes());
    }
}
