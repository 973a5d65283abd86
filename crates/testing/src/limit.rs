//! How many descriptors a process may have.

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
