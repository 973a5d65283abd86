//! What precedes the payload of a frame.

use crate::error::Error;

/// RFC 37, Framing: more frames of the message follow.
pub(crate) const MORE: u8 = 1;
/// The size has eight bytes, not one.
pub(crate) const LONG: u8 = 2;
/// The frame is a command.
pub(crate) const COMMAND: u8 = 4;

/// The most bytes that precede a payload.
pub(crate) const MOST: usize = 10;

/// How the frames of a connection look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    /// ZMTP 1.0 (RFC 13): size, flags, payload. The size counts the flags, and has nine bytes if the first is 255.
    First,
    /// ZMTP 2.0 (RFC 15): flags, size, payload. There are no commands.
    Second,
    /// ZMTP 3.0 and 3.1: the same, with commands.
    Current,
    /// There are none: payloads follow each other without heads.
    None,
}

/// What is known of a frame before its payload comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    /// Bytes of the payload.
    pub(crate) size: u64,
    pub(crate) more: bool,
    pub(crate) command: bool,
    /// Bytes of the head itself.
    pub(crate) len: usize,
}

impl Head {
    /// Reads a head; `None` if there are too few bytes for it. Undefined flags are ignored.
    #[inline(always)]
    pub(crate) fn read(framing: Framing, bytes: &[u8]) -> Result<Option<Head>, Error> {
        if framing == Framing::First {
            return Head::read_first(bytes);
        }
        let Some(&[flags, size]) = bytes.first_chunk::<2>() else {
            return Ok(None);
        };
        // libzmq 4.3.3 and 4.3.4 forget the flag if it is the name of a command that makes it long, as with
        // subscriptions to topics of 246 to 255 bytes. No command is empty, so this can be nothing else.
        let forgotten = size == 0 && flags & COMMAND != 0 && framing == Framing::Current;
        let (size, len) = if flags & LONG == 0 && !forgotten {
            (u64::from(size), 2)
        } else {
            let Some(&[_, ref size @ ..]) = bytes.first_chunk::<9>() else {
                return Ok(None);
            };
            let mut eight = [0; 8];
            eight.copy_from_slice(size);
            (u64::from_be_bytes(eight), 9)
        };
        let command = flags & COMMAND != 0 && framing == Framing::Current;
        Ok(Some(Head {
            size,
            // No message goes on after a command.
            more: flags & MORE != 0 && !command,
            command,
            len,
        }))
    }

    #[cold]
    fn read_first(bytes: &[u8]) -> Result<Option<Head>, Error> {
        let (size, len) = match bytes {
            [255, rest @ ..] => match rest.first_chunk::<8>() {
                Some(size) => (u64::from_be_bytes(*size), MOST),
                None => return Ok(None),
            },
            [size, ..] => (u64::from(*size), 2),
            [] => return Ok(None),
        };
        let size = size.checked_sub(1).ok_or(Error::NoFlags)?;
        Ok(bytes.get(len - 1).map(|flags| Head {
            size,
            more: flags & MORE != 0,
            command: false,
            len,
        }))
    }

    /// Writes the head of a frame with `size` bytes of payload into `bytes`, and says how many it took. `flags` are
    /// those of [`Framing::Current`] without [`LONG`].
    #[inline(always)]
    pub(crate) fn write(framing: Framing, flags: u8, size: usize, bytes: &mut [u8; MOST]) -> usize {
        match framing {
            Framing::First => return Head::write_first(flags, size, bytes),
            Framing::None => return 0,
            Framing::Second | Framing::Current => {}
        }
        if size <= 255 {
            bytes[0] = flags;
            bytes[1] = size as u8;
            2
        } else {
            bytes[0] = flags | LONG;
            bytes[1..9].copy_from_slice(&(size as u64).to_be_bytes());
            9
        }
    }

    #[cold]
    fn write_first(flags: u8, size: usize, bytes: &mut [u8; MOST]) -> usize {
        let size = size as u64 + 1;
        if size < 255 {
            bytes[0] = size as u8;
            bytes[1] = flags & MORE;
            2
        } else {
            bytes[0] = 255;
            bytes[1..9].copy_from_slice(&size.to_be_bytes());
            bytes[9] = flags & MORE;
            MOST
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_without_a_size_is_a_long_one() {
        let bytes = [COMMAND, 0, 0, 0, 0, 0, 0, 1, 9];
        let read = |len: usize| Head::read(Framing::Current, &bytes[..len]).unwrap();
        assert_eq!(read(8), None);
        let head = read(9).unwrap();
        assert_eq!((head.size, head.command, head.len), (0x109, true, 9));
        let data = Head::read(Framing::Second, &bytes).unwrap().unwrap();
        assert_eq!((data.size, data.command, data.len), (0, false, 2));
    }

    #[test]
    fn heads_are_read_as_written_and_not_before_they_are_whole() {
        for framing in [Framing::First, Framing::Second, Framing::Current] {
            for size in [0, 1, 253, 254, 255, 256, 1 << 20] {
                for more in [false, true] {
                    let mut bytes = [0; MOST];
                    let len = Head::write(framing, u8::from(more), size, &mut bytes);
                    let head = Head::read(framing, &bytes[..len]).unwrap().unwrap();
                    let size = size as u64;
                    let command = false;
                    let want = Head {
                        size,
                        more,
                        command,
                        len,
                    };
                    assert_eq!(head, want, "{framing:?}");
                    for end in 0..len {
                        assert_eq!(Head::read(framing, &bytes[..end]), Ok(None));
                    }
                }
            }
        }
    }

    #[test]
    fn the_border_of_short_and_long() {
        let mut bytes = [0; MOST];
        assert_eq!(Head::write(Framing::Current, COMMAND, 255, &mut bytes), 2);
        assert_eq!(bytes[..2], [4, 255]);
        assert_eq!(Head::write(Framing::Current, COMMAND, 256, &mut bytes), 9);
        assert_eq!(bytes[..9], [6, 0, 0, 0, 0, 0, 0, 1, 0]);
        assert_eq!(Head::write(Framing::First, MORE, 253, &mut bytes), 2);
        assert_eq!(bytes[..2], [254, 1]);
        assert_eq!(Head::write(Framing::First, 0, 254, &mut bytes), 10);
        assert_eq!(bytes, [255, 0, 0, 0, 0, 0, 0, 0, 255, 0]);
    }

    #[test]
    fn reserved_flags_are_ignored() {
        let read = |framing, byte| Head::read(framing, &[byte, 3]).unwrap().unwrap();
        assert!(!read(Framing::Current, 0xf8).more && !read(Framing::Current, 0xf8).command);
        assert!(read(Framing::Current, 0xfd).command && !read(Framing::Current, 0xfd).more);
        assert!(!read(Framing::Second, 0xfd).command && read(Framing::Second, 0xfd).more);
        assert_eq!(Head::read(Framing::First, &[0]), Err(Error::NoFlags));
    }
}
