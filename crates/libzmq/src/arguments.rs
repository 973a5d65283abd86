//! From what C passes to what Rust takes.

use std::borrow::Cow;
use std::ffi::{CStr, c_char, c_void};
use std::mem::MaybeUninit;

use ringmq::endpoint_text;

use crate::errors::Errno;

/// A text.
///
/// # Safety
///
/// Null, or a text with a NUL at its end that outlives `'a`.
pub(crate) unsafe fn text<'a>(from: *const c_char) -> Result<&'a str, Errno> {
    // SAFETY: the caller's.
    let text = unsafe { text_bytes(from) }?;
    std::str::from_utf8(text).map_err(|_| Errno::INVALID)
}

/// As [`text`], of bytes that need not be UTF-8.
///
/// # Safety
///
/// As [`text`].
pub(crate) unsafe fn text_bytes<'a>(from: *const c_char) -> Result<&'a [u8], Errno> {
    if from.is_null() {
        return Err(Errno::INVALID);
    }
    // SAFETY: not null, and the caller vouches for the rest.
    Ok(unsafe { CStr::from_ptr(from) }.to_bytes())
}

/// An endpoint, whose bytes need not be UTF-8.
///
/// # Safety
///
/// As [`text`].
pub(crate) unsafe fn endpoint<'a>(from: *const c_char) -> Result<Cow<'a, str>, Errno> {
    if from.is_null() {
        return Err(Errno::INVALID);
    }
    // SAFETY: not null, and the caller vouches for the rest.
    let bytes = unsafe { CStr::from_ptr(from) }.to_bytes();
    Ok(endpoint_text(bytes))
}

/// Bytes to read. None at all may be at null. An address that is not null is kept, also without bytes.
///
/// # Safety
///
/// `len` bytes can be read at `from`, and do not change, for as long as `'a`; or `len` is 0.
#[inline]
pub(crate) unsafe fn bytes<'a>(from: *const c_void, len: usize) -> Result<&'a [u8], Errno> {
    if from.is_null() {
        return if len == 0 { Ok(&[]) } else { Err(Errno::FAULT) };
    }
    if isize::try_from(len).is_err() {
        // There is no memory for a copy of so many.
        return Err(Errno::NO_MEMORY);
    }
    // SAFETY: not null, no longer than any object can be, and the caller vouches for the rest.
    Ok(unsafe { std::slice::from_raw_parts(from.cast(), len) })
}

/// Room to write to, which need not be initialised. None at all may be at null.
///
/// # Safety
///
/// `len` bytes can be written at `to`, and nothing else uses them for as long as `'a`; or `len` is 0.
#[inline]
pub(crate) unsafe fn room_at<'a>(
    to: *mut c_void,
    len: usize,
) -> Result<&'a mut [MaybeUninit<u8>], Errno> {
    if len == 0 {
        return Ok(&mut []);
    }
    if to.is_null() {
        return Err(Errno::FAULT);
    }
    // A caller that knows its room to be large enough may say SIZE_MAX: no object is longer than this, nor goes beyond
    // the last address.
    let most = (isize::MAX as usize).min(usize::MAX - to.addr());
    let len = len.min(most);
    // SAFETY: not null, no longer than any object can be, and the caller vouches for the rest.
    Ok(unsafe { std::slice::from_raw_parts_mut(to.cast(), len) })
}

/// Stores a value where nothing need be yet.
///
/// # Safety
///
/// Null, or a `T` can be written at `to`.
pub(crate) unsafe fn store<T>(to: *mut T, value: T) -> Result<(), Errno> {
    if to.is_null() || !to.is_aligned() {
        return Err(Errno::FAULT);
    }
    // SAFETY: not null, aligned, and the caller vouches for the rest.
    unsafe { to.write(value) };
    Ok(())
}

/// Something that is there, to read and to write.
///
/// # Safety
///
/// Null, or a `T` that no other code uses for as long as `'a`.
pub(crate) unsafe fn out<'a, T>(to: *mut T) -> Result<&'a mut T, Errno> {
    if !to.is_null() && !to.is_aligned() {
        return Err(Errno::FAULT);
    }
    // SAFETY: aligned, and the caller vouches for the rest.
    unsafe { to.as_mut() }.ok_or(Errno::FAULT)
}
