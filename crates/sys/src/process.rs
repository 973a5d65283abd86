//! Other processes.

use std::os::fd::BorrowedFd;
use std::time::Instant;

/// Whether the process behind a pidfd has ended. Source: pidfd_open(2).
///
/// An error of poll(2) counts as yes: a caller that tells a process from a later one of the same number does not take
/// two for one then.
pub fn has_ended(pidfd: BorrowedFd<'_>) -> bool {
    let found = crate::poll::readable(&[pidfd], Some(Instant::now()));
    !found.is_ok_and(|found| found.is_empty())
}

/// Whether a process with this number is there, and has not ended; `None` if the kernel does not say. Another process may
/// have the number of one that has ended. Source: pidfd_open(2).
pub fn is_running(pid: i32) -> Option<bool> {
    use rustix::process::{Pid, PidfdFlags, pidfd_open};
    match pidfd_open(Pid::from_raw(pid)?, PidfdFlags::empty()) {
        Ok(pidfd) => Some(!has_ended(std::os::fd::AsFd::as_fd(&pidfd))),
        Err(rustix::io::Errno::SRCH) => Some(false),
        Err(_) => None,
    }
}
