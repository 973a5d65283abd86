//! How a handshake goes: one kind for each [`Mechanism`].

use crate::command;
use crate::error::Error;
use crate::metadata::{self, Metadata};
use crate::output::Output;
use crate::settings::{Mechanism, Settings};

/// A handshake that goes on.
#[derive(Debug)]
pub(crate) enum Handshake {
    Null,
}

impl Handshake {
    /// Sends what is said unasked.
    pub(crate) fn new(settings: &Settings, output: &mut Output) -> Handshake {
        match settings.mechanism {
            Mechanism::Null => {
                // RFC 37, The NULL Security Mechanism. Both ends say it at once, as libzmq does.
                output.push_command(command::READY, &metadata::write(settings));
                Handshake::Null
            }
        }
    }

    /// Answers a command of the peer's. When the handshake is done there is the peer's metadata.
    pub(crate) fn command(
        &mut self,
        body: &[u8],
        settings: &Settings,
        _output: &mut Output,
    ) -> Result<Option<Metadata>, Error> {
        let (name, data) = command::split(body)?;
        match (self, name) {
            (Handshake::Null, command::READY) => {
                metadata::read(data, settings.limits.properties).map(Some)
            }
            (Handshake::Null, command::ERROR) => Err(command::refusal(data)),
            (Handshake::Null, name) => Err(Error::UnexpectedCommand {
                name: command::shown(name),
            }),
        }
    }
}
