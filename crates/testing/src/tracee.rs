//! A process that is stepped, one instruction after the other.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;

/// A forked child that is traced (ptrace(2)): it stops where it calls [`stop`], and runs instruction by
/// instruction from there. It is killed and reaped when this is dropped.
///
/// A fork and not a [role](crate::spawn_role), because there are to be thousands of them.
#[derive(Debug)]
pub struct Tracee {
    pid: i32,
}

/// What a step led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stepped {
    /// One instruction on.
    On,
    /// The next [`stop`].
    Stop,
}

/// In a tracee: stops.
#[inline(never)]
pub fn stop() {
    // SAFETY: a signal for the calling thread, which its tracer hears of; it is not delivered.
    unsafe { libc::raise(libc::SIGSTOP) };
}

impl Tracee {
    /// Forks a child that does `body`, and ends. It has a copy of everything that the caller has, but no
    /// other threads.
    ///
    /// # Panics
    ///
    /// If the kernel refuses.
    pub fn fork(body: impl FnOnce()) -> Tracee {
        let pid = fork_traced(body);
        Tracee { pid }
    }

    fn wait(&self) -> i32 {
        let mut status = 0;
        // SAFETY: waits for a child of ours; the status is ours.
        let waited = unsafe { libc::waitpid(self.pid, &mut status, 0) };
        assert_eq!(waited, self.pid, "{}", std::io::Error::last_os_error());
        status
    }

    /// Waits for the first [`stop`].
    ///
    /// # Panics
    ///
    /// If it ends instead.
    pub fn until_stop(&mut self) {
        let status = self.wait();
        assert!(is_stop(status), "{status:#x} instead of a stop");
    }

    /// Runs one instruction, or one system call, of a tracee that has stopped.
    ///
    /// # Panics
    ///
    /// If it ends or gets a signal.
    pub fn step(&mut self) -> Stepped {
        // SAFETY: the child is ours and stopped; the address is not looked at, and no signal is passed on.
        let stepped = unsafe {
            libc::ptrace(
                libc::PTRACE_SINGLESTEP,
                self.pid,
                ptr::null_mut::<libc::c_void>(),
                ptr::null_mut::<libc::c_void>(),
            )
        };
        assert_eq!(stepped, 0, "{}", std::io::Error::last_os_error());
        let status = self.wait();
        if is_stop(status) {
            return Stepped::Stop;
        }
        assert!(
            libc::WIFSTOPPED(status) && libc::WSTOPSIG(status) == libc::SIGTRAP,
            "{status:#x} instead of a step"
        );
        Stepped::On
    }

    /// Takes so many steps, or as many as there are until the next [`stop`]; returns how many.
    ///
    /// # Panics
    ///
    /// As [`step`](Tracee::step).
    pub fn step_on(&mut self, most: u64) -> u64 {
        let mut taken = 0;
        while taken < most && self.step() == Stepped::On {
            taken += 1;
        }
        taken
    }

    /// Kills it where it is (SIGKILL), and reaps it.
    pub fn kill(self) {
        drop(self);
    }
}

impl Drop for Tracee {
    fn drop(&mut self) {
        // SAFETY: a child of ours that was not reaped, so the number is still its own.
        unsafe { libc::kill(self.pid, libc::SIGKILL) };
        let mut status = 0;
        // A stop may come before the end.
        // SAFETY: waits for a child of ours; the status is ours.
        while unsafe { libc::waitpid(self.pid, &mut status, 0) } == self.pid
            && libc::WIFSTOPPED(status)
        {}
    }
}

/// Forks a child that asks to be traced, does `body`, and ends.
pub(crate) fn fork_traced(body: impl FnOnce()) -> i32 {
    // SAFETY: the child runs `body`, which is a test's, and ends by _exit; it neither unwinds nor returns. What
    // a child of a process with threads may do is little by POSIX; glibc lets it allocate, too.
    let pid = unsafe { libc::fork() };
    assert!(pid >= 0);
    if pid == 0 {
        // SAFETY: asks for a signal at the parent's end; no pointers.
        unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
        // SAFETY: asks for tracing; the other arguments are not looked at.
        let asked = unsafe { libc::ptrace(libc::PTRACE_TRACEME, 0, 0, 0) };
        let done = asked == 0 && catch_unwind(AssertUnwindSafe(body)).is_ok();
        // SAFETY: ends the child without running anything that belongs to the parent.
        unsafe { libc::_exit(i32::from(!done)) };
    }
    pid
}

fn is_stop(status: i32) -> bool {
    libc::WIFSTOPPED(status) && libc::WSTOPSIG(status) == libc::SIGSTOP
}
