//! tcp connections within one machine that go over to a Unix socket, and those that must not.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking, and says why it was skipped"
)]

mod crowd;
mod forwarder;
mod known;
mod namespaces;
mod secrets;
mod strangers;
mod users;

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use ringmq::{Carrier, Context, Kind, Socket, SocketOptions, ZmtpReason};
use ringmq_testing::{soon, until, zmtp_greeting, zmtp_ready};

const UNPROVEN: Carrier = Carrier::Zmtp(ZmtpReason::Unproven);
/// A command without data by which a direction leaves tcp.
const MOVE: &[u8] = b"\x04\x0e\x0dX-RINGMQ-MOVE";

/// A socket in a context of its own that does not linger.
fn socket(kind: Kind) -> Socket {
    let options = SocketOptions::new()
        .linger(Duration::ZERO)
        .reconnect_interval(Duration::from_millis(5));
    Context::new().unwrap().socket_with(kind, &options).unwrap()
}

/// A socket that is bound to a port of its own.
fn bound(kind: Kind) -> Socket {
    let mut socket = socket(kind);
    socket.bind("tcp://127.0.0.1:*").unwrap();
    socket
}

/// The port of a bound socket.
fn address(socket: &Socket) -> SocketAddr {
    let endpoint = socket.last_endpoint().strip_prefix("tcp://").unwrap();
    endpoint.parse().unwrap()
}

/// Waits until the only connection of a socket has this carrier.
#[track_caller]
fn until_carrier(socket: &mut Socket, carrier: Carrier) {
    until(|| matches!(&socket.connections()[..], [one] if one.carrier == carrier));
}

/// Sends this text, and receives it at the other end.
#[track_caller]
fn passes(from: &mut Socket, to: &mut Socket, text: &str) {
    from.send_deadline(text, soon()).unwrap();
    comes(to, text);
}

/// The next message is this text.
#[track_caller]
fn comes(to: &mut Socket, text: &str) {
    assert_eq!(
        to.recv_deadline(soon()).unwrap()[0].as_slice(),
        text.as_bytes()
    );
}

/// What a side says of itself in READY.
#[derive(Debug, Clone)]
struct Introduction {
    place: String,
    ticket: u64,
    secret: [u8; 16],
}

impl Introduction {
    fn parse(value: &str) -> Introduction {
        let parts: Vec<&str> = value.split(';').collect();
        assert_eq!(parts[0], "1");
        let secret = u128::from_str_radix(parts[3], 16).unwrap();
        Introduction {
            place: parts[1].to_owned(),
            ticket: parts[2].parse().unwrap(),
            secret: secret.to_be_bytes(),
        }
    }

    fn value(&self) -> String {
        let secret = u128::from_be_bytes(self.secret);
        format!("1;{};{};{secret:032x}", self.place, self.ticket)
    }

    /// Comes to the place.
    fn dial(&self) -> UnixStream {
        use std::os::linux::net::SocketAddrExt;
        let name = std::os::unix::net::SocketAddr::from_abstract_name(&self.place).unwrap();
        let stream = UnixStream::connect_addr(&name).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(60)))
            .unwrap();
        stream
    }
}

/// A HELLO or WELCOME.
fn hello(kind: u8, ticket: u64, secret: [u8; 16], ends: [SocketAddr; 2]) -> Vec<u8> {
    let mut frame = b"ringmqT".to_vec();
    frame.push(kind);
    frame.extend_from_slice(&ticket.to_le_bytes());
    frame.extend_from_slice(&secret);
    for end in ends {
        let SocketAddr::V4(end) = end else {
            panic!("{end}");
        };
        frame.extend_from_slice(&end.ip().to_ipv6_mapped().octets());
        frame.extend_from_slice(&end.port().to_be_bytes());
    }
    frame.resize(72, 0);
    frame
}

/// A peer that is made by hand, on its tcp connection.
struct Stranger {
    tcp: TcpStream,
}

impl Stranger {
    fn connect(to: &Socket) -> Stranger {
        Stranger::over(TcpStream::connect(address(to)).unwrap())
    }

    fn over(tcp: TcpStream) -> Stranger {
        tcp.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        Stranger { tcp }
    }

    /// Its own end and that of the other side.
    fn ends(&self) -> [SocketAddr; 2] {
        [
            self.tcp.local_addr().unwrap(),
            self.tcp.peer_addr().unwrap(),
        ]
    }

    /// Says what a socket of this type says that can share memory. With `own` it can go over from tcp.
    fn greet(&mut self, kind: &str, own: Option<&str>) {
        let own = own.map(|own| ("X-Ringmq-Tcp", own.as_bytes()));
        let sharing: (&str, &[u8]) = ("X-Ringmq-Shm", b"3");
        let properties: Vec<(&str, &[u8])> = [sharing].into_iter().chain(own).collect();
        let mut greeting = zmtp_greeting(1);
        greeting[33..39].copy_from_slice(b"ringmq");
        self.write(&greeting);
        self.write(&zmtp_ready(kind, &properties));
    }

    fn write(&mut self, bytes: &[u8]) {
        self.tcp.write_all(bytes).unwrap();
    }

    fn read(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        self.tcp.read_exact(&mut bytes).unwrap();
        bytes
    }

    /// Reads greeting and READY of the other side. Returns what its READY says to go over, if it does.
    fn read_introduction(&mut self) -> Option<Introduction> {
        let greeting = self.read(64);
        assert_eq!(greeting[0], 0xff);
        let head = self.read(2);
        assert_eq!(head[0], 4, "no short command");
        let ready = self.read(head[1].into());
        let (_, mut properties) = ready.split_first_chunk::<6>().unwrap();
        let mut found = None;
        while let Some((len, rest)) = properties.split_first() {
            let (name, rest) = rest.split_at((*len).into());
            let (len, rest) = rest.split_first_chunk::<4>().unwrap();
            let (value, rest) = rest.split_at(u32::from_be_bytes(*len) as usize);
            if name == b"X-Ringmq-Tcp" {
                found = Some(Introduction::parse(std::str::from_utf8(value).unwrap()));
            }
            properties = rest;
        }
        assert_eq!(found.is_some(), &greeting[33..39] == b"ringmq");
        found
    }

    /// Reads to the end, and returns what came.
    fn rest(&mut self) -> Vec<u8> {
        rest(&mut self.tcp)
    }
}

/// Reads to the end, which has to come, and returns what came.
fn rest(stream: &mut impl Read) -> Vec<u8> {
    let (mut came, mut block) = (Vec::new(), [0; 4096]);
    loop {
        match stream.read(&mut block) {
            Ok(0) => return came,
            Ok(count) => came.extend_from_slice(&block[..count]),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => return came,
            Err(error) => panic!("{error}, after {came:?}"),
        }
    }
}
