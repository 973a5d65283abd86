//! What is known of the peer that a frame came from.

use std::error::Error;
use std::ffi::{CStr, CString};
use std::fmt;
use std::io;
use std::num::NonZeroU32;

/// Names of properties that every connection has.
pub mod names {
    /// The peer's socket type, such as `DEALER`.
    pub const SOCKET_TYPE: &str = "Socket-Type";
    /// The peer's routing id.
    pub const ROUTING_ID: &str = "Routing-Id";
    /// The former name of the routing id.
    pub const IDENTITY: &str = "Identity";
    /// Who the authenticator says the peer is.
    pub const USER_ID: &str = "User-Id";
    /// Where the peer is: an IP address, or uid, gid and pid.
    pub const PEER_ADDRESS: &str = "Peer-Address";
}

/// The properties of one connection. All frames that came through it share them.
///
/// A frame that is made here has properties only if it says which peer it is for, by a [routing id](Properties::routing_id).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Properties {
    entries: Vec<(String, CString)>,
    source: Option<i32>,
    routing_id: Option<NonZeroU32>,
    group: Option<CString>,
}

/// The longest name of a group, in bytes.
pub const LONGEST_GROUP: usize = 255;

/// A name that no group can have: it has more than [`LONGEST_GROUP`] bytes, or a NUL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct InvalidGroup;

impl fmt::Display for InvalidGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the name of a group has {LONGEST_GROUP} bytes at most, and no NUL"
        )
    }
}

impl Error for InvalidGroup {}

/// Of the kind [`InvalidInput`](io::ErrorKind::InvalidInput).
impl From<InvalidGroup> for io::Error {
    fn from(error: InvalidGroup) -> io::Error {
        io::Error::new(io::ErrorKind::InvalidInput, error)
    }
}

impl Properties {
    /// None.
    pub fn new() -> Properties {
        Properties::default()
    }

    /// Sets one. A value ends at its first NUL, as it does for those who read it in C.
    pub fn set(&mut self, name: impl Into<String>, value: &[u8]) {
        let (name, value) = (name.into(), text(value));
        match self.entries.iter_mut().find(|(known, _)| *known == name) {
            Some(entry) => entry.1 = value,
            None => self.entries.push((name, value)),
        }
    }

    /// The value of the property of this name, case and all; [`names::IDENTITY`] is another name of
    /// [`names::ROUTING_ID`].
    pub fn get(&self, name: &str) -> Option<&CStr> {
        let name = match name {
            names::IDENTITY => names::ROUTING_ID,
            other => other,
        };
        let entry = self.entries.iter().find(|(known, _)| known == name);
        entry.map(|(_, value)| value.as_c_str())
    }

    /// All of them, in the order in which they were set.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &CStr)> {
        let entries = self.entries.iter();
        entries.map(|(name, value)| (name.as_str(), value.as_c_str()))
    }

    /// The number of the descriptor that frames come through.
    pub fn source(&self) -> Option<i32> {
        self.source
    }

    /// Says which descriptor frames come through.
    pub fn set_source(&mut self, descriptor: Option<i32>) {
        self.source = descriptor;
    }

    /// The number by which a SERVER or PEER knows the peer. The socket makes it up: it is no property that the peer tells.
    pub fn routing_id(&self) -> Option<NonZeroU32> {
        self.routing_id
    }

    /// Says by which number the peer is known.
    pub fn set_routing_id(&mut self, id: Option<NonZeroU32>) {
        self.routing_id = id;
    }

    /// The group of a message of RADIO and DISH; empty if it says none.
    pub fn group(&self) -> &CStr {
        self.group.as_deref().unwrap_or_default()
    }

    /// Says which group the message belongs to.
    ///
    /// # Errors
    ///
    /// [`InvalidGroup`], and nothing is changed.
    pub fn set_group(&mut self, group: &[u8]) -> Result<(), InvalidGroup> {
        if group.len() > LONGEST_GROUP {
            return Err(InvalidGroup);
        }
        self.group = match group {
            [] => None,
            name => Some(CString::new(name).map_err(|_| InvalidGroup)?),
        };
        Ok(())
    }
}

/// The bytes before the first NUL.
fn text(value: &[u8]) -> CString {
    let end = value.iter().position(|byte| *byte == 0);
    CString::new(&value[..end.unwrap_or(value.len())]).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_value_counts_and_names_have_case() {
        let mut properties = Properties::new();
        properties.set(names::SOCKET_TYPE, b"PUSH");
        properties.set("X-Key", b"a\0b");
        properties.set(names::SOCKET_TYPE, b"PULL");
        assert_eq!(properties.get("Socket-Type"), Some(c"PULL"));
        assert_eq!(properties.get("X-Key"), Some(c"a"));
        assert_eq!(properties.get("socket-type"), None);
        assert_eq!(properties.iter().count(), 2);
    }

    #[test]
    fn groups_have_up_to_255_bytes_and_no_nul() {
        let mut properties = Properties::new();
        assert_eq!(properties.group(), c"");
        let longest = [b'a'; LONGEST_GROUP];
        assert_eq!(properties.set_group(&longest), Ok(()));
        for wrong in [&[b'a'; LONGEST_GROUP + 1][..], b"a\0b"] {
            assert_eq!(properties.set_group(wrong), Err(InvalidGroup));
            assert_eq!(properties.group().to_bytes(), longest);
        }
        assert_eq!(properties.set_group(b""), Ok(()));
        assert_eq!(properties.group(), c"");
    }

    #[test]
    fn identity_is_the_routing_id() {
        let mut properties = Properties::new();
        properties.set(names::ROUTING_ID, b"me");
        assert_eq!(properties.get(names::IDENTITY), Some(c"me"));
    }
}
