//! How a handshake goes: one kind for each [`Mechanism`].

use std::time::Duration;

use crate::authenticate::{Credentials, User};
use crate::command;
use crate::error::Error;
use crate::metadata::{self, Metadata};
use crate::output::Output;
use crate::sealed::Sealed;
use crate::settings::{Mechanism, Settings};

mod curve;
mod curve_client;
mod curve_server;
mod plain;

/// A handshake that goes on.
#[derive(Debug)]
pub(crate) enum Handshake {
    Null(Null),
    PlainClient(plain::Client),
    PlainServer(plain::Server),
    CurveClient(curve_client::Client),
    CurveServer(curve_server::Server),
}

/// What comes after a command, or a verdict.
#[derive(Debug)]
pub(crate) enum Step {
    /// The next command of the peer's.
    Wait,
    /// The verdict about the peer.
    Ask(Box<Credentials>),
    /// The verdict, for which the caller was asked.
    Asked,
    /// Messages.
    Done(Box<Done>),
}

/// What a handshake brought.
#[derive(Debug)]
pub(crate) struct Done {
    /// What the peer says of itself.
    pub(crate) metadata: Metadata,
    /// What the authenticator says of it, if it was asked.
    pub(crate) user: Option<User>,
    /// What encrypts the messages.
    pub(crate) sealed: Option<Box<Sealed>>,
}

impl Step {
    fn ask(credentials: Credentials) -> Step {
        Step::Ask(Box::new(credentials))
    }

    fn done(done: Done) -> Step {
        Step::Done(Box::new(done))
    }
}

impl Done {
    fn clear(metadata: Metadata, user: Option<User>) -> Done {
        Done {
            metadata,
            user,
            sealed: None,
        }
    }

    fn sealed(metadata: Metadata, user: Option<User>, sealed: Sealed) -> Done {
        Done {
            metadata,
            user,
            sealed: Some(Box::new(sealed)),
        }
    }
}

impl Handshake {
    /// Sends what is said unasked.
    pub(crate) fn new(
        settings: &Settings,
        output: &mut Output,
    ) -> Result<(Handshake, Step), Error> {
        let mut step = Step::Wait;
        let handshake = match &settings.mechanism {
            Mechanism::Null if settings.authenticate => {
                step = Step::ask(Credentials::Null);
                Handshake::Null(Null { user: None })
            }
            Mechanism::Null => {
                say_ready(settings, output);
                Handshake::Null(Null { user: None })
            }
            Mechanism::PlainClient(login) => {
                Handshake::PlainClient(plain::Client::new(login, output))
            }
            Mechanism::PlainServer => Handshake::PlainServer(plain::Server::Listening),
            Mechanism::CurveClient(config) => {
                Handshake::CurveClient(curve_client::Client::new(config, output)?)
            }
            Mechanism::CurveServer(config) => {
                Handshake::CurveServer(curve_server::Server::new(config))
            }
        };
        Ok((handshake, step))
    }

    /// Answers a command of the peer's.
    pub(crate) fn command(
        &mut self,
        body: &[u8],
        settings: &Settings,
        output: &mut Output,
        now: Duration,
    ) -> Result<Step, Error> {
        if let Handshake::PlainClient(_) = self
            && let Some(data) = body.strip_prefix(plain::ERROR_OF_LIBZMQ)
        {
            return Err(command::refusal(data));
        }
        let command = command::split(body)?;
        match self {
            Handshake::Null(null) => null.command(command, settings),
            Handshake::PlainClient(client) => client.command(command, settings, output),
            Handshake::PlainServer(server) => server.command(command, settings, output),
            Handshake::CurveClient(client) => client.command(command, settings, output),
            Handshake::CurveServer(server) => server.command(command, settings, output, now),
        }
    }

    /// Goes on after [`Step::Ask`]: the peer is accepted, as this user if an authenticator was asked.
    pub(crate) fn accept(
        &mut self,
        user: Option<User>,
        settings: &Settings,
        output: &mut Output,
    ) -> Result<Step, Error> {
        match self {
            Handshake::Null(null) => {
                null.user = user;
                say_ready(settings, output);
            }
            Handshake::PlainServer(server) => server.accept(user, output),
            Handshake::CurveServer(server) => return server.accept(user, settings, output),
            // Clients do not ask.
            Handshake::PlainClient(_) | Handshake::CurveClient(_) => {}
        }
        Ok(Step::Wait)
    }
}

/// NULL: no security.
#[derive(Debug)]
pub(crate) struct Null {
    user: Option<User>,
}

impl Null {
    fn command(
        &mut self,
        (name, data): (&[u8], &[u8]),
        settings: &Settings,
    ) -> Result<Step, Error> {
        match name {
            command::READY => {
                let metadata = metadata::read(data, settings.limits.properties)?;
                Ok(Step::done(Done::clear(metadata, self.user.take())))
            }
            command::ERROR => Err(command::refusal(data)),
            name => Err(command::unexpected(name)),
        }
    }
}

/// RFC 37, The NULL Security Mechanism. Both ends say it at once, as libzmq does.
fn say_ready(settings: &Settings, output: &mut Output) {
    output.push_command(command::READY, &metadata::write(settings));
}
