//! The floor of wake-ups: an eventfd in each direction.

use std::fs::File;
use std::io::{self, Read, Write};

use rustix::event::{EventfdFlags, eventfd};

use crate::error::{Error, SHORT_OF};
use crate::plan::spec::Spec;
use crate::run::carrier::{Carrier, End, Ends, Wires};
use crate::run::job::Side;

/// The carrier of two eventfds.
pub(crate) struct Eventfd;

impl Carrier for Eventfd {
    type End = Counters;

    fn prepare(_: &Spec) -> Result<Wires, Error> {
        let new =
            || eventfd(0, EventfdFlags::CLOEXEC).map_err(Error::os("create an eventfd", SHORT_OF));
        Wires::shared(vec![new()?, new()?])
    }

    fn attach(_: &Spec, side: Side, wires: Ends) -> Result<Counters, Error> {
        let [one, other] = wires.take()?.map(File::from);
        let (reader, writer) = if side == Side::Near {
            (one, other)
        } else {
            (other, one)
        };
        Ok(Counters { reader, writer })
    }
}

/// A side's two eventfds.
pub(crate) struct Counters {
    reader: File,
    writer: File,
}

impl End for Counters {
    /// Adds the number that the message is, plus one, because a read waits while the sum is 0.
    #[inline]
    fn send(&mut self, message: &[u8]) -> io::Result<()> {
        let number = <[u8; 8]>::try_from(message).map_err(io::Error::other)?;
        let number = u64::from_le_bytes(number) + 1;
        self.writer.write_all(&number.to_ne_bytes())
    }

    /// Takes the sum. It is one message, because messages go back and forth one at a time.
    #[inline]
    fn recv(&mut self, message: &mut Vec<u8>) -> io::Result<()> {
        let mut number = [0; 8];
        self.reader.read_exact(&mut number)?;
        message.clear();
        message.extend_from_slice(&(u64::from_ne_bytes(number) - 1).to_le_bytes());
        Ok(())
    }
}
