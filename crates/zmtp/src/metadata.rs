//! Properties on the wire.
//!
//! RFC 37, The NULL Security Mechanism: each is the size of the name in one byte, the name, the size of the value in
//! four bytes, the highest first, and the value.

use ringmq_message::names;

use crate::authenticate::User;
use crate::error::{BadMetadata, Error};
use crate::settings::{Limits, Settings};

/// Names and values, in the order of the wire.
pub(crate) type Metadata = Vec<(String, Vec<u8>)>;

/// Reads all properties, of which there may be at most `limit`.
pub(crate) fn read(bytes: &[u8], limit: usize) -> Result<Metadata, Error> {
    let mut metadata = Metadata::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let at = bytes.len() - rest.len();
        let wrong = |wrong| Error::Metadata { at, wrong };
        if metadata.len() == limit {
            return Err(wrong(BadMetadata::TooMany { limit }));
        }
        let (name, value) = property(&mut rest).ok_or(wrong(BadMetadata::Short))?;
        let name = read_name(name).ok_or(wrong(BadMetadata::Name))?;
        // Of two values for one name, we could check one while other code uses the other.
        if metadata
            .iter()
            .any(|(known, _)| known.eq_ignore_ascii_case(name))
        {
            return Err(wrong(BadMetadata::Twice));
        }
        metadata.push((name.to_owned(), value.to_vec()));
    }
    Ok(metadata)
}

impl User {
    /// The user of a reply of RFC 27: its id, and its properties as they are on the wire, at most 64.
    ///
    /// # Errors
    ///
    /// [`Error::Metadata`](crate::Error::Metadata) if the properties cannot be read.
    ///
    /// ```
    /// use ringmq_zmtp::User;
    ///
    /// let user = User::read(b"alice", b"\x04Role\x00\x00\x00\x05admin")?;
    /// assert_eq!(user.metadata, [("Role".to_owned(), b"admin".to_vec())]);
    /// # Ok::<(), ringmq_zmtp::Error>(())
    /// ```
    pub fn read(id: &[u8], metadata: &[u8]) -> Result<User, Error> {
        Ok(User {
            id: id.to_vec(),
            metadata: read(metadata, Limits::default().properties)?,
        })
    }

    /// The properties as a reply of RFC 27 has them.
    ///
    /// # Panics
    ///
    /// If a name has not 1 to 255 bytes, or a value has 4 GiB or more.
    pub fn metadata_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (name, value) in &self.metadata {
            assert!((1..=255).contains(&name.len()), "a name of 1 to 255 bytes");
            assert!(u32::try_from(value.len()).is_ok(), "a value below 4 GiB");
            put(&mut bytes, name, value);
        }
        bytes
    }
}

/// Takes one property; `None` if it is not all there.
fn property<'a>(rest: &mut &'a [u8]) -> Option<(&'a [u8], &'a [u8])> {
    let (&name_len, after) = rest.split_first()?;
    let (name, after) = after.split_at_checked(usize::from(name_len))?;
    let (value_len, after) = after.split_first_chunk::<4>()?;
    let value_len = usize::try_from(u32::from_be_bytes(*value_len)).ok()?;
    let (value, after) = after.split_at_checked(value_len)?;
    *rest = after;
    Some((name, value))
}

/// The RFC allows letters, digits and `-_.+` only; others are known to be sent, so whatever can be shown is good.
fn read_name(name: &[u8]) -> Option<&str> {
    let shown = !name.is_empty() && name.iter().all(|byte| matches!(byte, b' '..=b'~'));
    shown.then(|| str::from_utf8(name).ok()).flatten()
}

/// Writes what we say of ourselves.
pub(crate) fn write(settings: &Settings) -> Vec<u8> {
    let mut bytes = Vec::new();
    let socket_type = settings.socket_type;
    put(
        &mut bytes,
        names::SOCKET_TYPE,
        socket_type.name().as_bytes(),
    );
    if socket_type.sends_routing_id() {
        put(&mut bytes, names::IDENTITY, &settings.routing_id);
    }
    for (name, value) in &settings.metadata {
        put(&mut bytes, name, value);
    }
    bytes
}

fn put(bytes: &mut Vec<u8>, name: &str, value: &[u8]) {
    // `Settings::check` has seen to both sizes.
    bytes.push(name.len() as u8);
    bytes.extend_from_slice(name.as_bytes());
    bytes.extend_from_slice(&(value.len() as u32).to_be_bytes());
    bytes.extend_from_slice(value);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(entries: &[(&str, &[u8])]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (name, value) in entries {
            put(&mut bytes, name, value);
        }
        bytes
    }

    fn wrong(bytes: &[u8], limit: usize) -> (usize, BadMetadata) {
        match read(bytes, limit) {
            Err(Error::Metadata { at, wrong }) => (at, wrong),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let bytes = bytes(&[("A", b""), ("X-b.c+d_e", &[0, 255])]);
        let read = read(&bytes, 2).unwrap();
        assert_eq!(read[0], ("A".into(), vec![]));
        assert_eq!(read[1], ("X-b.c+d_e".into(), vec![0, 255]));
    }

    #[test]
    fn a_user_is_read_as_written() {
        let metadata = vec![("Role".to_owned(), b"admin".to_vec())];
        let user = User {
            id: b"me".to_vec(),
            metadata,
        };
        assert_eq!(User::read(b"me", &user.metadata_bytes()), Ok(user));
    }

    #[test]
    fn every_cut_is_an_error_with_its_place() {
        let all = bytes(&[("A", b"x"), ("Bcd", b"yz")]);
        for end in 1..all.len() {
            match end {
                7 => assert_eq!(read(&all[..end], 9).unwrap().len(), 1),
                _ => assert_eq!(
                    wrong(&all[..end], 9),
                    (if end < 7 { 0 } else { 7 }, BadMetadata::Short)
                ),
            }
        }
        assert_eq!(
            wrong(b"\x01A\xff\xff\xff\xffxyz", 9),
            (0, BadMetadata::Short)
        );
    }

    #[test]
    fn names_are_there_once_and_can_be_shown() {
        let twice = bytes(&[("Ab", b""), ("aB", b"")]);
        assert_eq!(wrong(&twice, 9), (7, BadMetadata::Twice));
        assert_eq!(wrong(&bytes(&[("", b"")]), 9), (0, BadMetadata::Name));
        assert_eq!(wrong(&bytes(&[("\n", b"")]), 9), (0, BadMetadata::Name));
        let three = bytes(&[("A", b""), ("B", b""), ("C", b"")]);
        assert_eq!(wrong(&three, 2), (12, BadMetadata::TooMany { limit: 2 }));
    }
}
