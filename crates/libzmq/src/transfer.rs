//! Sending and receiving.

use std::ffi::{c_int, c_void};

use ringmq::{Socket, Woken};
use ringmq_message::Frame;

use crate::arguments::{bytes, room_at};
use crate::boundary::catch;
use crate::errors::Errno;
use crate::handle::Guard;
use crate::message::{Msg, copied, size};
use crate::socket::Open;

pub(crate) const DONTWAIT: c_int = 1;
pub(crate) const SNDMORE: c_int = 2;

/// Ends a call that was not done at once: while it has to wait, leaves the socket to other threads, rests, and makes it
/// again.
#[cold]
#[inline(never)]
pub(crate) fn finish<T, E>(
    mut open: Guard<Open>,
    mut error: E,
    mut again: impl FnMut(&mut Socket, Woken) -> Result<T, E>,
) -> Result<(Guard<Open>, T), Errno>
where
    Errno: From<E>,
{
    while let Some(mut pause) = open.socket.take_pause() {
        let (slot, life) = (open.slot(), open.life());
        if pause.is_brief() {
            drop(open);
            slot.let_in();
        } else {
            Open::leave(open);
        }
        let rested = pause.rest();
        open = Open::back(slot, life)?;
        pause.serve();
        match again(&mut open.socket, rested?) {
            Ok(done) => {
                if open.socket.is_waited_for() {
                    open.socket.wake_others();
                }
                return Ok((open, done));
            }
            Err(refused) => error = refused,
        }
    }
    Err(error.into())
}

/// Sends a part.
#[inline]
pub(crate) fn send(
    mut open: Guard<Open>,
    frame: &mut Frame,
    flags: c_int,
) -> Result<Guard<Open>, Errno> {
    frame.set_more(flags & SNDMORE != 0);
    let sent = if flags & DONTWAIT != 0 {
        open.socket.try_send_part_from(frame)
    } else {
        open.socket.send_part_from(frame)
    };
    let Err(refusal) = sent else {
        return Ok(open);
    };
    let again = |socket: &mut Socket, woken| socket.send_part_from_again(frame, woken);
    finish(open, refusal, again).map(|(open, ())| open)
}

/// Receives a part.
#[inline]
pub(crate) fn receive(
    mut open: Guard<Open>,
    frame: &mut Frame,
    flags: c_int,
) -> Result<Guard<Open>, Errno> {
    let received = if flags & DONTWAIT != 0 {
        open.socket.try_recv_part_into(frame)
    } else {
        open.socket.recv_part_into(frame)
    };
    let Err(error) = received else {
        return Ok(open);
    };
    let again = |socket: &mut Socket, woken| socket.recv_part_into_again(frame, woken);
    finish(open, error, again).map(|(open, ())| open)
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
    let open = unsafe { Open::enter(handle) }?;
    send(open, &mut make()?, flags)?;
    Ok(size(len))
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
        if let Err(refusal) = sent {
            finish(open, refusal, |socket, woken| {
                socket.send_slice_again(bytes, woken)
            })?;
        }
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
        match received {
            Ok(len) => Ok(size(len)),
            Err(error) => finish(open, error, |socket, woken| {
                socket.recv_uninit_again(into, woken)
            })
            .map(|(_, len)| size(len)),
        }
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
        let open = unsafe { Open::enter(handle) }?;
        // SAFETY: the caller's contract.
        let held = unsafe { Msg::get(msg) }?;
        let len = held.len();
        send(open, held, flags)?;
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
        let open = unsafe { Open::enter(handle) }?;
        // SAFETY: the caller's contract.
        let held = unsafe { Msg::get(msg) }?;
        receive(open, held, flags)?;
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
