//! PLAIN: a name and a password, in the clear.
//!
//! RFC 24. The client sends HELLO and INITIATE, the server WELCOME and READY.

use zeroize::Zeroizing;

use super::{Done, Step};
use crate::authenticate::{Credentials, Login, User};
use crate::command;
use crate::error::Error;
use crate::metadata;
use crate::output::Output;
use crate::settings::Settings;

/// What libzmq's servers of PLAIN, up to 4.3.5 at least, send instead of the size and the name of ERROR: its source spells
/// the size in a way that takes the E with it.
pub(super) const ERROR_OF_LIBZMQ: &[u8] = b"^RROR";

/// The client's end.
#[derive(Debug)]
pub(crate) enum Client {
    /// HELLO is sent.
    Greeted,
    /// INITIATE is sent.
    Initiated,
}

impl Client {
    pub(crate) fn new(login: &Login, output: &mut Output) -> Client {
        let [username, password] = [login.username(), login.password()];
        let mut data = Zeroizing::new(Vec::with_capacity(2 + username.len() + password.len()));
        for text in [username, password] {
            // `Settings::check` has seen to the size.
            data.push(text.len() as u8);
            data.extend_from_slice(text);
        }
        output.push_secret_command(command::HELLO, &data);
        Client::Greeted
    }

    pub(crate) fn command(
        &mut self,
        (name, data): (&[u8], &[u8]),
        settings: &Settings,
        output: &mut Output,
    ) -> Result<Step, Error> {
        match (&self, name) {
            (Client::Greeted, command::WELCOME) => {
                if !data.is_empty() {
                    return Err(Error::MalformedWelcome { size: data.len() });
                }
                output.push_command(command::INITIATE, &metadata::write(settings));
                *self = Client::Initiated;
                Ok(Step::Wait)
            }
            (Client::Initiated, command::READY) => {
                let metadata = metadata::read(data, settings.limits.properties)?;
                Ok(Step::done(Done::clear(metadata, None)))
            }
            (_, command::ERROR) => Err(command::refusal(data)),
            (_, name) => Err(command::unexpected(name)),
        }
    }
}

/// The server's end.
#[derive(Debug)]
pub(crate) enum Server {
    /// HELLO comes, and then the verdict about it.
    Listening,
    /// WELCOME is sent, and INITIATE comes.
    Welcomed(Option<User>),
}

impl Server {
    pub(crate) fn command(
        &mut self,
        (name, data): (&[u8], &[u8]),
        settings: &Settings,
        output: &mut Output,
    ) -> Result<Step, Error> {
        match (self, name) {
            (Server::Listening, command::HELLO) => {
                let login = login(data).ok_or(Error::MalformedHello { size: data.len() })?;
                Ok(Step::ask(Credentials::Plain(login)))
            }
            (Server::Welcomed(user), command::INITIATE) => {
                let metadata = metadata::read(data, settings.limits.properties)?;
                output.push_command(command::READY, &metadata::write(settings));
                let user = user.take();
                Ok(Step::done(Done::clear(metadata, user)))
            }
            (_, name) => Err(command::unexpected(name)),
        }
    }

    /// The peer may go on.
    pub(crate) fn accept(&mut self, user: Option<User>, output: &mut Output) {
        output.push_command(command::WELCOME, b"");
        *self = Server::Welcomed(user);
    }
}

/// RFC 24, Formal Grammar: two texts, each preceded by its size in one byte.
fn login(data: &[u8]) -> Option<Login> {
    let text = |data| {
        let (&len, rest) = <[u8]>::split_first(data)?;
        rest.split_at_checked(usize::from(len))
    };
    let (username, rest) = text(data)?;
    let (password, rest) = text(rest)?;
    rest.is_empty().then(|| Login::new(username, password))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_texts_have_to_be_all_there() {
        let good = b"\x02me\x06secret";
        assert_eq!(login(good), Some(Login::new("me", "secret")));
        assert_eq!(login(b"\0\0"), Some(Login::new("", "")));
        for end in 0..good.len() {
            assert_eq!(login(&good[..end]), None);
        }
        assert_eq!(login(b"\x02me\x06secret!"), None);
    }
}
