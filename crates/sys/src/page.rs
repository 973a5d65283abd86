//! The size of a page of memory.

/// Bytes in a page of memory; the length of every mapping of shared memory is a multiple of it.
#[must_use]
pub fn page_size() -> usize {
    // SAFETY: sysconf reads a constant of the system and has no preconditions.
    let size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    usize::try_from(size).unwrap_or(4096)
}
