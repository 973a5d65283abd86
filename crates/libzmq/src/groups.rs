//! Groups of RADIO and DISH.

use std::ffi::{c_char, c_int, c_void};

use ringmq::{Kind, OptionError, Socket};

use crate::arguments;
use crate::boundary::catch;
use crate::errors::Errno;
use crate::socket::Open;

/// Joins or leaves a group.
///
/// # Safety
///
/// As the two below.
unsafe fn at_group(
    handle: *mut c_void,
    group: *const c_char,
    run: fn(&mut Socket, &[u8]) -> Result<(), OptionError>,
) -> c_int {
    catch(|| {
        // SAFETY: the caller's contract.
        let mut open = unsafe { Open::change(handle) }?;
        // SAFETY: the caller's contract.
        let group = unsafe { arguments::text_bytes(group) }?;
        if open.socket.kind() != Kind::Dish {
            return Err(Errno::NOT_SUPPORTED);
        }
        run(&mut open.socket, group)?;
        Ok(0)
    })
}

/// Asks for the messages of a group, in a DISH.
#[unsafe(no_mangle)]
unsafe extern "C" fn zmq_join(handle: *mut c_void, group: *const c_char) -> c_int {
    // SAFETY: the caller's contract.
    unsafe { at_group(handle, group, |socket, group| socket.join(group)) }
}

/// Leaves a group that a DISH has joined.
#[unsafe(no_mangle)]
unsafe extern "C" fn zmq_leave(handle: *mut c_void, group: *const c_char) -> c_int {
    // SAFETY: the caller's contract.
    unsafe { at_group(handle, group, |socket, group| socket.leave(group)) }
}
