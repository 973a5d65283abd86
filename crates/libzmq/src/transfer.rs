//! Sending and receiving.

use std::ffi::{c_int, c_void};

use ringmq::{SendError, Socket};
use ringmq_message::Frame;

use crate::arguments::{bytes, room_at};
use crate::boundary::catch;
use crate::errors::Errno;
use crate::message::{Msg, copied, size};
use crate::socket::Open;

pub(crate) const DONTWAIT: c_int = 1;
pub(crate) const SNDMORE: c_int = 2;

/// Sends a part.
#[inline]
pub(crate) fn send(socket: &mut Socket, mut frame: Frame, flags: c_int) -> Result<(), SendError> {
    frame.set_more(flags & SNDMORE != 0);
    if flags & DONTWAIT != 0 {
        socket.try_send_part(frame)
    } else {
        socket.send_part(frame)
    }
}

/// Receives a part.
#[inline]
pub(crate) fn receive(socket: &mut Socket, flags: c_int) -> Result<Frame, Errno> {
    let received = if flags & DONTWAIT != 0 {
        socket.try_recv_part()
    } else {
        socket.recv_part()
    };
    Ok(received?)
}

/// Sends a part that is made of bytes.
///
/// # Safety
///
/// As [`Open::enter`].
#[inline]
unsafe fn send_made(
    handle: *mut c_void,
    make: impl FnOnce() -> Result<Frame, Errno>,
    len: usize,
    flags: c_int,
) -> Result<c_int, Errno> {
    // SAFETY: the caller's.
    let mut open = unsafe { Open::enter(handle) }?;
    match send(&mut open.socket, make()?, flags) {
        Ok(()) => Ok(size(len)),
        Err(error) => Err((&error.reason).into()),
    }
}

/// Sends a copy of bytes.
#[unsafe(no_mangle)]
unsafe extern "C" fn zmq_send(
    handle: *mut c_void,
    from: *const c_void,
    len: usize,
    flags: c_int,
) -> c_int {
    catch(|| {
        // SAFETY: the caller's contract.
        let bytes = unsafe { bytes(from, len) }?;
        if flags & SNDMORE != 0 {
            // SAFETY: the caller's contract.
            return unsafe { send_made(handle, || copied(bytes), len, flags) };
        }
        // SAFETY: the caller's contract.
        let mut open = unsafe { Open::enter(handle) }?;
        let sent = if flags & DONTWAIT != 0 {
            open.socket.try_send_slice(bytes)
        } else {
            open.socket.send_slice(bytes)
        };
        sent.map_err(|refusal| Errno::from(&refusal))?;
        Ok(size(len))
    })
}

/// Sends bytes that stay where they are for ever.
#[unsafe(no_mangle)]
unsafe extern "C" fn zmq_send_const(
    handle: *mut c_void,
    from: *const c_void,
    len: usize,
    flags: c_int,
) -> c_int {
    catch(|| {
        // SAFETY: the caller's contract, which says that the bytes outlive all who may read them.
        let make = || Ok(Frame::from_static(unsafe { bytes(from, len) }?));
        // SAFETY: the caller's contract.
        unsafe { send_made(handle, make, len, flags) }
    })
}

/// Receives a part into memory of the caller's; what does not fit is dropped.
#[unsafe(no_mangle)]
unsafe extern "C" fn zmq_recv(
    handle: *mut c_void,
    to: *mut c_void,
    room: usize,
    flags: c_int,
) -> c_int {
    catch(|| {
        // SAFETY: the caller's contract.
        let mut open = unsafe { Open::enter(handle) }?;
        // SAFETY: the caller's contract.
        let into = unsafe { room_at(to, room) }?;
        let received = if flags & DONTWAIT != 0 {
            open.socket.try_recv_uninit(into)
        } else {
            open.socket.recv_uninit(into)
        };
        Ok(size(received?))
    })
}

/// Sends a message, which is empty then.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn zmq_msg_send(
    msg: *mut Msg,
    handle: *mut c_void,
    flags: c_int,
) -> c_int {
    catch(|| {
        // SAFETY: the caller's contract.
        let mut open = unsafe { Open::enter(handle) }?;
        // SAFETY: the caller's contract.
        let held = unsafe { Msg::get(msg) }?;
        let len = held.len();
        held.set_more(flags & SNDMORE != 0);
        let sent = if flags & DONTWAIT != 0 {
            open.socket.try_send_part_from(held)
        } else {
            open.socket.send_part_from(held)
        };
        sent.map_err(|refusal| Errno::from(&refusal))?;
        Ok(size(len))
    })
}

/// Receives a message, in the place of what is there.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn zmq_msg_recv(
    msg: *mut Msg,
    handle: *mut c_void,
    flags: c_int,
) -> c_int {
    catch(|| {
        // SAFETY: the caller's contract.
        let mut open = unsafe { Open::enter(handle) }?;
        // SAFETY: the caller's contract.
        let held = unsafe { Msg::get(msg) }?;
        if flags & DONTWAIT != 0 {
            open.socket.try_recv_part_into(held)?;
        } else {
            open.socket.recv_part_into(held)?;
        }
        Ok(size(held.len()))
    })
}

/// Formerly [`zmq_msg_send`].
#[unsafe(no_mangle)]
unsafe extern "C" fn zmq_sendmsg(handle: *mut c_void, msg: *mut Msg, flags: c_int) -> c_int {
    // SAFETY: the caller's contract is the same.
    unsafe { zmq_msg_send(msg, handle, flags) }
}

/// Formerly [`zmq_msg_recv`].
#[unsafe(no_mangle)]
unsafe extern "C" fn zmq_recvmsg(handle: *mut c_void, msg: *mut Msg, flags: c_int) -> c_int {
    // SAFETY: the caller's contract is the same.
    unsafe { zmq_msg_recv(msg, handle, flags) }
}
