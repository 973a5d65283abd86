//! The descriptor of a poller: an epoll instance that watches the descriptors of its thread-safe sockets.

use std::ffi::{c_int, c_void};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

use ringmq::Watched;

use crate::errors::Errno;
use crate::handle::Slot;
use crate::socket::Open;

/// An epoll instance, and the sockets that it watches.
pub(super) struct Watch {
    epoll: OwnedFd,
    /// The handles of the sockets, and their descriptors, which stay open for as long as they are here.
    sockets: Vec<(*mut c_void, Watched)>,
}

impl Watch {
    pub(super) fn new() -> Result<Watch, Errno> {
        // SAFETY: it touches no memory.
        let number = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
        if number < 0 {
            return Err(Errno::last());
        }
        // SAFETY: a descriptor that was just made, and that nothing else owns.
        let epoll = unsafe { OwnedFd::from_raw_fd(number) };
        Ok(Watch {
            epoll,
            sockets: Vec::new(),
        })
    }

    /// Watches a socket too.
    pub(super) fn add(
        &mut self,
        handle: *mut c_void,
        slot: &'static Slot<Open>,
    ) -> Result<(), Errno> {
        let watched = slot.enter_to_ask()?.socket.watch();
        self.control(libc::EPOLL_CTL_ADD, &watched)?;
        self.sockets.push((handle, watched));
        Ok(())
    }

    pub(super) fn remove(&mut self, handle: *mut c_void) {
        while let Some(at) = self.sockets.iter().position(|(of, _)| *of == handle) {
            let (_, watched) = self.sockets.swap_remove(at);
            // It is watched, and open.
            let _ = self.control(libc::EPOLL_CTL_DEL, &watched);
        }
    }

    fn control(&self, operation: c_int, watched: &Watched) -> Result<(), Errno> {
        let mut event = libc::epoll_event {
            events: libc::EPOLLIN.cast_unsigned(),
            u64: 0,
        };
        let (epoll, fd) = (self.epoll.as_raw_fd(), watched.as_raw_fd());
        // SAFETY: the event is read only while the call lasts.
        if unsafe { libc::epoll_ctl(epoll, operation, fd, &raw mut event) } < 0 {
            return Err(Errno::last());
        }
        Ok(())
    }
}

impl AsRawFd for Watch {
    fn as_raw_fd(&self) -> RawFd {
        self.epoll.as_raw_fd()
    }
}
