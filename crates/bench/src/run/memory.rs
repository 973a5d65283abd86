//! The bare shared memory of the two sides.
//!
//! Both sides are this program and trust each other, so there are no seals and no checks of the contents. The pipe has
//! both, and its distance from the floor includes their cost.

use std::os::fd::{AsFd, OwnedFd};
use std::ptr::NonNull;
use std::sync::atomic::AtomicU64;

use rustix::fs::{MemfdFlags, ftruncate, memfd_create};
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};

use crate::error::{Error, SHORT_OF};

/// The bytes that no two writers may share: a cache line, and the next one, which some processors fetch along with it.
pub(crate) const LINE: usize = 128;

/// Creates a memfd of `bytes` zeros.
pub(crate) fn create(bytes: usize) -> Result<OwnedFd, Error> {
    let fd = memfd_create(c"ringmq-perf", MemfdFlags::CLOEXEC)
        .map_err(Error::os("create shared memory", SHORT_OF))?;
    ftruncate(&fd, bytes as u64).map_err(Error::os("size shared memory", SHORT_OF))?;
    Ok(fd)
}

/// A memfd that is mapped for reading and writing.
#[derive(Debug)]
pub(crate) struct Shared {
    /// Mapped for `len` bytes until this is dropped; nothing else unmaps it.
    base: NonNull<u8>,
    len: usize,
}

impl Shared {
    /// Maps the first `len` bytes and touches every page.
    pub(crate) fn map(fd: impl AsFd, len: usize) -> Result<Shared, Error> {
        let stat = rustix::fs::fstat(&fd).map_err(Error::os("look at shared memory", SHORT_OF))?;
        assert!(
            stat.st_size as u64 >= len as u64,
            "{} bytes, not {len}",
            stat.st_size
        );
        let flags = MapFlags::SHARED | MapFlags::POPULATE;
        // SAFETY: a new mapping at an address that the kernel chooses: it is part of no Rust object.
        let base = unsafe {
            mmap(
                std::ptr::null_mut(),
                len,
                ProtFlags::READ | ProtFlags::WRITE,
                flags,
                fd,
                0,
            )
        };
        let base = base.map_err(Error::os("map shared memory", SHORT_OF))?;
        let base = NonNull::new(base.cast()).ok_or_else(|| Error::Os {
            step: "map shared memory",
            source: std::io::ErrorKind::AddrNotAvailable.into(),
            remedy: SHORT_OF,
        })?;
        Ok(Shared { base, len })
    }

    /// The word at offset `at`. Both sides use it only as an atomic.
    #[inline(always)]
    pub(crate) fn word(&self, at: usize) -> &AtomicU64 {
        assert!(at.is_multiple_of(8) && at < self.len && self.len - at >= 8);
        // SAFETY: `at` is in bounds, as just checked.
        let word = unsafe { self.base.add(at) };
        // SAFETY: aligned, because the base is that of a page; mapped while `self` lives. This crate uses each place as
        // a word through this function only, or the place is not yet published.
        unsafe { AtomicU64::from_ptr(word.as_ptr().cast()) }
    }

    /// Copies `bytes` to offset `at`.
    ///
    /// # Safety
    ///
    /// No other thread or process reads or writes this place until this side publishes it by a release store.
    #[inline(always)]
    pub(crate) unsafe fn copy_in(&self, at: usize, bytes: &[u8]) {
        assert!(at <= self.len && self.len - at >= bytes.len());
        // SAFETY: in bounds, as just checked.
        let to = unsafe { self.base.add(at) };
        // SAFETY: in bounds; a mapping does not overlap a Rust object; the caller guarantees the rest.
        unsafe { to.copy_from_nonoverlapping(NonNull::from(bytes).cast(), bytes.len()) };
    }

    /// Copies from offset `at` to `bytes`.
    ///
    /// # Safety
    ///
    /// This side saw this place published by an acquire load. No thread or process writes the place until this side
    /// gives it back.
    #[inline(always)]
    pub(crate) unsafe fn copy_out(&self, at: usize, bytes: &mut [u8]) {
        assert!(at <= self.len && self.len - at >= bytes.len());
        // SAFETY: in bounds, as just checked.
        let from = unsafe { self.base.add(at) };
        // SAFETY: in bounds; a mapping does not overlap a Rust object; the caller guarantees the rest.
        unsafe { from.copy_to_nonoverlapping(NonNull::from(&mut *bytes).cast(), bytes.len()) };
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // SAFETY: `map` mapped exactly this, and references into it ended with the borrow of `self`. An error would
        // mean that there is no such mapping.
        let _ = unsafe { munmap(self.base.as_ptr().cast(), self.len) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::Ordering;

    #[test]
    fn two_mappings_are_one_memory() {
        let fd = create(3 * LINE).unwrap();
        let one = Shared::map(&fd, 3 * LINE).unwrap();
        let other = Shared::map(&fd, 3 * LINE).unwrap();
        let mut seen = [0; 5];
        // SAFETY: there is only this thread.
        unsafe { one.copy_in(LINE, b"hello") };
        one.word(0).store(7, Ordering::Release);
        assert_eq!(other.word(0).load(Ordering::Acquire), 7);
        // SAFETY: there is only this thread.
        unsafe { other.copy_out(LINE, &mut seen) };
        assert_eq!(&seen, b"hello");
    }

    #[test]
    #[should_panic(expected = "assertion failed")]
    fn what_is_out_of_bounds_is_refused() {
        let shared = Shared::map(create(LINE).unwrap(), LINE).unwrap();
        shared.word(LINE);
    }
}
