//! The sockets of a loaded library, as a C program uses them: `zmq_send` and `zmq_recv`.

use std::io;
use std::sync::OnceLock;

use ringmq::{Kind, Login, Security};

use crate::error::Error;
use crate::plan::sockets::Face;
use crate::run::sockets::library::{self, Context, Library, Socket};
use crate::run::sockets::talk::{Choice, SOCKETS, Sockets, Talk};
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
    Ok(socket)
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
