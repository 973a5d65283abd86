//! Signals for a thread that spins: they must end a call as they end one that sleeps.

use std::io;
use std::marker::PhantomData;
use std::mem::MaybeUninit;

/// Signals that a thread raises by what it does itself; to block them would kill or hang it.
const FAULTS: [i32; 7] = [
    libc::SIGSEGV,
    libc::SIGBUS,
    libc::SIGFPE,
    libc::SIGILL,
    libc::SIGTRAP,
    libc::SIGSYS,
    libc::SIGABRT,
];

/// Keeps signals out of the calling thread, and lets those that wait in where it suits the caller,
/// who then learns of it.
///
/// A thread that spins is not told that a signal handler ran; one that sleeps in the kernel is
/// (`EINTR`). Behind a gate, handlers run inside [`check`](Self::check) only, so both are alike: no
/// handler runs between "is there something to do?" and the answer without the caller knowing.
///
/// Sleeping behind a closed gate would make a call deaf to signals; drop the gate first.
///
/// Source: ppoll(2), pthread_sigmask(3), signal(7).
///
/// ```
/// use ringmq_sys::SignalGate;
///
/// let gate = SignalGate::close()?;
/// for _round in 0..10 {
///     gate.check()?; // Err(Interrupted) once a handler has run
/// }
/// drop(gate); // the thread's mask is as before
/// # std::io::Result::Ok(())
/// ```
#[derive(Debug)]
pub struct SignalGate {
    /// The thread's mask as it was, and as [`check`](Self::check) and drop put it.
    before: libc::sigset_t,
    /// A mask belongs to a thread, so the gate stays in its thread.
    _stays: PhantomData<*const ()>,
}

impl SignalGate {
    /// Blocks, in the calling thread, every signal that can be blocked, save those that a fault of the
    /// thread itself raises (SEGV, BUS, FPE, ILL, TRAP, SYS, ABRT).
    ///
    /// # Errors
    /// What pthread_sigmask(3) answers; nothing is expected.
    pub fn close() -> io::Result<SignalGate> {
        let mut blocked = MaybeUninit::<libc::sigset_t>::uninit();
        // SAFETY: sigfillset initialises the set it is given, which is large enough by its type.
        unsafe { libc::sigfillset(blocked.as_mut_ptr()) };
        for signal in FAULTS {
            // SAFETY: the set was initialised by sigfillset, and the number is a signal's.
            unsafe { libc::sigdelset(blocked.as_mut_ptr(), signal) };
        }
        let mut before = MaybeUninit::<libc::sigset_t>::uninit();
        // SAFETY: both sets are of the right type; the first is initialised, the second is written.
        let failed = unsafe {
            libc::pthread_sigmask(libc::SIG_BLOCK, blocked.as_ptr(), before.as_mut_ptr())
        };
        if failed != 0 {
            return Err(io::Error::from_raw_os_error(failed));
        }
        // SAFETY: pthread_sigmask succeeded, so it has written the former mask.
        let before = unsafe { before.assume_init() };
        Ok(SignalGate {
            before,
            _stays: PhantomData,
        })
    }

    /// Lets the signals in that wait outside, and says whether a handler ran. Does not sleep.
    ///
    /// # Errors
    /// `Interrupted` when a handler ran.
    pub fn check(&self) -> io::Result<()> {
        let at_once = libc::timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        // A timeout of zero is enough: the kernel installs the mask, and looks for signals, before it
        // looks at the time (measured on 6.18, and tested). An error says that a handler ran: for a
        // signal without one the kernel starts the call again.
        // SAFETY: no descriptors are given, so the null pointer is not followed; the timeout and the
        // mask outlive the call.
        let answer = unsafe { libc::ppoll(std::ptr::null_mut(), 0, &at_once, &self.before) };
        if answer < 0 {
            Err(io::Error::last_os_error())
        } else {
            Ok(())
        }
    }
}

impl Drop for SignalGate {
    fn drop(&mut self) {
        // SAFETY: `before` is the mask that pthread_sigmask wrote in `close`, in this very thread (the
        // type is not Send), and the old mask is not asked for.
        let _ =
            unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &self.before, std::ptr::null_mut()) };
    }
}
