//! Threads.

use std::ffi::c_void;
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

/// Starts a thread.
#[unsafe(no_mangle)]
extern "C" fn zmq_threadstart(run: Option<ThreadFn>, argument: *mut c_void) -> *mut c_void {
    catch(|| {
        let run = run.ok_or(Errno::FAULT)?;
        let job = Job { run, argument };
        let thread = Builder::new().spawn(move || job.run())?;
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
