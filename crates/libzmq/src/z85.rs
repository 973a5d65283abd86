//! Z85: four bytes as five printable characters (ZeroMQ RFC 32).

use std::ffi::{CStr, c_char};

use ringmq::z85;

use crate::arguments::bytes;
use crate::boundary::catch;
use crate::errors::Errno;

/// Writes a text, and a NUL.
///
/// # Safety
///
/// There is room for it at `to`.
pub(crate) unsafe fn put(text: &str, to: *mut c_char) {
    let ended = [text.as_bytes(), &[0]].concat();
    // SAFETY: the caller's.
    unsafe { std::ptr::copy_nonoverlapping(ended.as_ptr(), to.cast(), ended.len()) };
}

/// Writes `len` bytes as a text; `to` has room for 5 characters for each 4 of them, and a NUL.
#[unsafe(no_mangle)]
unsafe extern "C" fn zmq_z85_encode(to: *mut c_char, from: *const u8, len: usize) -> *mut c_char {
    catch(|| {
        if !len.is_multiple_of(4) || to.is_null() {
            return Err(Errno::INVALID);
        }
        // SAFETY: the caller's contract.
        let from = unsafe { bytes(from.cast(), len) }?;
        let text = z85::encode(from).map_err(|_| Errno::INVALID)?;
        // SAFETY: the caller's contract says that there is room.
        unsafe { put(&text, to) };
        Ok(to)
    })
}

/// Reads the bytes back; `to` has room for 4 of them for each 5 characters.
#[unsafe(no_mangle)]
unsafe extern "C" fn zmq_z85_decode(to: *mut u8, from: *const c_char) -> *mut u8 {
    catch(|| {
        if to.is_null() || from.is_null() {
            return Err(Errno::INVALID);
        }
        // SAFETY: not null, and the caller's contract.
        let text = unsafe { CStr::from_ptr(from) }.to_bytes();
        if text.is_empty() {
            return Err(Errno::INVALID);
        }
        let bytes = z85::decode(text).map_err(|_| Errno::INVALID)?;
        // SAFETY: the caller's contract says that there is room.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), to, bytes.len()) };
        Ok(to)
    })
}
