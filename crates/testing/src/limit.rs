//! How many descriptors and mappings, and how much memory, a process may have.

use std::ffi::c_void;

/// Lets this process have so many descriptors, no more and no fewer. Says whether the system allows that.
///
/// # Panics
///
/// If the kernel does not say what it allows.
pub fn limit_descriptors(most: u64) -> bool {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: the result is ours.
    let told = unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) };
    assert_eq!(told, 0);
    limit.rlim_cur = most;
    // SAFETY: reads what is ours.
    most <= limit.rlim_max && unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &limit) } == 0
}

/// Lets this process map so many bytes more than it has mapped now, and no more (`RLIMIT_AS`). Says whether the system
/// allows that.
///
/// # Panics
///
/// If the kernel does not say how much is mapped.
pub fn limit_memory(more: u64) -> bool {
    let told = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: u64 = told.split(' ').next().unwrap().parse().unwrap();
    // SAFETY: asks for a number.
    let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    let limit = libc::rlimit {
        rlim_cur: pages * u64::try_from(page).unwrap() + more,
        rlim_max: libc::RLIM_INFINITY,
    };
    // SAFETY: reads what is ours.
    unsafe { libc::setrlimit(libc::RLIMIT_AS, &limit) == 0 }
}

/// Mappings of no use, which are gone when this is dropped.
#[derive(Debug)]
pub struct Mappings {
    start: *mut c_void,
    len: usize,
}

/// Takes all mappings that the kernel still allows this process (`vm.max_map_count`): it splits one mapping into as many
/// as it can, by other rights for every other page. `None` if the kernel allows more than a million.
///
/// # Panics
///
/// If the address space has no room for it.
pub fn use_up_mappings() -> Option<Mappings> {
    // SAFETY: asks for a number.
    let page = usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap();
    let count = 1 << 20;
    let (len, flags) = (
        count * page,
        libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE,
    );
    // SAFETY: a new mapping touches no memory of ours.
    let start = unsafe { libc::mmap(std::ptr::null_mut(), len, libc::PROT_NONE, flags, -1, 0) };
    assert_ne!(start, libc::MAP_FAILED);
    let mappings = Mappings { start, len };
    for odd in (1..count).step_by(2) {
        // SAFETY: within the mapping.
        let at = unsafe { start.byte_add(odd * page) };
        // SAFETY: a page of the mapping, to which nothing points.
        if unsafe { libc::mprotect(at, page, libc::PROT_READ) } != 0 {
            return Some(mappings);
        }
    }
    None
}

impl Drop for Mappings {
    fn drop(&mut self) {
        // SAFETY: this mapping, to which nothing points.
        unsafe { libc::munmap(self.start, self.len) };
    }
}
