//! Signals: threads that take none, and a thread that spins and is still interrupted by them.

pub(crate) mod handlers;
mod rivals;

use std::io;
use std::marker::PhantomData;
use std::mem::MaybeUninit;

use rivals::Rivals;

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

/// The signal mask that the calling thread had. Dropping it sets that mask again.
#[derive(Debug)]
struct Mask {
    before: libc::sigset_t,
    /// A mask belongs to a thread, so this value stays in its thread.
    _stays: PhantomData<*const ()>,
}

impl Mask {
    /// The signals that the calling thread blocks.
    fn current() -> io::Result<libc::sigset_t> {
        let mut now = MaybeUninit::<libc::sigset_t>::uninit();
        // SAFETY: without a new set the mask is only written, to a set of the right type.
        let failed =
            unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, std::ptr::null(), now.as_mut_ptr()) };
        if failed != 0 {
            return Err(io::Error::from_raw_os_error(failed));
        }
        // SAFETY: pthread_sigmask succeeded, so it has written the mask.
        Ok(unsafe { now.assume_init() })
    }

    /// Blocks every signal that can be blocked, save `open`.
    fn block_all_but(open: &[i32]) -> io::Result<Mask> {
        let mut blocked = MaybeUninit::<libc::sigset_t>::uninit();
        // SAFETY: sigfillset initialises the set it is given, which is large enough by its type.
        unsafe { libc::sigfillset(blocked.as_mut_ptr()) };
        for &signal in open {
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
        Ok(Mask {
            before,
            _stays: PhantomData,
        })
    }
}

impl Drop for Mask {
    fn drop(&mut self) {
        // SAFETY: `before` is the mask that pthread_sigmask wrote, in this very thread (the type is not
        // Send), and the old mask is not asked for.
        let _ =
            unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &self.before, std::ptr::null_mut()) };
    }
}

/// Runs `work` while the calling thread blocks every signal that can be blocked, and sets its mask again.
///
/// A thread that `work` starts has the blocked mask from its first instruction. The library starts each of
/// its threads in this way: signals belong to the threads of the program, which may block them to read them
/// by sigwait(3) or signalfd(2), and their handlers run in those threads only.
///
/// Source: pthread_sigmask(3), pthread_create(3).
///
/// # Errors
/// What pthread_sigmask(3) answers; nothing is expected. `work` did not run then.
///
/// ```
/// let thread = ringmq_sys::without_signals(|| std::thread::spawn(|| 1 + 1))?;
/// assert_eq!(thread.join().unwrap(), 2);
/// # std::io::Result::Ok(())
/// ```
pub fn without_signals<T>(work: impl FnOnce() -> T) -> io::Result<T> {
    let _blocked = Mask::block_all_but(&[])?;
    Ok(work())
}

/// Keeps signals out of the calling thread while it spins, and lets pending ones in where the caller learns
/// of it.
///
/// A thread that sleeps in the kernel is told that a signal handler ran (`EINTR`); one that spins is not.
/// Behind a gate, handlers run inside [`check`](Self::check) only, so both are alike.
///
/// A signal that is sent to the process goes to a thread that does not block it, and the kernel prefers the
/// main thread. The main thread must therefore not block a signal that another thread could take instead:
/// that thread's call would be interrupted, or none. So there is no gate in the main thread while another
/// thread has a signal open for which there is a handler. The caller sleeps then: nothing tells a thread that
/// a handler ran while it computed. In any other thread the kernel is free to choose whom it interrupts, and
/// a gate changes nothing that a program can rely on.
///
/// Handlers and masks of other threads are looked at when a gate is closed and every tenth
/// [`check`](Self::check). Threads that came or went are noticed then; a thread that only changed its mask is
/// noticed within a second.
///
/// Sleeping behind a closed gate would make a call deaf to signals; drop the gate first.
///
/// Source: ppoll(2), pthread_sigmask(3), signal(7).
///
/// ```
/// use ringmq_sys::SignalGate;
///
/// if let Some(mut gate) = SignalGate::close()? {
///     for _round in 0..10 {
///         // Err(Interrupted) once a handler has run; false: drop the gate, and sleep
///         let _may_spin_on = gate.check()?;
///     }
/// } // the thread's mask is as before
/// # std::io::Result::Ok(())
/// ```
#[derive(Debug)]
pub struct SignalGate {
    mask: Mask,
    /// Calls of [`check`](Self::check) until the other threads are looked at again.
    until_look: u32,
}

/// Checks between two looks at the other threads.
const LOOK_EVERY: u32 = 10;

impl SignalGate {
    /// Blocks, in the calling thread, every signal that can be blocked, save those that a fault of the
    /// thread itself raises (SEGV, BUS, FPE, ILL, TRAP, SYS, ABRT). `None` if the thread has to keep its
    /// signals open.
    ///
    /// # Errors
    /// What pthread_sigmask(3) answers; nothing is expected.
    pub fn close() -> io::Result<Option<SignalGate>> {
        let own = Mask::current()?;
        if Rivals::exist(&own) {
            return Ok(None);
        }
        Ok(Some(SignalGate {
            mask: Mask::block_all_but(&FAULTS)?,
            until_look: LOOK_EVERY,
        }))
    }

    /// Closes a gate if there is none, and [checks](Self::check) it otherwise: for a spin that calls this now
    /// and then. Says whether the thread may go on spinning.
    ///
    /// # Errors
    /// As [`close`](Self::close) and [`check`](Self::check).
    pub fn close_or_check(gate: &mut Option<SignalGate>) -> io::Result<bool> {
        match gate {
            Some(gate) => gate.check(),
            None => {
                *gate = SignalGate::close()?;
                Ok(gate.is_some())
            }
        }
    }

    /// Lets pending signals in. Does not sleep. Says whether the thread may go on spinning; if not, it is to
    /// drop the gate and to sleep.
    ///
    /// # Errors
    /// `Interrupted` when a handler ran.
    pub fn check(&mut self) -> io::Result<bool> {
        self.until_look -= 1;
        let mut alone = true;
        if self.until_look == 0 {
            self.until_look = LOOK_EVERY;
            alone = !Rivals::exist(&self.mask.before);
        }
        let at_once = libc::timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        // A timeout of zero is enough: the kernel installs the mask, and looks for signals, before it
        // looks at the time (measured on 6.18, and tested). An error says that a handler ran: for a
        // signal without one the kernel starts the call again.
        // SAFETY: no descriptors are given, so the null pointer is not followed; the timeout and the
        // mask outlive the call.
        let answer = unsafe { libc::ppoll(std::ptr::null_mut(), 0, &at_once, &self.mask.before) };
        if answer < 0 {
            Err(io::Error::last_os_error())
        } else {
            Ok(alone)
        }
    }
}
