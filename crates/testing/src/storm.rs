//! Signals that come again and again.

use std::ptr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::activity::thread_id;

static HANDLED: AtomicU64 = AtomicU64::new(0);

extern "C" fn handle(_signal: i32) {
    // ORDERING: only the number counts.
    HANDLED.fetch_add(1, Ordering::Relaxed);
}

/// A timer that sends the calling thread a signal (SIGUSR1) again and again, until it is dropped. The
/// handler only counts, and calls that it interrupts are not started again (no SA_RESTART).
#[derive(Debug)]
pub struct SignalStorm {
    timer: libc::timer_t,
    before: u64,
}

impl SignalStorm {
    /// Starts one, in the calling thread, with a signal every `period`.
    ///
    /// # Panics
    ///
    /// If the kernel has no timer left.
    pub fn start(period: Duration) -> SignalStorm {
        // SAFETY: all zero is an action: the default one, without flags.
        let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
        action.sa_sigaction = handle as extern "C" fn(i32) as usize;
        // SAFETY: the handler only adds to an atomic number, which is allowed in a handler.
        let set = unsafe { libc::sigaction(libc::SIGUSR1, &action, ptr::null_mut()) };
        assert_eq!(set, 0);

        // SAFETY: all zero is such a request; the fields that matter are set below.
        let mut event: libc::sigevent = unsafe { std::mem::zeroed() };
        event.sigev_notify = libc::SIGEV_THREAD_ID;
        event.sigev_signo = libc::SIGUSR1;
        event.sigev_notify_thread_id = i32::try_from(thread_id()).unwrap();
        let mut timer: libc::timer_t = ptr::null_mut();
        // SAFETY: the request and the result are ours.
        let made = unsafe { libc::timer_create(libc::CLOCK_MONOTONIC, &mut event, &mut timer) };
        assert_eq!(made, 0);

        let period = libc::timespec {
            tv_sec: period.as_secs() as libc::time_t,
            tv_nsec: libc::c_long::from(period.subsec_nanos()),
        };
        let times = libc::itimerspec {
            it_interval: period,
            it_value: period,
        };
        // SAFETY: the timer was just made, and the times outlive the call.
        let started = unsafe { libc::timer_settime(timer, 0, &times, ptr::null_mut()) };
        assert_eq!(started, 0);
        SignalStorm {
            timer,
            before: handled(),
        }
    }

    /// Signals that were handled since it began (of all storms of this process).
    pub fn handled(&self) -> u64 {
        handled() - self.before
    }
}

fn handled() -> u64 {
    // ORDERING: only the number counts.
    HANDLED.load(Ordering::Relaxed)
}

impl Drop for SignalStorm {
    fn drop(&mut self) {
        // SAFETY: made by `start`, and deleted once.
        unsafe { libc::timer_delete(self.timer) };
    }
}
