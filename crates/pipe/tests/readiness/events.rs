//! The system calls of a poll.

use std::io;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::time::Duration;

/// The timeout in milliseconds, as poll(2) takes it; `None` is no timeout.
fn millis(timeout: Option<Duration>) -> i32 {
    timeout.map_or(-1, |timeout| i32::try_from(timeout.as_millis()).unwrap())
}

/// poll(2) for input, of one descriptor: whether it is readable in time.
pub(crate) fn poll(half: &impl AsFd, timeout: Option<Duration>) -> bool {
    let mut polled = libc::pollfd {
        fd: half.as_fd().as_raw_fd(),
        events: libc::POLLIN,
        revents: 0,
    };
    // SAFETY: one entry, which is ours, and so it is said.
    let count = unsafe { libc::poll(&mut polled, 1, millis(timeout)) };
    assert!(count >= 0, "{}", io::Error::last_os_error());
    assert_eq!(polled.revents, if count > 0 { libc::POLLIN } else { 0 });
    count > 0
}

/// Whether it is readable now.
pub(crate) fn is_readable(half: &impl AsFd) -> bool {
    poll(half, Some(Duration::ZERO))
}

/// An epoll instance with one descriptor, that tells of edges only.
#[derive(Debug)]
pub(crate) struct Edges {
    epoll: OwnedFd,
}

impl Edges {
    pub(crate) fn of(half: &impl AsFd) -> Edges {
        // SAFETY: makes a descriptor; no pointers.
        let epoll = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
        assert!(epoll >= 0, "{}", io::Error::last_os_error());
        // SAFETY: it was just made and has no other owner.
        let epoll = unsafe { OwnedFd::from_raw_fd(epoll) };
        let mut event = libc::epoll_event {
            events: (libc::EPOLLIN | libc::EPOLLET) as u32,
            u64: 7,
        };
        let half = half.as_fd().as_raw_fd();
        // SAFETY: both descriptors are open, and the event is ours.
        let added =
            unsafe { libc::epoll_ctl(epoll.as_raw_fd(), libc::EPOLL_CTL_ADD, half, &mut event) };
        assert_eq!(added, 0, "{}", io::Error::last_os_error());
        Edges { epoll }
    }

    /// Takes the event if one comes in time; says whether.
    pub(crate) fn wait(&self, timeout: Option<Duration>) -> bool {
        let mut event = libc::epoll_event { events: 0, u64: 0 };
        let epoll = self.epoll.as_raw_fd();
        // SAFETY: the descriptor is open, and there is room for the one event that is asked for.
        let count = unsafe { libc::epoll_wait(epoll, &mut event, 1, millis(timeout)) };
        assert!(count >= 0, "{}", io::Error::last_os_error());
        let (events, data) = (event.events, event.u64);
        if count > 0 {
            assert_eq!((events, data), (libc::EPOLLIN as u32, 7));
        }
        count > 0
    }

    /// Takes the event if there is one now; says whether.
    pub(crate) fn take(&self) -> bool {
        self.wait(Some(Duration::ZERO))
    }
}
