//! The authenticator of a loaded library: a ZAP handler (RFC 27) in a thread of its own.

use std::io;
use std::thread::{self, JoinHandle};

use ringmq::{Kind, Login};

use crate::run::sockets::library::{Context, Socket};

/// The endpoint of the handler. Source: RFC 27.
const ENDPOINT: &str = "inproc://zeromq.zap.01";
/// The version of the protocol.
const VERSION: &[u8] = b"1.0";
/// What ends the handler. It is no version of the protocol.
const STOP: &[u8] = b"stop";

/// A running handler. Dropping it ends it.
#[derive(Debug)]
pub(crate) struct Handler {
    context: Context,
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl Handler {
    /// Starts a handler that accepts peers of PLAIN with this login. One that is not accepted is denied.
    pub(super) fn start(context: &Context, login: Login) -> io::Result<Handler> {
        let mut socket = context.socket(u8::from(Kind::Rep).into())?;
        socket.bind(ENDPOINT)?;
        let thread = thread::Builder::new().name("zap".to_owned());
        Ok(Handler {
            context: context.clone(),
            thread: Some(thread.spawn(move || serve(&mut socket, &login))?),
        })
    }

    fn stop(&mut self) -> io::Result<()> {
        let Some(thread) = self.thread.take() else {
            return Ok(());
        };
        let mut socket = self.context.socket(u8::from(Kind::Req).into())?;
        socket.connect(ENDPOINT)?;
        socket.send_parts(&[STOP])?;
        thread
            .join()
            .map_err(|_| io::Error::other("the handler panicked"))?
    }
}

impl Drop for Handler {
    fn drop(&mut self) {
        // An error means that the handler has ended by itself, or ends with the process.
        let _ = self.stop();
    }
}

/// Answers requests until it is stopped.
fn serve(socket: &mut Socket, login: &Login) -> io::Result<()> {
    loop {
        let request = socket.recv_parts()?;
        let parts: Vec<_> = request.iter().map(Vec::as_slice).collect();
        if parts == [STOP] {
            return Ok(());
        }
        // Version, request, domain, address, routing id, mechanism, user name, password.
        let (id, accepted) = match parts[..] {
            [_, id, _, _, _, b"PLAIN", name, password] => {
                (id, *login == Login::new(name, password))
            }
            [_, id, ..] => (id, false),
            _ => (&[][..], false),
        };
        let (code, text): (&[u8], &[u8]) = match accepted {
            true => (b"200", b"OK"),
            false => (b"400", b"denied"),
        };
        socket.send_parts(&[VERSION, id, code, text, login.username(), b""])?;
    }
}
