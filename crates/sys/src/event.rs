//! What wakes a sleeper of this process.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Instant;

use rustix::event::{EventfdFlags, PollFd, PollFlags};
use rustix::io::Errno;

use crate::deadline::{remaining, timespec};

/// The doorbell of a sleeper whose ringers are all in its own process: an eventfd. One that is shared with another
/// process could be made to block its ringers; that is what [`Doorbell`](crate::Doorbell) is for.
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
}

impl Event {
    /// Makes one that nobody has rung.
    ///
    /// # Errors
    /// `EMFILE`, `ENFILE`, `ENOMEM`.
    pub fn new() -> io::Result<Event> {
        let flags = EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK;
        Ok(Event {
            fd: rustix::event::eventfd(0, flags)?,
        })
    }

    /// Rings. Never blocks.
    ///
    /// # Errors
    /// What write(2) answers; nothing is expected.
    pub fn ring(&self) -> io::Result<()> {
        match rustix::io::write(&self.fd, &1_u64.to_ne_bytes()) {
            // Full: it is rung.
            Ok(_) | Err(Errno::AGAIN) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Takes the rings that are there.
    ///
    /// # Errors
    /// What read(2) answers; nothing is expected.
    pub fn drain(&self) -> io::Result<()> {
        match rustix::io::read(&self.fd, &mut [0_u8; 8]) {
            Ok(_) | Err(Errno::AGAIN) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Sleeps until somebody rings; false once the deadline has passed. Rings stay until they are drained.
    ///
    /// # Errors
    /// `Interrupted` when a signal was handled. Otherwise what ppoll(2) answers; nothing is expected.
    pub fn wait(&self, deadline: Option<Instant>) -> io::Result<bool> {
        loop {
            let left = remaining(deadline);
            let timeout = left.map(timespec);
            let mut polled = [PollFd::new(&self.fd, PollFlags::IN)];
            if rustix::event::poll(&mut polled, timeout.as_ref())? > 0 {
                return Ok(true);
            }
            if left.is_some_and(|left| left.is_zero()) {
                return Ok(false);
            }
        }
    }
}

impl AsFd for Event {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
