//! STREAM, and ROUTER with connections that carry bytes, against plain sockets of the kernel.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use ringmq::{Context, Kind, Message, SendError, SetOption, Socket};
use ringmq_testing::{Scratch, soon, watchdog};

/// A STREAM and a raw ROUTER.
fn both() -> [Socket; 2] {
    let context = Context::new().unwrap();
    let stream = context.socket(Kind::Stream).unwrap();
    let mut router = context.socket(Kind::Router).unwrap();
    router.set(SetOption::RouterRaw(true)).unwrap();
    [stream, router]
}

fn bound(mut socket: Socket) -> (Socket, String) {
    socket.bind("tcp://127.0.0.1:*").unwrap();
    let address = socket.last_endpoint().strip_prefix("tcp://").unwrap();
    let address = address.to_owned();
    (socket, address)
}

/// The id and the bytes of the next message.
fn next(socket: &mut Socket) -> (Vec<u8>, Vec<u8>) {
    let message = socket.recv_deadline(soon()).unwrap();
    assert_eq!(message.len(), 2);
    (message[0].to_vec(), message[1].to_vec())
}

/// Bytes of one connection, until there are so many.
fn bytes(socket: &mut Socket, from: &[u8], len: usize) -> Vec<u8> {
    let mut all = Vec::new();
    while all.len() < len {
        let (id, bytes) = next(socket);
        assert!(id == from && !bytes.is_empty());
        all.extend(bytes);
    }
    all
}

fn to(id: &[u8], bytes: &[u8]) -> Message {
    [id, bytes].into_iter().collect()
}

#[test]
fn a_plain_client_is_served() {
    let _guard = watchdog(Duration::from_secs(60));
    for socket in both() {
        let (mut server, address) = bound(socket);
        let mut client = TcpStream::connect(address).unwrap();
        let (id, bytes_) = next(&mut server);
        assert!(id.len() == 5 && id[0] == 0 && bytes_.is_empty());
        client.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
        assert_eq!(bytes(&mut server, &id, 18), b"GET / HTTP/1.0\r\n\r\n");
        server
            .send(to(&id, b"HTTP/1.0 200 OK\r\n\r\nhello"))
            .unwrap();
        // An empty part ends the connection, behind what was sent.
        server.send(to(&id, b"")).unwrap();
        let mut reply = Vec::new();
        client.read_to_end(&mut reply).unwrap();
        assert_eq!(reply, b"HTTP/1.0 200 OK\r\n\r\nhello");
    }
}

#[test]
fn an_empty_message_tells_of_the_end() {
    let _guard = watchdog(Duration::from_secs(60));
    for socket in both() {
        let (mut server, address) = bound(socket);
        let mut client = TcpStream::connect(address).unwrap();
        let (id, _) = next(&mut server);
        client.write_all(b"last words").unwrap();
        drop(client);
        assert_eq!(bytes(&mut server, &id, 10), b"last words");
        assert_eq!(next(&mut server), (id.clone(), Vec::new()));
    }
}

#[test]
fn without_notifications_only_bytes_come() {
    let _guard = watchdog(Duration::from_secs(60));
    for mut socket in both() {
        socket
            .change_options(|options| options.stream_notify(false))
            .unwrap();
        let (mut server, address) = bound(socket);
        for word in [&b"one"[..], b"two"] {
            let mut client = TcpStream::connect(&address).unwrap();
            client.write_all(word).unwrap();
            client.shutdown(Shutdown::Write).unwrap();
            // The end of this one is there before the next begins.
            assert_eq!(client.read(&mut [0; 8]).unwrap(), 0);
            assert_eq!(next(&mut server).1, word);
        }
    }
}

#[test]
fn a_connection_is_named_made_again_and_told_of() {
    let _guard = watchdog(Duration::from_secs(60));
    for mut socket in both() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("tcp://{}", listener.local_addr().unwrap());
        socket.set_connect_routing_id("web").unwrap();
        socket.connect(&endpoint).unwrap();
        for round in [b"a", b"b"] {
            let (mut server, _) = listener.accept().unwrap();
            assert_eq!(next(&mut socket), (b"web".to_vec(), Vec::new()));
            socket.send(to(b"web", round)).unwrap();
            let mut got = [0];
            server.read_exact(&mut got).unwrap();
            assert_eq!(&got, round);
            drop(server);
            assert_eq!(next(&mut socket), (b"web".to_vec(), Vec::new()));
        }
    }
}

#[test]
fn the_id_of_a_connection_is_known_at_once() {
    let _guard = watchdog(Duration::from_secs(60));
    let [mut stream, _] = both();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("tcp://{}", listener.local_addr().unwrap());
    assert_eq!(stream.options().get_routing_id(), b"");
    stream.connect(&endpoint).unwrap();
    let id = stream.options().get_routing_id().to_vec();
    // What is sent before there is a connection leaves with it.
    stream.send(to(&id, b"early")).unwrap();
    let (mut server, _) = listener.accept().unwrap();
    let mut got = [0; 5];
    server.read_exact(&mut got).unwrap();
    assert_eq!(&got, b"early");
}

#[test]
fn many_bytes_arrive_as_they_were_sent() {
    let _guard = watchdog(Duration::from_secs(120));
    let all: Vec<u8> = (0..8 << 20).map(|at: u32| (at % 251) as u8).collect();
    for socket in both() {
        let (mut server, address) = bound(socket);
        let mut client = TcpStream::connect(address).unwrap();
        let (id, _) = next(&mut server);
        std::thread::scope(|scope| {
            let (mut writer, all) = (client.try_clone().unwrap(), &all);
            scope.spawn(move || writer.write_all(all).unwrap());
            assert!(bytes(&mut server, &id, all.len()) == *all);
            scope.spawn(|| {
                let mut got = vec![0; all.len()];
                client.read_exact(&mut got).unwrap();
                assert!(got == *all);
            });
            for part in all.chunks(1 << 20) {
                server.send(to(&id, part)).unwrap();
            }
        });
    }
}

#[test]
fn a_peer_that_does_not_read_is_refused_and_one_that_is_not_read_waits() {
    let _guard = watchdog(Duration::from_secs(120));
    let [mut stream, _] = both();
    stream.set_send_hwm(10);
    stream.set_recv_hwm(10);
    let (mut server, address) = bound(stream);
    let mut client = TcpStream::connect(address).unwrap();
    let (id, _) = next(&mut server);
    let part = vec![1; 1 << 20];
    let mut sent = 0;
    let refused = loop {
        match server.try_send(to(&id, &part)) {
            Ok(()) => sent += 1,
            Err(error) => break error,
        }
        assert!(sent < 1000, "there is a mark");
        std::thread::yield_now();
    };
    assert!(matches!(refused.reason, SendError::WouldBlock));
    // The other direction: the kernel's buffers and ten messages take so much, and no more.
    client.set_nonblocking(true).unwrap();
    let mut written = 0;
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_secs(1) {
        match client.write(&part) {
            Ok(count) => written += count,
            Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock),
        }
    }
    assert!(written < 64 << 20, "{written} bytes wait");
    assert!(
        bytes(&mut server, &id, written)
            .iter()
            .all(|byte| *byte == 1)
    );
    // What was accepted arrives.
    client.set_nonblocking(false).unwrap();
    let mut got = vec![0; sent << 20];
    client.read_exact(&mut got).unwrap();
    assert!(got.iter().all(|byte| *byte == 1));
}

#[test]
fn parts_behind_the_id_are_one_run_of_bytes_and_an_id_alone_is_nothing() {
    let _guard = watchdog(Duration::from_secs(60));
    for socket in both() {
        let (mut server, address) = bound(socket);
        let mut client = TcpStream::connect(address).unwrap();
        let (id, _) = next(&mut server);
        server.send(id.clone()).unwrap();
        let parts = [&id[..], b"head", b"", b"body"];
        server.send(parts.into_iter().collect::<Message>()).unwrap();
        let mut got = [0; 8];
        client.read_exact(&mut got).unwrap();
        assert_eq!(&got, b"headbody");
    }
}

#[test]
fn strangers_are_unreachable() {
    for mut socket in both() {
        let is_stream = socket.kind() == Kind::Stream;
        let sent = socket.send(to(b"unknown", b"x"));
        assert_eq!(sent.is_err(), is_stream);
        if let Err(error) = sent {
            assert!(matches!(error.reason, SendError::HostUnreachable));
        }
    }
}

#[test]
fn an_ipc_connection_is_raw_too() {
    let _guard = watchdog(Duration::from_secs(60));
    let scratch = Scratch::new();
    let [mut stream, _] = both();
    stream
        .bind(&format!("ipc://{}", scratch.path("s")))
        .unwrap();
    let mut client = UnixStream::connect(scratch.path("s")).unwrap();
    let (id, _) = next(&mut stream);
    client.write_all(b"hello").unwrap();
    assert_eq!(bytes(&mut stream, &id, 5), b"hello");
}

#[test]
fn two_of_them_talk() {
    let _guard = watchdog(Duration::from_secs(60));
    let [server, _] = both();
    let (mut server, address) = bound(server);
    let [mut client, _] = both();
    client.connect(&format!("tcp://{address}")).unwrap();
    let (there, _) = next(&mut client);
    let (here, _) = next(&mut server);
    client.send(to(&there, b"ping")).unwrap();
    assert_eq!(bytes(&mut server, &here, 4), b"ping");
    server.send(to(&here, b"pong")).unwrap();
    assert_eq!(bytes(&mut client, &there, 4), b"pong");
    client.send(to(&there, b"")).unwrap();
    assert_eq!(next(&mut server), (here, Vec::new()));
}
