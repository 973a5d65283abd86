//! A descriptor that stands for another one that is needed only for a moment.

use std::os::fd::OwnedFd;

use rustix::event::EventfdFlags;

/// A descriptor that is given up while a call receives another one that is closed again soon. A process that has no
/// others left can still receive memory by it.
///
/// ```
/// use ringmq_sys::Reserve;
///
/// let mut reserve = Reserve::default();
/// reserve.refill();
/// reserve.give_up();
/// // Here a descriptor is received, used and closed, by a process that may have no other left.
/// reserve.refill();
/// ```
#[derive(Debug, Default)]
pub struct Reserve {
    fd: Option<OwnedFd>,
}

impl Reserve {
    /// Gives it up: one more can be received.
    pub fn give_up(&mut self) {
        self.fd = None;
    }

    /// Takes a descriptor, if it has none. It stays empty if there is none left.
    pub fn refill(&mut self) {
        if self.fd.is_none() {
            // One of its own: a copy of another one would keep that open for its peer.
            self.fd = rustix::event::eventfd(0, EventfdFlags::CLOEXEC).ok();
        }
    }
}
