//! `zmq_socket_monitor`.

use std::ffi::{c_char, c_int, c_void};

use crate::arguments::text;
use crate::boundary::catch;
use crate::errors::Errno;
use crate::socket::Open;

/// Would tell what happens to the connections of a socket. Ending what was never begun is no error.
#[unsafe(no_mangle)]
unsafe extern "C" fn zmq_socket_monitor(
    handle: *mut c_void,
    endpoint: *const c_char,
    _events: c_int,
) -> c_int {
    catch(|| {
        // SAFETY: the caller's contract.
        drop(unsafe { Open::enter(handle) }?);
        if endpoint.is_null() {
            return Ok(0);
        }
        // SAFETY: the caller's contract.
        let endpoint = unsafe { text(endpoint) }?;
        if !endpoint.starts_with("inproc://") {
            return Err(Errno(libc::EPROTONOSUPPORT));
        }
        Err(Errno::NOT_SUPPORTED)
    })
}
