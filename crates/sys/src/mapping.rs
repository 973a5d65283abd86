//! Shared memory in this process: where it is, and for how long.

use std::ffi::c_void;
use std::io;
use std::os::fd::BorrowedFd;
use std::ptr::NonNull;

use rustix::io::Errno;
use rustix::mm::{Advice, MapFlags, ProtFlags};

use crate::fork::ForkMark;
use crate::page::{huge_page_size, page_size};

/// Whether `len` can be the length of shared memory: a positive multiple of the page that fits in
/// `isize`, as pointer arithmetic demands.
pub(crate) fn fits(len: usize) -> bool {
    len > 0 && isize::try_from(len).is_ok() && len.is_multiple_of(page_size())
}

/// Returns true if this process can map one more page: it has not as many mappings as it may have (`vm.max_map_count`), nor
/// as much address space (`RLIMIT_AS`).
#[must_use]
pub fn can_map() -> bool {
    let len = page_size();
    let (access, flags) = (ProtFlags::empty(), MapFlags::PRIVATE | MapFlags::NORESERVE);
    // SAFETY: a new mapping at an address of the kernel's choice touches no memory of ours.
    let mapped = unsafe { rustix::mm::mmap_anonymous(std::ptr::null_mut(), len, access, flags) };
    let Ok(start) = mapped else {
        return false;
    };
    // SAFETY: the range is exactly the new mapping, to which nothing points.
    let _ = unsafe { rustix::mm::munmap(start, len) };
    true
}

/// An address at which memory of this length can have huge pages, here and now: a multiple of the huge page. Null, which
/// is any address, if the memory is too short for one. The kernel takes another address if a thread has taken this one.
fn hint(len: usize) -> *mut c_void {
    let size = huge_page_size();
    if size == 0 || len < size {
        return std::ptr::null_mut();
    }
    let Some(room) = len.checked_add(size) else {
        return std::ptr::null_mut();
    };
    let (access, flags) = (ProtFlags::empty(), MapFlags::PRIVATE | MapFlags::NORESERVE);
    // SAFETY: a new mapping at an address of the kernel's choice touches no memory of ours.
    let mapped = unsafe { rustix::mm::mmap_anonymous(std::ptr::null_mut(), room, access, flags) };
    let Ok(start) = mapped else {
        return std::ptr::null_mut();
    };
    // SAFETY: the range is exactly the new mapping, to which nothing points.
    let _ = unsafe { rustix::mm::munmap(start, room) };
    let aligned = start.addr().next_multiple_of(size);
    start.with_addr(aligned)
}

/// A piece of shared memory in this process: an address and a length, unmapped on drop.
///
/// It hands out no reference and no slice, because another process writes there (or reads what we
/// write). Code that uses [`as_ptr`](Self::as_ptr) argues its accesses in its own `SAFETY` comments.
///
/// A forked child does not have the mapping (`MADV_DONTFORK`): touching it there is a fault, and
/// dropping it there does nothing. [`mark`](Self::mark) tells the two apart.
///
/// Invariant M: in the process of `mark`, `start` is the page-aligned start of a `MAP_SHARED`
/// mapping of exactly `len` bytes that this value alone unmaps, readable, and writable if
/// `writable`; the file behind it cannot become shorter.
#[derive(Debug)]
pub struct Mapping {
    start: NonNull<u8>,
    len: usize,
    writable: bool,
    mark: ForkMark,
}

// SAFETY: invariant M: a mapping belongs to the process, not to a thread, and may be unmapped by any.
unsafe impl Send for Mapping {}
// SAFETY: by shared reference one gets the address and the length, which never change; every access to the memory
// itself is argued where the pointer is dereferenced.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Maps `len` bytes of `fd` from its start, where they can have huge pages.
    pub(crate) fn new(
        fd: BorrowedFd<'_>,
        len: usize,
        writable: bool,
        mark: &ForkMark,
    ) -> io::Result<Mapping> {
        Mapping::at(hint(len), fd, len, writable, mark)
    }

    /// Maps `len` bytes of `fd` from its start, for which huge pages are of no use: it takes fewer system calls.
    pub(crate) fn anywhere(
        fd: BorrowedFd<'_>,
        len: usize,
        writable: bool,
        mark: &ForkMark,
    ) -> io::Result<Mapping> {
        Mapping::at(std::ptr::null_mut(), fd, len, writable, mark)
    }

    fn at(
        hint: *mut c_void,
        fd: BorrowedFd<'_>,
        len: usize,
        writable: bool,
        mark: &ForkMark,
    ) -> io::Result<Mapping> {
        let access = if writable {
            ProtFlags::READ | ProtFlags::WRITE
        } else {
            ProtFlags::READ
        };
        // SAFETY: a new mapping at an address that is free touches no memory of ours: a hint does not replace a mapping.
        let start = unsafe { rustix::mm::mmap(hint, len, access, MapFlags::SHARED, fd, 0) }?;
        let Some(address) = NonNull::new(start.cast::<u8>()) else {
            return Err(io::Error::from_raw_os_error(libc::ENOMEM));
        };
        // From here on `mapping` unmaps on every way out.
        let mapping = Mapping {
            start: address,
            len,
            writable,
            mark: mark.clone(),
        };
        // SAFETY: invariant M: the range is exactly our mapping, and the advice changes only what a
        // child will see.
        unsafe { rustix::mm::madvise(start, len, Advice::LinuxDontFork) }?;
        Ok(mapping)
    }

    /// Lets a forked child have the mapping, too: it can read there, and so find what this process wrote before and after
    /// the fork. Dropping the value does nothing there.
    ///
    /// # Errors
    /// What madvise(2) answers.
    pub fn let_children_read(&self) -> io::Result<()> {
        if !self.mark.is_here() {
            return Err(io::Error::from_raw_os_error(libc::ENOMEM));
        }
        let start = self.start.as_ptr().cast::<c_void>();
        // SAFETY: invariant M: the range is exactly our mapping, and the advice changes only what a
        // child will see.
        unsafe { rustix::mm::madvise(start, self.len, Advice::LinuxDoFork) }?;
        Ok(())
    }

    /// Where the memory starts: aligned to a page, valid for [`len`](Self::len) bytes for as long as
    /// this value lives, in the process that made it.
    #[inline]
    #[must_use]
    pub fn as_ptr(&self) -> NonNull<u8> {
        self.start
    }

    /// Length in bytes: a positive multiple of the page size, at most `isize::MAX`.
    #[inline]
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a mapping is never empty")]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether this process may write: true for memory of our own, false for a peer's.
    #[inline]
    #[must_use]
    pub fn is_writable(&self) -> bool {
        self.writable
    }

    /// The mark of the process in which the mapping exists.
    #[inline]
    #[must_use]
    pub fn mark(&self) -> &ForkMark {
        &self.mark
    }

    /// Makes every page present, so that the first touch of each costs no page fault.
    ///
    /// On a kernel before 5.14, each page is read. That maps it for writing, too: the kernel keeps no account of the pages
    /// of a memfd that are written.
    ///
    /// Source: madvise(2), `MADV_POPULATE_READ` and `MADV_POPULATE_WRITE`.
    ///
    /// # Errors
    /// `ENOMEM`, or another refusal; the mapping remains usable.
    pub fn prefault(&self) -> io::Result<()> {
        if !self.mark.is_here() {
            return Err(io::Error::from_raw_os_error(libc::ENOMEM));
        }
        let advice = if self.writable {
            Advice::LinuxPopulateWrite
        } else {
            Advice::LinuxPopulateRead
        };
        // SAFETY: invariant M: the range is exactly our mapping; populating changes no contents.
        let advised =
            unsafe { rustix::mm::madvise(self.start.as_ptr().cast::<c_void>(), self.len, advice) };
        match advised {
            Err(Errno::INVAL) => self.touch(),
            other => other?,
        }
        Ok(())
    }

    /// Reads a byte of every page.
    fn touch(&self) {
        for at in (0..self.len).step_by(page_size()) {
            let byte = self.start.as_ptr().wrapping_add(at);
            // SAFETY: invariant M: within the mapping, which is readable; volatile because another process may write.
            unsafe { byte.read_volatile() };
        }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // In a forked child the mapping is absent, and its addresses may belong to something else.
        if self.mark.is_here() {
            // SAFETY: invariant M: the range is ours alone, and the borrow checker has seen the last
            // use of this value; pointers that outlive it are their holder's fault (`as_ptr`).
            let _ = unsafe { rustix::mm::munmap(self.start.as_ptr().cast::<c_void>(), self.len) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::OwnMemory;

    /// Page faults of this thread so far.
    fn faults() -> i64 {
        // SAFETY: all zeros is a value of this struct of numbers.
        let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
        // SAFETY: the pointer is to a value of the right type.
        unsafe { libc::getrusage(libc::RUSAGE_THREAD, &raw mut usage) };
        usage.ru_minflt
    }

    #[test]
    #[cfg_attr(miri, ignore)]
    fn pages_that_were_touched_take_no_faults() {
        let pages = 256;
        let len = pages * page_size();
        let mark = ForkMark::current().unwrap();
        let filled = |touch: &dyn Fn(&Mapping)| {
            let memory = OwnMemory::create("ringmq-test", len, &mark).unwrap();
            touch(memory.mapping());
            let before = faults();
            for at in (0..len).step_by(page_size()) {
                let byte = memory.mapping().as_ptr().as_ptr().wrapping_add(at);
                // SAFETY: within the mapping, which is writable and this thread's alone.
                unsafe { byte.write_volatile(1) };
            }
            usize::try_from(faults() - before).unwrap()
        };
        assert!(filled(&|_| {}) >= pages, "each page is new");
        assert!(filled(&|mapping| mapping.prefault().unwrap()) < pages / 8);
        // What older kernels come to.
        assert!(filled(&Mapping::touch) < pages / 8);
    }
}
