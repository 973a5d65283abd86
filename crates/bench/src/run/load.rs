//! A busy machine: processes that compute while others are measured.

use std::ffi::OsStr;
use std::hint::black_box;
use std::process::{Child, Stdio};

use rustix::process::{Signal, getpid, getppid, set_parent_process_death_signal, setsid};

use crate::error::Error;
use crate::run::program::Program;
use crate::run::protocol::PEER_MARK;

/// The start of the mark of such a process. The process id of the supervisor follows.
const BUSY: &str = "busy-";

/// The processes that compute. Dropping this ends them.
#[derive(Debug)]
pub(crate) struct Load(Vec<Child>);

impl Load {
    /// Starts `count` processes.
    pub(crate) fn start(program: &Program, count: usize) -> Result<Load, Error> {
        let supervisor = getpid().as_raw_nonzero();
        let mut load = Load(Vec::new());
        for _ in 0..count {
            let child = program
                .command()
                .env(PEER_MARK, format!("{BUSY}{supervisor}"))
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .spawn();
            load.0.push(child.map_err(Error::os(
                "start a busy process",
                "raise the limit of processes (ulimit -u)",
            ))?);
        }
        Ok(load)
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        for child in &mut self.0 {
            // An error means that the process has ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// The process id of the supervisor, if `mark` is the mark of such a process.
pub(crate) fn supervisor(mark: &OsStr) -> Option<i32> {
    mark.to_str()?.strip_prefix(BUSY)?.parse().ok()
}

/// Computes until `supervisor` ends this process or dies.
pub(crate) fn compute(supervisor: i32) -> Error {
    let lost = |cause: &str| Error::NoSupervisor(cause.to_owned());
    if let Err(error) = set_parent_process_death_signal(Some(Signal::KILL)) {
        return lost(&error.to_string());
    }
    // A supervisor that died before the call above sends no signal.
    if getppid().map_or(0, |pid| pid.as_raw_nonzero().get()) != supervisor {
        return lost("it has died");
    }
    // A session of its own, as other programs have: a scheduler that groups by sessions then gives each process its own
    // share. An error means that this process leads a session already.
    let _ = setsid();
    let mut number = 1_u64;
    loop {
        number = black_box(number.wrapping_mul(3));
    }
}
