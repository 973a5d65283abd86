//! Timers that the caller drives.

use std::ffi::{c_int, c_long, c_void};
use std::time::{Duration, Instant};

use crate::arguments::out;
use crate::boundary::catch;
use crate::errors::Errno;
use crate::handle::{Content, Guard, Pool, Slot};

type TimerFn = unsafe extern "C" fn(c_int, *mut c_void);

/// One timer, which runs again and again.
#[derive(Clone, Copy)]
struct Timer {
    id: c_int,
    /// `None` for one that never comes.
    due: Option<Instant>,
    interval: usize,
    run: TimerFn,
    argument: *mut c_void,
}

/// What is behind a handle of timers.
#[derive(Default)]
struct Timers {
    timers: Vec<Timer>,
    last: c_int,
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
    /// The timers behind a handle.
    ///
    /// # Safety
    ///
    /// As [`Slot::find`].
    unsafe fn enter(handle: *mut c_void) -> Result<Guard<Timers>, Errno> {
        // SAFETY: the caller's.
        unsafe { Slot::<Timers>::find(handle) }?.try_enter()
    }

    fn find(&mut self, id: c_int) -> Result<&mut Timer, Errno> {
        let mut timers = self.timers.iter_mut();
        timers.find(|timer| timer.id == id).ok_or(Errno::INVALID)
    }

    fn next(&self) -> Option<&Timer> {
        let waiting = self.timers.iter().filter(|timer| timer.due.is_some());
        waiting.min_by_key(|timer| timer.due)
    }
}

fn after(interval: usize) -> Option<Instant> {
    Instant::now().checked_add(Duration::from_millis(interval as u64))
}

/// Makes a set of timers.
#[unsafe(no_mangle)]
extern "C" fn zmq_timers_new() -> *mut c_void {
    catch(|| Ok(Slot::make(Timers::default())))
}

/// Ends it, and sets the pointer to null.
#[unsafe(no_mangle)]
unsafe extern "C" fn zmq_timers_destroy(pointer: *mut *mut c_void) -> c_int {
    catch(|| {
        // SAFETY: the caller's contract.
        let pointer = unsafe { out(pointer) }?;
        // SAFETY: the caller's contract.
        drop(unsafe { Timers::enter(*pointer) }?.close());
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
        timers.last += 1;
        let id = timers.last;
        timers.timers.push(Timer {
            id,
            due: after(interval),
            interval,
            run,
            argument,
        });
        Ok(id)
    })
}

/// Removes a timer.
#[unsafe(no_mangle)]
unsafe extern "C" fn zmq_timers_cancel(handle: *mut c_void, id: c_int) -> c_int {
    catch(|| {
        // SAFETY: the caller's contract.
        let mut timers = unsafe { Timers::enter(handle) }?;
        timers.find(id)?;
        timers.timers.retain(|timer| timer.id != id);
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
        let timer = timers.find(id)?;
        timer.interval = interval;
        timer.due = after(interval);
        Ok(0)
    })
}

/// Begins a timer's interval anew.
#[unsafe(no_mangle)]
unsafe extern "C" fn zmq_timers_reset(handle: *mut c_void, id: c_int) -> c_int {
    catch(|| {
        // SAFETY: the caller's contract.
        let mut timers = unsafe { Timers::enter(handle) }?;
        let timer = timers.find(id)?;
        timer.due = after(timer.interval);
        Ok(0)
    })
}

/// Milliseconds until the next timer is due; -1 if there is none.
#[unsafe(no_mangle)]
unsafe extern "C" fn zmq_timers_timeout(handle: *mut c_void) -> c_long {
    catch(|| {
        // SAFETY: the caller's contract.
        let timers = unsafe { Timers::enter(handle) }?;
        let Some(due) = timers.next().and_then(|timer| timer.due) else {
            return Ok(-1);
        };
        let left = due.saturating_duration_since(Instant::now());
        // A part of a millisecond is waited for, too.
        let millis = left.as_nanos().div_ceil(1_000_000);
        Ok(c_long::try_from(millis).unwrap_or(c_long::MAX))
    })
}

/// Runs the timers that are due.
#[unsafe(no_mangle)]
unsafe extern "C" fn zmq_timers_execute(handle: *mut c_void) -> c_int {
    catch(|| {
        let now = Instant::now();
        loop {
            // SAFETY: the caller's contract.
            let mut timers = unsafe { Timers::enter(handle) }?;
            let due = timers.next().filter(|timer| timer.due <= Some(now));
            let Some(timer) = due.copied() else {
                return Ok(0);
            };
            // One without an interval is due again with the next call.
            let again = now.checked_add(Duration::from_millis(timer.interval as u64));
            let later = now + Duration::from_nanos(1);
            timers.find(timer.id)?.due = again.map(|again| again.max(later));
            // It may add timers, and cancel them.
            drop(timers);
            // SAFETY: the caller of `zmq_timers_add` passed a function and its argument.
            unsafe { (timer.run)(timer.id, timer.argument) };
        }
    })
}
