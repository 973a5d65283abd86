//! Pollers: sets of sockets and descriptors that are waited for again and again.
//!
//! ```text
//!   zmq_poller_wait:  enter the poller, copy its items, leave
//!                     wait for them as zmq_poll does      <--- add, modify, remove and destroy of another
//!                     leave the sockets, enter the poller       thread end the wait, which begins anew
//! ```
//! A call never has the poller and one of its sockets at once, but for `zmq_poller_fd` and `zmq_poller_add`, which ask a
//! socket for its descriptor; a wait does not enter the poller while it holds sockets.

mod changes;
mod watched;

use std::ffi::{c_int, c_long, c_short, c_void};
use std::os::fd::AsRawFd;
use std::sync::Arc;

use crate::arguments::{out, store};
use crate::boundary::catch;
use crate::errors::Errno;
use crate::handle::{Content, Guard, Pool, Slot};
use crate::message::size;
use crate::poll::{Entries, Item, POLLERR, POLLIN, POLLOUT, POLLPRI, wait_of};
use crate::poller::changes::Changes;
use crate::poller::watched::Watch;
use crate::socket::Open;

/// An event that a wait has found.
#[repr(C)]
struct Event {
    socket: *mut c_void,
    fd: c_int,
    user_data: *mut c_void,
    events: c_short,
}

impl Event {
    const NONE: Event = Event {
        socket: std::ptr::null_mut(),
        fd: -1,
        user_data: std::ptr::null_mut(),
        events: 0,
    };
}

/// What a poller waits for.
#[derive(Clone, Copy, PartialEq)]
enum Target {
    /// A handle, and which of the handles it is that its slot has been.
    Socket(*mut c_void, u32),
    Descriptor(c_int),
}

#[derive(Clone, Copy)]
struct Entry {
    target: Target,
    user_data: *mut c_void,
    events: c_short,
}

/// What is behind a poller's handle.
struct Poller {
    entries: Vec<Entry>,
    /// What a wait of another thread looks at. It is made by the first wait that sleeps.
    changes: Option<Arc<Changes>>,
    /// It has had a socket of a thread-safe type, as libzmq asks for before it gives a descriptor.
    has_had_thread_safe: bool,
    /// The descriptor, once it was asked for.
    watch: Option<Watch>,
}

// SAFETY: the pointers are handles, which any thread may use, and the caller's, which are only given back.
unsafe impl Send for Poller {}

static POOL: Pool<Poller> = Pool::new();

impl Content for Poller {
    const TAG: u32 = 0x90_11_e5_02;
    const NONE: Errno = Errno::FAULT;

    fn pool() -> &'static Pool<Poller> {
        &POOL
    }
}

impl Poller {
    fn new() -> Poller {
        Poller {
            entries: Vec::new(),
            changes: None,
            has_had_thread_safe: false,
            watch: None,
        }
    }

    /// The poller behind a handle.
    ///
    /// # Safety
    ///
    /// As [`Slot::find`].
    unsafe fn enter(handle: *mut c_void) -> Result<Guard<Poller>, Errno> {
        // SAFETY: the caller's.
        unsafe { Slot::<Poller>::find(handle) }?.enter()
    }

    fn position(&self, target: Target) -> Result<usize, Errno> {
        let mut entries = self.entries.iter();
        let found = entries.position(|entry| entry.target == target);
        found.ok_or(Errno::INVALID)
    }

    /// Adds a socket or a descriptor. A closed socket whose handle has the same value is forgotten.
    fn add(&mut self, entry: Entry) -> Result<(), Errno> {
        if self.position(entry.target).is_ok() {
            return Err(Errno::INVALID);
        }
        if let Target::Socket(handle, _) = entry.target {
            self.forget(handle);
        }
        self.entries.try_reserve(1).map_err(|_| Errno::NO_MEMORY)?;
        self.entries.push(entry);
        Ok(())
    }

    fn modify(&mut self, target: Target, events: c_short) -> Result<(), Errno> {
        let at = self.position(target)?;
        self.entries[at].events = events;
        Ok(())
    }

    fn remove(&mut self, target: Target) -> Result<(), Errno> {
        let at = self.position(target)?;
        self.entries.remove(at);
        if let (Target::Socket(handle, _), Some(watch)) = (target, &mut self.watch) {
            watch.remove(handle);
        }
        Ok(())
    }

    /// Forgets the sockets that were behind a handle.
    fn forget(&mut self, handle: *mut c_void) {
        let is_it = |entry: &Entry| matches!(entry.target, Target::Socket(of, _) if of == handle);
        self.entries.retain(|entry| !is_it(entry));
        if let Some(watch) = &mut self.watch {
            watch.remove(handle);
        }
    }
}

/// Changes a poller, and ends the waits of other threads, which begin anew with what has changed.
fn change<T>(
    mut poller: Guard<Poller>,
    make: impl FnOnce(&mut Poller) -> Result<T, Errno>,
) -> Result<T, Errno> {
    let is_waited_for = |changes: &mut Arc<Changes>| Arc::strong_count(changes) > 1;
    // Without a wait the same can serve the next one.
    let Some(waits) = poller.changes.take_if(is_waited_for) else {
        return make(&mut poller);
    };
    let before = poller.entries.clone();
    let done = make(&mut poller);
    drop(poller);
    end(&waits, &before);
    done
}

/// Ends the waits for these entries.
fn end(waits: &Changes, entries: &[Entry]) {
    waits.ring();
    // A wait that spins notices that another call wants a socket.
    for entry in entries {
        if let Target::Socket(handle, _) = entry.target {
            // SAFETY: a slot is never freed.
            let _ = unsafe { Slot::<Open>::find(handle) }.and_then(Slot::await_free);
        }
    }
}

/// A socket to register.
///
/// # Safety
///
/// As [`Slot::find`].
unsafe fn socket(handle: *mut c_void) -> Result<(Target, &'static Slot<Open>), Errno> {
    // SAFETY: the caller's.
    let slot = unsafe { Slot::<Open>::find(handle) }?;
    Ok((Target::Socket(handle, slot.life()), slot))
}

fn descriptor(fd: c_int) -> Result<Target, Errno> {
    if fd == -1 {
        return Err(Errno(libc::EBADF));
    }
    Ok(Target::Descriptor(fd))
}

fn checked(events: c_short) -> Result<c_short, Errno> {
    if events & !(POLLIN | POLLOUT | POLLERR | POLLPRI) != 0 {
        return Err(Errno::INVALID);
    }
    Ok(events)
}

/// The entries of a poller that a wait looks at, as they were at one time.
struct Copied {
    entries: Vec<Entry>,
    items: Vec<Item>,
    changes: Arc<Changes>,
}

impl Copied {
    fn of(mut poller: Guard<Poller>) -> Copied {
        let changes = Arc::clone(poller.changes.get_or_insert_with(Arc::default));
        let active = poller.entries.iter().filter(|entry| entry.events != 0);
        let entries: Vec<Entry> = active.copied().collect();
        drop(poller);
        let items = entries.iter().map(|entry| {
            let (socket, fd) = match entry.target {
                Target::Socket(handle, _) => (handle, 0),
                Target::Descriptor(fd) => (std::ptr::null_mut(), fd),
            };
            Item {
                socket,
                fd,
                events: entry.events,
                revents: 0,
            }
        });
        Copied {
            items: items.collect(),
            entries,
            changes,
        }
    }

    /// None of the sockets was closed since it was added.
    fn check(&self, entered: &Entries) -> Result<(), Errno> {
        let lives = self.entries.iter().filter_map(|entry| match entry.target {
            Target::Socket(_, life) => Some(life),
            Target::Descriptor(_) => None,
        });
        if lives.eq(entered.lives()) {
            Ok(())
        } else {
            Err(Errno::NO_SOCKET)
        }
    }

    /// Stores the events that were found, and returns how many there were room for.
    fn tell(&self, events: &mut [Event]) -> usize {
        let found = self.entries.iter().zip(&self.items);
        let mut found = found.filter(|(_, item)| item.revents != 0);
        let mut count = 0;
        for event in events {
            *event = Event::NONE;
            let Some((entry, item)) = found.next() else {
                continue;
            };
            match entry.target {
                Target::Socket(handle, _) => event.socket = handle,
                Target::Descriptor(fd) => event.fd = fd,
            }
            event.user_data = entry.user_data;
            event.events = item.revents;
            count += 1;
        }
        count
    }
}

/// Waits until something is ready. Gives how many events there were room for.
///
/// # Safety
///
/// As [`Slot::find`], and the descriptors of the poller are open until they are removed.
unsafe fn wait(handle: *mut c_void, events: &mut [Event], timeout: c_long) -> Result<usize, Errno> {
    // SAFETY: the caller's.
    let slot = unsafe { Slot::<Poller>::find(handle) }?;
    let mut poller = slot.enter()?;
    let life = poller.life();
    let mut wait = wait_of(timeout);
    loop {
        let mut copied = Copied::of(poller);
        if copied.items.is_empty() && timeout < 0 {
            return Err(Errno::FAULT);
        }
        if events.is_empty() {
            // There is room for none: only the time passes.
            copied.items.clear();
            copied.entries.clear();
        }
        // SAFETY: the caller's.
        let (mut entries, mut held) = unsafe { Entries::of(&copied.items) }?;
        copied.check(&entries)?;
        let mut over = false;
        // A change comes before this look, or finds the sockets entered, and wants one.
        while !over && !copied.changes.have_come() {
            match entries.step(&mut held, &mut wait)? {
                Some(pause) => {
                    held = entries.rest(held, &pause, &mut wait, copied.changes.as_fd())?;
                }
                None => over = true,
            }
        }
        drop(held);
        if over && !copied.changes.have_come() {
            return match entries.tell(&mut copied.items) {
                0 => Err(Errno::AGAIN),
                _ => Ok(copied.tell(events)),
            };
        }
        poller = slot.enter_again(life)?;
    }
}

/// Makes a poller.
#[unsafe(no_mangle)]
extern "C" fn zmq_poller_new() -> *mut c_void {
    catch(|| Ok(Slot::make(Poller::new())))
}

/// Ends a poller, and sets the pointer to null. A wait of another thread ends with `EFAULT`.
#[unsafe(no_mangle)]
unsafe extern "C" fn zmq_poller_destroy(pointer: *mut *mut c_void) -> c_int {
    catch(|| {
        // SAFETY: the caller's contract.
        let pointer = unsafe { out(pointer) }?;
        // SAFETY: the caller's contract.
        match unsafe { Poller::enter(*pointer) } {
            // SAFETY: as above.
            Err(Errno::TERMINATED) => unsafe { Slot::<Poller>::find(*pointer) }?.abandon(),
            poller => {
                if let Some(poller) = poller?.close()
                    && let Some(waits) = &poller.changes
                {
                    end(waits, &poller.entries);
                }
            }
        }
        *pointer = std::ptr::null_mut();
        Ok(0)
    })
}

/// The number of sockets and descriptors.
#[unsafe(no_mangle)]
unsafe extern "C" fn zmq_poller_size(handle: *mut c_void) -> c_int {
    catch(|| {
        // SAFETY: the caller's contract.
        let poller = unsafe { Poller::enter(handle) }?;
        Ok(size(poller.entries.len()))
    })
}

/// Adds a socket.
#[unsafe(no_mangle)]
unsafe extern "C" fn zmq_poller_add(
    handle: *mut c_void,
    socket: *mut c_void,
    user_data: *mut c_void,
    events: c_short,
) -> c_int {
    catch(|| {
        // SAFETY: the caller's contract.
        let poller = unsafe { Poller::enter(handle) }?;
        // SAFETY: the caller's contract.
        let (target, slot) = unsafe { self::socket(socket) }?;
        let entry = Entry {
            target,
            user_data,
            events: checked(events)?,
        };
        change(poller, |poller| {
            poller.add(entry)?;
            if slot.is_thread_safe() {
                poller.has_had_thread_safe = true;
                let added = poller.watch.as_mut().map(|watch| watch.add(socket, slot));
                added
                    .unwrap_or(Ok(()))
                    .inspect_err(|_| poller.forget(socket))?;
            }
            Ok(0)
        })
    })
}

/// Changes the events that a socket is waited for by.
#[unsafe(no_mangle)]
unsafe extern "C" fn zmq_poller_modify(
    handle: *mut c_void,
    socket: *mut c_void,
    events: c_short,
) -> c_int {
    catch(|| {
        // SAFETY: the caller's contract.
        let poller = unsafe { Poller::enter(handle) }?;
        // SAFETY: the caller's contract.
        let (target, _) = unsafe { self::socket(socket) }?;
        let events = checked(events)?;
        change(poller, |poller| poller.modify(target, events))?;
        Ok(0)
    })
}

/// Removes a socket. One that is closed is removed, too, and said to be none.
#[unsafe(no_mangle)]
unsafe extern "C" fn zmq_poller_remove(handle: *mut c_void, socket: *mut c_void) -> c_int {
    catch(|| {
        // SAFETY: the caller's contract.
        let mut poller = unsafe { Poller::enter(handle) }?;
        // SAFETY: the caller's contract.
        let found = unsafe { self::socket(socket) };
        let (target, _) = found.inspect_err(|_| poller.forget(socket))?;
        change(poller, |poller| poller.remove(target))?;
        Ok(0)
    })
}

/// Adds a descriptor.
#[unsafe(no_mangle)]
unsafe extern "C" fn zmq_poller_add_fd(
    handle: *mut c_void,
    fd: c_int,
    user_data: *mut c_void,
    events: c_short,
) -> c_int {
    catch(|| {
        // SAFETY: the caller's contract.
        let poller = unsafe { Poller::enter(handle) }?;
        let entry = Entry {
            target: descriptor(fd)?,
            user_data,
            events: checked(events)?,
        };
        change(poller, |poller| poller.add(entry))?;
        Ok(0)
    })
}

/// Changes the events that a descriptor is waited for by.
#[unsafe(no_mangle)]
unsafe extern "C" fn zmq_poller_modify_fd(
    handle: *mut c_void,
    fd: c_int,
    events: c_short,
) -> c_int {
    catch(|| {
        // SAFETY: the caller's contract.
        let poller = unsafe { Poller::enter(handle) }?;
        let (target, events) = (descriptor(fd)?, checked(events)?);
        change(poller, |poller| poller.modify(target, events))?;
        Ok(0)
    })
}

/// Removes a descriptor.
#[unsafe(no_mangle)]
unsafe extern "C" fn zmq_poller_remove_fd(handle: *mut c_void, fd: c_int) -> c_int {
    catch(|| {
        // SAFETY: the caller's contract.
        let poller = unsafe { Poller::enter(handle) }?;
        let target = descriptor(fd)?;
        change(poller, |poller| poller.remove(target))?;
        Ok(0)
    })
}

/// Waits for one event.
#[unsafe(no_mangle)]
unsafe extern "C" fn zmq_poller_wait(
    handle: *mut c_void,
    event: *mut Event,
    timeout: c_long,
) -> c_int {
    // SAFETY: the caller's contract.
    let found = unsafe { zmq_poller_wait_all(handle, event, 1, timeout) };
    if found >= 0 {
        return 0;
    }
    // SAFETY: null, or the caller's contract. `errno` stays.
    let _ = unsafe { store(event, Event::NONE) };
    found
}

/// Waits for events, as many as there is room for, and returns how many were found.
#[unsafe(no_mangle)]
unsafe extern "C" fn zmq_poller_wait_all(
    handle: *mut c_void,
    events: *mut Event,
    room: c_int,
    timeout: c_long,
) -> c_int {
    catch(|| {
        // SAFETY: the caller's contract.
        drop(unsafe { Poller::enter(handle) }?);
        if events.is_null() {
            return Err(Errno::FAULT);
        }
        let room = usize::try_from(room).map_err(|_| Errno::INVALID)?;
        // SAFETY: not null, and the caller's contract.
        let events = unsafe { std::slice::from_raw_parts_mut(events, room) };
        // SAFETY: the caller's contract.
        Ok(size(unsafe { wait(handle, events, timeout) }?))
    })
}

/// A descriptor that is readable when a socket of a thread-safe type may be ready. A wait says whether one is, and has to be
/// called before the descriptor is waited for again.
#[unsafe(no_mangle)]
unsafe extern "C" fn zmq_poller_fd(handle: *mut c_void, fd: *mut c_int) -> c_int {
    catch(|| {
        // SAFETY: the caller's contract.
        let mut poller = unsafe { Poller::enter(handle) }?;
        if !poller.has_had_thread_safe {
            return Err(Errno::INVALID);
        }
        if poller.watch.is_none() {
            let mut watch = Watch::new()?;
            for entry in &poller.entries {
                if let Target::Socket(handle, _) = entry.target
                    // SAFETY: a slot is never freed.
                    && let Ok(slot) = unsafe { Slot::<Open>::find(handle) }
                    && slot.is_thread_safe()
                {
                    watch.add(handle, slot)?;
                }
            }
            poller.watch = Some(watch);
        }
        let number = poller.watch.as_ref().map_or(-1, AsRawFd::as_raw_fd);
        // SAFETY: the caller's contract.
        unsafe { store(fd, number) }?;
        Ok(0)
    })
}
