//! What each library of ZeroMQ sockets offers.

use std::io;

use ringmq::{Kind, Login, Security};

use crate::error::Error;
use crate::plan::large::{Bodies, Touch};
use crate::plan::sockets::Face;
use crate::plan::words::Wait;

/// The options of a socket.
#[derive(Debug, Clone)]
pub(crate) struct Choice {
    /// How the socket waits, where the library has the choice.
    pub(crate) wait: Wait,
    /// The security mechanism, with its keys.
    pub(crate) security: Security,
    /// What large bodies need.
    pub(crate) large: Option<InFlight>,
}

/// The options of a socket for large bodies. An XPUB with them tells of each subscription, and waits for a subscriber
/// that has no room. A SUB with them receives all messages.
#[derive(Debug, Clone, Copy)]
pub(crate) struct InFlight {
    /// The high-water mark in both directions, in messages.
    pub(crate) mark: u32,
    /// Whether bodies are received in place. A loaded library is told by its environment.
    pub(crate) in_place: bool,
}

/// How a large body is made and read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Body {
    pub(crate) bodies: Bodies,
    pub(crate) touch: Touch,
    /// The bytes.
    pub(crate) size: usize,
}

impl Body {
    /// Writes `stamp` to a body.
    #[inline]
    pub(super) fn write(&self, bytes: &mut [u8], stamp: u64) {
        self.touch.write(self.size, stamp, |at, word| {
            bytes[at..at + word.len()].copy_from_slice(word);
        });
    }

    /// Reads a body that was received. Returns a word that is not `stamp`, or `stamp`.
    #[inline]
    pub(super) fn read(&self, bytes: &[u8], stamp: u64) -> io::Result<u64> {
        if bytes.len() == self.size {
            return Ok(self.touch.read(bytes, stamp));
        }
        let (len, size) = (bytes.len(), self.size);
        Err(io::Error::other(format!(
            "a message of {len} bytes where {size} were sent"
        )))
    }
}

/// A context of one library.
pub(crate) trait Sockets: Clone + Send + Sized + 'static {
    /// Its sockets.
    type Socket: Talk + Send + 'static;
    /// A running authenticator.
    type Authenticator: Send + 'static;

    /// The library and its interface.
    const FACE: Face;

    /// Makes a context.
    fn new() -> Result<Self, Error>;

    /// Makes a socket of type `kind`.
    fn socket(&self, kind: Kind, choice: &Choice) -> io::Result<Self::Socket>;

    /// Makes a large body, writes `stamp` to it, and sends it. `buffer` is the memory of bodies that are copied.
    fn send_body(
        &self,
        socket: &mut Self::Socket,
        body: Body,
        buffer: &mut Vec<u8>,
        stamp: u64,
    ) -> io::Result<()>;

    /// Receives a large body, and reads it. Returns a word that is not `stamp`, or `stamp`.
    fn recv_body(
        &self,
        socket: &mut Self::Socket,
        body: Body,
        buffer: &mut Vec<u8>,
        stamp: u64,
    ) -> io::Result<u64>;

    /// Starts an authenticator that accepts peers of PLAIN with this login. It ends when the result is dropped.
    fn authenticate(&self, login: Login) -> io::Result<Self::Authenticator>;
}

/// A socket.
pub(crate) trait Talk {
    /// Sets how many connections may wait to be accepted.
    fn set_backlog(&mut self, connections: i32) -> io::Result<()>;

    /// Binds, and returns the endpoint that others can connect to.
    fn bind(&mut self, endpoint: &str) -> io::Result<String>;

    /// Connects.
    fn connect(&mut self, endpoint: &str) -> io::Result<()>;

    /// Sends a message of one part.
    fn send(&mut self, message: &[u8]) -> io::Result<()>;

    /// Receives a message of one part, of `size` bytes at most.
    fn recv(&mut self, message: &mut Vec<u8>, size: usize) -> io::Result<()>;
}

/// The remedy where sockets are refused.
pub(crate) const SOCKETS: &str =
    "raise the limit of open files (ulimit -n), and see that the loopback device is up";
