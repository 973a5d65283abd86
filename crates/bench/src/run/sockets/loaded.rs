//! The sockets of a loaded library, as a C program uses them: `zmq_send` and `zmq_recv`, or `zmq_msg_send` and
//! `zmq_msg_recv`.

use std::io;
use std::sync::OnceLock;

use ringmq::{Kind, Login, Security};

use crate::error::Error;
use crate::plan::large::Bodies;
use crate::plan::sockets::Face;
use crate::run::sockets::library::{self, Context, Library, Socket};
use crate::run::sockets::talk::{Body, Choice, SOCKETS, Sockets, Talk};
use crate::run::sockets::zap::Handler;

/// A context of stock libzmq.
#[derive(Debug, Clone)]
pub(crate) struct Stock(Context);

/// A context of ringmq by its C interface.
#[derive(Debug, Clone)]
pub(crate) struct OwnC(Context);

/// Makes a context. `loaded` keeps the library, which is loaded once.
fn context(loaded: &OnceLock<Library>, face: Face) -> Result<Context, Error> {
    let library = match loaded.get() {
        Some(library) => library,
        None => {
            let library = Library::open(face)?;
            loaded.get_or_init(|| library)
        }
    };
    Context::new(*library).map_err(Error::os("make a context", SOCKETS))
}

/// Makes a socket of the type that libzmq's header gives this number, and sets the options of its mechanism.
fn socket(context: &Context, kind: Kind, choice: &Choice) -> io::Result<Socket> {
    let mut socket = context.socket(u8::from(kind).into())?;
    match &choice.security {
        Security::Null => {}
        Security::PlainServer => socket.set_number(library::PLAIN_SERVER, 1)?,
        Security::PlainClient(login) => {
            socket.set_bytes(library::PLAIN_USERNAME, login.username())?;
            socket.set_bytes(library::PLAIN_PASSWORD, login.password())?;
        }
        Security::CurveServer(keys) => {
            socket.set_number(library::CURVE_SERVER, 1)?;
            socket.set_bytes(library::CURVE_SECRETKEY, keys.secret().as_bytes())?;
        }
        Security::CurveClient { keys, server_key } => {
            socket.set_bytes(library::CURVE_PUBLICKEY, keys.public().as_bytes())?;
            socket.set_bytes(library::CURVE_SECRETKEY, keys.secret().as_bytes())?;
            socket.set_bytes(library::CURVE_SERVERKEY, server_key.as_bytes())?;
        }
        _ => return Err(io::Error::other("a mechanism that libzmq has not")),
    }
    if let Some(large) = choice.large {
        let mark = i32::try_from(large.mark).unwrap_or(i32::MAX);
        socket.set_number(library::SNDHWM, mark)?;
        socket.set_number(library::RCVHWM, mark)?;
        match kind {
            Kind::Xpub => {
                socket.set_number(library::XPUB_VERBOSE, 1)?;
                socket.set_number(library::XPUB_NODROP, 1)?;
            }
            Kind::Sub => socket.set_bytes(library::SUBSCRIBE, b"")?,
            _ => {}
        }
    }
    Ok(socket)
}

/// Sends from a buffer of the program, or a message that the library has made.
#[inline]
fn send_body(socket: &mut Socket, body: Body, buffer: &mut Vec<u8>, stamp: u64) -> io::Result<()> {
    if body.bodies == Bodies::Copied {
        buffer.resize(body.size, 0);
        body.write(buffer, stamp);
        return socket.send(buffer);
    }
    socket.send_message(body.size, |room| {
        body.touch.write(body.size, stamp, |at, word| {
            room[at..at + word.len()].write_copy_of_slice(word);
        });
    })
}

/// Receives to a buffer of the program, or a message of the library.
#[inline]
fn recv_body(socket: &mut Socket, body: Body, buffer: &mut Vec<u8>, stamp: u64) -> io::Result<u64> {
    if body.bodies == Bodies::Copied {
        Talk::recv(socket, buffer, body.size)?;
        return body.read(buffer, stamp);
    }
    socket.recv_message(|bytes| body.read(bytes, stamp))?
}

impl Sockets for Stock {
    type Socket = Socket;
    type Authenticator = Handler;

    const FACE: Face = Face::Stock;

    fn new() -> Result<Stock, Error> {
        static LOADED: OnceLock<Library> = OnceLock::new();
        context(&LOADED, Face::Stock).map(Stock)
    }

    fn socket(&self, kind: Kind, choice: &Choice) -> io::Result<Socket> {
        socket(&self.0, kind, choice)
    }

    #[inline]
    fn send_body(
        &self,
        socket: &mut Socket,
        body: Body,
        buffer: &mut Vec<u8>,
        stamp: u64,
    ) -> io::Result<()> {
        send_body(socket, body, buffer, stamp)
    }

    #[inline]
    fn recv_body(
        &self,
        socket: &mut Socket,
        body: Body,
        buffer: &mut Vec<u8>,
        stamp: u64,
    ) -> io::Result<u64> {
        recv_body(socket, body, buffer, stamp)
    }

    fn authenticate(&self, login: Login) -> io::Result<Handler> {
        Handler::start(&self.0, login)
    }
}

impl Sockets for OwnC {
    type Socket = Socket;
    type Authenticator = Handler;

    const FACE: Face = Face::C;

    fn new() -> Result<OwnC, Error> {
        static LOADED: OnceLock<Library> = OnceLock::new();
        context(&LOADED, Face::C).map(OwnC)
    }

    fn socket(&self, kind: Kind, choice: &Choice) -> io::Result<Socket> {
        socket(&self.0, kind, choice)
    }

    #[inline]
    fn send_body(
        &self,
        socket: &mut Socket,
        body: Body,
        buffer: &mut Vec<u8>,
        stamp: u64,
    ) -> io::Result<()> {
        send_body(socket, body, buffer, stamp)
    }

    #[inline]
    fn recv_body(
        &self,
        socket: &mut Socket,
        body: Body,
        buffer: &mut Vec<u8>,
        stamp: u64,
    ) -> io::Result<u64> {
        recv_body(socket, body, buffer, stamp)
    }

    fn authenticate(&self, login: Login) -> io::Result<Handler> {
        Handler::start(&self.0, login)
    }
}

impl Talk for Socket {
    fn set_backlog(&mut self, connections: i32) -> io::Result<()> {
        self.set_number(library::BACKLOG, connections)
    }

    fn bind(&mut self, endpoint: &str) -> io::Result<String> {
        Socket::bind(self, endpoint)
    }

    fn connect(&mut self, endpoint: &str) -> io::Result<()> {
        Socket::connect(self, endpoint)
    }

    #[inline]
    fn send(&mut self, message: &[u8]) -> io::Result<()> {
        Socket::send(self, message)
    }

    #[inline]
    fn recv(&mut self, message: &mut Vec<u8>, size: usize) -> io::Result<()> {
        message.resize(size, 0);
        let len = Socket::recv(self, message)?;
        if len == size {
            return Ok(());
        }
        Err(io::Error::other(format!(
            "a message of {len} bytes where {size} were sent"
        )))
    }
}
