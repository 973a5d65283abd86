//! What a session sends: what its socket gives it, and what a peer that is gone has not read in shared memory.

use ringmq_message::Frame;
use ringmq_pipe::local::Receiver;
use ringmq_pipe::remote::Unread;

use crate::peers::chain::{Chain, Source};
use crate::peers::unread_source::UnreadSource;

/// The chain that a session reads.
pub(crate) type Outbound = Chain<UnreadSource>;

impl Outbound {
    /// The pipe from the socket.
    pub(crate) fn new(receiver: Receiver<Frame>) -> Outbound {
        Chain::local(receiver)
    }

    /// Takes the next part, which is the last one of its message, if it came as bytes.
    #[inline(always)]
    pub(crate) fn take_bytes(&mut self, with: impl FnOnce(&[u8])) -> bool {
        match &mut self.front {
            Source::Local(local) if self.next.is_empty() => {
                local.receiver.take_bytes(with).is_some()
            }
            _ => false,
        }
    }

    /// A message that a socket could not send before it closed.
    pub(crate) fn late(mut parts: Vec<Frame>) -> Outbound {
        parts.reverse();
        Chain::of(Source::Parts(parts))
    }

    /// What the peer has not read of this side's shared memory. `owed`: a socket that has closed lingers for it.
    pub(crate) fn left(unread: Unread, owed: bool) -> Outbound {
        Chain::of(Source::Memory(Box::new(UnreadSource::new(unread, owed))))
    }

    /// Returns true if the socket has closed, and lingers for nothing that is left. Without a connection that is the end.
    /// Lets go of memory that was read to its end.
    pub(crate) fn owes_nothing(&mut self) -> bool {
        self.drop_ended();
        self.sources().all(|source| match source {
            Source::Local(local) => local.receiver.is_at_end(),
            Source::Memory(unread) => !unread.is_owed(),
            Source::Parts(parts) => parts.is_empty(),
        })
    }

    /// Ends the chain with a message that the socket could not send before it closed. It takes the place of the pipe
    /// that the socket has now, which it has not written to.
    pub(crate) fn end_with(&mut self, parts: Vec<Frame>) {
        *self.last() = Outbound::late(parts).front;
    }

    /// Returns true if everything but the last source was read.
    pub(crate) fn is_fresh(&mut self) -> bool {
        self.drop_ended();
        self.next.is_empty()
    }

    /// Returns true if the socket has closed its end of the last pipe.
    pub(crate) fn is_let_go(&self) -> bool {
        match self.next.back().unwrap_or(&self.front) {
            Source::Local(local) => local.receiver.sender_is_gone(),
            Source::Memory(_) | Source::Parts(_) => true,
        }
    }
}
