//! What a process holds, as /proc tells it.

use std::fs;

/// What a process holds: to be compared before and after.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counters {
    /// Open descriptors.
    pub fds: usize,
    /// Mappings: lines of `/proc/PID/maps`.
    pub maps: usize,
    /// Threads.
    pub threads: usize,
    /// Resident memory, in KiB.
    pub rss_kib: u64,
    /// Resident shared memory (memfds, tmpfs), in KiB: part of `rss_kib`.
    pub shmem_kib: u64,
}

impl Counters {
    /// Of this process.
    pub fn now() -> Counters {
        let mut counters = Counters::of(std::process::id());
        // The one that was open to count them.
        counters.fds -= 1;
        counters
    }

    /// Of another process.
    ///
    /// # Panics
    ///
    /// If there is no such process.
    pub fn of(pid: u32) -> Counters {
        let fds = fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count();
        let maps = fs::read_to_string(format!("/proc/{pid}/maps")).unwrap();
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        // A zombie has no memory, and no lines about it.
        let number = |name: &str| field(&status, name).unwrap_or(0);
        Counters {
            fds,
            maps: maps.lines().count(),
            threads: usize::try_from(number("Threads:")).unwrap(),
            rss_kib: number("VmRSS:"),
            shmem_kib: number("RssShmem:"),
        }
    }
}

/// The first number behind `name` in a text of lines `name: number`.
pub(crate) fn field(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}
