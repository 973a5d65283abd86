//! The parts of a message as one value of CBOR (RFC 8949): an array of byte strings, each length as short as it can be.

use super::bytes::Take;

const BYTES: u8 = 0x40;
const ARRAY: u8 = 0x80;

/// The most parts of a message.
pub(crate) const MOST: usize = 65_535;

/// Adds the head of an array of so many parts.
pub(crate) fn put_count(to: &mut Vec<u8>, parts: usize) {
    put_head(to, ARRAY, parts as u64);
}

/// Adds a part.
pub(crate) fn put_part(to: &mut Vec<u8>, part: &[u8]) {
    put_head(to, BYTES, part.len() as u64);
    to.extend_from_slice(part);
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "each arm holds what fits into its bytes"
)]
fn put_head(to: &mut Vec<u8>, major: u8, value: u64) {
    match value {
        0..24 => to.push(major | value as u8),
        24..0x100 => to.extend_from_slice(&[major | 24, value as u8]),
        0x100..0x1_0000 => {
            to.push(major | 25);
            to.extend_from_slice(&(value as u16).to_be_bytes());
        }
        0x1_0000..0x1_0000_0000 => {
            to.push(major | 26);
            to.extend_from_slice(&(value as u32).to_be_bytes());
        }
        _ => {
            to.push(major | 27);
            to.extend_from_slice(&value.to_be_bytes());
        }
    }
}

/// Counts the parts in the bytes of a message. `None` if they are anything but an array of one byte string or more, or
/// are more than [`MOST`].
pub(crate) fn check(bytes: &[u8]) -> Option<usize> {
    let mut parts = parts(bytes);
    let announced = parts.left;
    let whole = (&mut parts).count() as u64 == announced && parts.rest.0.is_empty();
    let count = usize::try_from(announced).ok()?;
    (whole && (1..=MOST).contains(&count)).then_some(count)
}

/// The parts in the bytes of a message. They end early where the bytes are wrong.
pub(crate) fn parts(bytes: &[u8]) -> Parts<'_> {
    let mut rest = Take(bytes);
    let left = take_head(&mut rest, ARRAY).unwrap_or(0);
    Parts { rest, left }
}

/// An iterator over parts.
#[derive(Debug, Clone)]
pub(crate) struct Parts<'a> {
    rest: Take<'a>,
    left: u64,
}

impl<'a> Iterator for Parts<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        self.left = self.left.checked_sub(1)?;
        let len = take_head(&mut self.rest, BYTES)?;
        self.rest.bytes(len)
    }
}

fn take_head(from: &mut Take<'_>, major: u8) -> Option<u64> {
    let first = from.u8()?;
    if first & 0xe0 != major {
        return None;
    }
    let value = match first & 0x1f {
        short @ 0..24 => return Some(short.into()),
        24 => from.u8()?.into(),
        25 => from.u16()?.swap_bytes().into(),
        26 => from.u32()?.swap_bytes().into(),
        27 => from.u64()?.swap_bytes(),
        _ => return None,
    };
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_come_back() {
        for sizes in [
            vec![0],
            vec![23, 24],
            vec![255, 256],
            vec![65_535, 65_536, 1],
        ] {
            let made: Vec<Vec<u8>> = sizes.iter().map(|size| vec![7; *size]).collect();
            let mut bytes = Vec::new();
            put_count(&mut bytes, made.len());
            made.iter().for_each(|part| put_part(&mut bytes, part));
            assert_eq!(check(&bytes), Some(made.len()));
            assert!(parts(&bytes).eq(made.iter().map(Vec::as_slice)));
            for len in 0..bytes.len().min(300) {
                assert_eq!(check(&bytes[..len]), None, "{len}");
            }
        }
    }

    #[test]
    fn other_values_are_refused() {
        let huge = [0x9b, 255, 255, 255, 255, 255, 255, 255, 255];
        let wrong = [
            &[0x80][..],
            &[0x81, 0x61, b'a'],
            &[0x81, 0x40, 0],
            &[0x9f, 0xff],
            &huge,
        ];
        for wrong in wrong {
            assert_eq!(check(wrong), None, "{wrong:?}");
        }
        let mut many = Vec::new();
        put_count(&mut many, MOST + 1);
        (0..=MOST).for_each(|_| put_part(&mut many, b""));
        assert_eq!(check(&many), None);
    }
}
