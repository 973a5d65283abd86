//! What the opaque pointers point to.
//!
//! ```text
//!   void * --> Slot: [ tag | state | content ]     live: the tag says what it is
//!                                                  dead: in the pool, until a new handle needs one
//! ```
//! A slot is never freed, so that the tag of a handle that was closed can still be read.
//!
//! The state is a lock. A call holds it only while it works: a call that sleeps lets go of it, and asks afterwards
//! whether the handle is still the same ([`Guard::life`]). A call that finds another one at work waits for it, for a
//! second at most, after which it is `EBUSY`: only a call that a signal's handler makes in the midst of another comes
//! to that. Sockets that libzmq calls thread-safe are waited for without end, as there.
//!
//! A forked child has copies of all slots, and of the calls inside only that of the thread that forked. A slot that
//! another thread was inside is [`LOST`] there: its content may be half changed and is never looked at again. A call on it
//! is `ETERM`, and a call that closes it succeeds.

use std::cell::UnsafeCell;
use std::collections::VecDeque;
use std::ffi::c_void;
use std::ops::{Deref, DerefMut};
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU8, AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, Once, TryLockError};
use std::time::Duration;

use crate::errors::Errno;

/// What can be behind a handle.
pub(crate) trait Content: Sized + Send + 'static {
    /// Tells live slots of this kind from everything else.
    const TAG: u32;
    /// What a handle that is none of these is.
    const NONE: Errno;

    fn pool() -> &'static Pool<Self>;

    /// The content has got its place. `wanted` counts the calls that wait for the lock.
    fn placed(&mut self, _wanted: &'static AtomicU32) {}

    /// Calls of several threads wait for their turn however long that takes, and are never `EBUSY`.
    fn is_thread_safe(&self) -> bool {
        false
    }

    /// Another thread [sleeps](ASLEEP) until something changes, which the call that begins may do.
    fn wake_others(&mut self) {}
}

const DEAD: u32 = 0xdead_0a5e;

/// States of a slot: no call is inside.
const FREE: u8 = 0;
/// A call is inside.
const BUSY: u8 = 1;
/// No call is inside, but one sleeps that may be over after any other call.
const ASLEEP: u8 = 2;
/// A call was inside when the process was forked, and this is the child.
const LOST: u8 = 3;

/// Looks of a call that waits for another one: at first it spins between two, then it offers the CPU to others, then it
/// sleeps.
const SPINS: u32 = 100;
const OFFERS: u32 = 100;
const REST: Duration = Duration::from_micros(100);
/// Looks before it gives up: they take a second at least. Looks are counted, not time, which also passes while the whole
/// process is stopped.
const PATIENCE: u32 = 10_000;

/// Slots that were released, the one that rested longest first.
pub(crate) struct Pool<T: 'static>(Mutex<VecDeque<&'static Slot<T>>>);

impl<T> Pool<T> {
    pub(crate) const fn new() -> Pool<T> {
        Pool(Mutex::new(VecDeque::new()))
    }

    /// The slots, unless the lock stays taken: another thread may have had it when this process was forked.
    fn lock(&self) -> Option<MutexGuard<'_, VecDeque<&'static Slot<T>>>> {
        for _ in 0..OFFERS {
            match self.0.try_lock() {
                Ok(slots) => return Some(slots),
                Err(TryLockError::Poisoned(poisoned)) => return Some(poisoned.into_inner()),
                Err(TryLockError::WouldBlock) => std::thread::yield_now(),
            }
        }
        None
    }
}

/// The lock of a slot, whatever its content is.
struct Lock {
    /// Invariant: the call that turned it to [`BUSY`] from something else, and no other, uses the content.
    state: AtomicU8,
    /// Calls that wait for the state.
    wanted: AtomicU32,
    /// The content [is thread-safe](Content::is_thread_safe).
    endless: AtomicBool,
    /// The one that was made before.
    next: AtomicPtr<Lock>,
}

/// The locks of all slots that were ever made, the newest first. A slot is never freed, so that a list of them holds.
static LOCKS: AtomicPtr<Lock> = AtomicPtr::new(ptr::null_mut());

impl Lock {
    /// Adds it to the list of all.
    fn enlist(&'static self) {
        static ONCE: Once = Once::new();
        ONCE.call_once(|| {
            // SAFETY: the function stays for as long as this library does. Without memory for it, which is all that can
            // go wrong, a call in a child is `EBUSY`.
            let _ = unsafe { libc::pthread_atfork(None, None, Some(forked)) };
        });
        let this = ptr::from_ref(self).cast_mut();
        let mut first = LOCKS.load(Ordering::Relaxed);
        loop {
            self.next.store(first, Ordering::Relaxed);
            // ORDERING: release, so that who sees it in the list sees what it is.
            match LOCKS.compare_exchange_weak(first, this, Ordering::Release, Ordering::Relaxed) {
                Ok(_) => return,
                Err(other) => first = other,
            }
        }
    }
}

/// Called in a forked child before fork(2) returns there, with no other thread beside: the calls that were inside of slots
/// are not. The thread that forks may be inside of one itself, and leaves it later.
extern "C" fn forked() {
    // ORDERING: acquire, for the release in `enlist`.
    let mut next = LOCKS.load(Ordering::Acquire);
    // SAFETY: null, or a lock that stays, as all in the list do.
    while let Some(lock) = unsafe { next.as_ref() } {
        // ORDERING: relaxed, there is no other thread.
        if lock.state.load(Ordering::Relaxed) == BUSY {
            lock.state.store(LOST, Ordering::Relaxed);
        }
        next = lock.next.load(Ordering::Relaxed);
    }
}

/// One handle. The tag comes first, wherever a pointer of another kind points.
#[repr(C)]
pub(crate) struct Slot<T> {
    tag: AtomicU32,
    lock: Lock,
    /// Handles that were closed in this slot. It changes under the lock.
    life: AtomicU32,
    content: UnsafeCell<Option<T>>,
}

// SAFETY: the content is used by one thread at a time, the one that holds `state`.
unsafe impl<T: Send> Sync for Slot<T> {}

impl<T: Content> Slot<T> {
    /// Makes a handle.
    pub(crate) fn make(mut content: T) -> *mut c_void {
        // A call that has found the handle before may be inside for a moment, and in a forked child for ever.
        let free = std::iter::from_fn(|| T::pool().lock()?.pop_front());
        let mut entered = free.filter_map(|slot| slot.lock().ok());
        let mut guard = entered.next().unwrap_or_else(|| {
            let slot: &'static Slot<T> = Box::leak(Box::new(Slot {
                tag: AtomicU32::new(DEAD),
                lock: Lock {
                    state: AtomicU8::new(FREE),
                    wanted: AtomicU32::new(0),
                    endless: AtomicBool::new(false),
                    next: AtomicPtr::new(ptr::null_mut()),
                },
                life: AtomicU32::new(0),
                content: UnsafeCell::new(None),
            }));
            slot.lock.enlist();
            // ORDERING: relaxed, no other thread knows it.
            slot.lock.state.store(BUSY, Ordering::Relaxed);
            Guard::of(slot)
        });
        let slot = guard.slot;
        content.placed(&slot.lock.wanted);
        // ORDERING: relaxed, the store of the tag publishes it.
        let endless = content.is_thread_safe();
        slot.lock.endless.store(endless, Ordering::Relaxed);
        *guard.content_mut() = Some(content);
        // ORDERING: release, for the load in `find` of another thread that was given the handle.
        slot.tag.store(T::TAG, Ordering::Release);
        drop(guard);
        ptr::from_ref(slot).cast_mut().cast()
    }

    /// The slot behind a handle.
    ///
    /// # Safety
    ///
    /// Null, or at least 4 bytes can be read there.
    #[inline]
    pub(crate) unsafe fn find(handle: *mut c_void) -> Result<&'static Slot<T>, Errno> {
        let slot: *const Slot<T> = handle.cast();
        if slot.is_null() || !slot.is_aligned() {
            return Err(T::NONE);
        }
        // SAFETY: not null, aligned, and the caller vouches that it can be read.
        let tag = unsafe { &*handle.cast::<AtomicU32>() };
        // ORDERING: acquire, for the store in `make`.
        if tag.load(Ordering::Acquire) != T::TAG {
            return Err(T::NONE);
        }
        // SAFETY: nothing but a slot of this kind has the tag, and slots are never freed.
        Ok(unsafe { &*slot })
    }

    /// As [`Guard::life`], of whichever handle it is now: another thread may close it meanwhile.
    pub(crate) fn life(&self) -> u32 {
        // ORDERING: relaxed, a call that enters compares it under the lock.
        self.life.load(Ordering::Relaxed)
    }

    /// Whether the content [is thread-safe](Content::is_thread_safe), without entering.
    pub(crate) fn is_thread_safe(&self) -> bool {
        // ORDERING: relaxed, the load of the tag in `find` acquired it.
        self.lock.endless.load(Ordering::Relaxed)
    }

    /// Enters it to look, which wakes no call, unless another call is inside: `BUSY`.
    #[inline]
    pub(crate) fn try_enter(&'static self) -> Result<Guard<T>, Errno> {
        // ORDERING: acquire, for the release in the drop of the last guard.
        match self.lock.state.swap(BUSY, Ordering::Acquire) {
            BUSY => Err(Errno::BUSY),
            LOST => Err(self.stays_lost()),
            leave => Guard { slot: self, leave }.checked(),
        }
    }

    /// Enters it, once no other call is inside.
    #[inline]
    pub(crate) fn enter(&'static self) -> Result<Guard<T>, Errno> {
        // ORDERING: acquire, for the release in the drop of the last guard.
        match self.lock.state.swap(BUSY, Ordering::Acquire) {
            FREE => {}
            found => self.enter_late(found)?,
        }
        Guard::of(self).checked()
    }

    #[cold]
    fn enter_late(&'static self, mut found: u8) -> Result<(), Errno> {
        match found {
            BUSY => found = self.await_turn(Some(PATIENCE))?,
            LOST => return Err(self.stays_lost()),
            _ => {}
        }
        if found == ASLEEP {
            let mut guard = Guard::of(self);
            if let Some(content) = guard.content_mut() {
                content.wake_others();
            }
            guard.keep();
        }
        Ok(())
    }

    /// As [`enter`](Slot::enter), however long that takes.
    pub(crate) fn enter_at_last(&'static self) -> Result<Guard<T>, Errno> {
        self.lock()?.checked()
    }

    /// Enters it as [`enter`](Slot::enter) does, to ask for something that wakes no call.
    pub(crate) fn enter_to_ask(&'static self) -> Result<Guard<T>, Errno> {
        let found = self.await_turn(Some(PATIENCE))?;
        let guard = Guard {
            slot: self,
            leave: found,
        };
        guard.checked()
    }

    /// Enters it again after a sleep, if it has not been closed since.
    pub(crate) fn enter_again(&'static self, life: u32) -> Result<Guard<T>, Errno> {
        let found = self.await_turn(None)?;
        let guard = Guard {
            slot: self,
            leave: found,
        };
        if guard.life() == life {
            guard.checked()
        } else {
            Err(T::NONE)
        }
    }

    fn lock(&'static self) -> Result<Guard<T>, Errno> {
        self.await_turn(None)?;
        Ok(Guard::of(self))
    }

    /// A call has found it lost, and has turned it to busy for a moment.
    #[cold]
    fn stays_lost(&self) -> Errno {
        // ORDERING: relaxed, nothing is published by it.
        self.lock.state.store(LOST, Ordering::Relaxed);
        Errno::TERMINATED
    }

    /// Ends a handle that was [lost](LOST), and leaves what is behind it as it is.
    pub(crate) fn abandon(&self) {
        // ORDERING: relaxed, a call that reads the old tag finds it lost.
        self.tag.store(DEAD, Ordering::Relaxed);
    }

    /// Turns the state to busy as soon as it is anything else, and says what it was.
    ///
    /// # Errors
    ///
    /// `BUSY` after too many looks, `TERMINATED` if it is lost.
    #[inline]
    fn await_turn(&self, patience: Option<u32>) -> Result<u8, Errno> {
        // ORDERING: acquire, for the release in the drop of the last guard.
        match self.lock.state.swap(BUSY, Ordering::Acquire) {
            BUSY => self.await_turn_while_busy(patience),
            LOST => Err(self.stays_lost()),
            found => Ok(found),
        }
    }

    #[cold]
    fn await_turn_while_busy(&self, patience: Option<u32>) -> Result<u8, Errno> {
        // ORDERING: relaxed, a hint to the call inside.
        self.lock.wanted.fetch_add(1, Ordering::Relaxed);
        let mut looks: u32 = 0;
        let found = loop {
            // ORDERING: relaxed, the exchange decides.
            if self.lock.state.load(Ordering::Relaxed) != BUSY {
                // ORDERING: as above.
                let found = self.lock.state.swap(BUSY, Ordering::Acquire);
                match found {
                    BUSY => {}
                    LOST => break Err(self.stays_lost()),
                    found => break Ok(found),
                }
            }
            looks = looks.saturating_add(1);
            // ORDERING: relaxed, it is that of this handle, or of a later one that the call finds closed.
            let endless = self.lock.endless.load(Ordering::Relaxed);
            if !endless && patience.is_some_and(|patience| looks > patience) {
                break Err(Errno::BUSY);
            } else if looks < SPINS {
                std::hint::spin_loop();
            } else if looks < SPINS + OFFERS {
                std::thread::yield_now();
            } else {
                ringmq::rest(REST);
            }
        };
        // ORDERING: relaxed, as above.
        self.lock.wanted.fetch_sub(1, Ordering::Relaxed);
        found
    }

    /// Lets a call in that waits for the lock, which the caller has just left.
    pub(crate) fn let_in(&self) {
        for _ in 0..OFFERS {
            // ORDERING: relaxed, a hint.
            if self.lock.wanted.load(Ordering::Relaxed) == 0 {
                return;
            }
            std::thread::yield_now();
        }
    }

    /// Waits until no other call is inside.
    pub(crate) fn await_free(&'static self) -> Result<(), Errno> {
        drop(self.enter_to_ask()?);
        Ok(())
    }
}

/// The right to use what is behind a handle.
pub(crate) struct Guard<T: 'static> {
    slot: &'static Slot<T>,
    /// The state that the slot is left in.
    leave: u8,
}

impl<T: Content> Guard<T> {
    /// The slot that it is about.
    pub(crate) fn slot(&self) -> &'static Slot<T> {
        self.slot
    }

    /// Tells the handles apart that a slot has been, for [`Slot::enter_again`].
    pub(crate) fn life(&self) -> u32 {
        // ORDERING: relaxed, it changes under the lock only.
        self.slot.life.load(Ordering::Relaxed)
    }

    /// None sleeps any longer.
    pub(crate) fn no_one_sleeps(&mut self) {
        self.leave = FREE;
    }

    /// Leaves for a sleep that may be over after any other call, which says so as it enters.
    pub(crate) fn leave_asleep(mut self) {
        self.leave = ASLEEP;
    }

    /// It may have been closed since the tag was read.
    #[inline]
    fn checked(mut self) -> Result<Guard<T>, Errno> {
        if self.content_mut().is_some() {
            Ok(self)
        } else {
            Err(T::NONE)
        }
    }

    /// Ends the handle, and gives what was behind it.
    ///
    /// The slot is used again, unless the pool cannot be had.
    pub(crate) fn close(mut self) -> Option<T> {
        let slot = self.slot;
        // ORDERING: relaxed, a call that reads the old tag finds no content.
        slot.tag.store(DEAD, Ordering::Relaxed);
        // ORDERING: relaxed, under the lock.
        slot.life.fetch_add(1, Ordering::Relaxed);
        self.leave = FREE;
        let content = self.content_mut().take();
        drop(self);
        if let Some(mut slots) = T::pool().lock() {
            slots.push_back(slot);
        }
        content
    }
}

impl<T> Guard<T> {
    #[inline]
    fn of(slot: &'static Slot<T>) -> Guard<T> {
        Guard { slot, leave: FREE }
    }

    /// Stays inside, as the guard that the caller makes next.
    fn keep(self) {
        std::mem::forget(self);
    }

    #[inline]
    fn content_mut(&mut self) -> &mut Option<T> {
        // SAFETY: `state` is ours for as long as the guard lives, and the guard is borrowed mutably.
        unsafe { &mut *self.slot.content.get() }
    }
}

impl<T> Deref for Guard<T> {
    type Target = T;

    #[inline]
    #[allow(
        clippy::expect_used,
        reason = "guards are handed out after the check only"
    )]
    fn deref(&self) -> &T {
        // SAFETY: `state` is ours for as long as the guard lives.
        let content = unsafe { &*self.slot.content.get() };
        content.as_ref().expect("an open handle")
    }
}

impl<T> DerefMut for Guard<T> {
    #[inline]
    #[allow(
        clippy::expect_used,
        reason = "guards are handed out after the check only"
    )]
    fn deref_mut(&mut self) -> &mut T {
        self.content_mut().as_mut().expect("an open handle")
    }
}

impl<T> Drop for Guard<T> {
    #[inline]
    fn drop(&mut self) {
        // ORDERING: release, for the acquire of the next one to enter.
        self.slot.lock.state.store(self.leave, Ordering::Release);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::thread;

    use super::*;

    struct Counted {
        count: u64,
        woken: u64,
    }

    static POOL: Pool<Counted> = Pool::new();

    impl Content for Counted {
        const TAG: u32 = 0xc0_7e_d0_01;
        const NONE: Errno = Errno::FAULT;

        fn pool() -> &'static Pool<Counted> {
            &POOL
        }

        fn wake_others(&mut self) {
            self.woken += 1;
        }
    }

    fn made() -> &'static Slot<Counted> {
        let handle = Slot::make(Counted { count: 0, woken: 0 });
        // SAFETY: it was just made.
        unsafe { Slot::find(handle) }.unwrap()
    }

    #[test]
    fn calls_that_overlap_take_turns() {
        const CALLS: u64 = 20_000;
        let slot = made();
        thread::scope(|scope| {
            for at in 0..4 {
                scope.spawn(move || {
                    for call in 0..CALLS {
                        let mut guard = slot.enter().unwrap();
                        guard.count += 1;
                        if at == 0 && call % 16 == 0 {
                            let life = guard.life();
                            guard.leave_asleep();
                            drop(slot.enter_again(life).unwrap());
                        }
                    }
                });
            }
        });
        assert_eq!(slot.enter().unwrap().count, 4 * CALLS);
    }

    #[test]
    fn a_call_that_never_ends_is_busy_for_others() {
        let slot = made();
        let inside = slot.enter().unwrap();
        assert_eq!(slot.enter().map(drop), Err(Errno::BUSY));
        assert_eq!(slot.try_enter().map(drop), Err(Errno::BUSY));
        drop(inside);
        assert_eq!(slot.enter().map(drop), Ok(()));
    }

    #[test]
    fn only_calls_that_may_change_something_wake_those_who_sleep() {
        let slot = made();
        slot.enter().unwrap().leave_asleep();
        assert_eq!(slot.enter_to_ask().unwrap().woken, 0);
        assert_eq!(slot.try_enter().unwrap().woken, 0);
        assert_eq!(slot.enter().unwrap().woken, 1);
        assert_eq!(slot.enter().unwrap().woken, 1);
    }

    #[test]
    fn a_handle_that_was_closed_is_not_entered_again_also_if_its_slot_is_used() {
        let slot = made();
        let guard = slot.enter().unwrap();
        let life = guard.life();
        drop(guard);
        assert!(slot.enter().unwrap().close().is_some());
        assert_eq!(slot.enter_again(life).map(drop), Err(Errno::FAULT));
        while !ptr::eq(made(), slot) {}
        assert_eq!(slot.enter_again(life).map(drop), Err(Errno::FAULT));
        assert!(slot.enter().is_ok());
    }
}
