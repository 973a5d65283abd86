//! What carries the messages of a run. One file each; the hot loops are compiled for each of them.

use std::hint::black_box;
use std::io;
use std::os::fd::OwnedFd;

use crate::error::Error;
use crate::plan::sockets::Face;
use crate::plan::spec::{Spec, Transport, Work};
use crate::run::job::Side;
use crate::run::memory::Progress;
use crate::run::sockets::joint::{Joint, Ours, OwnC, Plain, Stock};
use crate::run::transports::{cacheline, chunks, eventfd, os_pipe, pipe, tcp, unix};

/// How the two sides are joined.
pub(crate) trait Mechanism {
    /// What a side sends and receives with.
    type End: End;

    /// In the supervisor: what each side needs.
    fn prepare(spec: &Spec) -> Result<Wires, Error>;

    /// In a side: its end, of what was prepared for it.
    fn attach(spec: &Spec, side: Side, wires: Ends) -> Result<Self::End, Error>;
}

/// One side's end: messages of one size in both directions.
pub(crate) trait End {
    /// Sends one message, and waits for room.
    fn send(&mut self, message: &[u8]) -> io::Result<()>;

    /// Waits for one message, and makes `message` it.
    fn recv(&mut self, message: &mut Vec<u8>) -> io::Result<()>;

    /// Sends `count` messages, of which the last carries `count` as its stamp.
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

    /// Receives `count` messages and makes `message` the last of them.
    fn recv_many(&mut self, message: &mut Vec<u8>, count: u64) -> io::Result<()> {
        for _ in 0..count {
            self.recv(message)?;
            black_box(&mut *message);
        }
        Ok(())
    }
}

/// After how many messages of `size` the watchdog is told: every MiB, or more often.
fn tick(size: usize) -> u64 {
    ((1 << 20) / size.max(1) as u64).clamp(1, 1024)
}

/// Descriptors of both sides, and where they meet.
#[derive(Debug, Default)]
pub(crate) struct Wires {
    pub(crate) near: Vec<OwnedFd>,
    pub(crate) far: Vec<OwnedFd>,
    pub(crate) address: String,
}

impl Wires {
    /// The same descriptors for both.
    pub(crate) fn shared(fds: Vec<OwnedFd>) -> Result<Wires, Error> {
        let copies: io::Result<Vec<_>> = fds.iter().map(OwnedFd::try_clone).collect();
        let far = copies.map_err(Error::os("copy a descriptor", crate::error::SHORT_OF))?;
        Ok(Wires {
            near: fds,
            far,
            address: String::new(),
        })
    }
}

/// What one side got of the [`Wires`].
#[derive(Debug)]
pub(crate) struct Ends {
    pub(crate) fds: Vec<OwnedFd>,
    pub(crate) address: String,
}

impl Ends {
    /// The descriptors, of which there have to be `N`.
    pub(crate) fn take<const N: usize>(self) -> Result<[OwnedFd; N], Error> {
        let found = self.fds.len();
        self.fds.try_into().map_err(|_| {
            Error::NoSupervisor(format!("{found} descriptors came where {N} are needed"))
        })
    }
}

/// What a function has to be to be called with the mechanism of a [`Spec`].
pub(crate) trait Visit {
    /// What it answers.
    type Answer;

    /// Does it for one mechanism.
    fn visit<M: Mechanism>(self) -> Self::Answer;
}

/// Calls `visit` with the mechanism of `spec`.
pub(crate) fn with<V: Visit>(spec: &Spec, visit: V) -> V::Answer {
    match (spec.transport, spec.work) {
        (Transport::Cacheline, Work::Latency) => visit.visit::<cacheline::Cacheline>(),
        (Transport::Cacheline, _) => visit.visit::<chunks::Chunks>(),
        (Transport::Eventfd, _) => visit.visit::<eventfd::Eventfd>(),
        (Transport::OsPipe, _) => visit.visit::<os_pipe::OsPipe>(),
        (Transport::Unix, _) => visit.visit::<unix::Unix>(),
        (Transport::Tcp, _) => visit.visit::<tcp::Tcp>(),
        (Transport::Pipe, _) => visit.visit::<pipe::Pipe>(),
        (Transport::ZmqInproc | Transport::ZmqIpc | Transport::ZmqTcp, _) => {
            match spec.sockets.face {
                Face::Rust => visit.visit::<Joint<Ours>>(),
                Face::Plain => visit.visit::<Joint<Plain>>(),
                Face::C => visit.visit::<Joint<OwnC>>(),
                Face::Stock => visit.visit::<Joint<Stock>>(),
            }
        }
    }
}

/// Writes `n` into the first 8 bytes of `message`, or as many as there are.
#[inline]
pub(crate) fn stamp(message: &mut [u8], n: u64) {
    let len = message.len().min(8);
    message[..len].copy_from_slice(&n.to_le_bytes()[..len]);
}

/// Does `message` carry the stamp `n`?
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
