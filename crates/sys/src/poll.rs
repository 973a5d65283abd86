//! Waiting for several descriptors at once.

use std::fmt;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr;
use std::time::Instant;

use rustix::event::{PollFd, PollFlags};

use crate::deadline::{remaining, sleep_on, timespec};

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
    sleep_on(&mut polled, deadline)?;
    let ready = polled.iter().enumerate();
    Ok(ready
        .filter(|(_, fd)| !fd.revents().is_empty())
        .map(|(index, _)| index)
        .collect())
}

/// Sleeps until one of two descriptors is readable, hung up or broken. Says which; neither once the deadline has passed.
/// Source: ppoll(2).
///
/// # Errors
/// As [`readable`].
pub fn either(fds: [BorrowedFd<'_>; 2], deadline: Option<Instant>) -> io::Result<[bool; 2]> {
    let mut polled = fds.map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN));
    sleep_on(&mut polled, deadline)?;
    Ok(polled.map(|fd| !fd.revents().is_empty()))
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

impl Conditions {
    fn flags(self) -> PollFlags {
        let mut flags = PollFlags::empty();
        flags.set(PollFlags::IN, self.readable);
        flags.set(PollFlags::OUT, self.writable);
        flags.set(PollFlags::PRI, self.urgent);
        flags
    }
}

/// Sleeps as [`Set::wait`] does, with another signal mask for as long as the sleep lasts. Returns at how many descriptors
/// something was found. Source: ppoll(2).
///
/// # Errors
/// As [`Set::wait`]. `Interrupted` also when the mask lets a pending signal through.
pub fn wait_with_mask(
    fds: &[(BorrowedFd<'_>, Conditions)],
    deadline: Option<Instant>,
    mask: &SignalMask,
) -> io::Result<usize> {
    let polled = fds.iter().map(|(fd, conditions)| libc::pollfd {
        fd: fd.as_raw_fd(),
        events: conditions.flags().bits().cast_signed(),
        revents: 0,
    });
    let mut polled: Vec<libc::pollfd> = polled.collect();
    let len = libc::nfds_t::try_from(polled.len()).unwrap_or(libc::nfds_t::MAX);
    loop {
        let left = remaining(deadline);
        let timeout = left.map(timespec).map(|left| libc::timespec {
            tv_sec: left.tv_sec,
            tv_nsec: left.tv_nsec,
        });
        let timeout = timeout.as_ref().map_or(ptr::null(), ptr::from_ref);
        // SAFETY: there are `len` descriptors to read and write, the time is null or can be read, and the mask can.
        let count = unsafe { libc::ppoll(polled.as_mut_ptr(), len, timeout, &raw const mask.0) };
        let count = usize::try_from(count).map_err(|_| io::Error::last_os_error())?;
        if count > 0 || left.is_some_and(|left| left.is_zero()) {
            return Ok(count);
        }
    }
}

/// The signals that are blocked while a thread sleeps.
#[derive(Clone, Copy)]
pub struct SignalMask(libc::sigset_t);

impl From<libc::sigset_t> for SignalMask {
    fn from(blocked: libc::sigset_t) -> SignalMask {
        SignalMask(blocked)
    }
}

impl fmt::Debug for SignalMask {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.debug_struct("SignalMask").finish_non_exhaustive()
    }
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

impl<'fd> FromIterator<(BorrowedFd<'fd>, Conditions)> for Set<'fd> {
    fn from_iter<I: IntoIterator<Item = (BorrowedFd<'fd>, Conditions)>>(all: I) -> Set<'fd> {
        let mut set = Set::new();
        all.into_iter()
            .for_each(|(fd, conditions)| set.add(fd, conditions));
        set
    }
}

impl<'fd> Set<'fd> {
    /// One without descriptors.
    pub fn new() -> Set<'fd> {
        Set::default()
    }

    /// Adds a descriptor; its index is the number of those that were there.
    pub fn add(&mut self, fd: BorrowedFd<'fd>, conditions: Conditions) {
        self.polled
            .push(PollFd::from_borrowed_fd(fd, conditions.flags()));
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
        sleep_on(&mut self.polled, deadline)
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
