//! Proxies: whatever comes in at one socket leaves through another, and back.

use std::ffi::{c_int, c_void};

use ringmq::{Proxy, ProxyEnd, Socket};

use crate::boundary::catch;
use crate::errors::Errno;
use crate::handle::Guard;
use crate::socket::Open;

/// The socket behind a handle that may be null.
///
/// # Safety
///
/// As [`Open::enter`].
unsafe fn optional(handle: *mut c_void) -> Result<Option<Guard<Open>>, Errno> {
    if handle.is_null() {
        return Ok(None);
    }
    // SAFETY: the caller's.
    unsafe { Open::enter(handle) }.map(Some)
}

fn socket(open: &mut Option<Guard<Open>>) -> Option<&mut Socket> {
    open.as_mut().map(|open| &mut open.socket)
}

/// Runs a proxy that is told by messages to pause, to go on, to end, or what it has done.
#[unsafe(no_mangle)]
unsafe extern "C" fn zmq_proxy_steerable(
    frontend: *mut c_void,
    backend: *mut c_void,
    capture: *mut c_void,
    control: *mut c_void,
) -> c_int {
    catch(|| {
        if frontend.is_null() || backend.is_null() {
            return Err(Errno::FAULT);
        }
        let other = if backend == frontend {
            std::ptr::null_mut()
        } else {
            backend
        };
        // SAFETY: the caller's contract; so for the others.
        let mut front = unsafe { Open::enter(frontend) }?;
        // SAFETY: as above.
        let mut back = unsafe { optional(other) }?;
        // SAFETY: as above.
        let mut capture = unsafe { optional(capture) }?;
        // SAFETY: as above.
        let mut control = unsafe { optional(control) }?;
        let mut proxy = match socket(&mut back) {
            Some(back) => Proxy::between(&mut front.socket, back),
            None => Proxy::of(&mut front.socket),
        };
        if let Some(capture) = socket(&mut capture) {
            proxy = proxy.capture(capture);
        }
        if let Some(control) = socket(&mut control) {
            proxy = proxy.control(control);
        }
        match proxy.run()? {
            ProxyEnd::Told => Ok(0),
            ProxyEnd::Shutdown => Err(Errno::TERMINATED),
        }
    })
}

/// Runs a proxy, until the context ends.
#[unsafe(no_mangle)]
unsafe extern "C" fn zmq_proxy(
    frontend: *mut c_void,
    backend: *mut c_void,
    capture: *mut c_void,
) -> c_int {
    // SAFETY: the caller's contract is the same.
    unsafe { zmq_proxy_steerable(frontend, backend, capture, std::ptr::null_mut()) }
}

/// Formerly [`zmq_proxy`].
#[unsafe(no_mangle)]
unsafe extern "C" fn zmq_device(
    _kind: c_int,
    frontend: *mut c_void,
    backend: *mut c_void,
) -> c_int {
    // SAFETY: the caller's contract is the same.
    unsafe { zmq_proxy(frontend, backend, std::ptr::null_mut()) }
}
