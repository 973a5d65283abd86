//! Stopwatches, and a nap.

use std::ffi::{c_int, c_ulong, c_void};
use std::time::Instant;

use crate::boundary::catch;

/// Starts a stopwatch.
#[unsafe(no_mangle)]
extern "C" fn zmq_stopwatch_start() -> *mut c_void {
    catch(|| Ok(Box::into_raw(Box::new(Instant::now())).cast()))
}

/// Microseconds since it was started.
#[unsafe(no_mangle)]
unsafe extern "C" fn zmq_stopwatch_intermediate(watch: *mut c_void) -> c_ulong {
    // SAFETY: the caller's contract.
    let started = unsafe { watch.cast::<Instant>().as_ref() };
    started.map_or(0, |started| {
        c_ulong::try_from(started.elapsed().as_micros()).unwrap_or(c_ulong::MAX)
    })
}

/// As [`zmq_stopwatch_intermediate`], and ends it.
#[unsafe(no_mangle)]
unsafe extern "C" fn zmq_stopwatch_stop(watch: *mut c_void) -> c_ulong {
    // SAFETY: the caller's contract.
    let elapsed = unsafe { zmq_stopwatch_intermediate(watch) };
    if !watch.is_null() {
        // SAFETY: it was made by a box, and is stopped once, the caller's contract says.
        drop(unsafe { Box::from_raw(watch.cast::<Instant>()) });
    }
    elapsed
}

/// Sleeps for so many seconds, or until a signal is handled, as sleep(3) does.
#[unsafe(no_mangle)]
extern "C" fn zmq_sleep(seconds: c_int) {
    // SAFETY: takes a number, and has no other precondition.
    let _left = unsafe { libc::sleep(seconds.cast_unsigned()) };
}
