//! Counters that threads share.

use std::ffi::{c_int, c_void};
use std::sync::atomic::{AtomicI32, Ordering};

use crate::arguments::out;
use crate::boundary::catch;

/// The counter behind a pointer.
///
/// # Safety
///
/// Null, or a counter that was not destroyed.
unsafe fn counter<'a>(pointer: *mut c_void) -> Option<&'a AtomicI32> {
    // SAFETY: the caller's.
    unsafe { pointer.cast::<AtomicI32>().as_ref() }
}

/// Makes a counter at 0.
#[unsafe(no_mangle)]
extern "C" fn zmq_atomic_counter_new() -> *mut c_void {
    catch(|| Ok(Box::into_raw(Box::new(AtomicI32::new(0))).cast()))
}

/// Sets it.
#[unsafe(no_mangle)]
unsafe extern "C" fn zmq_atomic_counter_set(pointer: *mut c_void, value: c_int) {
    // SAFETY: the caller's contract.
    if let Some(counter) = unsafe { counter(pointer) } {
        // ORDERING: users order their own memory by it, so the strongest, in all of these.
        counter.store(value, Ordering::SeqCst);
    }
}

/// Adds 1, and returns what it was.
#[unsafe(no_mangle)]
unsafe extern "C" fn zmq_atomic_counter_inc(pointer: *mut c_void) -> c_int {
    // SAFETY: the caller's contract.
    let counter = unsafe { counter(pointer) };
    counter.map_or(0, |counter| counter.fetch_add(1, Ordering::SeqCst))
}

/// Takes 1 away, and returns whether it is not 0 now.
#[unsafe(no_mangle)]
unsafe extern "C" fn zmq_atomic_counter_dec(pointer: *mut c_void) -> c_int {
    // SAFETY: the caller's contract.
    let counter = unsafe { counter(pointer) };
    let before = counter.map_or(1, |counter| counter.fetch_sub(1, Ordering::SeqCst));
    (before != 1).into()
}

/// What it is.
#[unsafe(no_mangle)]
unsafe extern "C" fn zmq_atomic_counter_value(pointer: *mut c_void) -> c_int {
    // SAFETY: the caller's contract.
    let counter = unsafe { counter(pointer) };
    counter.map_or(0, |counter| counter.load(Ordering::SeqCst))
}

/// Ends it, and sets the pointer to null.
#[unsafe(no_mangle)]
unsafe extern "C" fn zmq_atomic_counter_destroy(pointer: *mut *mut c_void) {
    // SAFETY: the caller's contract.
    let Ok(pointer) = (unsafe { out(pointer) }) else {
        return;
    };
    let counter: *mut AtomicI32 = std::mem::replace(pointer, std::ptr::null_mut()).cast();
    if !counter.is_null() {
        // SAFETY: it was made by a box, and is destroyed once, the caller's contract says.
        drop(unsafe { Box::from_raw(counter) });
    }
}
