//! Endpoints as text, whatever bytes they have.
//!
//! An endpoint of a C program is bytes without a NUL, which need not be UTF-8. As text, a byte that is no UTF-8 is a NUL
//! and the character of the same number. So different bytes are different texts, and each text that has no NUL stands
//! for itself.

use std::borrow::Cow;

/// The text of an endpoint's bytes.
///
/// ```
/// use ringmq_transport::{endpoint_bytes, endpoint_text};
///
/// let text = endpoint_text(b"inproc://\xff");
/// assert_eq!(text, "inproc://\0\u{ff}");
/// assert_eq!(*endpoint_bytes(&text), *b"inproc://\xff");
/// ```
#[must_use]
pub fn endpoint_text(bytes: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = str::from_utf8(bytes) {
        return text.into();
    }
    let mut text = String::with_capacity(bytes.len() + 8);
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            text.extend(['\0', char::from(*byte)]);
        }
    }
    text.into()
}

/// The bytes of an endpoint's text: the reverse of [`endpoint_text`].
#[must_use]
pub fn endpoint_bytes(text: &str) -> Cow<'_, [u8]> {
    if !text.contains('\0') {
        return text.as_bytes().into();
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\0') {
        bytes.extend_from_slice(before.as_bytes());
        let mut characters = after.chars();
        match characters.next().map(|byte| u8::try_from(u32::from(byte))) {
            Some(Ok(byte @ 0x80..)) => {
                bytes.push(byte);
                rest = characters.as_str();
            }
            _ => {
                bytes.push(0);
                rest = after;
            }
        }
    }
    bytes.extend_from_slice(rest.as_bytes());
    bytes.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_back() {
        let all: Vec<u8> = (1..=255).collect();
        for bytes in [
            &b""[..],
            b"plain",
            b"\xff",
            b"a\xc3\xa9b\xc3",
            b"\xed\xa0\x80",
            &all,
        ] {
            assert_eq!(*endpoint_bytes(&endpoint_text(bytes)), *bytes);
        }
    }

    #[test]
    fn different_bytes_are_different_texts() {
        // The character of a byte is not the byte.
        assert_ne!(endpoint_text(b"\xff"), endpoint_text("\u{ff}".as_bytes()));
        assert_eq!(*endpoint_bytes("\0x\0"), *b"\0x\0");
    }
}
