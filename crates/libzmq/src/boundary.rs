//! The one place where errors become `errno`, and panics errors.

use std::ffi::{c_char, c_int, c_long, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::errors::Errno;

/// What a function returns when it fails.
pub(crate) trait Failure {
    const VALUE: Self;
}

impl Failure for c_int {
    const VALUE: c_int = -1;
}

impl Failure for c_long {
    const VALUE: c_long = -1;
}

impl Failure for *mut c_void {
    const VALUE: *mut c_void = std::ptr::null_mut();
}

impl Failure for *mut c_char {
    const VALUE: *mut c_char = std::ptr::null_mut();
}

impl Failure for *const c_char {
    const VALUE: *const c_char = std::ptr::null();
}

impl Failure for *mut u8 {
    const VALUE: *mut u8 = std::ptr::null_mut();
}

impl Failure for u32 {
    const VALUE: u32 = 0;
}

impl Failure for usize {
    const VALUE: usize = 0;
}

/// Runs the body of a function of the interface. `errno` is left alone if it succeeds.
#[inline(always)]
pub(crate) fn catch<T: Failure>(body: impl FnOnce() -> Result<T, Errno>) -> T {
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(value)) => value,
        Ok(Err(errno)) => fail(errno),
        Err(panic) => {
            // Dropping it might panic again.
            std::mem::forget(panic);
            fail(Errno::FAULT)
        }
    }
}

#[cold]
fn fail<T: Failure>(errno: Errno) -> T {
    errno.set();
    T::VALUE
}
