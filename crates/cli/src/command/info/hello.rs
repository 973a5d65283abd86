//! The greeting and the first command of a ZMTP peer, read without an answer that would make this side its peer.
//!
//! Source: ZMTP 3.1 (RFC 37), greeting and the NULL mechanism.

use std::io;
use std::time::Instant;

use crate::command::info::dial::Reached;
use crate::command::outcome::Failure;

/// Bytes of a greeting.
const GREETING: usize = 64;
/// Where the version ends in it, and the mechanism begins.
const VERSION_END: usize = 12;
/// Bytes of the longest first command that is read.
const COMMAND: u64 = 64 << 10;

/// What a peer says of itself.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Hello {
    pub(crate) version: Option<String>,
    pub(crate) mechanism: Option<String>,
    pub(crate) server: Option<bool>,
    pub(crate) properties: Vec<(String, String)>,
    /// The reason of an ERROR command.
    pub(crate) refused: Option<String>,
}

impl Hello {
    /// A property. Names are the same in any case.
    pub(crate) fn property(&self, name: &str) -> Option<String> {
        let mut all = self.properties.iter();
        let found = all.find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.clone())
    }
}

/// Our greeting: version 3.1, NULL, no server. Over tcp, ringmq tells of shared memory only to peers that have these bytes
/// behind the role (docs/handoff.md, section 12); others ignore them.
fn greeting() -> [u8; GREETING] {
    let mut greeting = [0; GREETING];
    (greeting[0], greeting[9]) = (0xff, 0x7f);
    (greeting[10], greeting[11]) = (3, 1);
    greeting[12..16].copy_from_slice(b"NULL");
    greeting[33..39].copy_from_slice(b"ringmq");
    greeting
}

/// Listens to a peer.
pub(crate) fn listen(reached: &mut Reached, endpoint: &str) -> Result<Hello, Failure> {
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Failure::timeout(format_args!(
            "{endpoint} accepts, and says nothing"
        ))
        .remedy(
            "its process may be stopped, or speak another protocol; --timeout SECONDS waits longer",
        ),
        io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset => Failure::work(
            format_args!("{endpoint} has closed the connection before its greeting was done"),
        )
        .remedy("it may speak another protocol, or not let this address in"),
        _ => Failure::work(format_args!("{endpoint}: {error}")),
    };
    // A peer with a mechanism closes as soon as it sees another one here, perhaps before it has said its own.
    let greeting = greeting();
    let (first, second) = greeting.split_at(VERSION_END);
    write(reached, first).map_err(failed)?;
    let mut signature = [0; 10];
    read(reached, &mut signature).map_err(failed)?;
    if signature[0] != 0xff || signature[9] & 1 != 1 {
        // Peers of ZMTP 1.0 begin with the length of their routing id.
        let begins = signature.escape_ascii();
        let cause = format!("{endpoint} does not speak ZMTP 2 or 3: it begins with \"{begins}\"");
        return Err(
            Failure::work(cause).remedy("is it the right port? ZMTP 1.0 is not asked for more")
        );
    }
    let mut rest = [0; GREETING - 10];
    read(reached, &mut rest[..1]).map_err(failed)?;
    if rest[0] < 3 {
        return Ok(Hello {
            version: Some(format!("{}.0", rest[0] + 1)),
            ..Hello::default()
        });
    }
    read(reached, &mut rest[1..]).map_err(failed)?;
    let name = rest[2..22].split(|byte| *byte == 0).next();
    let mechanism = name.unwrap_or_default().escape_ascii().to_string();
    let mut hello = Hello {
        version: Some(format!("{}.{}", rest[0], rest[1])),
        server: Some(rest[22] & 1 == 1),
        ..Hello::default()
    };
    if mechanism == "NULL" {
        // Without NULL the server waits for a password or a key.
        write(reached, second).map_err(failed)?;
        let command = read_command(reached).map_err(failed)?;
        hello.take(&command);
        hello.server = None;
    }
    hello.mechanism = Some(mechanism);
    Ok(hello)
}

impl Hello {
    /// Takes the first command: READY with properties, or ERROR with a reason.
    fn take(&mut self, command: &[u8]) {
        let Some((name, rest)) = short_text(command) else {
            return;
        };
        match name {
            b"READY" => self.properties = properties(rest),
            b"ERROR" => {
                let reason = short_text(rest).map_or(&b""[..], |(reason, _)| reason);
                self.refused = Some(reason.escape_ascii().to_string());
            }
            _ => {}
        }
    }
}

/// A text behind a byte with its length, and what follows.
fn short_text(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first()?;
    rest.split_at_checked(usize::from(*length))
}

/// The properties of a READY, as far as they make sense.
fn properties(mut bytes: &[u8]) -> Vec<(String, String)> {
    let mut all = Vec::new();
    while let Some((name, rest)) = short_text(bytes) {
        let Some((length, rest)) = rest.split_first_chunk::<4>() else {
            break;
        };
        let length = u32::from_be_bytes(*length) as usize;
        let Some((value, rest)) = rest.split_at_checked(length) else {
            break;
        };
        let text = |bytes: &[u8]| bytes.escape_ascii().to_string();
        all.push((text(name), text(value)));
        bytes = rest;
    }
    all
}

/// The body of the first frame.
fn read_command(reached: &mut Reached) -> io::Result<Vec<u8>> {
    let mut head = [0; 9];
    read(reached, &mut head[..2])?;
    let mut length = u64::from(head[1]);
    if head[0] & 2 == 2 {
        read(reached, &mut head[2..])?;
        let mut long = [0; 8];
        long.copy_from_slice(&head[1..]);
        length = u64::from_be_bytes(long);
    }
    if length > COMMAND {
        return Err(io::Error::other("its first command is too long"));
    }
    let mut body = vec![0; length as usize];
    read(reached, &mut body)?;
    Ok(body)
}

fn read(reached: &mut Reached, mut into: &mut [u8]) -> io::Result<()> {
    while !into.is_empty() {
        limit(reached)?;
        match reached.stream.read(into) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(read) => into = &mut into[read..],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn write(reached: &mut Reached, bytes: &[u8]) -> io::Result<()> {
    limit(reached)?;
    reached.stream.write_all(bytes)
}

/// A peer that sends byte after byte does not take longer than the timeout.
fn limit(reached: &Reached) -> io::Result<()> {
    let left = reached.until.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return Err(io::ErrorKind::TimedOut.into());
    }
    reached.stream.limit(left)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ready_tells_properties_and_a_cut_one_those_before() {
        let ready = b"\x05READY\x0bSocket-Type\0\0\0\x03REP\x08Identity\0\0\0\0";
        let mut hello = Hello::default();
        hello.take(ready);
        assert_eq!(hello.property("socket-type").as_deref(), Some("REP"));
        assert_eq!(hello.property("Identity").as_deref(), Some(""));
        for cut in 0..ready.len() {
            Hello::default().take(&ready[..cut]);
        }
        hello.take(b"\x05ERROR\x03\x1bn");
        assert_eq!(hello.refused.as_deref(), Some(""));
        hello.take(b"\x05ERROR\x03\x1bno!");
        assert_eq!(hello.refused.as_deref(), Some("\\x1bno"));
    }
}
