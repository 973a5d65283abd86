//! Sleeping on one descriptor until a moment of the monotonic clock.

use std::io;
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec};

/// What is left until `deadline`: zero once it has passed, `None` if there is none.
pub(crate) fn remaining(deadline: Option<Instant>) -> Option<Duration> {
    deadline.map(|moment| moment.saturating_duration_since(Instant::now()))
}

/// As the kernel takes it. Durations beyond what it can hold mean "very long", which is true.
pub(crate) fn timespec(left: Duration) -> Timespec {
    Timespec {
        tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: i64::from(left.subsec_nanos()),
    }
}

/// Sleeps until `fd` has one of `events` (or an error, or a hang-up): true; or the deadline: false.
///
/// The clock decides: a sleep that the kernel ends early is taken up again.
///
/// # Errors
/// `Interrupted` when a signal was handled.
pub(crate) fn sleep(
    fd: BorrowedFd<'_>,
    events: PollFlags,
    deadline: Option<Instant>,
) -> io::Result<bool> {
    loop {
        let left = remaining(deadline);
        let timeout = left.map(timespec);
        let mut polled = [PollFd::from_borrowed_fd(fd, events)];
        if rustix::event::poll(&mut polled, timeout.as_ref())? > 0 {
            return Ok(true);
        }
        if left.is_some_and(|left| left.is_zero()) {
            return Ok(false);
        }
    }
}
