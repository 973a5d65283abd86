//! `zmq_poll`.

use std::ffi::{c_int, c_long, c_short, c_void};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use crate::boundary::catch;
use crate::errors::Errno;
use crate::get_option::events;
use crate::message::size;
use crate::socket::Open;

pub(crate) const POLLIN: c_short = 1;
pub(crate) const POLLOUT: c_short = 2;
const POLLERR: c_short = 4;
const POLLPRI: c_short = 8;

/// What to wait for: a socket, or a descriptor if there is none.
#[repr(C)]
pub(crate) struct Item {
    pub(crate) socket: *mut c_void,
    pub(crate) fd: c_int,
    pub(crate) events: c_short,
    pub(crate) revents: c_short,
}

impl Item {
    pub(crate) fn of(socket: *mut c_void, events: c_short) -> Item {
        Item {
            socket,
            fd: 0,
            events,
            revents: 0,
        }
    }

    /// What the system is to look for.
    ///
    /// # Safety
    ///
    /// The socket as [`Open::enter`] wants it.
    unsafe fn polled(&self) -> Result<libc::pollfd, Errno> {
        let (fd, events) = if self.socket.is_null() {
            (self.fd, to_system(self.events))
        } else {
            // SAFETY: the caller's.
            let mut open = unsafe { Open::enter(self.socket) }?;
            (open.socket.watch().as_raw_fd(), libc::POLLIN)
        };
        Ok(libc::pollfd {
            fd: if self.events == 0 { -1 } else { fd },
            events,
            revents: 0,
        })
    }

    /// Says what it is ready for.
    ///
    /// # Safety
    ///
    /// The socket as [`Open::enter`] wants it.
    unsafe fn look(&mut self, polled: &libc::pollfd) -> Result<bool, Errno> {
        self.revents = if self.socket.is_null() {
            from_system(polled.revents)
        } else if self.events == 0 {
            0
        } else {
            // SAFETY: the caller's.
            let mut open = unsafe { Open::enter(self.socket) }?;
            events(&mut open)? & self.events
        };
        Ok(self.revents != 0)
    }
}

fn to_system(events: c_short) -> c_short {
    let pairs = [
        (POLLIN, libc::POLLIN),
        (POLLOUT, libc::POLLOUT),
        (POLLPRI, libc::POLLPRI),
    ];
    let asked = pairs.iter().filter(|(ours, _)| events & ours != 0);
    asked.fold(0, |bits, (_, theirs)| bits | theirs)
}

fn from_system(events: c_short) -> c_short {
    let known = libc::POLLIN | libc::POLLOUT | libc::POLLPRI;
    let pairs = [
        (POLLIN, libc::POLLIN),
        (POLLOUT, libc::POLLOUT),
        (POLLPRI, libc::POLLPRI),
    ];
    let seen = pairs.iter().filter(|(_, theirs)| events & theirs != 0);
    let bits = seen.fold(0, |bits, (ours, _)| bits | ours);
    if events & !known != 0 {
        bits | POLLERR
    } else {
        bits
    }
}

/// Waits until something is ready, and says how many are.
///
/// # Safety
///
/// The sockets as [`Open::enter`] wants them.
pub(crate) unsafe fn poll(items: &mut [Item], timeout: Option<Duration>) -> Result<usize, Errno> {
    let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
    let mut polled = Vec::with_capacity(items.len());
    for item in items.iter() {
        // SAFETY: the caller's.
        polled.push(unsafe { item.polled() }?);
    }
    // The first look does not wait.
    let mut left = Some(Duration::ZERO);
    loop {
        wait(&mut polled, left)?;
        let mut ready = 0;
        for (item, polled) in items.iter_mut().zip(&polled) {
            // SAFETY: the caller's.
            ready += usize::from(unsafe { item.look(polled) }?);
        }
        let now = Instant::now();
        left = deadline.map(|deadline| deadline.saturating_duration_since(now));
        if ready > 0 || left == Some(Duration::ZERO) {
            return Ok(ready);
        }
    }
}

fn wait(polled: &mut [libc::pollfd], time: Option<Duration>) -> Result<(), Errno> {
    let time = time.map(|time| libc::timespec {
        tv_sec: libc::time_t::try_from(time.as_secs()).unwrap_or(libc::time_t::MAX),
        tv_nsec: time.subsec_nanos().into(),
    });
    let time = time.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
    let count = polled.len() as libc::nfds_t;
    // SAFETY: the array is as long as it is said to be, and the time is null or there.
    let seen = unsafe { libc::ppoll(polled.as_mut_ptr(), count, time, std::ptr::null()) };
    if seen < 0 { Err(Errno::last()) } else { Ok(()) }
}

/// Waits until a socket or a descriptor is ready.
#[unsafe(no_mangle)]
unsafe extern "C" fn zmq_poll(items: *mut Item, count: c_int, timeout: c_long) -> c_int {
    catch(|| {
        let count = usize::try_from(count).map_err(|_| Errno::INVALID)?;
        let items = match (items.is_null(), count) {
            (_, 0) => &mut [],
            (true, _) => return Err(Errno::FAULT),
            // SAFETY: the caller's contract.
            (false, _) => unsafe { std::slice::from_raw_parts_mut(items, count) },
        };
        let timeout = u64::try_from(timeout).ok().map(Duration::from_millis);
        // SAFETY: the caller's contract.
        Ok(size(unsafe { poll(items, timeout) }?))
    })
}
