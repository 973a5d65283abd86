//! How a wait learns that its poller has changed.

use std::os::fd::{AsFd, BorrowedFd, FromRawFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};

/// One change, which every wait that has begun before it notices. It is used once: later waits have another.
pub(super) struct Changes {
    come: AtomicBool,
    /// Readable from the change on. `None` if there was no descriptor to spare: then a sleep notices it late.
    event: Option<OwnedFd>,
}

impl Default for Changes {
    fn default() -> Changes {
        // SAFETY: it touches no memory.
        let number = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
        // SAFETY: a descriptor that was just made, and that nothing else owns.
        let event = (number >= 0).then(|| unsafe { OwnedFd::from_raw_fd(number) });
        Changes {
            come: AtomicBool::new(false),
            event,
        }
    }
}

impl Changes {
    /// Ends the waits.
    pub(super) fn ring(&self) {
        // ORDERING: release, for the acquire in `have_come`; a sleep is ended by the descriptor, which comes after it.
        self.come.store(true, Ordering::Release);
        if let Some(event) = &self.event {
            // SAFETY: the bytes are there. An event of 1 always has room.
            let _ = unsafe { libc::eventfd_write(std::os::fd::AsRawFd::as_raw_fd(event), 1) };
        }
    }

    /// Whether the poller has changed.
    pub(super) fn have_come(&self) -> bool {
        // ORDERING: acquire, for the release in `ring`.
        self.come.load(Ordering::Acquire)
    }

    /// What becomes readable with the change.
    pub(super) fn as_fd(&self) -> Option<BorrowedFd<'_>> {
        self.event.as_ref().map(AsFd::as_fd)
    }
}
