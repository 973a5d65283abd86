//! Peers that are no libraries: bytes by hand, for sockets over tcp and ipc.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking, and shows what it has seen"
)]

mod bombs;
mod deaths;
mod farewells;
mod floods;
mod output;
mod pieces;
mod slow;
mod unfinished;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use ringmq::{Context, Kind, Socket};
use ringmq_testing::{zmtp_greeting, zmtp_ready};

/// The frame that every stranger can ask for by [`PING`]: behind it, all that came before was read.
const PONG: &[u8] = b"\x04\x07\x04PONGab";
const PING: &[u8] = b"\x04\x09\x04PING\0\0ab";

/// A frame, long if it has to be.
fn frame(flags: u8, payload: &[u8]) -> Vec<u8> {
    let head = match u8::try_from(payload.len()) {
        Ok(len) => vec![flags, len],
        Err(_) => head(flags, payload.len() as u64),
    };
    [&head[..], payload].concat()
}

/// The head of a long frame.
fn head(flags: u8, size: u64) -> Vec<u8> {
    [&[flags | 2], &size.to_be_bytes()[..]].concat()
}

/// A socket in a context of its own.
fn bound(kind: Kind, endpoint: &str) -> Socket {
    let mut socket = Context::new().unwrap().socket(kind).unwrap();
    socket.bind(endpoint).unwrap();
    socket
}

/// A stream to an endpoint.
trait Stream: Read + Write + Send {
    fn limit(&self, time: Duration);
}

impl Stream for TcpStream {
    fn limit(&self, time: Duration) {
        self.set_read_timeout(Some(time)).unwrap();
    }
}

impl Stream for UnixStream {
    fn limit(&self, time: Duration) {
        self.set_read_timeout(Some(time)).unwrap();
    }
}

/// Answers every question with itself, up to the question "end".
fn answer_until_end(rep: &mut Socket) {
    loop {
        let question = rep.recv().unwrap();
        let ends = question[0].as_slice() == b"end";
        rep.send(question).unwrap();
        if ends {
            return;
        }
    }
}

/// Connects as a stranger.
fn stranger(endpoint: &str) -> Box<dyn Stream> {
    let stream: Box<dyn Stream> = match endpoint.split_once("://").unwrap() {
        ("tcp", address) => {
            let stream = TcpStream::connect(address).unwrap();
            stream.set_nodelay(true).unwrap();
            Box::new(stream)
        }
        (_, path) => Box::new(UnixStream::connect(path).unwrap()),
    };
    stream.limit(Duration::from_secs(40));
    stream
}

/// A stranger that has completed the handshake as a peer of this type.
fn peer(endpoint: &str, kind: &str) -> Box<dyn Stream> {
    let mut stream = stranger(endpoint);
    stream
        .write_all(&[zmtp_greeting(1), zmtp_ready(kind, &[])].concat())
        .unwrap();
    let mut head = [0; 66];
    stream.read_exact(&mut head).unwrap();
    let mut rest = vec![0; usize::from(head[65])];
    stream.read_exact(&mut rest).unwrap();
    assert!(rest.starts_with(b"\x05READY"));
    stream
}

/// Reads until a PONG, which comes next but for what the other side has to say by itself.
fn hear_pong(stream: &mut dyn Stream) {
    let mut answer = [0; PONG.len()];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(answer, PONG);
}

/// Returns once the other side has closed.
fn until_closed(stream: &mut dyn Stream) {
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        Ok(_) => {}
        Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset),
    }
}
