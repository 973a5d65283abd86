//! A process of several threads, traced from system call to system call.

use std::collections::HashSet;
use std::io;
use std::ptr;

use crate::tracee::fork_traced;

/// A forked child all of whose threads are traced (ptrace(2)): it can be killed at any system call of any thread, and so
/// many instructions later. It is killed and reaped when this is dropped.
///
/// Its threads run at the same time, so that the order of their calls is not the same each time.
#[derive(Debug)]
pub struct Followed {
    pid: i32,
    threads: HashSet<i32>,
    /// A thread that has stopped, and was not told to go on: at a [`stop`](crate::stop).
    stopped: Option<i32>,
}

/// Why a thread has stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Halt {
    /// It is new, has made a new one, or has ended.
    Thread,
    /// It begins or ends a system call.
    Call,
    /// One instruction on.
    Step,
    /// A [`stop`](crate::stop).
    Stop,
    /// A signal that it is to get.
    Signal(i32),
}

impl Followed {
    /// Forks a child that does `body`, and waits for its first [`stop`](crate::stop), before which it must not make
    /// threads. It has a copy of everything that the caller has, but no other threads.
    ///
    /// # Panics
    ///
    /// If the kernel refuses, or the child ends instead.
    pub fn fork(body: impl FnOnce()) -> Followed {
        let pid = fork_traced(|| {
            // Its threads are waited for by this number.
            // SAFETY: a group of its own for the calling process; no pointers.
            assert_eq!(unsafe { libc::setpgid(0, 0) }, 0);
            body();
        });
        let mut status = 0;
        // SAFETY: waits for a child of ours; the status is ours.
        let waited = unsafe { libc::waitpid(pid, &mut status, 0) };
        let followed = Followed {
            pid,
            threads: HashSet::from([pid]),
            stopped: Some(pid),
        };
        assert!(
            waited == pid && halt(status) == Some(Halt::Stop),
            "{status:#x}"
        );
        let options =
            libc::PTRACE_O_TRACECLONE | libc::PTRACE_O_TRACESYSGOOD | libc::PTRACE_O_EXITKILL;
        followed.request(libc::PTRACE_SETOPTIONS, pid, options);
        followed
    }

    fn request(&self, request: libc::c_uint, thread: i32, data: i32) {
        // SAFETY: a thread of our child that has stopped; none of these requests looks at the address, and the data is a
        // number.
        let done = unsafe {
            libc::ptrace(
                request,
                thread,
                ptr::null_mut::<libc::c_void>(),
                ptr::without_provenance_mut::<libc::c_void>(data as usize),
            )
        };
        // One that is being killed cannot be asked any more.
        assert!(
            done == 0 || io::Error::last_os_error().raw_os_error() == Some(libc::ESRCH),
            "{}",
            io::Error::last_os_error()
        );
    }

    /// Runs all threads until they have begun or ended `most` system calls together, and then the thread of the last one
    /// for `steps` instructions; or until one comes to its next [`stop`](crate::stop). Returns how many calls were begun or
    /// ended.
    ///
    /// # Panics
    ///
    /// If the process ends, or `most` is 0.
    pub fn run(&mut self, most: u64, steps: u64) -> u64 {
        assert!(most > 0);
        let (mut calls, mut left) = (0, steps);
        let mut stepped = None;
        if let Some(thread) = self.stopped.take() {
            self.request(libc::PTRACE_SYSCALL, thread, 0);
        }
        while calls < most || left > 0 {
            let (thread, halt) = self.wait();
            let mut signal = 0;
            match halt {
                None => {
                    self.threads.remove(&thread);
                    assert!(
                        thread != self.pid && stepped != Some(thread),
                        "process {thread} has ended"
                    );
                    continue;
                }
                Some(Halt::Stop) if self.threads.contains(&thread) => {
                    self.stopped = Some(thread);
                    return calls;
                }
                Some(Halt::Stop) => {
                    self.threads.insert(thread);
                }
                Some(Halt::Thread) => {}
                Some(Halt::Call) if calls < most => {
                    calls += 1;
                    stepped = (calls == most).then_some(thread);
                }
                Some(Halt::Call) => {}
                Some(Halt::Step) => left -= 1,
                Some(Halt::Signal(number)) => signal = number,
            }
            let request = if stepped == Some(thread) {
                libc::PTRACE_SINGLESTEP
            } else {
                libc::PTRACE_SYSCALL
            };
            self.request(request, thread, signal);
        }
        calls
    }

    /// Waits for the next thread that stops, or ends: then there is no reason.
    fn wait(&self) -> (i32, Option<Halt>) {
        let mut status = 0;
        // SAFETY: waits for threads of our child, which is a group of its own; the status is ours.
        let thread = unsafe { libc::waitpid(-self.pid, &mut status, libc::__WALL) };
        assert!(thread > 0, "{}", io::Error::last_os_error());
        (thread, halt(status))
    }

    /// Kills it where it is (SIGKILL), and reaps it.
    pub fn kill(self) {
        drop(self);
    }
}

/// Why a thread has stopped; `None` if it has ended.
fn halt(status: i32) -> Option<Halt> {
    const CALL: i32 = libc::SIGTRAP | 0x80;
    libc::WIFSTOPPED(status).then(|| match libc::WSTOPSIG(status) {
        CALL => Halt::Call,
        libc::SIGTRAP if status >> 16 != 0 => Halt::Thread,
        libc::SIGTRAP => Halt::Step,
        libc::SIGSTOP => Halt::Stop,
        signal => Halt::Signal(signal),
    })
}

impl Drop for Followed {
    fn drop(&mut self) {
        if self.threads.contains(&self.pid) {
            // SAFETY: a child of ours that was not reaped, so the number is still its own.
            unsafe { libc::kill(self.pid, libc::SIGKILL) };
        }
        let mut status = 0;
        // Its threads first, each of which may still say that it has stopped.
        // SAFETY: waits for threads of our child; the status is ours.
        while unsafe { libc::waitpid(-self.pid, &mut status, libc::__WALL) } > 0 {}
    }
}
