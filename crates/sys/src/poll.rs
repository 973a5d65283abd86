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
