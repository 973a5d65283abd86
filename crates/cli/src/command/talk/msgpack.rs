//! Messages in MessagePack: an array of bin. Strings, and a single part without an array, are read, too.

use ringmq::{Frame, Message};

/// Writes a message as an array of bin.
pub(crate) fn encode(parts: &[Frame], to: &mut Vec<u8>) {
    match parts.len() {
        short @ 0..16 => to.push(0x90 | short as u8),
        len => head(&[(0xdc, 2), (0xdd, 4)], len, to),
    }
    for part in parts {
        head(&[(0xc4, 1), (0xc5, 2), (0xc6, 4)], part.len(), to);
        to.extend_from_slice(part);
    }
}

/// Writes the first of these heads whose length field, of so many bytes, can say `len`.
fn head(heads: &[(u8, usize)], len: usize, to: &mut Vec<u8>) {
    let bytes = (len as u64).to_be_bytes();
    let fitting = heads
        .iter()
        .find(|(_, size)| len >> (size * 8 - 1) >> 1 == 0);
    // A frame of 4 GiB has no form in MessagePack; no message that long reaches this process in one piece.
    let (mark, size) = fitting.or(heads.last()).copied().unwrap_or_default();
    to.push(mark);
    to.extend_from_slice(&bytes[8 - size..]);
}

/// Reads the first message, and says how many bytes it has; `None` if it is not there as a whole.
pub(crate) fn decode(bytes: &[u8]) -> Result<Option<(Message, usize)>, String> {
    let mut rest = bytes;
    let count = match rest.first() {
        None => return Ok(None),
        Some(mark @ 0x90..=0x9f) => {
            rest = &rest[1..];
            Some(usize::from(mark & 15))
        }
        Some(mark @ (0xdc | 0xdd)) => {
            let size = if *mark == 0xdc { 2 } else { 4 };
            let Some(len) = length(&rest[1..], size) else {
                return Ok(None);
            };
            rest = &rest[1 + size..];
            Some(len)
        }
        Some(_) => None,
    };
    let mut message = Message::new();
    for _ in 0..count.unwrap_or(1) {
        let Some((part, behind)) = part(rest)? else {
            return Ok(None);
        };
        message.push(part);
        rest = behind;
    }
    Ok(Some((message, bytes.len() - rest.len())))
}

/// A part, and what stands behind it.
type Part<'a> = (&'a [u8], &'a [u8]);

fn part(bytes: &[u8]) -> Result<Option<Part<'_>>, String> {
    let Some((mark, rest)) = bytes.split_first() else {
        return Ok(None);
    };
    let size = match mark {
        0xa0..=0xbf => 0,
        0xc4 | 0xd9 => 1,
        0xc5 | 0xda => 2,
        0xc6 | 0xdb => 4,
        other => {
            return Err(format!(
                "a value of MessagePack that begins with {other:#04x} is neither bin nor str"
            ));
        }
    };
    let len = match size {
        0 => Some(usize::from(mark & 31)),
        _ => length(rest, size),
    };
    let Some(len) = len else { return Ok(None) };
    Ok(rest[size..].split_at_checked(len))
}

fn length(bytes: &[u8], size: usize) -> Option<usize> {
    let digits = bytes.get(..size)?.iter();
    Some(digits.fold(0, |len, digit| len << 8 | usize::from(*digit)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_have_the_shortest_form_and_lead_back() {
        for len in [0, 1, 31, 255, 256, 65_535, 65_536] {
            for count in [1, 15, 16, 300] {
                let mut parts = vec![Frame::from("x"); count];
                parts[0] = vec![7; len].into();
                let mut bytes = Vec::new();
                encode(&parts, &mut bytes);
                let whole = bytes.len();
                bytes.extend_from_slice(b"behind");
                let (message, read) = decode(&bytes).unwrap().unwrap();
                assert_eq!(read, whole);
                assert_eq!(message, parts.into_iter().collect());
                assert!(decode(&bytes[..whole - 1]).unwrap().is_none());
            }
        }
        let mut bytes = Vec::new();
        encode(&[Frame::from("ab")], &mut bytes);
        assert_eq!(bytes, b"\x91\xc4\x02ab");
    }

    #[test]
    fn a_single_value_is_a_message() {
        let (message, len) = decode(b"\xa2hi\xa1x").unwrap().unwrap();
        assert_eq!((message, len), (Message::from("hi"), 3));
        assert!(decode(b"\x2a").is_err());
        assert!(decode(b"\xdc\x00").unwrap().is_none());
        assert!(decode(b"").unwrap().is_none());
    }
}
