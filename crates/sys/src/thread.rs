//! How a thread is scheduled, and what it is called.

use std::collections::BTreeSet;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};

/// Tells the threads of this process apart that run at the same time. Another thread may get the key of one that has ended.
///
/// Costs an address, where [`std::thread::current`] counts a handle.
///
/// ```
/// use ringmq_sys::ThreadKey;
///
/// let here = ThreadKey::current();
/// assert_eq!(ThreadKey::current(), here);
/// std::thread::scope(|scope| {
///     scope.spawn(|| assert_ne!(ThreadKey::current(), here));
/// });
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ThreadKey(usize);

impl ThreadKey {
    /// The key of the calling thread.
    #[inline]
    #[must_use]
    pub fn current() -> ThreadKey {
        thread_local! {
            static PLACE: u8 = const { 0 };
        }
        ThreadKey(PLACE.with(|place| std::ptr::from_ref(place).addr()))
    }
}

/// Runs `work` with no cancellation of this thread in between: pthread_cancel(3) acts behind it. Calls that the standard
/// library makes are points of cancellation, and the stack cannot be unwound by it.
pub fn uncancelled<T>(work: impl FnOnce() -> T) -> T {
    unsafe extern "C" {
        fn pthread_setcancelstate(state: libc::c_int, old: *mut libc::c_int) -> libc::c_int;
    }
    /// `PTHREAD_CANCEL_DISABLE` of both C libraries of Linux.
    const DISABLE: libc::c_int = 1;
    struct Restore(libc::c_int);
    impl Drop for Restore {
        fn drop(&mut self) {
            // SAFETY: the state is one that the C library has given; it writes to no memory.
            unsafe { pthread_setcancelstate(self.0, std::ptr::null_mut()) };
        }
    }
    let mut old = 0;
    // SAFETY: it writes the old state.
    let failed = unsafe { pthread_setcancelstate(DISABLE, &raw mut old) };
    let _restore = (failed == 0).then_some(Restore(old));
    work()
}

/// Duplicates a descriptor, for a caller that has only its number.
///
/// # Errors
/// `EBADF` if it is not open; `EMFILE`.
pub fn duplicate(descriptor: &impl AsRawFd) -> io::Result<OwnedFd> {
    // SAFETY: the borrowed descriptor is used for this call only, which fails if it is not open.
    let descriptor = unsafe { BorrowedFd::borrow_raw(descriptor.as_raw_fd()) };
    descriptor.try_clone_to_owned()
}

/// CPUs with a greater number than this do not exist on any Linux.
const MOST_CPU: u32 = 1 << 19;

/// Scheduling, CPUs and name of the I/O threads of a context. The default leaves all to the system.
///
/// ```
/// use ringmq_sys::ThreadOptions;
///
/// let options = ThreadOptions::new().cpu(0).name_prefix("feed");
/// assert_eq!(options.name("io"), "feed/io");
/// assert_eq!(ThreadOptions::new().name("io"), "io");
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ThreadOptions {
    policy: Option<i32>,
    priority: Option<i32>,
    cpus: BTreeSet<u32>,
    prefix: String,
}

impl ThreadOptions {
    /// Leaves all to the system.
    #[must_use]
    pub fn new() -> ThreadOptions {
        ThreadOptions::default()
    }

    /// Sets the scheduling policy, by the kernel's number: 0 is `SCHED_OTHER`, 1 `SCHED_FIFO`, 2 `SCHED_RR`.
    #[must_use]
    pub fn policy(mut self, number: i32) -> ThreadOptions {
        self.policy = Some(number);
        self
    }

    /// Sets the priority: 1 to 99 with the policies FIFO and RR. With the others, as in libzmq, any number above 0 asks
    /// for the greatest nice value, -20.
    #[must_use]
    pub fn priority(mut self, priority: i32) -> ThreadOptions {
        self.priority = Some(priority);
        self
    }

    /// Adds a CPU, by its number, to those that the threads may run on. Without any they run on all.
    #[must_use]
    pub fn cpu(mut self, number: u32) -> ThreadOptions {
        self.cpus.insert(number);
        self
    }

    /// Sets what the names of the threads begin with. The kernel shows 15 bytes of a name.
    #[must_use]
    pub fn name_prefix(mut self, prefix: &str) -> ThreadOptions {
        // A name ends at a NUL.
        self.prefix = prefix.split('\0').next().unwrap_or_default().to_owned();
        self
    }

    /// The name of a thread.
    #[must_use]
    pub fn name(&self, of: &str) -> String {
        match self.prefix.as_str() {
            "" => of.to_owned(),
            prefix => format!("{prefix}/{of}"),
        }
    }

    /// Applies scheduling and CPUs to the calling thread. What the kernel refuses does not keep the rest from being tried.
    ///
    /// # Errors
    ///
    /// The first refusal: `PermissionDenied` without the right to a policy, priority or nice value, `InvalidInput` for a
    /// number that does not exist or CPUs that are not there.
    pub fn apply(&self) -> io::Result<()> {
        let scheduled = self.schedule();
        let pinned = self.pin();
        scheduled.and(pinned)
    }

    fn schedule(&self) -> io::Result<()> {
        if self.policy.is_none() && self.priority.is_none() {
            return Ok(());
        }
        // SAFETY: it reads nothing of ours; 0 is the calling thread.
        let current = unsafe { libc::sched_getscheduler(0) };
        let policy = self.policy.unwrap_or(current);
        let real_time = policy == libc::SCHED_FIFO || policy == libc::SCHED_RR;
        let wanted = self.priority.unwrap_or(0);
        if real_time || self.policy.is_some() {
            let parameters = libc::sched_param {
                sched_priority: if real_time { wanted } else { 0 },
            };
            // SAFETY: the pointer is to a structure that outlives the call; 0 is the calling thread.
            done(unsafe { libc::sched_setscheduler(0, policy, &raw const parameters) })?;
        }
        if !real_time && wanted > 0 {
            // SAFETY: it has no pointers. To Linux 0 is the calling thread alone.
            done(unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, -20) })?;
        }
        Ok(())
    }

    fn pin(&self) -> io::Result<()> {
        if self.cpus.is_empty() {
            return Ok(());
        }
        let known = self.cpus.iter().filter(|cpu| **cpu < MOST_CPU);
        let mut mask = vec![0_u64; 16];
        for cpu in known {
            let word = (*cpu / 64) as usize;
            if word >= mask.len() {
                mask.resize(word + 1, 0);
            }
            mask[word] |= 1 << (*cpu % 64);
        }
        let bytes = size_of_val(mask.as_slice());
        // SAFETY: the pointer is good for `bytes` bytes of reading, which is what the call is given; cpu_set_t is an array
        // of words; 0 is the calling thread.
        done(unsafe { libc::sched_setaffinity(0, bytes, mask.as_ptr().cast()) })
    }
}

fn done(answer: libc::c_int) -> io::Result<()> {
    if answer < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::ErrorKind;

    use crate::cpu;

    /// In a thread of its own, which nothing else runs on afterwards.
    fn within<T: Send + 'static>(run: impl FnOnce() -> T + Send + 'static) -> T {
        std::thread::spawn(run).join().unwrap()
    }

    #[test]
    fn a_thread_is_on_the_cpu_that_it_was_given() {
        let cpu = cpu::current();
        let options = ThreadOptions::new().cpu(cpu);
        let (here, allowed) = within(move || {
            options.apply().unwrap();
            (cpu::current(), cpu::allowed())
        });
        assert_eq!((here, allowed), (cpu, 1));
    }

    #[test]
    fn a_policy_that_needs_no_right_is_set() {
        let policy = within(|| {
            ThreadOptions::new()
                .policy(libc::SCHED_BATCH)
                .apply()
                .unwrap();
            // SAFETY: as above.
            unsafe { libc::sched_getscheduler(0) }
        });
        assert_eq!(policy, libc::SCHED_BATCH);
    }

    #[test]
    fn refusals_are_errors_and_the_rest_is_applied() {
        let cpu = cpu::current();
        let refused = ThreadOptions::new().policy(4711).cpu(cpu);
        let (error, allowed) = within(move || (refused.apply().unwrap_err(), cpu::allowed()));
        assert_eq!((error.kind(), allowed), (ErrorKind::InvalidInput, 1));
        for number in [MOST_CPU - 1, u32::MAX] {
            let absent = ThreadOptions::new().cpu(number);
            let error = within(move || absent.apply().unwrap_err());
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{number}");
        }
    }

    #[test]
    fn a_name_ends_before_a_nul() {
        assert_eq!(ThreadOptions::new().name_prefix("a\0b").name("io"), "a/io");
    }
}
