//! The sockets of ringmq, by its Rust interface.

use std::io;

use ringmq::{Authenticator, Frame, Kind, Login, RunningAuthenticator, SetOption, Vow};

use crate::error::Error;
use crate::plan::large::Bodies;
use crate::plan::sockets::Face;
use crate::plan::words::Wait;
use crate::run::sockets::talk::{Body, Choice, SOCKETS, Sockets, Talk};

/// A context of `ringmq`.
#[derive(Debug, Clone)]
pub(crate) struct Ours(ringmq::Context);

/// A context of `ringmq` whose connections stay on ZMTP.
#[derive(Debug, Clone)]
pub(crate) struct Plain(ringmq::Context);

impl Sockets for Ours {
    type Socket = ringmq::Socket;
    type Authenticator = RunningAuthenticator;

    const FACE: Face = Face::Rust;

    fn new() -> Result<Ours, Error> {
        context().map(Ours)
    }

    fn socket(&self, kind: Kind, choice: &Choice) -> io::Result<ringmq::Socket> {
        socket(&self.0, kind, choice)
    }

    #[inline]
    fn send_body(
        &self,
        socket: &mut ringmq::Socket,
        body: Body,
        buffer: &mut Vec<u8>,
        stamp: u64,
    ) -> io::Result<()> {
        send_body(&self.0, socket, body, buffer, stamp)
    }

    #[inline]
    fn recv_body(
        &self,
        socket: &mut ringmq::Socket,
        body: Body,
        _: &mut Vec<u8>,
        stamp: u64,
    ) -> io::Result<u64> {
        recv_body(socket, body, stamp)
    }

    fn authenticate(&self, login: Login) -> io::Result<RunningAuthenticator> {
        authenticate(&self.0, login)
    }
}

impl Sockets for Plain {
    type Socket = ringmq::Socket;
    type Authenticator = RunningAuthenticator;

    const FACE: Face = Face::Plain;

    fn new() -> Result<Plain, Error> {
        let context = context()?;
        context.set_shared_memory(false);
        Ok(Plain(context))
    }

    fn socket(&self, kind: Kind, choice: &Choice) -> io::Result<ringmq::Socket> {
        socket(&self.0, kind, choice)
    }

    #[inline]
    fn send_body(
        &self,
        socket: &mut ringmq::Socket,
        body: Body,
        buffer: &mut Vec<u8>,
        stamp: u64,
    ) -> io::Result<()> {
        send_body(&self.0, socket, body, buffer, stamp)
    }

    #[inline]
    fn recv_body(
        &self,
        socket: &mut ringmq::Socket,
        body: Body,
        _: &mut Vec<u8>,
        stamp: u64,
    ) -> io::Result<u64> {
        recv_body(socket, body, stamp)
    }

    fn authenticate(&self, login: Login) -> io::Result<RunningAuthenticator> {
        authenticate(&self.0, login)
    }
}

fn context() -> Result<ringmq::Context, Error> {
    let context = ringmq::Context::new().map_err(io::Error::other);
    context.map_err(Error::os("make a context", SOCKETS))
}

fn authenticate(context: &ringmq::Context, login: Login) -> io::Result<RunningAuthenticator> {
    let authenticator = Authenticator::new().password(login);
    authenticator.start(context).map_err(io::Error::other)
}

fn socket(context: &ringmq::Context, kind: Kind, choice: &Choice) -> io::Result<ringmq::Socket> {
    let options = ringmq::SocketOptions::new().wait(match choice.wait {
        Wait::Spin => ringmq::Wait::Spin,
        Wait::Park => ringmq::Wait::Park,
        Wait::Adaptive => ringmq::Wait::Adaptive,
    });
    let options = options.security(choice.security.clone());
    let Some(large) = choice.large else {
        return context
            .socket_with(kind, &options)
            .map_err(io::Error::other);
    };
    let options = options.send_hwm(large.mark).recv_hwm(large.mark);
    let socket = context.socket_with(kind, &options);
    let mut socket = socket.map_err(io::Error::other)?;
    let set: &[_] = match kind {
        Kind::Xpub => &[SetOption::XpubVerbose(true), SetOption::XpubNodrop(true)],
        Kind::Sub => &[SetOption::Subscribe(b"")],
        _ => &[],
    };
    for option in set {
        socket.set(*option).map_err(io::Error::other)?;
    }
    if large.in_place {
        // SAFETY: the peers are sides of the same run, which do not write to a message that they have sent.
        socket.set_in_place(unsafe { Vow::new() });
    }
    Ok(socket)
}

/// Sends an ordinary frame, or a block.
#[inline]
fn send_body(
    context: &ringmq::Context,
    socket: &mut ringmq::Socket,
    body: Body,
    buffer: &mut Vec<u8>,
    stamp: u64,
) -> io::Result<()> {
    let frame = match body.bodies {
        Bodies::Copied => {
            buffer.resize(body.size, 0);
            body.write(buffer, stamp);
            Frame::copy_from_slice(buffer)
        }
        Bodies::SentInPlace | Bodies::InPlace => {
            let mut block = context.block(body.size).map_err(io::Error::other)?;
            body.write(&mut block, stamp);
            block.freeze()
        }
    };
    socket.send(frame).map_err(io::Error::other)
}

/// Receives a message of one part, copied or in place as the socket is set.
#[inline]
fn recv_body(socket: &mut ringmq::Socket, body: Body, stamp: u64) -> io::Result<u64> {
    let message = socket.recv().map_err(io::Error::other)?;
    match &message[..] {
        [frame] => body.read(frame, stamp),
        parts => Err(io::Error::other(format!(
            "a message of {} parts where one was sent",
            parts.len()
        ))),
    }
}

impl Talk for ringmq::Socket {
    fn set_backlog(&mut self, connections: i32) -> io::Result<()> {
        self.change_options(|options| options.backlog(connections))
            .map_err(io::Error::from)
    }

    fn bind(&mut self, endpoint: &str) -> io::Result<String> {
        ringmq::Socket::bind(self, endpoint).map_err(io::Error::other)?;
        Ok(self.last_endpoint().to_owned())
    }

    fn connect(&mut self, endpoint: &str) -> io::Result<()> {
        ringmq::Socket::connect(self, endpoint).map_err(io::Error::other)
    }

    #[inline]
    fn send(&mut self, message: &[u8]) -> io::Result<()> {
        self.send_slice(message).map_err(io::Error::other)
    }

    #[inline]
    fn recv(&mut self, message: &mut Vec<u8>, size: usize) -> io::Result<()> {
        // Room for one byte more shows a part that is too long.
        message.resize(size + 1, 0);
        let len = self.recv_slice(message).map_err(io::Error::other)?;
        message.truncate(len);
        Ok(())
    }
}
