//! The first bytes of a connection, sent by stages.
//!
//! RFC 37, Version Negotiation, and RFC 37, Backwards Interoperability: neither side sends more than its peer needs to
//! find out the version, and neither side waits for more than its peer sends unasked.
//!
//! ```text
//!   0      1        9     10     11     12          32         33      64
//!   | 0xff | padding | 0x7f | major | minor | mechanism | as-server | filler |
//!   |----------------------|-------|----------------------------------------|
//!    at once                after 10   after 11 bytes of the peer's
//! ```

use crate::command;
use crate::error::Error;
use crate::output::Output;
use crate::settings::{Mechanism, Settings};

/// Bytes until the version.
const SIGNATURE: usize = 10;
/// The place of the peer's role.
const AS_SERVER: usize = 32;
/// The place of what has no meaning.
const FILLER: usize = 33;
/// Bytes of a greeting.
const LEN: usize = 64;
/// Bytes of the greeting of ZMTP 2.0.
const LEN_SECOND: usize = 12;

/// What has come of the peer's greeting.
#[derive(Debug)]
pub(crate) struct Greeting {
    bytes: [u8; LEN],
    len: usize,
}

/// What the peer speaks.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Spoken {
    /// ZMTP 1.0 without a greeting. What came is the beginning of a frame.
    Unversioned,
    /// ZMTP 1.0 or 2.0, with a greeting.
    Older { revision: u8, socket_type: u8 },
    /// Ours, or a later one. `is_kin`: the filler is that of our greeting, and not of zeros.
    Current { minor: u8, is_kin: bool },
}

impl Greeting {
    /// Sends the first stage.
    pub(crate) fn new(settings: &Settings, output: &mut Output) -> Greeting {
        // To a peer of ZMTP 1.0 this is the head of a frame that holds our routing id.
        let frame = settings.routing_id.len() as u64 + 1;
        output.push(&[0xff]);
        output.push(&frame.to_be_bytes());
        output.push(&[0x7f]);
        Greeting {
            bytes: [0; LEN],
            len: 0,
        }
    }

    /// What has come.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    /// Takes bytes from the front of `input`, and sends what they call for, until it is known what the peer speaks.
    pub(crate) fn take(
        &mut self,
        input: &mut &[u8],
        settings: &Settings,
        output: &mut Output,
    ) -> Result<Option<Spoken>, Error> {
        loop {
            let goal = match self.len {
                0 => 1,
                1..SIGNATURE => SIGNATURE,
                SIGNATURE => SIGNATURE + 1,
                _ if self.is_older() => LEN_SECOND,
                _ => LEN,
            };
            if !self.fill(goal, input) {
                return Ok(None);
            }
            match goal {
                1 if self.bytes[0] != 0xff => return Ok(Some(Spoken::Unversioned)),
                1 => (),
                // Only this bit is the same in all greetings, and different in a frame.
                SIGNATURE if self.bytes[9] & 1 == 0 => return Ok(Some(Spoken::Unversioned)),
                SIGNATURE => output.push(&[3]),
                LEN_SECOND => {
                    return Ok(Some(Spoken::Older {
                        revision: self.bytes[SIGNATURE],
                        socket_type: self.bytes[SIGNATURE + 1],
                    }));
                }
                LEN => return self.finish(settings).map(Some),
                _ if !self.is_older() => output.push(&last_stage(settings)),
                _ if settings.takes_older() => output.push(&[u8::from(settings.socket_type)]),
                _ => {
                    let revision = self.bytes[SIGNATURE];
                    return Err(Error::OldVersion { revision });
                }
            }
        }
    }

    /// Whether the peer's version has no mechanisms. Later ones than ours are to answer in ours.
    fn is_older(&self) -> bool {
        self.bytes[SIGNATURE] < 2
    }

    /// Takes bytes until there are `goal` of them, and says whether there are.
    fn fill(&mut self, goal: usize, input: &mut &[u8]) -> bool {
        let (taken, rest) = input.split_at(input.len().min(goal - self.len));
        self.bytes[self.len..self.len + taken.len()].copy_from_slice(taken);
        self.len += taken.len();
        *input = rest;
        self.len == goal
    }

    fn finish(&self, settings: &Settings) -> Result<Spoken, Error> {
        let mechanism = &settings.mechanism;
        let theirs = &self.bytes[12..32];
        if *theirs != padded(mechanism) {
            let end = theirs.iter().position(|byte| *byte == 0);
            return Err(Error::Mechanism {
                ours: mechanism.name(),
                theirs: command::shown(&theirs[..end.unwrap_or(theirs.len())]),
            });
        }
        // libzmq sends 0 whatever its role, so only a peer that says 1 has said its role.
        if mechanism.is_server() && self.bytes[AS_SERVER] == 1 {
            return Err(Error::BothServers);
        }
        let minor = match self.bytes[SIGNATURE..SIGNATURE + 2] {
            [3, 0] => 0,
            _ => 1,
        };
        let is_kin = !settings.filler.is_empty()
            && self.bytes[FILLER..] == last_stage(settings)[FILLER - SIGNATURE - 1..];
        Ok(Spoken::Current { minor, is_kin })
    }
}

/// The mechanism, padded with zeros.
fn padded(mechanism: &Mechanism) -> [u8; 20] {
    let mut padded = [0; 20];
    let name = mechanism.name().as_bytes();
    padded[..name.len()].copy_from_slice(name);
    padded
}

/// All from the minor version on.
fn last_stage(settings: &Settings) -> [u8; LEN - SIGNATURE - 1] {
    let mechanism = &settings.mechanism;
    let mut bytes = [0; LEN - SIGNATURE - 1];
    bytes[0] = 1;
    bytes[1..21].copy_from_slice(&padded(mechanism));
    bytes[21] = u8::from(mechanism.is_server());
    for (byte, filler) in bytes[22..].iter_mut().zip(&settings.filler) {
        *byte = *filler;
    }
    bytes
}
