//! What a thread is doing, as /proc tells it.

use std::fs;

/// How often a thread has slept, and how long it has run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Activity {
    /// Times that it gave up the CPU: sleeps.
    pub sleeps: u64,
    /// Time on a CPU in nanoseconds.
    pub nanos: u64,
}

/// The number of the calling thread.
pub fn thread_id() -> u32 {
    // SAFETY: reads a number.
    let id = unsafe { libc::gettid() };
    u32::try_from(id).unwrap()
}

impl Activity {
    /// Of thread `thread` of process `process`.
    ///
    /// # Panics
    ///
    /// If there is no such thread.
    pub fn of(process: u32, thread: u32) -> Activity {
        let file = |name| fs::read_to_string(format!("/proc/{process}/task/{thread}/{name}"));
        let status = file("status").unwrap();
        // Exact, where there is such a file; `stat` counts ticks of 10 ms.
        let nanos = match file("schedstat") {
            Ok(line) => line.split_whitespace().next().unwrap().parse().unwrap(),
            Err(_) => ticks(&file("stat").unwrap()) * 10_000_000,
        };
        Activity {
            sleeps: crate::counters::field(&status, "voluntary_ctxt_switches:").unwrap(),
            nanos,
        }
    }
}

/// User and system time, from a line of `/proc/PID/stat`.
fn ticks(stat: &str) -> u64 {
    let fields = stat.rsplit_once(')').unwrap().1;
    let mut fields = fields.split_whitespace().skip(11);
    let mut next = || fields.next().unwrap().parse::<u64>().unwrap();
    next() + next()
}

/// Whether a thread sleeps for its peer: in epoll_wait(2), as a pipe that waits does, or in poll(2) if the program has
/// handlers of signals, as it has under a sanitizer.
pub fn is_asleep(process: u32, thread: u32) -> bool {
    let file = |name: &str| fs::read_to_string(format!("/proc/{process}/task/{thread}/{name}"));
    let state = |stat: String| Some(stat.rsplit_once(')')?.1.trim_start().starts_with('S'));
    // The number of the call that it sleeps in, if we may look; otherwise that it sleeps has to do.
    match file("syscall") {
        Ok(call) => {
            let number = call.split_whitespace().next();
            let number = number.and_then(|number| number.parse::<i64>().ok());
            let sleeps = [
                libc::SYS_epoll_pwait2,
                libc::SYS_epoll_pwait,
                libc::SYS_ppoll,
            ];
            number.is_some_and(|number| sleeps.contains(&number))
        }
        Err(_) => file("stat").ok().and_then(state) == Some(true),
    }
}

/// Waits until a thread sleeps for its peer.
///
/// # Panics
///
/// If the thread ends instead.
pub fn until_asleep(process: u32, thread: u32) {
    let place = format!("/proc/{process}/task/{thread}");
    while !is_asleep(process, thread) {
        assert!(fs::exists(&place).unwrap(), "{place} has ended");
        std::thread::yield_now();
    }
}

/// Waits until a process is gone, or is a zombie that another process reaps.
pub fn until_gone(process: u32) {
    while let Ok(stat) = fs::read_to_string(format!("/proc/{process}/stat")) {
        if stat
            .rsplit_once(')')
            .unwrap()
            .1
            .trim_start()
            .starts_with(['Z', 'X'])
        {
            return;
        }
        std::thread::yield_now();
    }
}

/// Keeps the calling thread on one CPU. Says whether it may run there.
pub fn pin_to(cpu: usize) -> bool {
    // SAFETY: a set of CPUs is words; all zero is the empty one.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    // SAFETY: sets a bit of a set that is ours; a number that is too large sets none.
    unsafe { libc::CPU_SET(cpu, &mut set) };
    // SAFETY: the set is ours and as long as said; 0 is the calling thread.
    unsafe { libc::sched_setaffinity(0, size_of_val(&set), &set) == 0 }
}

/// Nanoseconds of the monotonic clock, which all processes of the machine share.
pub fn now_nanos() -> u64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the result is ours.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}
