//! Threads.

use std::ffi::c_void;
use std::mem::MaybeUninit;
use std::thread::{Builder, JoinHandle};

use crate::boundary::catch;
use crate::errors::Errno;

type ThreadFn = unsafe extern "C" fn(*mut c_void);

/// What a thread is to run.
struct Job {
    run: ThreadFn,
    argument: *mut c_void,
}

// SAFETY: the caller of `zmq_threadstart` passes what another thread may have.
unsafe impl Send for Job {}

impl Job {
    fn run(self) {
        // SAFETY: the caller of `zmq_threadstart` passes a function and its argument.
        unsafe { (self.run)(self.argument) };
    }
}

/// Runs `start` while the calling thread blocks all signals, which a thread that it starts inherits.
fn without_signals<T>(start: impl FnOnce() -> T) -> Result<T, Errno> {
    let mut all = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: sigfillset initialises the set that it is given.
    unsafe { libc::sigfillset(all.as_mut_ptr()) };
    let mut before = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: the first set is initialised, the second is written; both outlive the call.
    let failed =
        unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, all.as_ptr(), before.as_mut_ptr()) };
    if failed != 0 {
        return Err(Errno(failed));
    }
    let started = start();
    // SAFETY: `before` was written by the call above, in this thread.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, before.as_ptr(), std::ptr::null_mut()) };
    Ok(started)
}

/// Starts a thread. It blocks all signals, as in libzmq.
#[unsafe(no_mangle)]
extern "C" fn zmq_threadstart(run: Option<ThreadFn>, argument: *mut c_void) -> *mut c_void {
    catch(|| {
        let run = run.ok_or(Errno::FAULT)?;
        let job = Job { run, argument };
        let thread = without_signals(|| Builder::new().spawn(move || job.run()))??;
        Ok(Box::into_raw(Box::new(thread)).cast())
    })
}

/// Waits for a thread to end.
#[unsafe(no_mangle)]
unsafe extern "C" fn zmq_threadclose(thread: *mut c_void) {
    if thread.is_null() {
        return;
    }
    // SAFETY: it was made by a box, and is closed once, the caller's contract says.
    let thread = unsafe { Box::from_raw(thread.cast::<JoinHandle<()>>()) };
    // How it ended is its own affair.
    let _ = thread.join();
}
