//! What each library of ZeroMQ sockets offers.

use std::io;

use ringmq::{Kind, Login, Security};

use crate::error::Error;
use crate::plan::sockets::Face;
use crate::plan::words::Wait;

/// The options of a socket.
#[derive(Debug, Clone)]
pub(crate) struct Choice {
    /// How the socket waits, where the library has the choice.
    pub(crate) wait: Wait,
    /// The security mechanism, with its keys.
    pub(crate) security: Security,
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
