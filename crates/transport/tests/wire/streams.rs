//! Bytes and names of connections, over every transport.

use std::io::{ErrorKind, IoSlice};
use std::net::Shutdown;
use std::os::fd::AsRawFd;
use std::time::Duration;

use mio::Interest;
use ringmq_sys::Credentials;
use ringmq_testing::{Bytes, Scratch, abstract_name, seed, watchdog};
use ringmq_transport::{Options, Stream};

use crate::reactor::{bind, ipv6, pair, read, until};

fn guard() -> ringmq_testing::Watchdog {
    watchdog(Duration::from_secs(60))
}

/// Every transport, with what its peers' addresses begin with.
fn everywhere(check: impl Fn(&str, &Options, &str)) {
    let folder = Scratch::new();
    let plain = Options::default();
    check("tcp://127.0.0.1:*", &plain, "127.0.0.1");
    check("tcp://lo:0", &plain, "127.0.0.1");
    check(&format!("ipc://{}", folder.path("s")), &plain, "localhost:");
    check(
        &format!("ipc://{}", abstract_name("s")),
        &plain,
        "localhost:",
    );
    check("ipc://*", &plain, "localhost:");
    if ipv6() {
        let six = Options {
            ipv6: true,
            ..Options::default()
        };
        check("tcp://[::1]:*", &six, "::1");
        check("tcp://127.0.0.1:*", &six, "::ffff:127.0.0.1");
    }
}

#[test]
fn bytes_arrive_whole_and_in_order() {
    let _guard = guard();
    let bytes = Bytes::new(seed());
    everywhere(|text, options, _| {
        let mut listener = bind(text, options);
        let (mut client, mut server) = pair(&mut listener, options);
        const ALL: usize = 3 << 20;
        let reader = std::thread::spawn(move || read(&mut server, ALL));
        let mut sent = 0;
        while sent < ALL {
            let mut halves = [[0; 50_000]; 2];
            let room = (ALL - sent).min(100_000);
            bytes.fill(sent as u64, &mut halves[0]);
            bytes.fill(sent as u64 + 50_000, &mut halves[1]);
            let first = &halves[0][..room.min(50_000)];
            let second = &halves[1][..room.saturating_sub(50_000)];
            match client.write_vectored(&[IoSlice::new(first), IoSlice::new(second)]) {
                Ok(some) => sent += some,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    until(&mut client, Interest::WRITABLE);
                }
                Err(error) => panic!("{text}: {error}"),
            }
        }
        let got = reader.join().unwrap();
        assert_eq!(got.len(), ALL);
        assert!(bytes.is_at(0, &got), "{text}");
    });
}

#[test]
fn no_data_the_end_and_a_missing_peer_differ() {
    let _guard = guard();
    everywhere(|text, options, _| {
        let mut listener = bind(text, options);
        let (mut client, mut server) = pair(&mut listener, options);
        let nothing = server.read(&mut [0; 8]).unwrap_err();
        assert_eq!(nothing.kind(), ErrorKind::WouldBlock, "{text}");
        client.write_vectored(&[IoSlice::new(b"last")]).unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        assert_eq!(read(&mut server, 8), b"last");
        assert_eq!(server.read(&mut [0; 8]).unwrap(), 0);
        server.write_vectored(&[IoSlice::new(b"reply")]).unwrap();
        assert_eq!(read(&mut client, 5), b"reply");
        drop(client);
        // The first may still go, on tcp; the process lives on in any case.
        let gone = loop {
            if let Err(error) = server.write_vectored(&[IoSlice::new(b"x")]) {
                break error.kind();
            }
        };
        let gone = [ErrorKind::BrokenPipe, ErrorKind::ConnectionReset].contains(&gone);
        assert!(gone, "{text}");
    });
}

#[test]
fn ends_are_named() {
    let _guard = guard();
    everywhere(|text, options, host| {
        let mut listener = bind(text, options);
        let (client, server) = pair(&mut listener, options);
        let bound = listener.endpoint().to_string();
        assert!(!bound.contains('*'), "{bound}");
        assert_eq!(client.remote_endpoint(), bound);
        assert_eq!(server.local_endpoint(), bound);
        assert_eq!(server.remote_endpoint(), client.local_endpoint());
        assert_ne!(client.as_raw_fd(), server.as_raw_fd());
        for end in [&client, &server] {
            assert!(
                end.peer_address().starts_with(host),
                "{}",
                end.peer_address()
            );
        }
        if text.starts_with("ipc") {
            let Credentials { uid, gid, pid } = Credentials::own();
            let own = format!("localhost:{uid}:{gid}:{pid}");
            assert_eq!(
                (client.peer_address(), server.peer_address()),
                (own.clone(), own)
            );
            assert_eq!(client.local_endpoint(), "ipc://");
        }
        assert_eq!(server.unix().is_some(), text.starts_with("ipc"));
    });
}

#[test]
fn many_connections_of_one_listener_are_apart() {
    let _guard = guard();
    everywhere(|text, options, _| {
        let mut listener = bind(text, options);
        let mut pairs: Vec<(Stream, Stream)> =
            (0..20).map(|_| pair(&mut listener, options)).collect();
        for (number, (client, _)) in (0u8..).zip(&pairs) {
            client.write_vectored(&[IoSlice::new(&[number])]).unwrap();
        }
        for (number, (_, server)) in (0u8..).zip(&mut pairs) {
            assert_eq!(read(server, 1), [number]);
        }
    });
}
