//! `zmq_poll`, `zmq_ppoll`, and the wait that pollers share with them.

use std::cell::RefCell;
use std::ffi::{c_int, c_long, c_short, c_void};
use std::os::fd::BorrowedFd;
use std::time::Duration;

use ringmq::{Interest, PollPause, PollStep, PollWait, Poller, Readiness, SignalMask};

use crate::boundary::catch;
use crate::errors::Errno;
use crate::handle::{Guard, Slot};
use crate::message::size;
use crate::socket::Open;

pub(crate) const POLLIN: c_short = 1;
pub(crate) const POLLOUT: c_short = 2;
pub(crate) const POLLERR: c_short = 4;
pub(crate) const POLLPRI: c_short = 8;

thread_local! {
    /// What earlier waits of this thread have shown.
    static POLLER: RefCell<Poller> = RefCell::new(Poller::new());
}

/// What to wait for: a socket, or a descriptor if there is none.
#[repr(C)]
pub(crate) struct Item {
    pub(crate) socket: *mut c_void,
    pub(crate) fd: c_int,
    pub(crate) events: c_short,
    pub(crate) revents: c_short,
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
struct Entry {
    target: Target,
    interest: Interest,
    /// What was found.
    ready: Readiness,
}

enum Target {
    Socket(Place),
    Descriptor(BorrowedFd<'static>),
}

/// A socket that is not held, and which of the handles it is that its slot has been.
struct Place {
    slot: &'static Slot<Open>,
    life: u32,
}

/// What to look at, and which of these each item is about.
pub(crate) struct Entries {
    all: Vec<Entry>,
    of_item: Vec<Option<usize>>,
}

/// The sockets among the entries, while they are held.
pub(crate) type Held = Vec<Guard<Open>>;

impl Entries {
    /// Enters all sockets. None is held while another one is waited for: two threads that poll the same ones never wait
    /// for each other.
    ///
    /// # Safety
    ///
    /// The sockets as [`Open::enter`] wants them; the descriptors are open until these are dropped.
    pub(crate) unsafe fn of(items: &[Item]) -> Result<(Entries, Held), Errno> {
        loop {
            // SAFETY: the caller's.
            match unsafe { Entries::try_of(items) }? {
                Ok(entered) => return Ok(entered),
                Err(in_the_way) => in_the_way.await_free()?,
            }
        }
    }

    /// As [`of`](Entries::of), unless another call is inside of one of the sockets, which is given then.
    ///
    /// # Safety
    ///
    /// As [`of`](Entries::of).
    unsafe fn try_of(
        items: &[Item],
    ) -> Result<Result<(Entries, Held), &'static Slot<Open>>, Errno> {
        let mut entries = Entries {
            all: Vec::with_capacity(items.len()),
            of_item: Vec::with_capacity(items.len()),
        };
        let mut held = Vec::with_capacity(items.len());
        for (at, item) in items.iter().enumerate() {
            let target = if item.socket.is_null() {
                if item.fd < 0 {
                    entries.of_item.push(None);
                    continue;
                }
                // SAFETY: not -1, and the caller's.
                let fd = unsafe { BorrowedFd::borrow_raw(item.fd) };
                Target::Descriptor(fd)
            } else {
                // SAFETY: the caller's.
                let slot = unsafe { Slot::<Open>::find(item.socket) }?;
                match slot.try_enter() {
                    Ok(open) => {
                        let life = open.life();
                        held.push(open);
                        Target::Socket(Place { slot, life })
                    }
                    Err(Errno::BUSY) if entries.join(&items[..at], item) => continue,
                    Err(Errno::BUSY) => return Ok(Err(slot)),
                    Err(errno) => return Err(errno),
                }
            };
            entries.of_item.push(Some(entries.all.len()));
            entries.all.push(Entry {
                target,
                interest: item.interest(),
                ready: Readiness::default(),
            });
        }
        Ok(Ok((entries, held)))
    }

    /// A socket that is in use, by an earlier item perhaps: says whether it is.
    fn join(&mut self, earlier: &[Item], item: &Item) -> bool {
        let same = earlier.iter().position(|other| other.socket == item.socket);
        let entry = same.and_then(|same| self.of_item[same]);
        let Some(same) = entry.map(|entry| &mut self.all[entry]) else {
            return false;
        };
        same.interest |= item.interest();
        self.of_item.push(entry);
        true
    }

    fn places(&self) -> impl Iterator<Item = &Place> {
        self.all.iter().filter_map(|entry| match &entry.target {
            Target::Socket(place) => Some(place),
            Target::Descriptor(_) => None,
        })
    }

    fn descriptors<'fd>(&'fd self) -> impl Iterator<Item = (BorrowedFd<'fd>, Interest)> {
        self.all.iter().filter_map(|entry| match &entry.target {
            Target::Socket(_) => None,
            Target::Descriptor(fd) => Some((*fd, entry.interest)),
        })
    }

    /// Takes a step of the wait. Gives what to rest on, if it is not over.
    pub(crate) fn step(
        &mut self,
        held: &mut Held,
        wait: &mut PollWait,
    ) -> Result<Option<PollPause>, Errno> {
        let mut held = held.iter_mut();
        let mut items: Vec<ringmq::Item<'_>> = Vec::with_capacity(self.all.len());
        for entry in &self.all {
            items.push(match entry.target {
                Target::Descriptor(fd) => ringmq::Item::descriptor(fd, entry.interest),
                Target::Socket(_) => {
                    let open = held.next().ok_or(Errno::FAULT)?;
                    ringmq::Item::socket(&mut open.socket, entry.interest)
                }
            });
        }
        let step = POLLER.with(|poller| match poller.try_borrow_mut() {
            Ok(mut poller) => poller.step(&mut items, wait),
            // Called by a signal's handler, in the midst of another.
            Err(_) => Poller::new().step(&mut items, wait),
        })?;
        if let PollStep::Pause(pause) = step {
            return Ok(Some(pause));
        }
        for (entry, item) in self.all.iter_mut().zip(&items) {
            entry.ready = item.ready();
        }
        Ok(None)
    }

    /// Leaves the sockets, rests, and enters them again. It also wakes when `beside` is readable.
    pub(crate) fn rest(
        &self,
        held: Held,
        pause: &PollPause,
        wait: &mut PollWait,
        beside: Option<BorrowedFd<'_>>,
    ) -> Result<Held, Errno> {
        if pause.is_brief() {
            drop(held);
            self.places().for_each(|place| place.slot.let_in());
        } else {
            held.into_iter().for_each(Open::leave);
            let beside = beside.map(|fd| (fd, Interest::READABLE));
            pause.rest(wait, self.descriptors().chain(beside));
        }
        // All of them are to know that this thread is awake, also if one was closed.
        let back = self
            .places()
            .map(|place| Open::back(place.slot, place.life));
        let back: Vec<Result<(), Errno>> = back.map(|open| open.map(drop)).collect();
        back.into_iter().collect::<Result<(), Errno>>()?;
        self.enter_again()
    }

    /// Which of the handles each socket is that its slot has been, in the order of the items that are sockets.
    pub(crate) fn lives(&self) -> impl Iterator<Item = u32> {
        self.places().map(|place| place.life)
    }

    /// Sets what each item is ready for. Returns how many are.
    pub(crate) fn tell(&self, items: &mut [Item]) -> usize {
        let mut count = 0;
        for (item, entry) in items.iter_mut().zip(&self.of_item) {
            let found = entry.map_or(Readiness::default(), |entry| self.all[entry].ready);
            count += usize::from(item.tell(found));
        }
        count
    }

    fn enter_again(&self) -> Result<Held, Errno> {
        'all: loop {
            let mut held = Vec::with_capacity(self.all.len());
            for place in self.places() {
                match place.slot.try_enter() {
                    Ok(open) if open.life() == place.life => held.push(open),
                    Ok(_) => return Err(Errno::NO_SOCKET),
                    Err(Errno::BUSY) => {
                        drop(held);
                        place.slot.await_free()?;
                        continue 'all;
                    }
                    Err(errno) => return Err(errno),
                }
            }
            return Ok(held);
        }
    }
}

/// Waits until something is ready, and says how many are.
///
/// # Safety
///
/// As [`Entries::of`].
unsafe fn poll(items: &mut [Item], mut wait: PollWait) -> Result<usize, Errno> {
    // SAFETY: the caller's.
    let (mut entries, mut held) = unsafe { Entries::of(items) }?;
    while let Some(pause) = entries.step(&mut held, &mut wait)? {
        held = entries.rest(held, &pause, &mut wait, None)?;
    }
    Ok(entries.tell(items))
}

/// The items of a call.
///
/// # Safety
///
/// Null, or as many items that no other code uses for as long as `'a`.
unsafe fn items<'a>(items: *mut Item, count: c_int) -> Result<&'a mut [Item], Errno> {
    let count = usize::try_from(count).map_err(|_| Errno::INVALID)?;
    match (items.is_null(), count) {
        (_, 0) => Ok(&mut []),
        (true, _) => Err(Errno::FAULT),
        // SAFETY: the caller's.
        (false, _) => Ok(unsafe { std::slice::from_raw_parts_mut(items, count) }),
    }
}

/// A wait for so many milliseconds, without end if they are negative.
pub(crate) fn wait_of(timeout: c_long) -> PollWait {
    PollWait::new(u64::try_from(timeout).ok().map(Duration::from_millis))
}

/// Waits until a socket or a descriptor is ready.
#[unsafe(no_mangle)]
unsafe extern "C" fn zmq_poll(items: *mut Item, count: c_int, timeout: c_long) -> c_int {
    catch(|| {
        // SAFETY: the caller's contract.
        let items = unsafe { self::items(items, count) }?;
        // SAFETY: the caller's contract.
        Ok(size(unsafe { poll(items, wait_of(timeout)) }?))
    })
}

/// Waits as `zmq_poll` does, with another signal mask while it sleeps, unless that is null.
#[unsafe(no_mangle)]
unsafe extern "C" fn zmq_ppoll(
    items: *mut Item,
    count: c_int,
    timeout: c_long,
    mask: *const libc::sigset_t,
) -> c_int {
    catch(|| {
        // SAFETY: the caller's contract.
        let items = unsafe { self::items(items, count) }?;
        let mut wait = wait_of(timeout);
        // SAFETY: null, or the caller's contract.
        if let Some(mask) = unsafe { mask.as_ref() } {
            wait = wait.with_signal_mask(SignalMask::from(*mask));
        }
        // SAFETY: the caller's contract.
        Ok(size(unsafe { poll(items, wait) }?))
    })
}
