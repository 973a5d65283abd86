//! Our side of the conversation.

use std::time::Duration;

use ringmq::{Context, Kind, Message, Socket};
use ringmq_testing::{Scratch, abstract_name, soon};

/// How two peers reach each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// `tcp://127.0.0.1`, and a port that is free.
    Tcp,
    /// `ipc://`, with a path.
    Path,
    /// `ipc://@`, with an abstract name.
    Abstract,
}

impl Transport {
    /// All of them.
    pub const ALL: [Transport; 3] = [Transport::Tcp, Transport::Path, Transport::Abstract];

    /// Returns an endpoint to bind to that no other socket has. Ask the socket for the endpoint that it got.
    pub fn endpoint(self, scratch: &Scratch) -> String {
        let name = abstract_name("interop");
        match self {
            Transport::Tcp => "tcp://127.0.0.1:*".to_owned(),
            Transport::Path => format!("ipc://{}", scratch.path(&name[1..])),
            Transport::Abstract => format!("ipc://{name}"),
        }
    }
}

/// A socket of ours, in a context of its own.
pub fn ours(kind: Kind) -> Socket {
    let mut socket = Context::new().unwrap().socket(kind).unwrap();
    socket
        .change_options(|options| options.reconnect_interval(Duration::from_millis(20)))
        .unwrap();
    socket
}

/// A message of these parts.
pub fn message<P: AsRef<[u8]>>(parts: &[P]) -> Message {
    parts.iter().map(|part| part.as_ref().to_vec()).collect()
}

/// The parts of a message.
pub fn parts(message: &Message) -> Vec<Vec<u8>> {
    message
        .iter()
        .map(|frame| frame.as_slice().to_vec())
        .collect()
}

/// The parts of the next message.
///
/// # Panics
///
/// If there is none.
#[track_caller]
pub fn recv(socket: &mut Socket) -> Vec<Vec<u8>> {
    match socket.recv_deadline(soon()) {
        Ok(message) => parts(&message),
        Err(error) => panic!("{error}"),
    }
}

/// What is sent for a number.
pub fn number(number: u64) -> [u8; 8] {
    number.to_le_bytes()
}

/// Sends the numbers from `first` to before `end`.
pub fn send_numbers(socket: &mut Socket, first: u64, end: u64) {
    for i in first..end {
        socket.send(&number(i)).unwrap();
    }
}

/// Receives them.
///
/// # Panics
///
/// If one is missing, or comes twice.
#[track_caller]
pub fn recv_numbers(socket: &mut Socket, first: u64, end: u64) {
    for i in first..end {
        let message = match socket.recv_deadline(soon()) {
            Ok(message) => message,
            Err(error) => panic!("{i}: {error}"),
        };
        assert_eq!(message[0].as_slice(), number(i), "instead of {i}");
    }
}

/// Bytes in an order that shows if any are lost.
pub fn pattern(size: usize) -> Vec<u8> {
    (0..251_u8).cycle().take(size).collect()
}
