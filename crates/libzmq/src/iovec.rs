//! Multipart messages from and to arrays of memory.

use std::ffi::{c_int, c_void};
use std::mem::{self, MaybeUninit};

use ringmq::UnsentError;
use ringmq_message::{Frame, Message};

use crate::arguments::{bytes, out};
use crate::boundary::catch;
use crate::errors::Errno;
use crate::message::{copied, size};
use crate::socket::Open;
use crate::transfer::{DONTWAIT, SNDMORE, finish, receive, send};

/// Sends each element as a message; with `SNDMORE` all of them as one, or none of them.
#[unsafe(no_mangle)]
unsafe extern "C" fn zmq_sendiov(
    handle: *mut c_void,
    parts: *mut libc::iovec,
    count: usize,
    flags: c_int,
) -> c_int {
    catch(|| {
        // SAFETY: the caller's contract.
        let mut open = unsafe { Open::enter(handle) }?;
        if count == 0 || parts.is_null() {
            return Err(Errno::INVALID);
        }
        // SAFETY: the caller's contract.
        let parts = unsafe { std::slice::from_raw_parts(parts, count) };
        let mut message = Message::new();
        for part in parts {
            // SAFETY: the caller's contract.
            let mut frame = copied(unsafe { bytes(part.iov_base, part.iov_len) }?)?;
            if flags & SNDMORE != 0 {
                message.push(frame);
            } else {
                open = send(open, &mut frame, flags)?;
            }
        }
        if flags & SNDMORE != 0 {
            let sent = if flags & DONTWAIT != 0 {
                open.socket.try_send(message)
            } else {
                open.socket.send(message)
            };
            if let Err(UnsentError { reason, message }) = sent {
                let mut rest = message;
                finish(open, reason, |socket, woken| {
                    let sent = socket.send_again(mem::take(&mut rest), woken);
                    sent.map_err(|UnsentError { reason, message }| {
                        rest = message;
                        reason
                    })
                })?;
            }
        }
        Ok(size(parts[count - 1].iov_len))
    })
}

/// Receives the parts of a message, each into memory that the caller frees. Returns how many there were room for.
#[unsafe(no_mangle)]
unsafe extern "C" fn zmq_recviov(
    handle: *mut c_void,
    parts: *mut libc::iovec,
    count: *mut usize,
    flags: c_int,
) -> c_int {
    catch(|| {
        // SAFETY: the caller's contract.
        let mut open = unsafe { Open::enter(handle) }?;
        // SAFETY: the caller's contract.
        let count = unsafe { out(count) }.map_err(|_| Errno::INVALID)?;
        if *count == 0 || parts.is_null() {
            return Err(Errno::INVALID);
        }
        // SAFETY: the caller's contract. What is there need not be initialised.
        let parts: &mut [MaybeUninit<libc::iovec>] =
            unsafe { std::slice::from_raw_parts_mut(parts.cast(), *count) };
        *count = 0;
        for part in parts {
            let mut frame = Frame::new();
            open = receive(open, &mut frame, flags)?;
            // SAFETY: any size will do.
            let memory = unsafe { libc::malloc(frame.len().max(1)) };
            if memory.is_null() {
                return Err(Errno::NO_MEMORY);
            }
            // SAFETY: it was made as long as the frame.
            unsafe { std::ptr::copy_nonoverlapping(frame.as_ptr(), memory.cast(), frame.len()) };
            part.write(libc::iovec {
                iov_base: memory,
                iov_len: frame.len(),
            });
            *count += 1;
            if !frame.more() {
                break;
            }
        }
        Ok(size(*count))
    })
}
