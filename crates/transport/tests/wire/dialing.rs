//! Connecting: at once, later, not at all, from where it was asked for.

use std::io::ErrorKind;
use std::net::TcpListener;
use std::time::{Duration, Instant};

use mio::Interest;
use ringmq_testing::{Scratch, abstract_name, watchdog};
use ringmq_transport::{Answer, Dial, DialError, Options, ResolveError, dial};

use crate::reactor::{accept, bind, connect, endpoint, ipv6, pair, until};

/// A port without a listener. It stays so while the socket lives.
fn dead_port() -> (socket2::Socket, u16) {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    let any: std::net::SocketAddr = "127.0.0.1:0".parse().unwrap();
    socket.bind(&any.into()).unwrap();
    let port = socket.local_addr().unwrap().as_socket().unwrap().port();
    (socket, port)
}

#[test]
fn a_missing_listener_is_a_refusal() {
    let _guard = watchdog(Duration::from_secs(60));
    let plain = Options::default();
    let (_socket, port) = dead_port();
    let tcp = format!("tcp://127.0.0.1:{port}");
    let name = format!("ipc://{}", abstract_name("unused"));
    let folder = Scratch::new();
    let path = folder.path("dead");
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    for text in [tcp, name, format!("ipc://{path}")] {
        let error = connect(&endpoint(&text), &plain).unwrap_err();
        assert!(error.is_refusal(), "{error}");
        assert!(error.to_string().contains(&text), "{error}");
    }
    let missing = format!("ipc://{}", folder.path("missing"));
    let error = connect(&endpoint(&missing), &plain).unwrap_err();
    assert!(!error.is_refusal());
    assert!(matches!(error, DialError::Os { source, .. } if source.kind() == ErrorKind::NotFound));
}

#[test]
fn what_is_nothing_to_connect_to_is_refused() {
    let plain = Options::default();
    let now = Instant::now();
    for text in [
        "tcp://*:80",
        "tcp://127.0.0.1:*",
        "ipc://*",
        "tcp://in val id:1",
    ] {
        let error = dial(&endpoint(text), &plain, now).unwrap_err();
        assert!(matches!(error, DialError::Endpoint(_)), "{error}");
    }
    let error = dial(&endpoint("inproc://name"), &plain, now).unwrap_err();
    assert!(matches!(error, DialError::NoStream { .. }), "{error}");
    // An interface is nothing to connect to, and a name nothing to connect from.
    for text in [
        "tcp://nosuch.invalid:80",
        "tcp://:80",
        "tcp://localhost:0;127.0.0.1:80",
    ] {
        let error = connect(&endpoint(text), &plain).unwrap_err();
        let unknown = matches!(error, DialError::Resolve(ResolveError::Unknown { .. }));
        assert!(unknown, "{error}");
    }
    let error = dial(&endpoint("tcp://[::1]:80"), &plain, now).unwrap_err();
    assert!(
        matches!(error, DialError::Resolve(ResolveError::NoIpv4 { .. })),
        "{error}"
    );
}

/// To dial a name asks no name server; one answer serves many, and an answer that there is none says why.
#[test]
fn names_are_looked_up_by_the_caller() {
    let _guard = watchdog(Duration::from_secs(60));
    let plain = Options::default();
    let mut listener = bind("tcp://127.0.0.1:*", &plain);
    let port = listener.endpoint().to_string();
    let port = port.rsplit_once(':').unwrap().1;
    let named = |host: &str| {
        let text = format!("tcp://{host}:{port}");
        match dial(&endpoint(&text), &plain, Instant::now()).unwrap() {
            Dial::Named(named) => named,
            other => panic!("{other:?}"),
        }
    };
    let answer = Answer::look_up("localhost");
    for host in ["localhost", "any.name.invalid"] {
        let named = named(host);
        assert_eq!(named.host(), host);
        let dial = named.go_on(&answer, Instant::now()).unwrap();
        assert!(
            matches!(dial, Dial::Begun(_) | Dial::Connected(_)),
            "{dial:?}"
        );
        drop(accept(&mut listener));
    }
    let answer = Answer::failed(ErrorKind::OutOfMemory.into());
    let error = named("localhost")
        .go_on(&answer, Instant::now())
        .unwrap_err();
    let DialError::Resolve(ResolveError::Unknown { host, source }) = error else {
        panic!("{error}");
    };
    assert_eq!(
        (host.as_str(), source.kind()),
        ("localhost", ErrorKind::OutOfMemory)
    );
}

#[test]
fn a_connection_comes_from_its_source() {
    let _guard = watchdog(Duration::from_secs(60));
    let plain = Options::default();
    let mut listener = bind("tcp://127.0.0.1:*", &plain);
    let there = listener.endpoint().to_string();
    let there = there.strip_prefix("tcp://").unwrap();
    for (source, seen) in [
        ("127.0.0.2:0", "127.0.0.2"),
        ("127.0.0.3:*", "127.0.0.3"),
        ("lo:0", "127.0.0.1"),
    ] {
        let to = endpoint(&format!("tcp://{source};{there}"));
        let _client = connect(&to, &plain).unwrap();
        assert_eq!(accept(&mut listener).peer_address(), seen);
    }
    let foreign = endpoint(&format!("tcp://203.0.113.7:0;{there}"));
    let error = connect(&foreign, &plain).unwrap_err();
    assert!(
        matches!(error, DialError::Os { step: "bind", .. }),
        "{error}"
    );
}

#[test]
fn ipv4_hosts_are_reached_with_ipv6_on() {
    if !ipv6() {
        return;
    }
    let _guard = watchdog(Duration::from_secs(60));
    let six = Options {
        ipv6: true,
        ..Options::default()
    };
    let mut listener = bind("tcp://127.0.0.1:*", &Options::default());
    let to = listener.endpoint().clone();
    let client = connect(&to, &six).unwrap();
    assert_eq!(client.peer_address(), "::ffff:127.0.0.1");
    assert_eq!(accept(&mut listener).peer_address(), "127.0.0.1");
}

/// A listener whose line is full: further connections are neither taken nor refused.
fn full() -> (TcpListener, Vec<Dial>, String) {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    let any: std::net::SocketAddr = "127.0.0.1:0".parse().unwrap();
    socket.bind(&any.into()).unwrap();
    socket.listen(0).unwrap();
    let listener = TcpListener::from(socket);
    let text = format!("tcp://{}", listener.local_addr().unwrap());
    let plain = Options::default();
    let line = (0..4).map(|_| dial(&endpoint(&text), &plain, Instant::now()).unwrap());
    let line = line.collect();
    (listener, line, text)
}

#[test]
fn an_attempt_ends_at_its_deadline_not_before() {
    let _guard = watchdog(Duration::from_secs(60));
    let (_listener, _line, text) = full();
    let options = Options {
        connect_timeout: Duration::from_secs(5),
        ..Options::default()
    };
    let start = Instant::now();
    let Dial::Begun(connecting) = dial(&endpoint(&text), &options, start).unwrap() else {
        panic!("it was taken");
    };
    let deadline = start + Duration::from_secs(5);
    assert_eq!(connecting.deadline(), Some(deadline));
    let before = deadline - Duration::from_nanos(1);
    let Dial::Waiting(connecting) = connecting.poll(before).unwrap() else {
        panic!("it was taken, or began anew");
    };
    let error = connecting.poll(deadline).unwrap_err();
    let DialError::TimedOut { endpoint, after } = error else {
        panic!("{error}");
    };
    assert_eq!((endpoint, after), (text, Duration::from_secs(5)));
}

#[test]
fn without_a_timeout_it_waits_for_the_kernel() {
    let _guard = watchdog(Duration::from_secs(60));
    let (listener, line, text) = full();
    let begun = dial(&endpoint(&text), &Options::default(), Instant::now()).unwrap();
    let Dial::Begun(connecting) = begun else {
        panic!("it was taken");
    };
    assert_eq!(connecting.deadline(), None);
    let year = Duration::from_secs(31_536_000);
    let Dial::Waiting(mut connecting) = connecting.poll(Instant::now() + year).unwrap() else {
        panic!("it was taken, or began anew");
    };
    // Room for it: the next retransmission gets through.
    drop(line);
    listener.set_nonblocking(true).unwrap();
    while listener.accept().is_ok() {}
    loop {
        until(&mut connecting, Interest::WRITABLE);
        match connecting.poll(Instant::now()).unwrap() {
            Dial::Connected(_) => break,
            Dial::Begun(same) | Dial::Waiting(same) => connecting = same,
            Dial::Named(named) => panic!("{named:?} has connected before"),
        }
    }
}

#[test]
fn giving_up_leaves_nothing() {
    let _guard = watchdog(Duration::from_secs(60));
    let plain = Options::default();
    let mut listener = bind("tcp://127.0.0.1:*", &plain);
    let begun = dial(&listener.endpoint().clone(), &plain, Instant::now()).unwrap();
    drop(begun);
    // Whether it came through or not, the next one does.
    let mut seen = accept(&mut listener);
    assert_eq!(crate::reactor::read(&mut seen, 1), b"");
    pair(&mut listener, &plain);
}

#[test]
fn a_full_unix_listener_is_tried_later() {
    let plain = Options {
        backlog: 0,
        ..Options::default()
    };
    let listener = bind("ipc://*", &plain);
    let _in_line = connect(listener.endpoint(), &plain).unwrap();
    let error = connect(listener.endpoint(), &plain).unwrap_err();
    assert!(!error.is_refusal());
    assert!(
        matches!(error, DialError::Os { source, .. } if source.kind() == ErrorKind::WouldBlock)
    );
}
