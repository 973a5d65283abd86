//! What every carrier that carries the messages of a run offers. The hot loops are compiled for each of them.

use std::hint::black_box;
use std::io;
use std::os::fd::OwnedFd;

use crate::error::Error;
use crate::plan::spec::Spec;
use crate::run::job::Side;
use crate::run::progress::Progress;

/// A way to join the two sides.
pub(crate) trait Carrier {
    /// The end with which a side sends and receives.
    type End: End;

    /// Runs in the supervisor: creates what each side needs.
    fn prepare(spec: &Spec) -> Result<Wires, Error>;

    /// Runs in a side: makes its end from what was created for it.
    fn attach(spec: &Spec, side: Side, wires: Ends) -> Result<Self::End, Error>;
}

/// The end of one side. It carries messages of one size in both directions.
pub(crate) trait End {
    /// Sends one message, and waits for room.
    fn send(&mut self, message: &[u8]) -> io::Result<()>;

    /// Waits for one message, and replaces the contents of `message` by it.
    fn recv(&mut self, message: &mut Vec<u8>) -> io::Result<()>;

    /// Sends `count` messages. The last one carries `count` as its stamp.
    fn send_many(&mut self, message: &mut [u8], count: u64, progress: &Progress) -> io::Result<()> {
        stamp(message, 0);
        let tick = tick(message.len());
        let mut sent = 0;
        while sent + 1 < count {
            let some = tick.min(count - 1 - sent);
            for _ in 0..some {
                self.send(black_box(message))?;
            }
            sent += some;
            progress.set(sent);
        }
        stamp(message, count);
        self.send(message)
    }

    /// Receives `count` messages, and leaves the last one in `message`.
    fn recv_many(&mut self, message: &mut Vec<u8>, count: u64) -> io::Result<()> {
        for _ in 0..count {
            self.recv(message)?;
            black_box(&mut *message);
        }
        Ok(())
    }
}

/// The number of messages of `size` after which progress is stored: a MiB of payload, or less.
fn tick(size: usize) -> u64 {
    ((1 << 20) / size.max(1) as u64).clamp(1, 1024)
}

/// The descriptors of all sides, and the address at which they meet.
#[derive(Debug, Default)]
pub(crate) struct Wires {
    pub(crate) near: Vec<OwnedFd>,
    pub(crate) far: Vec<OwnedFd>,
    /// Those of further far sides.
    pub(crate) others: Vec<Vec<OwnedFd>>,
    pub(crate) address: String,
}

impl Wires {
    /// Gives both sides the same descriptors.
    pub(crate) fn shared(fds: Vec<OwnedFd>) -> Result<Wires, Error> {
        let copies: io::Result<Vec<_>> = fds.iter().map(OwnedFd::try_clone).collect();
        let far = copies.map_err(Error::os("copy a descriptor", crate::error::SHORT_OF))?;
        Ok(Wires {
            near: fds,
            far,
            ..Wires::default()
        })
    }
}

/// The part of the [`Wires`] that one side gets.
#[derive(Debug)]
pub(crate) struct Ends {
    pub(crate) fds: Vec<OwnedFd>,
    pub(crate) address: String,
}

impl Ends {
    /// Returns the descriptors; an error if there are not exactly `N`.
    pub(crate) fn take<const N: usize>(self) -> Result<[OwnedFd; N], Error> {
        let found = self.fds.len();
        self.fds.try_into().map_err(|_| {
            Error::NoSupervisor(format!("{found} descriptors came where {N} are needed"))
        })
    }
}

/// A function that can be called with any carrier.
pub(crate) trait Visit {
    /// Its result.
    type Answer;

    /// Runs for one carrier.
    fn visit<M: Carrier>(self) -> Self::Answer;
}

/// Writes `n` into the first 8 bytes of `message`, or into all of a shorter message.
#[inline]
pub(crate) fn stamp(message: &mut [u8], n: u64) {
    let len = message.len().min(8);
    message[..len].copy_from_slice(&n.to_le_bytes()[..len]);
}

/// Checks that `message` carries the stamp `n`.
#[inline]
pub(crate) fn check_stamp(message: &[u8], n: u64) -> Result<(), Error> {
    let len = message.len().min(8);
    if message[..len] == n.to_le_bytes()[..len] {
        return Ok(());
    }
    let mut found = [0; 8];
    found[..len].copy_from_slice(&message[..len]);
    Err(Error::Stamp {
        what: u64::from_le_bytes(found),
        expected: n,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_tell_messages_apart() {
        for len in [1, 7, 8, 100] {
            let mut message = vec![0; len];
            stamp(&mut message, 0x0102);
            check_stamp(&message, 0x0102).unwrap();
            let error = check_stamp(&message, 0x0103).unwrap_err();
            assert!(matches!(error, Error::Stamp { .. }), "{error}");
        }
        check_stamp(&[], 5).unwrap();
    }

    #[test]
    fn the_watchdog_is_told_at_least_every_mebibyte() {
        assert_eq!(tick(0), 1024);
        assert_eq!(tick(64), 1024);
        assert_eq!(tick(64 << 10), 16);
        assert_eq!(tick(4 << 20), 1);
    }
}
