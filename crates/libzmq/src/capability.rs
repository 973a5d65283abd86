//! What this library is, and can do.

use std::ffi::{c_char, c_int};

use crate::arguments::{store, text};

/// The version of libzmq whose interface this is.
const VERSION: [c_int; 3] = [4, 3, 5];

/// Says which version it is.
#[unsafe(no_mangle)]
unsafe extern "C" fn zmq_version(major: *mut c_int, minor: *mut c_int, patch: *mut c_int) {
    for (to, number) in [major, minor, patch].into_iter().zip(VERSION) {
        // SAFETY: the caller's contract. A part that is not wanted is null.
        let _unwanted = unsafe { store(to, number) };
    }
}

/// Whether something that not every build has is there. Only this library has `ringmq`.
#[unsafe(no_mangle)]
unsafe extern "C" fn zmq_has(capability: *const c_char) -> c_int {
    // SAFETY: the caller's contract.
    let capability = unsafe { text(capability) };
    matches!(capability, Ok("ipc" | "curve" | "ringmq")).into()
}
