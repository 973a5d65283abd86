//! Fault 13: a child made by fork(2) has its parent's pipes and must not use them.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod calls;
mod parent;

use std::os::fd::AsFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use ringmq_pipe::{Listener, Options, Pipe, Vow};

/// A child of fork(2).
struct Child {
    pid: i32,
}

impl Child {
    /// Forks, and runs `body` in the child, which then ends at once.
    fn run(body: impl FnOnce()) -> Child {
        // SAFETY: the child has this thread only. What it calls takes no lock that another thread can hold at this
        // moment: the others of this program wait, or are about their own pipes.
        match unsafe { libc::fork() } {
            -1 => panic!("fork: {}", std::io::Error::last_os_error()),
            0 => {
                let outcome = catch_unwind(AssertUnwindSafe(body));
                // SAFETY: ends the process without running anything of the parent's.
                unsafe { libc::_exit(if outcome.is_ok() { 0 } else { 101 }) }
            }
            pid => Child { pid },
        }
    }

    /// Waits for its end, which has to be a good one: no panic, no signal.
    #[track_caller]
    fn ends_well(self) {
        let mut status = 0;
        // SAFETY: a child of ours that was not reaped, and a result of ours.
        let reaped = unsafe { libc::waitpid(self.pid, &mut status, 0) };
        assert_eq!(
            (reaped, status),
            (self.pid, 0),
            "the child's status, as waitpid has it"
        );
    }
}

/// Both ends of a pipe that went through connection set-up.
fn connected(listener: &mut Listener, options: &Options) -> (Pipe, Pipe) {
    let address = listener.address();
    ringmq_testing::scope(|scope| {
        let client = scope.spawn(|| options.connect(&address).unwrap());
        let accepted = listener.accept_deadline(later()).unwrap();
        (accepted, client.join().unwrap())
    })
}

fn later() -> Instant {
    Instant::now() + Duration::from_secs(1000)
}

fn vow() -> Vow {
    // SAFETY: both ends belong to this test, which writes no message that it has published.
    unsafe { Vow::new() }
}

/// Fetches both descriptors of an end, which changes how it tells of things.
fn fetch_descriptors(pipe: &mut Pipe) {
    let _ = pipe.as_fd();
    let _ = pipe.sender().as_fd();
}

fn recv(pipe: &mut Pipe) -> Vec<u8> {
    let mut message = Vec::new();
    pipe.receiver().recv(&mut message).unwrap();
    message
}
