//! What a thread sleeps on beside the bell of its sleeper.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::Instant;

use ringmq_sys::poll;

/// A descriptor that a thread sleeps on beside its bell, because it does the work that is there when it is readable.
#[derive(Debug, Clone)]
pub struct Beside {
    /// What tells of work.
    pub descriptor: Arc<OwnedFd>,
    /// When there is work in any case.
    pub due: Option<Instant>,
}

/// How a sleep with a [`Beside`] ended. If neither is true, the time has passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ended {
    /// The bell was rung.
    pub rung: bool,
    /// There is work.
    pub work: bool,
}

impl Beside {
    /// Sleeps until `bell` is readable, there is work, or the deadline has passed.
    pub(crate) fn wait(
        &self,
        bell: BorrowedFd<'_>,
        deadline: Option<Instant>,
    ) -> io::Result<Ended> {
        let until = [deadline, self.due].into_iter().flatten().min();
        let [rung, readable] = poll::either([bell, self.descriptor.as_fd()], until)?;
        let is_due = !rung && !readable && self.due.is_some() && self.due == until;
        Ok(Ended {
            rung,
            work: readable || is_due,
        })
    }
}
