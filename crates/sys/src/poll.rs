//! Waiting for several descriptors at once.

use std::io;
use std::os::fd::BorrowedFd;
use std::time::Instant;

use rustix::event::{PollFd, PollFlags};

use crate::deadline::{remaining, timespec};

/// Sleeps until some of `fds` are readable, hung up or broken, and returns their indices in ascending
/// order; none once the deadline has passed. Source: ppoll(2).
///
/// # Errors
/// `Interrupted` when a signal was handled. Otherwise what ppoll(2) answers; nothing is expected.
pub fn readable(fds: &[BorrowedFd<'_>], deadline: Option<Instant>) -> io::Result<Vec<usize>> {
    let mut polled: Vec<PollFd<'_>> = fds
        .iter()
        .map(|fd| PollFd::from_borrowed_fd(*fd, PollFlags::IN))
        .collect();
    loop {
        let left = remaining(deadline);
        let timeout = left.map(timespec);
        let count = rustix::event::poll(&mut polled, timeout.as_ref())?;
        if count > 0 || left.is_some_and(|left| left.is_zero()) {
            let ready = polled.iter().enumerate();
            return Ok(ready
                .filter(|(_, fd)| !fd.revents().is_empty())
                .map(|(index, _)| index)
                .collect());
        }
    }
}

/// What is looked for at a descriptor, or was found there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Conditions {
    /// Something can be read, or a listener has a connection.
    pub readable: bool,
    /// Something can be written.
    pub writable: bool,
    /// Out-of-band data, or what else the kind of descriptor calls exceptional.
    pub urgent: bool,
    /// Hung up, in error, or not open. It is found without being looked for.
    pub broken: bool,
}

/// Descriptors to sleep on, each for conditions of its own. Source: ppoll(2).
///
/// ```
/// use std::os::fd::AsFd;
/// use std::time::Instant;
/// use ringmq_sys::poll::{Conditions, Set};
///
/// let (one, other) = std::os::unix::net::UnixStream::pair()?;
/// let mut set = Set::new();
/// let looked_for = Conditions { readable: true, writable: true, ..Conditions::default() };
/// set.add(one.as_fd(), looked_for);
/// assert_eq!(set.wait(Some(Instant::now()))?, 1);
/// assert!(set.found(0).writable && !set.found(0).readable);
/// # drop(other);
/// # std::io::Result::Ok(())
/// ```
#[derive(Debug, Default)]
pub struct Set<'fd> {
    polled: Vec<PollFd<'fd>>,
}

impl<'fd> Set<'fd> {
    /// One without descriptors.
    pub fn new() -> Set<'fd> {
        Set::default()
    }

    /// Adds a descriptor; its index is the number of those that were there.
    pub fn add(&mut self, fd: BorrowedFd<'fd>, conditions: Conditions) {
        let mut flags = PollFlags::empty();
        flags.set(PollFlags::IN, conditions.readable);
        flags.set(PollFlags::OUT, conditions.writable);
        flags.set(PollFlags::PRI, conditions.urgent);
        self.polled.push(PollFd::from_borrowed_fd(fd, flags));
    }

    /// Whether there are no descriptors.
    pub fn is_empty(&self) -> bool {
        self.polled.is_empty()
    }

    /// Sleeps until something was found at some of them, and says at how many; 0 once the deadline has passed.
    ///
    /// # Errors
    /// `Interrupted` when a signal was handled, `EINVAL` for more descriptors than may be open.
    pub fn wait(&mut self, deadline: Option<Instant>) -> io::Result<usize> {
        loop {
            let left = remaining(deadline);
            let timeout = left.map(timespec);
            let count = rustix::event::poll(&mut self.polled, timeout.as_ref())?;
            if count > 0 || left.is_some_and(|left| left.is_zero()) {
                return Ok(count);
            }
        }
    }

    /// What the last wait found at a descriptor; nothing, if there is none of this index.
    pub fn found(&self, index: usize) -> Conditions {
        let fd = self.polled.get(index);
        let found = fd.map_or(PollFlags::empty(), PollFd::revents);
        Conditions {
            readable: found.contains(PollFlags::IN),
            writable: found.contains(PollFlags::OUT),
            urgent: found.contains(PollFlags::PRI),
            broken: !(found - (PollFlags::IN | PollFlags::OUT | PollFlags::PRI)).is_empty(),
        }
    }
}
