//! What the kernel tells of a session: that there is something to read, or room again.

use std::io;

use mio::{Interest, Registry, Token};

use crate::session::broken::Broken;
use crate::session::stream::Open;

impl Open {
    /// Has it told by this token when there is something to read.
    pub(crate) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        let (stream, readable) = (&mut self.stream, Interest::READABLE);
        // A socket that was dialed is known already.
        registry
            .register(stream, token, readable)
            .or_else(|_| registry.reregister(stream, token, readable))
    }

    /// Has it told, too, when there is room to write, once there was none. From the beginning on it would wake us for
    /// nothing each time that the peer has read something.
    #[inline]
    pub(crate) fn ask_for_room(&mut self, registry: &Registry, token: Token) -> Result<(), Broken> {
        if self.writable || self.told_of_room {
            return Ok(());
        }
        let both = Interest::READABLE | Interest::WRITABLE;
        let asked = registry.reregister(&mut self.stream, token, both);
        asked.map_err(Broken::Io)?;
        self.told_of_room = true;
        Ok(())
    }
}
