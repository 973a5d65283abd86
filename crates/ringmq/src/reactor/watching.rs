//! What the kernel tells of a session: that there is something to read, or room again, and that the peer's process is dead.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};

use super::session::{Broken, Open};

impl Open {
    /// Has it told by this token when there is something to read.
    pub(super) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        let (stream, readable) = (&mut self.stream, Interest::READABLE);
        // A socket that was dialed is known already.
        registry
            .register(stream, token, readable)
            .or_else(|_| registry.reregister(stream, token, readable))
    }

    /// Has it told, too, when there is room to write, once there was none. From the beginning on it would wake us for
    /// nothing each time that the peer has read something.
    #[inline]
    pub(super) fn ask_for_room(&mut self, registry: &Registry, token: Token) -> Result<(), Broken> {
        if self.writable || self.told_of_room {
            return Ok(());
        }
        let both = Interest::READABLE | Interest::WRITABLE;
        let asked = registry.reregister(&mut self.stream, token, both);
        asked.map_err(Broken::Io)?;
        self.told_of_room = true;
        Ok(())
    }

    /// Has the end of the process at the other end told by this token. Without memory for that in the kernel, the end
    /// of the stream has to do.
    pub(super) fn watch(&mut self, process: OwnedFd, registry: &Registry, token: Token) {
        let descriptor = process.as_raw_fd();
        let mut source = SourceFd(&descriptor);
        if registry
            .register(&mut source, token, Interest::READABLE)
            .is_ok()
        {
            self.process = Some(process);
        }
    }

    /// To be called before the end. A child of ours may have the descriptor, too, and its events would go on.
    pub(super) fn unwatch(&mut self, registry: &Registry) {
        if let Some(process) = self.process.take() {
            // It is closed in any case.
            let _ = registry.deregister(&mut SourceFd(&process.as_raw_fd()));
        }
    }
}
