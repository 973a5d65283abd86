//! Messages and commands of CURVE, each in a box of its own.
//!
//! RFC 26, The MESSAGE Command: the name, a nonce that counts, and the box, in which a byte of flags comes before the
//! payload. As libzmq does, we send it as a frame of a message, not as a command, and commands are in boxes, too.
//!
//! ```text
//!   0         8       16    32      33
//!   | MESSAGE | nonce | tag | flags | payload |
//!                     |---------- box --------|
//! ```

use std::fmt;

use bytes::{Buf, Bytes, BytesMut};
use ringmq_message::Frame;

use crate::command;
use crate::error::Error;
use crate::head::{Framing, MORE};
use crate::output::Output;
use crate::sealing::{BoxKey, Boxes, Nonces, TAG};

/// What the body of a MESSAGE begins with.
const NAME: &[u8; 8] = b"\x07MESSAGE";
/// Bytes before the box.
const HEAD: usize = NAME.len() + 8;
/// Bytes in front of a payload.
pub(crate) const OVERHEAD: usize = HEAD + TAG + 1;
/// In a box, this flag says that the payload is a command. [`MORE`] is as outside.
const COMMAND: u8 = 2;

/// Bodies up to this many bytes are opened in memory of our own, and copied from there; longer ones where they are.
const SMALL: usize = 1 << 10;

/// Which end we are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Client,
    Server,
}

impl Side {
    /// How the nonces of this end begin.
    const fn prefix(self) -> &'static [u8; 16] {
        match self {
            Side::Client => b"CurveZMQMESSAGEC",
            Side::Server => b"CurveZMQMESSAGES",
        }
    }
}

/// What seals and opens the boxes of a connection.
pub(crate) struct Sealed {
    key: BoxKey,
    nonces: Nonces,
    ours: Boxes,
    theirs: Boxes,
    room: [u8; SMALL],
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Sealed").field(&self.nonces).finish()
    }
}

/// What was in a box.
#[derive(Debug)]
pub(crate) struct Opened {
    /// The part, or the body of the command.
    pub(crate) frame: Frame,
    pub(crate) command: bool,
}

impl Sealed {
    /// The key is of the two keys of the connection, and the handshake has used these nonces.
    pub(crate) fn new(side: Side, key: BoxKey, nonces: Nonces) -> Sealed {
        let [ours, theirs] = match side {
            Side::Client => [Side::Client, Side::Server],
            Side::Server => [Side::Server, Side::Client],
        };
        Sealed {
            ours: Boxes::new(&key, ours.prefix()),
            theirs: Boxes::new(&key, theirs.prefix()),
            key,
            nonces,
            room: [0; SMALL],
        }
    }

    /// Sends a part of a message.
    pub(crate) fn push_frame(&mut self, output: &mut Output, frame: &Frame) -> Result<(), Error> {
        let flags = if frame.more() { MORE } else { 0 };
        self.push(output, flags, &[frame])
    }

    /// Sends a message of one frame, of `first` and the bytes that follow it.
    pub(crate) fn push_prefixed(
        &mut self,
        output: &mut Output,
        first: u8,
        rest: &[u8],
    ) -> Result<(), Error> {
        self.push(output, 0, &[&[first], rest])
    }

    /// Sends a command.
    pub(crate) fn push_command(
        &mut self,
        output: &mut Output,
        name: &[u8],
        data: &[u8],
    ) -> Result<(), Error> {
        self.push(output, COMMAND, &[&[name.len() as u8], name, data])
    }

    fn push(&mut self, output: &mut Output, flags: u8, parts: &[&[u8]]) -> Result<(), Error> {
        let nonce = self.nonces.next()?;
        let len: usize = parts.iter().map(|part| part.len()).sum();
        output.push_built(Framing::Current, 0, OVERHEAD + len, |bytes| {
            bytes.extend_from_slice(NAME);
            bytes.extend_from_slice(&nonce.to_be_bytes());
            let start = bytes.len();
            bytes.extend_from_slice(&[0; TAG]);
            bytes.push(flags);
            for part in parts {
                bytes.extend_from_slice(part);
            }
            self.ours.seal(&self.key, nonce, &mut bytes[start..]);
        });
        Ok(())
    }

    /// Opens what has come, as it lies in the memory of a caller.
    #[inline]
    pub(crate) fn open_slice(&mut self, body: &[u8]) -> Result<Opened, Error> {
        let nonce = self.check(body)?;
        if body.len() > SMALL {
            let mut bytes = body.to_vec();
            let flags = self.open(nonce, &mut bytes)?;
            let bytes = Bytes::from(bytes);
            return Ok(opened_long(flags, bytes));
        }
        let room = &mut self.room[..body.len()];
        room.copy_from_slice(body);
        let plain = self.theirs.open(&self.key, nonce, &mut room[HEAD..]);
        let (flags, payload) = plain
            .and_then(|plain| plain.split_first())
            .ok_or(UNOPENED)?;
        Ok(opened(*flags, Frame::copy_from_slice(payload)))
    }

    /// Opens what has come, where it is if that is ours alone.
    pub(crate) fn open_frame(&mut self, body: Frame) -> Result<Opened, Error> {
        if body.len() <= SMALL {
            return self.open_slice(&body);
        }
        let nonce = self.check(&body)?;
        let bytes = body.into_bytes().try_into_mut();
        let mut bytes = bytes.unwrap_or_else(|shared| BytesMut::from(&shared[..]));
        let flags = self.open(nonce, &mut bytes)?;
        Ok(opened_long(flags, bytes.freeze()))
    }

    /// Whether the body may be a MESSAGE that has not come before. Returns its nonce.
    #[inline]
    fn check(&mut self, body: &[u8]) -> Result<u64, Error> {
        let Some(rest) = body.strip_prefix(NAME) else {
            return Err(no_message(body));
        };
        match rest.split_first_chunk::<8>() {
            Some((nonce, sealed)) if sealed.len() > TAG => {
                let nonce = u64::from_be_bytes(*nonce);
                self.nonces.take(nonce)?;
                Ok(nonce)
            }
            _ => Err(Error::MalformedMessage { size: body.len() }),
        }
    }

    /// Opens the box in a body that was [checked](Sealed::check), in place, and returns its flags.
    fn open(&self, nonce: u64, body: &mut [u8]) -> Result<u8, Error> {
        let plain = self.theirs.open(&self.key, nonce, &mut body[HEAD..]);
        let flags = plain.and_then(|plain| plain.first().copied());
        flags.ok_or(UNOPENED)
    }
}

/// What is wrong with a body that does not begin as a MESSAGE.
#[cold]
fn no_message(body: &[u8]) -> Error {
    let name = usize::from(body.first().copied().unwrap_or(0));
    match body.get(1..=name) {
        Some(name) if body.len() > 1 => command::unexpected(name),
        _ => Error::MalformedCommand {
            name,
            size: body.len(),
        },
    }
}

const UNOPENED: Error = Error::Cryptographic { command: "MESSAGE" };

/// The payload is behind what was before it.
fn opened_long(flags: u8, mut bytes: Bytes) -> Opened {
    bytes.advance(OVERHEAD);
    opened(flags, Frame::from(bytes))
}

/// As libzmq does, this ignores flags that have no meaning, and MORE of a command.
#[inline]
fn opened(flags: u8, frame: Frame) -> Opened {
    let command = flags & COMMAND != 0;
    let more = flags & MORE != 0 && !command;
    Opened {
        frame: frame.with_more(more),
        command,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::SecretKey;

    fn end(side: Side, sent: u64) -> Sealed {
        let secret = SecretKey::from_bytes(&[7; 32]);
        let key = BoxKey::between(&secret.public_key(), &secret).unwrap();
        Sealed::new(side, key, Nonces::after(sent))
    }

    fn body(output: &mut Output) -> Vec<u8> {
        let bytes: Vec<u8> = output.slices().flatten().copied().collect();
        output.sent(bytes.len());
        bytes[2..].to_vec()
    }

    #[test]
    fn nothing_is_sent_without_a_nonce() {
        let mut sealed = end(Side::Client, u64::MAX - 1);
        let mut output = Output::default();
        let frame = Frame::from("last");
        sealed.push_frame(&mut output, &frame).unwrap();
        let pending = output.pending();
        for _ in 0..2 {
            let spent = sealed.push_frame(&mut output, &frame);
            assert_eq!(spent, Err(Error::NoncesSpent));
            assert_eq!(output.pending(), pending);
        }
        let opened = end(Side::Server, 0).open_slice(&body(&mut output)).unwrap();
        assert_eq!(opened.frame, frame);
    }

    #[test]
    fn an_end_does_not_hear_itself() {
        let mut client = end(Side::Client, 0);
        let mut output = Output::default();
        client.push_command(&mut output, b"PING", b"\0\0").unwrap();
        let body = body(&mut output);
        assert_eq!(client.open_slice(&body).unwrap_err(), UNOPENED);
        let opened = end(Side::Server, 0).open_slice(&body).unwrap();
        assert!(opened.command && opened.frame == Frame::from("\x04PING\0\0"));
    }

    #[test]
    fn flags_without_a_meaning_are_ignored() {
        for (flags, more, command) in [(0xfc, false, false), (0xfd, true, false), (3, false, true)]
        {
            let mut output = Output::default();
            end(Side::Client, 0)
                .push(&mut output, flags, &[b"data"])
                .unwrap();
            let opened = end(Side::Server, 0).open_slice(&body(&mut output)).unwrap();
            assert_eq!((opened.frame.more(), opened.command), (more, command));
        }
    }
}
