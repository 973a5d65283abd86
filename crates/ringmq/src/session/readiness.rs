//! What the kernel tells of a session: that there is something to read, or room again.

use std::io;
use std::net::Shutdown;

use mio::{Interest, Registry, Token};

use crate::session::broken::Broken;
use crate::session::stream::Open;

impl Open {
    /// Has a Unix socket that was dialed told by the same token, and the end of a tcp socket that carries nothing any more by
    /// another one.
    #[inline]
    pub(crate) fn watch_streams(&mut self, registry: &Registry, token: Token, tcp_token: Token) {
        if let Some(unix) = self.passage.take_dialed()
            && registry.register(unix, token, Interest::READABLE).is_err()
        {
            // Without memory in the kernel to watch it, the connection stays on tcp: the next step finds its end.
            let _ = unix.shutdown(Shutdown::Both);
        }
        if let Some(tcp) = self.passage.take_left() {
            // Without it the end of the Unix socket has to do, which comes at the same time.
            let _ = registry.reregister(tcp, tcp_token, Interest::READABLE);
        }
    }

    /// Has it told by this token when there is something to read.
    pub(crate) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        let (stream, readable) = (self.passage.writer_mut(), Interest::READABLE);
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
        let asked = registry.reregister(self.passage.writer_mut(), token, both);
        asked.map_err(Broken::Io)?;
        self.told_of_room = true;
        Ok(())
    }
}
