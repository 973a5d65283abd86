//! Huge pages for memory of our own.
//!
//! They are transparent huge pages of an ordinary memfd: the memory has the same file system, seals and size as without
//! them, and a peer of any version takes it. Pages of hugetlbfs have to be set aside by the administrator, and a peer
//! [refuses](crate::AdoptMemoryError::FileSystem) them: a touch of those can fail.

use std::io;
use std::os::fd::BorrowedFd;

use rustix::fs::FallocateFlags;
use rustix::io::Errno;

use crate::mapping::Mapping;
use crate::page::{huge_page_size, page_size};

/// Why memory has ordinary pages, although huge ones were asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HugePagesError {
    /// The kernel makes none for shared memory: it is older than 6.1, was built without transparent huge pages, or is set
    /// not to make them (`shmem_enabled` is `deny`, `PR_SET_THP_DISABLE`).
    #[error("the kernel makes no huge pages for shared memory")]
    Unsupported,
    /// There are not enough contiguous pages, or the memory cgroup has no more.
    #[error("no memory for huge pages")]
    Memory,
    /// The memory is shorter than a huge page, or there is no address for it that is a multiple of the huge page.
    #[error("the memory has no place for a huge page")]
    Place,
}

/// Gives huge pages to all whole huge pages of new memory, which is not allocated yet and can be written.
///
/// A range without any page has no huge page made for it, and one with all pages is copied. So each range gets its first
/// page before.
///
/// Source: madvise(2), `MADV_COLLAPSE`.
pub(crate) fn make_huge(fd: BorrowedFd<'_>, mapping: &Mapping) -> Result<(), HugePagesError> {
    let size = huge_page_size();
    if size == 0 {
        return Err(HugePagesError::Unsupported);
    }
    let start = mapping.as_ptr();
    let whole = mapping.len() / size * size;
    if whole == 0 || !start.addr().get().is_multiple_of(size) {
        return Err(HugePagesError::Place);
    }
    for at in (0..whole).step_by(size) {
        let page = page_size() as u64;
        let first = || rustix::fs::fallocate(fd, FallocateFlags::empty(), at as u64, page);
        // A signal can come before each try, and is handled by then.
        let done = std::iter::repeat_with(first).find(|done| *done != Err(Errno::INTR));
        done.unwrap_or(Ok(())).map_err(reason)?;
    }
    // SAFETY: invariant M of the mapping: the range lies in it. The advice changes no contents.
    let advised = unsafe { libc::madvise(start.as_ptr().cast(), whole, libc::MADV_COLLAPSE) };
    match advised {
        0 => Ok(()),
        _ => Err(match io::Error::last_os_error().raw_os_error() {
            Some(error) => reason(Errno::from_raw_os_error(error)),
            None => HugePagesError::Unsupported,
        }),
    }
}

fn reason(errno: Errno) -> HugePagesError {
    match errno {
        Errno::INVAL | Errno::OPNOTSUPP => HugePagesError::Unsupported,
        // What the pages cannot be had for now: memory, or the limit of the cgroup (EBUSY).
        _ => HugePagesError::Memory,
    }
}
