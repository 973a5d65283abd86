//! `zmq_poll`.

use std::cell::RefCell;
use std::ffi::{c_int, c_long, c_short, c_void};
use std::os::fd::BorrowedFd;
use std::time::Duration;

use ringmq::{Interest, Poller, Readiness};

use crate::boundary::catch;
use crate::errors::Errno;
use crate::handle::Guard;
use crate::message::size;
use crate::socket::Open;

pub(crate) const POLLIN: c_short = 1;
pub(crate) const POLLOUT: c_short = 2;
const POLLERR: c_short = 4;
const POLLPRI: c_short = 8;

thread_local! {
    /// What earlier waits of this thread have shown.
    static POLLER: RefCell<Poller> = RefCell::new(Poller::new());
}

/// What to wait for: a socket, or a descriptor if there is none.
#[repr(C)]
struct Item {
    socket: *mut c_void,
    fd: c_int,
    events: c_short,
    revents: c_short,
}

impl Item {
    fn interest(&self) -> Interest {
        let pairs = [
            (POLLIN, Interest::READABLE),
            (POLLOUT, Interest::WRITABLE),
            (POLLPRI, Interest::URGENT),
        ];
        let asked = pairs.iter().filter(|(bit, _)| self.events & bit != 0);
        asked.fold(Interest::NONE, |all, (_, one)| all | *one)
    }

    /// Says what it is ready for, if that was asked for. Returns whether it was.
    fn tell(&mut self, ready: Readiness) -> bool {
        let pairs = [
            (ready.readable, POLLIN),
            (ready.writable, POLLOUT),
            (ready.urgent, POLLPRI),
        ];
        let found = pairs.iter().filter(|(found, _)| *found);
        self.revents = found.fold(0, |bits, (_, bit)| bits | bit) & self.events;
        if ready.broken {
            self.revents |= POLLERR;
        }
        self.revents != 0
    }
}

/// What the poller looks at: several items may be of one socket, and some of nothing.
enum Entry {
    Socket(Guard<Open>, Interest),
    Descriptor(BorrowedFd<'static>, Interest),
}

/// What to look at, and which of these each item is about.
struct Entries {
    all: Vec<Entry>,
    of_item: Vec<Option<usize>>,
}

impl Entries {
    /// # Safety
    ///
    /// The sockets as [`Open::enter`] wants them; the descriptors are open until these are dropped.
    unsafe fn of(items: &[Item]) -> Result<Entries, Errno> {
        let mut entries = Entries {
            all: Vec::with_capacity(items.len()),
            of_item: Vec::with_capacity(items.len()),
        };
        for (at, item) in items.iter().enumerate() {
            let entry = if item.socket.is_null() {
                if item.fd < 0 {
                    entries.of_item.push(None);
                    continue;
                }
                // SAFETY: not -1, and the caller's.
                let fd = unsafe { BorrowedFd::borrow_raw(item.fd) };
                Entry::Descriptor(fd, item.interest())
            } else {
                // SAFETY: the caller's.
                match unsafe { Open::enter(item.socket) } {
                    Ok(open) => Entry::Socket(open, item.interest()),
                    Err(Errno::BUSY) => {
                        entries.join(&items[..at], item)?;
                        continue;
                    }
                    Err(errno) => return Err(errno),
                }
            };
            entries.of_item.push(Some(entries.all.len()));
            entries.all.push(entry);
        }
        Ok(entries)
    }

    /// A socket that is in use, by an earlier item it is to be hoped.
    fn join(&mut self, earlier: &[Item], item: &Item) -> Result<(), Errno> {
        let same = earlier.iter().position(|other| other.socket == item.socket);
        let entry = same.and_then(|same| self.of_item[same]);
        let Some(Entry::Socket(_, interest)) = entry.map(|entry| &mut self.all[entry]) else {
            return Err(Errno::BUSY);
        };
        *interest |= item.interest();
        self.of_item.push(entry);
        Ok(())
    }

    fn wait(&mut self, timeout: Option<Duration>) -> Result<Vec<Readiness>, Errno> {
        let mut items: Vec<ringmq::Item<'_>> = Vec::with_capacity(self.all.len());
        for entry in &mut self.all {
            items.push(match entry {
                Entry::Socket(open, interest) => ringmq::Item::socket(&mut open.socket, *interest),
                Entry::Descriptor(fd, interest) => ringmq::Item::descriptor(*fd, *interest),
            });
        }
        POLLER.with(|poller| match poller.try_borrow_mut() {
            Ok(mut poller) => poller.wait(&mut items, timeout),
            // Called by a signal's handler, in the midst of another.
            Err(_) => Poller::new().wait(&mut items, timeout),
        })?;
        Ok(items.iter().map(ringmq::Item::ready).collect())
    }
}

/// Waits until something is ready, and says how many are.
///
/// # Safety
///
/// As [`Entries::of`].
unsafe fn poll(items: &mut [Item], timeout: Option<Duration>) -> Result<usize, Errno> {
    // SAFETY: the caller's.
    let mut entries = unsafe { Entries::of(items) }?;
    let ready = entries.wait(timeout)?;
    let mut count = 0;
    for (item, entry) in items.iter_mut().zip(&entries.of_item) {
        let found = entry.map_or(Readiness::default(), |entry| ready[entry]);
        count += usize::from(item.tell(found));
    }
    Ok(count)
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
