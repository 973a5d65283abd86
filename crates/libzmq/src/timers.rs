//! Timers that the caller drives.
//!
//! Times are whole milliseconds, as in libzmq: timers that are due in the same one run in the order in which their times were
//! set. A timer that was cancelled stays, as in libzmq, until a call comes to it: until then it can be reset, and its
//! interval set, but it never runs.

use std::collections::{BTreeMap, HashMap};
use std::ffi::{c_int, c_long, c_void};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use crate::arguments::out;
use crate::boundary::catch;
use crate::errors::Errno;
use crate::handle::{Content, Guard, Pool, Slot};

type TimerFn = unsafe extern "C" fn(c_int, *mut c_void);

/// One timer, which runs again and again.
#[derive(Clone, Copy)]
struct Timer {
    id: c_int,
    interval: usize,
    run: TimerFn,
    argument: *mut c_void,
    cancelled: bool,
}

/// When a timer is due: a [time](now), and a number that counts up with each time that is set.
type Due = (u64, u64);

/// What is behind a handle of timers.
struct Timers {
    /// A number that no other set of timers has, not even a later one behind the same handle.
    set: u64,
    /// Invariant: `queue` has a timer for each entry of `due_of`, at that time, and no other.
    queue: BTreeMap<Due, Timer>,
    due_of: HashMap<c_int, Due>,
    last_id: c_int,
    last_number: u64,
}

// SAFETY: the arguments are the caller's, who executes the timers in whatever thread it likes.
unsafe impl Send for Timers {}

static POOL: Pool<Timers> = Pool::new();

impl Content for Timers {
    const TAG: u32 = 0x71_3e_25_91;
    const NONE: Errno = Errno::FAULT;

    fn pool() -> &'static Pool<Timers> {
        &POOL
    }
}

impl Timers {
    fn new() -> Timers {
        static SETS: AtomicU64 = AtomicU64::new(0);
        Timers {
            // ORDERING: relaxed, the number only has to be new.
            set: SETS.fetch_add(1, Ordering::Relaxed),
            queue: BTreeMap::new(),
            due_of: HashMap::new(),
            last_id: 0,
            last_number: 0,
        }
    }

    /// The timers behind a handle. Another thread that uses them is waited for: no handler runs meanwhile.
    ///
    /// # Safety
    ///
    /// As [`Slot::find`].
    unsafe fn enter(handle: *mut c_void) -> Result<Guard<Timers>, Errno> {
        // SAFETY: the caller's.
        unsafe { Slot::<Timers>::find(handle) }?.enter()
    }

    /// Puts a timer into the queue.
    fn insert(&mut self, timer: Timer, time: u64) {
        self.last_number += 1;
        let due = (time, self.last_number);
        self.due_of.insert(timer.id, due);
        self.queue.insert(due, timer);
    }

    fn find(&mut self, id: c_int) -> Result<&mut Timer, Errno> {
        let due = self.due_of.get(&id);
        let timer = due.and_then(|due| self.queue.get_mut(due));
        timer.ok_or(Errno::INVALID)
    }

    /// Begins the interval of a timer anew.
    fn restart(&mut self, id: c_int) -> Result<(), Errno> {
        let timer = *self.find(id)?;
        if let Some(due) = self.due_of.get(&id) {
            self.queue.remove(due);
        }
        self.insert(timer, after(now(), timer.interval));
        Ok(())
    }

    /// The first timer that was not cancelled. Those before it are removed.
    fn first(&mut self) -> Option<(Due, Timer)> {
        while let Some(entry) = self.queue.first_entry() {
            if !entry.get().cancelled {
                return Some((*entry.key(), *entry.get()));
            }
            let cancelled = entry.remove();
            self.due_of.remove(&cancelled.id);
        }
        None
    }

    /// The next timer that is due at a time, and had its time set before this number. Its next interval has begun.
    fn take_due(&mut self, time: u64, before: u64) -> Option<Timer> {
        let (due, timer) = self.first()?;
        if due.0 > time || due.1 > before {
            return None;
        }
        self.queue.remove(&due);
        self.insert(timer, after(time, timer.interval));
        Some(timer)
    }
}

/// Milliseconds since the first look at the clock.
fn now() -> u64 {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    START.elapsed().as_millis().try_into().unwrap_or(u64::MAX)
}

/// An interval after a time. One that is beyond all times never ends.
fn after(time: u64, interval: usize) -> u64 {
    time.saturating_add(interval as u64)
}

/// Makes a set of timers.
#[unsafe(no_mangle)]
extern "C" fn zmq_timers_new() -> *mut c_void {
    catch(|| Ok(Slot::make(Timers::new())))
}

/// Ends it, and sets the pointer to null. A handler may end the set that it belongs to.
#[unsafe(no_mangle)]
unsafe extern "C" fn zmq_timers_destroy(pointer: *mut *mut c_void) -> c_int {
    catch(|| {
        // SAFETY: the caller's contract.
        let pointer = unsafe { out(pointer) }?;
        // SAFETY: the caller's contract.
        match unsafe { Timers::enter(*pointer) } {
            // SAFETY: as above.
            Err(Errno::TERMINATED) => unsafe { Slot::<Timers>::find(*pointer) }?.abandon(),
            timers => drop(timers?.close()),
        }
        *pointer = std::ptr::null_mut();
        Ok(0)
    })
}

/// Adds a timer, in milliseconds, and returns its id.
#[unsafe(no_mangle)]
unsafe extern "C" fn zmq_timers_add(
    handle: *mut c_void,
    interval: usize,
    run: Option<TimerFn>,
    argument: *mut c_void,
) -> c_int {
    catch(|| {
        // SAFETY: the caller's contract.
        let mut timers = unsafe { Timers::enter(handle) }?;
        let run = run.ok_or(Errno::FAULT)?;
        let id = timers.last_id.checked_add(1).ok_or(Errno::NO_MEMORY)?;
        timers.last_id = id;
        let timer = Timer {
            id,
            interval,
            run,
            argument,
            cancelled: false,
        };
        timers.insert(timer, after(now(), interval));
        Ok(id)
    })
}

/// Cancels a timer: it does not run any more.
#[unsafe(no_mangle)]
unsafe extern "C" fn zmq_timers_cancel(handle: *mut c_void, id: c_int) -> c_int {
    catch(|| {
        // SAFETY: the caller's contract.
        let mut timers = unsafe { Timers::enter(handle) }?;
        let timer = timers.find(id)?;
        if timer.cancelled {
            return Err(Errno::INVALID);
        }
        timer.cancelled = true;
        Ok(0)
    })
}

/// Gives a timer another interval, which begins now.
#[unsafe(no_mangle)]
unsafe extern "C" fn zmq_timers_set_interval(
    handle: *mut c_void,
    id: c_int,
    interval: usize,
) -> c_int {
    catch(|| {
        // SAFETY: the caller's contract.
        let mut timers = unsafe { Timers::enter(handle) }?;
        timers.find(id)?.interval = interval;
        timers.restart(id)?;
        Ok(0)
    })
}

/// Begins a timer's interval anew.
#[unsafe(no_mangle)]
unsafe extern "C" fn zmq_timers_reset(handle: *mut c_void, id: c_int) -> c_int {
    catch(|| {
        // SAFETY: the caller's contract.
        let mut timers = unsafe { Timers::enter(handle) }?;
        timers.restart(id)?;
        Ok(0)
    })
}

/// Milliseconds until the next timer is due; -1 if there is none.
#[unsafe(no_mangle)]
unsafe extern "C" fn zmq_timers_timeout(handle: *mut c_void) -> c_long {
    catch(|| {
        // SAFETY: the caller's contract.
        let mut timers = unsafe { Timers::enter(handle) }?;
        let Some(((time, _), _)) = timers.first() else {
            return Ok(-1);
        };
        let left = time.saturating_sub(now());
        Ok(c_long::try_from(left).unwrap_or(c_long::MAX))
    })
}

/// Runs the timers that are due, each once. Ends early, without an error, if one of them has destroyed the set.
#[unsafe(no_mangle)]
unsafe extern "C" fn zmq_timers_execute(handle: *mut c_void) -> c_int {
    catch(|| {
        // SAFETY: the caller's contract.
        let mut timers = unsafe { Timers::enter(handle) }?;
        let (set, time, before) = (timers.set, now(), timers.last_number);
        while let Some(timer) = timers.take_due(time, before) {
            // The handler may use the set: add and cancel timers, and destroy it.
            drop(timers);
            // SAFETY: the caller of `zmq_timers_add` passed a function and its argument.
            unsafe { (timer.run)(timer.id, timer.argument) };
            // SAFETY: slots are never freed.
            match unsafe { Timers::enter(handle) } {
                Ok(same) if same.set == set => timers = same,
                _ => break,
            }
        }
        Ok(0)
    })
}
