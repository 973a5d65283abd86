//! Who the peer says it is, and what is decided about it.

use std::fmt;

use ringmq_message::Frame;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::keys::PublicKey;

/// A user's name and password for PLAIN, each of at most 255 bytes. The password is wiped when it is dropped, `Debug` does
/// not show it, and comparing takes the same time for all passwords of a length.
#[derive(Clone)]
pub struct Login {
    username: Vec<u8>,
    password: Zeroizing<Vec<u8>>,
}

impl Login {
    /// A name and a password.
    pub fn new(username: impl Into<Vec<u8>>, password: impl Into<Vec<u8>>) -> Login {
        Login {
            username: username.into(),
            password: Zeroizing::new(password.into()),
        }
    }

    /// The name.
    pub fn username(&self) -> &[u8] {
        &self.username
    }

    /// The password.
    pub fn password(&self) -> &[u8] {
        &self.password
    }

    /// The password as a frame, whose memory is wiped when its last clone is dropped.
    pub fn password_frame(&self) -> Frame {
        Frame::from_owner(self.password.clone())
    }
}

impl PartialEq for Login {
    fn eq(&self, other: &Login) -> bool {
        let username = self.username.ct_eq(&other.username);
        (username & self.password.ct_eq(&other.password)).into()
    }
}

impl Eq for Login {}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let username = self.username.escape_ascii();
        write!(f, "Login({username}, ..)")
    }
}

/// What a peer shows of itself, for an authenticator to judge (RFC 27).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credentials {
    /// Of NULL: nothing.
    Null,
    /// Of PLAIN.
    Plain(Login),
    /// Of CURVE: its long-term key. It has shown that it has the secret half, too.
    Curve(PublicKey),
}

impl Credentials {
    /// The name of the mechanism.
    pub const fn mechanism(&self) -> &'static str {
        match self {
            Credentials::Null => "NULL",
            Credentials::Plain(_) => "PLAIN",
            Credentials::Curve(_) => "CURVE",
        }
    }
}

/// What an authenticator decides about a peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The peer may go on, as this user.
    Accept(User),
    /// The connection ends.
    Refuse(Refusal),
}

/// Who an authenticator says a peer is. Messages from the peer carry it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct User {
    /// The property `User-Id`.
    pub id: Vec<u8>,
    /// More properties. They come before those that the peer says of itself.
    pub metadata: Vec<(String, Vec<u8>)>,
}

/// Why an authenticator refuses a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Not now: 300. The peer gets no reason for the end of the connection.
    Temporary,
    /// Not this peer: 400. The peer gets the status.
    Denied,
    /// The authenticator does not work: 500. The peer gets the status.
    Internal,
}

impl Refusal {
    /// The status code of RFC 27.
    pub const fn status(self) -> u16 {
        match self {
            Refusal::Temporary => 300,
            Refusal::Denied => 400,
            Refusal::Internal => 500,
        }
    }

    /// The reason that is sent to the peer; `None` for no reason.
    pub(crate) const fn reason(self) -> Option<&'static [u8]> {
        match self {
            Refusal::Temporary => None,
            Refusal::Denied => Some(b"400"),
            Refusal::Internal => Some(b"500"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_compared_and_not_shown() {
        let login = Login::new("me", "secret");
        assert!(login == login.clone());
        assert!(login != Login::new("me", "secrets") && login != Login::new("you", "secret"));
        assert_eq!(format!("{login:?}"), "Login(me, ..)");
    }
}
