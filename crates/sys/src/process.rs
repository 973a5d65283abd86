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
