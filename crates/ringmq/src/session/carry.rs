//! Frames of the handoff that go out beside the session.

use std::io;
use std::os::fd::BorrowedFd;
use std::sync::Arc;

use ringmq_pipe::remote::{Carry, FRAME};
use ringmq_zmtp::command_bytes;

/// The property of a READY by which a side says that it can share memory. Its value is the version.
pub(crate) const PROPERTY: &str = "X-Ringmq-Shm";
pub(crate) const VERSION: &[u8] = b"3";
/// The ZMTP command that carries the frames.
pub(crate) const COMMAND: &str = "X-RINGMQ-SHM";

/// Sends frames of the handoff over the stream of a connection.
#[derive(Debug)]
pub(crate) struct OverStream(Arc<ringmq_sys::Stream>);

impl OverStream {
    pub(crate) fn new(stream: Arc<ringmq_sys::Stream>) -> OverStream {
        OverStream(stream)
    }
}

impl Carry for OverStream {
    fn carry(&mut self, frame: &[u8; FRAME], descriptor: Option<BorrowedFd<'_>>) -> io::Result<()> {
        let bytes = command_bytes(COMMAND, frame);
        let sent = self.0.send_now(&bytes, descriptor.as_slice())?;
        // The kernel takes so few bytes whole, or none of them.
        if sent == bytes.len() {
            Ok(())
        } else {
            Err(io::ErrorKind::WriteZero.into())
        }
    }
}
