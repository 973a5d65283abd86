//! The security mechanism of the measured sockets.

use std::fmt;
use std::str::FromStr;

use crate::error::Error;
use crate::plan::words::by_name;

/// The security mechanism of the connection between the two sides. The far side is the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Mechanism {
    /// NULL: no security.
    #[default]
    Null,
    /// PLAIN: a user name and a password, checked by an authenticator of the far side.
    Plain,
    /// CURVE: every message is encrypted.
    Curve,
}

impl Mechanism {
    /// All mechanisms.
    pub const ALL: [Mechanism; 3] = [Mechanism::Null, Mechanism::Plain, Mechanism::Curve];

    /// The name on the command line and in reports.
    pub fn name(self) -> &'static str {
        match self {
            Mechanism::Null => "null",
            Mechanism::Plain => "plain",
            Mechanism::Curve => "curve",
        }
    }
}

impl fmt::Display for Mechanism {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Mechanism {
    type Err = Error;
    fn from_str(word: &str) -> Result<Mechanism, Error> {
        by_name(&Mechanism::ALL, "mechanism", word)
    }
}
