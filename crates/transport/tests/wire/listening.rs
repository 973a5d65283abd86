//! What listeners bind, take, refuse and leave behind.

use std::io::ErrorKind;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use ringmq_testing::{Scratch, abstract_name, watchdog};
use ringmq_transport::{
    BindError, Endpoint, Keepalive, ListenError, Listener, Options, ResolveError, Steal,
};
use socket2::SockRef;

use crate::reactor::{accept, bind, connect, endpoint, ipv6, pair};

fn refused(text: &str, options: &Options) -> ListenError {
    Listener::bind(&endpoint(text), options).unwrap_err()
}

fn six() -> Options {
    Options {
        ipv6: true,
        ..Options::default()
    }
}

#[test]
fn wildcards_become_addresses() {
    let plain = Options::default();
    for (text, prefix) in [
        ("tcp://*:*", "tcp://0.0.0.0:"),
        ("tcp://*:0", "tcp://0.0.0.0:"),
        ("tcp://127.1:*", "tcp://127.0.0.1:"),
        ("tcp://lo%lo:*", "tcp://127.0.0.1:"),
        ("tcp://localhost:*", "tcp://127.0.0.1:"),
        ("tcp://127.0.0.1:0;127.0.0.1:0", "tcp://127.0.0.1:"),
    ] {
        let mut listener = bind(text, &plain);
        let bound = listener.endpoint().to_string();
        assert!(bound.starts_with(prefix), "{text}: {bound}");
        assert!(!bound.ends_with(":0"), "{bound}");
        pair(&mut listener, &plain);
    }
    if ipv6() {
        for (text, prefix) in [
            ("tcp://*:*", "tcp://[::]:"),
            ("tcp://lo:*", "tcp://[::1]:"),
            ("tcp://127.0.0.1:*", "tcp://[::ffff:127.0.0.1]:"),
        ] {
            let mut listener = bind(text, &six());
            let bound = listener.endpoint().to_string();
            assert!(bound.starts_with(prefix), "{text}: {bound}");
            pair(&mut listener, &six());
        }
        // Both families through one socket.
        let mut both = bind("tcp://*:*", &six());
        let port = both.endpoint().to_string();
        let port = port.rsplit_once(':').unwrap().1;
        let to = endpoint(&format!("tcp://127.0.0.1:{port}"));
        let _client = connect(&to, &plain).unwrap();
        assert_eq!(accept(&mut both).peer_address(), "::ffff:127.0.0.1");
    }
}

#[test]
fn what_has_no_address_here_is_refused() {
    let plain = Options::default();
    for text in [
        "tcp://nosuch0.invalid:*",
        "tcp://:*",
        "tcp://[127.0.0:1",
        "tcp://[1.2.3].4:*",
    ] {
        let error = refused(text, &plain);
        let unknown = matches!(error, ListenError::Resolve(ResolveError::Unknown { .. }));
        assert!(unknown, "{text}: {error}");
    }
    let error = refused("tcp://[::1]:*", &plain);
    assert!(
        matches!(error, ListenError::Resolve(ResolveError::NoIpv4 { .. })),
        "{error}"
    );
    for text in [
        "tcp://127.0.0.1%:*",
        "tcp://127.0.0.1%bad0:*",
        "tcp://[::1%0]:*",
    ] {
        let error = refused(text, &plain);
        assert!(
            matches!(error, ListenError::Resolve(ResolveError::Zone { .. })),
            "{error}"
        );
    }
    let ListenError::Os { step, source, .. } = refused("tcp://203.0.113.7:*", &plain) else {
        panic!("not ours, but bound");
    };
    assert_eq!((step, source.kind()), ("bind", ErrorKind::AddrNotAvailable));
    let inproc = refused("inproc://name", &plain);
    assert!(matches!(inproc, ListenError::NoStream { .. }));
    let device = Options {
        device: "nosuch0".into(),
        ..Options::default()
    };
    let error = refused("tcp://127.0.0.1:*", &device);
    assert!(
        matches!(
            error,
            ListenError::Os {
                step: "SO_BINDTODEVICE",
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn a_port_is_taken_once_and_free_after_close() {
    let _guard = watchdog(Duration::from_secs(60));
    let plain = Options::default();
    let mut first = bind("tcp://127.0.0.1:*", &plain);
    let place = first.endpoint().to_string();
    let ListenError::Os { source, .. } = refused(&place, &plain) else {
        panic!("bound twice");
    };
    assert_eq!(source.kind(), ErrorKind::AddrInUse);
    // Closed by the server first: its side waits, and the port can be had all the same.
    let (client, server) = pair(&mut first, &plain);
    drop((server, client));
    first.close();
    let again = bind(&place, &plain);
    assert_eq!(again.endpoint().to_string(), place);
}

#[test]
fn dead_paths_are_reclaimed_live_ones_on_demand_only() {
    let folder = Scratch::new();
    let path = folder.path("socket");
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    let place = format!("ipc://{path}");
    let plain = Options::default();
    let mut robbed = bind(&place, &plain);
    let (_client, _server) = pair(&mut robbed, &plain);
    let error = refused(&place, &plain);
    assert!(
        matches!(error, ListenError::Ipc(BindError::AddrInUse { .. })),
        "{error}"
    );
    let thief = Options {
        steal: Steal::Always,
        ..Options::default()
    };
    let mut thief = bind(&place, &thief);
    drop(robbed);
    pair(&mut thief, &plain);
    thief.close();
    assert!(!Path::new(&path).exists());

    std::fs::write(&path, "precious").unwrap();
    let error = refused(&place, &plain);
    assert!(
        matches!(error, ListenError::Ipc(BindError::NotASocket { .. })),
        "{error}"
    );
    assert_eq!(std::fs::read(&path).unwrap(), b"precious");
}

#[test]
fn a_path_is_bound_again_at_once() {
    let folder = Scratch::new();
    let place = format!("ipc://{}", folder.path("socket"));
    let plain = Options::default();
    for _ in 0..50 {
        let mut listener = bind(&place, &plain);
        pair(&mut listener, &plain);
        listener.close();
    }
    let abstract_place = format!("ipc://{}", abstract_name("again"));
    for _ in 0..50 {
        bind(&abstract_place, &plain).close();
    }
}

#[test]
fn anywhere_is_a_place_of_its_own() {
    let options = Options {
        mode: Some(0o600),
        ..Options::default()
    };
    let one = bind("ipc://*", &options);
    let other = bind("ipc://*", &options);
    assert_ne!(one.endpoint(), other.endpoint());
    for listener in [one, other] {
        let text = listener.endpoint().to_string();
        let path = Path::new(text.strip_prefix("ipc://").unwrap());
        let folder = path.parent().unwrap();
        let mode = |path| {
            std::fs::symlink_metadata(path)
                .unwrap()
                .permissions()
                .mode()
        };
        assert_eq!((mode(folder) & 0o7777, mode(path) & 0o7777), (0o700, 0o600));
        drop(listener);
        assert!(!folder.exists());
    }
}

#[test]
fn given_descriptors_are_used_and_their_paths_left() {
    let _guard = watchdog(Duration::from_secs(60));
    let plain = Options::default();
    let folder = Scratch::new();
    let path = folder.path("socket");
    let unix: OwnedFd = std::os::unix::net::UnixListener::bind(&path)
        .unwrap()
        .into();
    let tcp = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let tcp_place = format!("tcp://{}", tcp.local_addr().unwrap());
    for (given, place) in [(unix, format!("ipc://{path}")), (tcp.into(), tcp_place)] {
        let mut listener = Listener::adopt(given, &plain).unwrap();
        assert_eq!(listener.endpoint().to_string(), place);
        assert!(listener.accept().unwrap().is_none(), "it does not block");
        pair(&mut listener, &plain);
    }
    assert!(Path::new(&path).exists());

    let connected = std::os::unix::net::UnixStream::pair().unwrap().0;
    let udp = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let file = std::fs::File::open("/proc/self/exe").unwrap();
    for fd in [connected.into(), udp.into(), OwnedFd::from(file)] {
        let error = Listener::adopt(fd, &plain).unwrap_err();
        assert!(matches!(error, ListenError::Descriptor(_)), "{error}");
    }
}

#[test]
fn options_reach_both_ends() {
    let _guard = watchdog(Duration::from_secs(60));
    let options = Options {
        tos: 0x28,
        priority: 3,
        send_buffer: Some(50_000),
        receive_buffer: Some(60_000),
        keepalive: Keepalive {
            on: Some(true),
            count: Some(7),
            idle: Some(Duration::from_secs(11)),
            interval: Some(Duration::from_secs(3)),
        },
        max_retransmit: Duration::from_millis(12_345),
        ..Options::default()
    };
    let mut listener = bind("tcp://127.0.0.1:*", &options);
    let (client, server) = pair(&mut listener, &options);
    for end in [client.as_fd(), server.as_fd()] {
        let socket = SockRef::from(&end);
        assert!(socket.tcp_nodelay().unwrap());
        assert_eq!(socket.tos_v4().unwrap(), 0x28);
        assert_eq!(socket.priority().unwrap(), 3);
        // The kernel doubles them.
        assert_eq!(socket.send_buffer_size().unwrap(), 100_000);
        assert_eq!(socket.recv_buffer_size().unwrap(), 120_000);
        assert!(socket.keepalive().unwrap());
        assert_eq!(socket.tcp_keepalive_retries().unwrap(), 7);
        assert_eq!(
            socket.tcp_keepalive_time().unwrap(),
            Duration::from_secs(11)
        );
        assert_eq!(
            socket.tcp_keepalive_interval().unwrap(),
            Duration::from_secs(3)
        );
        let limit = Some(Duration::from_millis(12_345));
        assert_eq!(socket.tcp_user_timeout().unwrap(), limit);
    }
    let plain = Options::default();
    let (client, _server) = pair(&mut bind("tcp://127.0.0.1:*", &plain), &plain);
    let socket = SockRef::from(&client);
    assert!(socket.tcp_nodelay().unwrap() && !socket.keepalive().unwrap());
}

/// With the congestion control of the machine, whatever it is, and with one that paces, if the kernel has it.
#[test]
fn connections_within_the_machine_are_not_paced() {
    let _guard = watchdog(Duration::from_secs(60));
    let plain = Options::default();
    let mut listener = bind("tcp://127.0.0.1:*", &plain);
    // A connection takes it over from its listener.
    let pacing = SockRef::from(&listener).set_tcp_congestion(b"bbr");
    if pacing.is_err() {
        eprintln!("skipped in part: this kernel, or this user, has no BBR");
    }
    let (client, server) = pair(&mut listener, &plain);
    for end in [client.as_fd(), server.as_fd()] {
        let control = SockRef::from(&end).tcp_congestion().unwrap();
        assert!(!control.starts_with(b"bbr"), "{control:?}");
    }
}

#[test]
fn link_local_addresses_keep_their_interface() {
    if !ipv6() {
        return;
    }
    // The first link-local address of any interface.
    let all = std::fs::read_to_string("/proc/net/if_inet6").unwrap();
    let Some((name, ip)) = all.lines().find_map(|line| {
        let name = line.split_whitespace().last()?;
        let ips = ringmq_sys::interface_addresses(name).unwrap();
        let local = ips.iter().find(|ip| ip.to_string().starts_with("fe80:"))?;
        Some((name.to_owned(), *local))
    }) else {
        eprintln!("skipped: no interface has a link-local address");
        return;
    };
    let _guard = watchdog(Duration::from_secs(60));
    let mut listener = bind(&format!("tcp://[{ip}%{name}]:*"), &six());
    let prefix = format!("tcp://[{ip}%{name}]:");
    assert!(listener.endpoint().to_string().starts_with(&prefix));
    let (_client, server) = pair(&mut listener, &six());
    assert_eq!(server.peer_address(), format!("{ip}%{name}"));
    let Endpoint::Tcp(_) = listener.endpoint() else {
        panic!("not tcp");
    };
}
