//! The process at the other end of a connection.

use std::os::fd::OwnedFd;

/// A process, as the kernel named it.
#[derive(Debug)]
pub(crate) struct Process {
    /// Its number here; 0 if it is in another namespace.
    pub(crate) pid: i32,
    /// Readable once it is dead.
    pub(crate) pidfd: OwnedFd,
}
