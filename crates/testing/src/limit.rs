//! How many descriptors, and how much memory, a process may have.

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
