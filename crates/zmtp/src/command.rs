//! Names and data of commands.

use crate::error::Error;

pub(crate) const READY: &[u8] = b"READY";
pub(crate) const ERROR: &[u8] = b"ERROR";
pub(crate) const HELLO: &[u8] = b"HELLO";
pub(crate) const WELCOME: &[u8] = b"WELCOME";
pub(crate) const INITIATE: &[u8] = b"INITIATE";
pub(crate) const SUBSCRIBE: &[u8] = b"SUBSCRIBE";
pub(crate) const CANCEL: &[u8] = b"CANCEL";
pub(crate) const JOIN: &[u8] = b"JOIN";
pub(crate) const LEAVE: &[u8] = b"LEAVE";
pub(crate) const PING: &[u8] = b"PING";
pub(crate) const PONG: &[u8] = b"PONG";

/// Divides the body of a command into its name and its data.
///
/// RFC 37, Formal Grammar: the name is preceded by its size in one byte, and is not empty.
pub(crate) fn split(body: &[u8]) -> Result<(&[u8], &[u8]), Error> {
    let name = usize::from(body.first().copied().unwrap_or(0));
    match body.get(1..).and_then(|rest| rest.split_at_checked(name)) {
        Some((name, data)) if !name.is_empty() => Ok((name, data)),
        _ => Err(Error::MalformedCommand {
            name,
            size: body.len(),
        }),
    }
}

/// What an ERROR with this data means.
///
/// RFC 37, The NULL Security Mechanism: the reason is preceded by its size in one byte.
pub(crate) fn refusal(data: &[u8]) -> Error {
    let reason = usize::from(data.first().copied().unwrap_or(0));
    match data.get(1..).and_then(|rest| rest.get(..reason)) {
        Some(reason) => Error::Refused {
            reason: shown(reason),
        },
        None => Error::MalformedError {
            reason,
            size: data.len(),
        },
    }
}

/// The peer sent a command that has no place where it came.
pub(crate) fn unexpected(name: &[u8]) -> Error {
    Error::UnexpectedCommand { name: shown(name) }
}

/// Bytes of the peer's in a form that can be printed, and not too long.
pub(crate) fn shown(bytes: &[u8]) -> String {
    bytes[..bytes.len().min(64)].escape_ascii().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_never_empty_and_always_there() {
        assert_eq!(split(b"\x04PINGxy").unwrap(), (PING, &b"xy"[..]));
        assert_eq!(split(b"\x04PING").unwrap(), (PING, &b""[..]));
        for (body, name) in [(&b""[..], 0), (b"\0", 0), (b"\0abc", 0), (b"\x05PING", 5)] {
            let size = body.len();
            assert_eq!(split(body), Err(Error::MalformedCommand { name, size }));
        }
    }

    #[test]
    fn reasons_are_read_and_cuts_found() {
        let reason = "400".into();
        assert_eq!(refusal(b"\x03400"), Error::Refused { reason });
        let malformed = |reason, size| Error::MalformedError { reason, size };
        assert_eq!(refusal(b""), malformed(0, 0));
        assert_eq!(refusal(b"\x04400"), malformed(4, 4));
    }
}
