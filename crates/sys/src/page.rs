//! The sizes of pages of memory.

use std::fs;
use std::sync::OnceLock;

/// Bytes in a page of memory; the length of every mapping of shared memory is a multiple of it.
#[must_use]
pub fn page_size() -> usize {
    // SAFETY: sysconf reads a constant of the system and has no preconditions.
    let size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    usize::try_from(size).unwrap_or(4096)
}

/// Bytes of a huge page; 0 if the kernel has none.
pub(crate) fn huge_page_size() -> usize {
    static SIZE: OnceLock<usize> = OnceLock::new();
    *SIZE.get_or_init(|| {
        let text = fs::read_to_string("/sys/kernel/mm/transparent_hugepage/hpage_pmd_size");
        let size = text.ok().and_then(|text| text.trim().parse().ok());
        size.filter(|size: &usize| size.is_power_of_two() && *size > page_size())
            .unwrap_or(0)
    })
}
