//! Sleeping until a moment of the monotonic clock, on one descriptor or on nothing.

use std::io;
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::io::Errno;
use rustix::thread::ClockId;

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
    let mut polled = [PollFd::from_borrowed_fd(fd, events)];
    Ok(sleep_on(&mut polled, deadline)? > 0)
}

/// As [`sleep`], on several descriptors: how many of them have something; none once the deadline has passed.
pub(crate) fn sleep_on(fds: &mut [PollFd<'_>], deadline: Option<Instant>) -> io::Result<usize> {
    loop {
        let left = remaining(deadline);
        let timeout = left.map(timespec);
        let count = rustix::event::poll(fds, timeout.as_ref())?;
        if count > 0 || left.is_some_and(|left| left.is_zero()) {
            return Ok(count);
        }
    }
}

/// Sleeps for this time, however many signals are handled meanwhile.
///
/// [`std::thread::sleep`] takes up an interrupted sleep with what the kernel says is left, to which the kernel adds the
/// slack of the thread's timers (50 µs) each time. A signal every few microseconds keeps it from ending.
pub fn rest(time: Duration) {
    let now = rustix::time::clock_gettime(ClockId::Monotonic);
    let Some(end) = now.checked_add(timespec(time)) else {
        return std::thread::sleep(time);
    };
    while rustix::thread::clock_nanosleep_absolute(ClockId::Monotonic, &end) == Err(Errno::INTR) {}
}
