//! The progress of a run, for the watchdog.

use std::os::fd::OwnedFd;
use std::sync::atomic::Ordering;

use crate::error::Error;
use crate::run::memory::{self, Shared};

/// The number of messages that the near side has done, in shared memory for the watchdog.
#[derive(Debug)]
pub(crate) struct Progress(Shared);

impl Progress {
    /// The bytes of the memfd.
    const BYTES: usize = 4096;

    /// Creates the memory of a new run. Also returns its descriptor, for the sides.
    pub(crate) fn create() -> Result<(Progress, OwnedFd), Error> {
        let fd = memory::create(Self::BYTES)?;
        Ok((Progress(Shared::map(&fd, Self::BYTES)?), fd))
    }

    /// Maps the memory of a run by its descriptor.
    pub(crate) fn adopt(fd: OwnedFd) -> Result<Progress, Error> {
        Ok(Progress(Shared::map(fd, Self::BYTES)?))
    }

    /// Stores that `done` messages are done.
    #[inline(always)]
    pub(crate) fn set(&self, done: u64) {
        // ORDERING: relaxed; only the watchdog reads this number, and no other data depends on it.
        self.0.word(0).store(done, Ordering::Relaxed);
    }

    /// The number that was stored last.
    pub(crate) fn get(&self) -> u64 {
        // ORDERING: as in `set`.
        self.0.word(0).load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_is_seen_by_the_watchdog() {
        let (watched, fd) = Progress::create().unwrap();
        let near = Progress::adopt(fd).unwrap();
        near.set(41);
        assert_eq!(watched.get(), 41);
    }
}
