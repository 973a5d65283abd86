//! What wakes a sleeper of this process, and of others if it is let out.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Instant;

use rustix::event::{EventfdFlags, PollFlags};
use rustix::io::Errno;
use rustix::pipe::PipeFlags;

use crate::deadline::sleep;
use crate::doorbell::reopen;

/// The doorbell of a sleeper, in one descriptor: an OS pipe that is open for both directions. Ringers of other processes
/// get a descriptor that they open anew ([`share`](Event::share), [`Ringer`](crate::Ringer)): an eventfd that is shared
/// could be made to block them. Where `/proc/self/fd` is not mounted it is an eventfd, and not shared.
///
/// ```
/// use ringmq_sys::Event;
///
/// let event = Event::new()?;
/// event.ring()?;
/// event.ring()?;
/// assert!(event.wait(None)?);
/// event.drain()?;
/// assert!(!event.wait(Some(std::time::Instant::now()))?);
/// # std::io::Result::Ok(())
/// ```
#[derive(Debug)]
pub struct Event {
    fd: OwnedFd,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Pipe,
    Eventfd,
}

/// Bytes taken in one system call.
const GULP: usize = 512;

impl Event {
    /// Makes an event without rings.
    ///
    /// # Errors
    /// `EMFILE`, `ENFILE`, `ENOMEM`.
    pub fn new() -> io::Result<Event> {
        let (_reader, writer) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
        match reopen(writer.as_fd()) {
            Ok(fd) => Ok(Event {
                fd,
                kind: Kind::Pipe,
            }),
            Err(errno @ (Errno::MFILE | Errno::NFILE | Errno::NOMEM)) => Err(errno.into()),
            Err(_no_proc) => Event::eventfd(),
        }
    }

    /// Makes one for ringers of this process only: an eventfd, which takes one system call.
    ///
    /// # Errors
    /// As [`new`](Event::new).
    pub fn eventfd() -> io::Result<Event> {
        let flags = EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK;
        Ok(Event {
            fd: rustix::event::eventfd(0, flags)?,
            kind: Kind::Eventfd,
        })
    }

    /// Whether ringers of other processes can have a descriptor.
    #[must_use]
    pub fn is_shareable(&self) -> bool {
        self.kind == Kind::Pipe
    }

    /// A descriptor for ringers of other processes; `None` if it cannot be shared.
    ///
    /// # Errors
    /// `EMFILE`, `ENFILE`, `ENOMEM`.
    pub fn share(&self) -> io::Result<Option<OwnedFd>> {
        match self.kind {
            Kind::Pipe => Ok(Some(reopen(self.fd.as_fd())?)),
            Kind::Eventfd => Ok(None),
        }
    }

    /// Rings. Never blocks.
    ///
    /// # Errors
    /// What write(2) answers; nothing is expected.
    pub fn ring(&self) -> io::Result<()> {
        let ring = 1_u64.to_ne_bytes();
        let ring = match self.kind {
            Kind::Pipe => &ring[..1],
            Kind::Eventfd => &ring[..],
        };
        match rustix::io::write(&self.fd, ring) {
            Ok(_) => Ok(()),
            Err(Errno::AGAIN) if self.kind == Kind::Pipe => ring_full(self.fd.as_fd()),
            // An eventfd that is full is rung.
            Err(Errno::AGAIN) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Takes the rings that are there.
    ///
    /// # Errors
    /// What read(2) answers; nothing is expected.
    pub fn drain(&self) -> io::Result<()> {
        // What is left after a whole pipe was taken is an early wake-up, never a lost one.
        for _ in 0..(64 << 10) / GULP {
            match rustix::io::read(&self.fd, &mut [0_u8; GULP]) {
                Ok(GULP) => {}
                Ok(_) | Err(Errno::AGAIN) => break,
                Err(errno) => return Err(errno.into()),
            }
        }
        Ok(())
    }

    /// Sleeps until there is a ring. Returns false once the deadline has passed. Rings stay until they are drained.
    ///
    /// # Errors
    /// `Interrupted` when a signal was handled. Otherwise what ppoll(2) answers; nothing is expected.
    pub fn wait(&self, deadline: Option<Instant>) -> io::Result<bool> {
        sleep(self.fd.as_fd(), PollFlags::IN, deadline)
    }
}

/// Rings a pipe that is full: a sleeper that is told of each ring once has to see another one, so some make room for it.
///
/// If the pipe is full again at once, another process fills it. That process could as well take rings out
/// (SECURITY.md).
#[cold]
pub(crate) fn ring_full(fd: BorrowedFd<'_>) -> io::Result<()> {
    match rustix::io::read(fd, &mut [0_u8; 4096]) {
        Ok(_) | Err(Errno::AGAIN) => {}
        Err(errno) => return Err(errno.into()),
    }
    match rustix::io::write(fd, &[1]) {
        Ok(_) | Err(Errno::AGAIN) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}

impl AsFd for Event {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Ringer;

    #[test]
    fn ringers_of_others_ring_it_too() {
        let event = Event::new().unwrap();
        let ringer = Ringer::adopt(event.share().unwrap().unwrap()).unwrap();
        let now = || Some(Instant::now());
        assert!(!event.wait(now()).unwrap());
        for _ in 0..100_000 {
            ringer.ring().unwrap();
        }
        assert!(event.wait(None).unwrap());
        event.drain().unwrap();
        assert!(!event.wait(now()).unwrap());
    }

    #[test]
    fn an_eventfd_serves_where_proc_is_missing() {
        let event = Event::eventfd().unwrap();
        event.ring().unwrap();
        assert!(event.wait(None).unwrap());
        event.drain().unwrap();
        assert!(!event.wait(Some(Instant::now())).unwrap());
        assert!(event.share().unwrap().is_none() && !event.is_shareable());
    }
}
