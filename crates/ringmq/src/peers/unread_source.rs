//! What a peer that is gone has not read of this side's shared memory.

use ringmq_message::Frame;
use ringmq_pipe::remote::{PartPlace, Unread};

use crate::block;
use crate::peers::chain::Memory;
use crate::peers::parts::take_parts;

/// This side's shared memory, read by the session once the peer reads it no more.
#[derive(Debug)]
pub(crate) struct UnreadSource {
    unread: Unread,
    /// A socket that has closed lingers for what is left.
    owed: bool,
    /// The rest of a message, the last part first.
    parts: Vec<Frame>,
}

impl UnreadSource {
    pub(super) fn new(unread: Unread, owed: bool) -> UnreadSource {
        UnreadSource {
            unread,
            owed,
            parts: Vec::new(),
        }
    }

    /// Returns true if a socket that has closed lingers for what is left.
    pub(super) fn is_owed(&mut self) -> bool {
        self.owed && !self.is_at_end()
    }
}

impl Memory for UnreadSource {
    fn is_ready(&mut self) -> bool {
        !self.parts.is_empty() || self.unread.peek().is_some()
    }

    #[inline(never)]
    fn pop(&mut self) -> Option<Frame> {
        if !self.parts.is_empty() {
            return self.parts.pop();
        }
        let incoming = self.unread.peek()?;
        let contents = self.unread.contents(&incoming)?;
        let unread = &self.unread;
        // A message for which there is no memory stays. The connection will not last long.
        let first = take_parts(&contents, &mut self.parts, |place, len| {
            if let Some(keep) = unread.kept(place) {
                return block::frame_of(keep, len);
            }
            match place {
                PartPlace::Record(at) => unread.copy(&incoming, at, len).ok().map(Frame::from),
                PartPlace::Block(_) => None,
            }
        })?;
        self.unread.done(incoming);
        Some(first)
    }

    fn is_at_end(&mut self) -> bool {
        self.parts.is_empty() && self.unread.is_at_end()
    }
}
