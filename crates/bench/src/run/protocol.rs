//! What the supervisor and a side say to each other, beside the job.

use std::io;
use std::os::fd::AsFd;

use crate::error::Error;

/// The environment variable that is set in each side, by which a program can tell that it is one.
pub const PEER_MARK: &str = "RINGMQ_PERF_PEER";

/// The first word of an answer to the supervisor.
pub(crate) const DONE: &str = "done";
/// The first word of an answer that says why the side failed.
pub(crate) const FAILED: &str = "failed";

/// Tells the supervisor why this side, or a thread of it, failed.
pub(crate) fn fail(error: &Error) {
    // If the supervisor has died, nothing reads the answer.
    let _ = tell(io::stdin(), format!("{FAILED} {error}").as_bytes());
}

/// Writes `bytes` to the socket of the supervisor.
pub(crate) fn tell(supervisor: impl AsFd, mut bytes: &[u8]) -> Result<(), Error> {
    while !bytes.is_empty() {
        match rustix::io::write(&supervisor, bytes) {
            Ok(written) => bytes = &bytes[written..],
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(Error::NoSupervisor(error.to_string())),
        }
    }
    Ok(())
}
