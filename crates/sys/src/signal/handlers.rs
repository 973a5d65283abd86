//! Which signals have a handler in this process.

use std::cell::Cell;

use rustix::thread::ClockId;

use super::Mask;

/// Linux has signals 1 to 64.
const SIGNALS: i32 = 64;

/// Signals for which the runtime of every Rust program has a handler. They are raised by what a thread does, not while
/// it sleeps.
const OF_RUNTIME: [i32; 2] = [libc::SIGSEGV, libc::SIGBUS];

/// Whether a handler of the program may have run in the calling thread, which a system call was interrupted for.
/// epoll_wait(2), unlike poll(2), also fails with `EINTR` after the process was stopped and continued, or a debugger was
/// attached.
pub(crate) fn may_have_run() -> bool {
    Mask::current().map_or(true, |own| handled(&own, &OF_RUNTIME) != 0)
}

/// Whether a handler of the program could have run in the calling thread when that was last looked at, a second ago at
/// most.
pub(crate) fn were_seen() -> bool {
    thread_local! {
        /// The second of the look, and what was seen.
        static SEEN: Cell<(i64, bool)> = const { Cell::new((i64::MIN, false)) };
    }
    let now = rustix::time::clock_gettime(ClockId::MonotonicCoarse).tv_sec;
    // A thread whose locals are being torn down looks each time.
    match SEEN.try_with(Cell::get) {
        Ok((at, seen)) if at == now => seen,
        _ => {
            let seen = may_have_run();
            let _ = SEEN.try_with(|last| last.set((now, seen)));
            seen
        }
    }
}

/// The signals that have a handler and are neither in `blocked` nor in `left_out`; bit 0 is signal 1. Costs 5 µs.
pub(super) fn handled(blocked: &libc::sigset_t, left_out: &[i32]) -> u64 {
    let mut handled = 0;
    for signal in (1..=SIGNALS).filter(|signal| !left_out.contains(signal)) {
        // SAFETY: all-zero bytes are a valid sigaction.
        let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
        // SAFETY: without a new action the call only writes the present one. It refuses the numbers that
        // the C library has for itself, whose handlers are not the program's.
        let failed = unsafe { libc::sigaction(signal, std::ptr::null(), &mut action) };
        let has_handler = ![libc::SIG_DFL, libc::SIG_IGN].contains(&action.sa_sigaction);
        // SAFETY: the set is initialised, and the number is a signal's.
        let is_open = unsafe { libc::sigismember(blocked, signal) } == 0;
        if failed == 0 && has_handler && is_open {
            handled |= bit(signal);
        }
    }
    handled
}

fn bit(signal: i32) -> u64 {
    1 << (signal - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_are_the_bits_of_the_kernel() {
        assert_eq!(bit(libc::SIGHUP), 1);
        assert_eq!(bit(libc::SIGKILL), 0x100);
        assert_eq!(bit(SIGNALS), 1 << 63);
    }
}
