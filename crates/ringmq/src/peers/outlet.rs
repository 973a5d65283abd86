//! What a socket sends to a peer: by a pipe of this process, or in shared memory.

use std::collections::TryReserveError;
use std::mem;

use ringmq_message::Frame;
use ringmq_pipe::blocks::Arena;
use ringmq_pipe::local;

use crate::block;
use crate::mail::{Failure, Unsent};
use crate::peers::shared_outlet::SharedOutlet;

/// The sending end of a peer's pipe.
#[derive(Debug)]
#[allow(
    clippy::large_enum_variant,
    reason = "each message goes to the large one, and a box would be one more line to load"
)]
pub(crate) enum Outlet {
    /// To a socket of this process, or to a session.
    Local(local::Sender<Frame>),
    /// To a socket of another process.
    Shared(Box<SharedOutlet>),
    /// The socket of another process is gone. Messages are dropped.
    Closed,
}

impl Outlet {
    /// Returns true if the mark admits one more message.
    #[inline(always)]
    pub(crate) fn has_room(&mut self) -> bool {
        match self {
            Outlet::Local(sender) => sender.has_room(),
            Outlet::Shared(shared) => shared.has_room(),
            Outlet::Closed => false,
        }
    }

    /// Returns true if fewer messages than the mark and `by` wait in a pipe of this process. Subscriptions never go
    /// to shared memory.
    pub(crate) fn has_room_beyond(&self, by: u64) -> bool {
        match self {
            Outlet::Local(sender) => sender.has_room_beyond(by),
            Outlet::Shared(_) | Outlet::Closed => false,
        }
    }

    /// Returns true if the mark admits one more message, by what is known already. In shared memory it is false now and
    /// then: see [`is_sure`](ringmq_pipe::remote::Sender::is_sure).
    #[inline(always)]
    pub(crate) fn is_sure(&mut self) -> bool {
        match self {
            Outlet::Local(sender) => sender.has_room(),
            Outlet::Shared(shared) => shared.is_sure(),
            Outlet::Closed => false,
        }
    }

    /// Returns true if the mark is reached, by what is known already. Never true in shared memory, where a look finds
    /// the present state.
    pub(crate) fn is_spent(&self) -> bool {
        match self {
            Outlet::Local(sender) => sender.is_spent(),
            Outlet::Shared(_) | Outlet::Closed => false,
        }
    }

    /// Adds a part of a message. The last part sends the message. A peer that cannot be woken finds it with its next
    /// call.
    #[inline(always)]
    pub(crate) fn push(&mut self, frame: Frame, last: bool) {
        match self {
            Outlet::Local(sender) => {
                let _ = sender.push(frame, last);
            }
            Outlet::Shared(shared) => shared.push(frame, last),
            Outlet::Closed => {}
        }
    }

    /// Adds an empty part that others follow.
    #[inline(always)]
    pub(crate) fn push_delimiter(&mut self) {
        if let Outlet::Shared(shared) = self
            && shared.push_delimiter()
        {
            return;
        }
        self.push(Frame::new().with_more(true), false);
    }

    /// Adds the parts of a message: all of them if it is `whole`, else the first ones.
    pub(crate) fn push_all(&mut self, parts: impl IntoIterator<Item = Frame>, whole: bool) {
        for frame in parts {
            let last = whole && !frame.more();
            self.push(frame, last);
        }
    }

    /// Like [`push`](Outlet::push), out of a frame whose contents afterwards are not specified. `converses` is as in
    /// [`push_slice`](Outlet::push_slice).
    #[inline(always)]
    pub(crate) fn push_from(&mut self, frame: &mut Frame, last: bool, converses: bool) {
        if last {
            let sent = match self {
                Outlet::Shared(shared) => shared.push_last_from(frame),
                // The memory of a short body stays with this thread's allocator.
                Outlet::Local(sender) => frame.is_owned() && push_bytes(sender, frame, converses),
                Outlet::Closed => false,
            };
            if sent {
                return;
            }
        }
        let mut frame = mem::take(frame);
        // The frame may be part of a message that was received.
        frame.set_properties(None);
        self.push(frame, last);
    }

    /// Adds a copy of these bytes as the last part of a message, and sends it. They become a frame only if they have to
    /// wait, or if they stay in this process and are not sent as bytes. `converses` says that the peer has sent something
    /// since the last message to it.
    ///
    /// # Errors
    ///
    /// If there is no memory for that frame. The part was not added.
    #[inline(always)]
    pub(crate) fn push_slice(
        &mut self,
        bytes: &[u8],
        converses: bool,
    ) -> Result<(), TryReserveError> {
        match self {
            Outlet::Local(sender) => {
                if !push_bytes(sender, bytes, converses) {
                    self.push(Frame::try_copy(bytes)?, true);
                }
                Ok(())
            }
            Outlet::Shared(shared) => shared.push_slice(bytes),
            Outlet::Closed => Ok(()),
        }
    }

    /// Adds a last part of `len` bytes that `fill` writes, and sends the message.
    ///
    /// # Errors
    ///
    /// If there is no memory for a frame that is needed. `fill` was not called.
    pub(crate) fn push_with(
        &mut self,
        len: usize,
        fill: &mut dyn FnMut(&mut [u8]),
        own: Option<&Arena>,
    ) -> Result<(), TryReserveError> {
        if let Outlet::Shared(shared) = self {
            return shared.push_with(len, fill);
        }
        self.push(filled(len, fill, own)?, true);
        Ok(())
    }

    /// Takes back the parts of a message that has had no last one.
    pub(crate) fn rollback(&mut self) {
        match self {
            Outlet::Local(sender) => sender.rollback(),
            Outlet::Shared(shared) => shared.rollback(),
            Outlet::Closed => {}
        }
    }

    /// Drops all messages from now on: the other end is gone. Frees the shared memory.
    pub(crate) fn far_end_is_gone(&mut self) {
        match self {
            Outlet::Local(sender) => sender.refuse(),
            Outlet::Shared(_) | Outlet::Closed => *self = Outlet::Closed,
        }
    }

    /// The number of messages that the other end has not reported as received.
    pub(crate) fn waiting(&self) -> u64 {
        match self {
            Outlet::Local(sender) => sender.waiting(),
            Outlet::Shared(shared) => shared.waiting(),
            Outlet::Closed => 0,
        }
    }

    /// Returns true if a message has begun, and not had its last part.
    pub(crate) fn is_mid_message(&self) -> bool {
        match self {
            Outlet::Local(sender) => sender.is_in_midst(),
            Outlet::Shared(shared) => shared.is_mid_message(),
            Outlet::Closed => false,
        }
    }

    /// Returns true if a message that was accepted waits outside of the pipe.
    #[inline(always)]
    pub(crate) fn waits(&self) -> bool {
        match self {
            Outlet::Local(_) | Outlet::Closed => false,
            Outlet::Shared(shared) => shared.waits(),
        }
    }

    /// Sends the message that waits, if there is room now. Returns true if none waits any more.
    pub(crate) fn try_again(&mut self) -> bool {
        match self {
            Outlet::Local(_) | Outlet::Closed => true,
            Outlet::Shared(shared) => !shared.waits() || shared.try_again(),
        }
    }

    /// The arena for bodies that are copied. `None` if this does not lead to shared memory.
    pub(crate) fn arena(&self) -> Option<&Arena> {
        match self {
            Outlet::Shared(shared) => shared.arena(),
            Outlet::Local(_) | Outlet::Closed => None,
        }
    }

    /// Returns true, once, if a message waits because the shared memory is full.
    pub(crate) fn is_newly_full(&mut self) -> bool {
        match self {
            Outlet::Local(_) | Outlet::Closed => false,
            Outlet::Shared(shared) => shared.is_newly_full(),
        }
    }

    /// Returns true if messages can be sent this way, as far as is known.
    pub(crate) fn is_sound(&self) -> bool {
        match self {
            Outlet::Local(_) | Outlet::Closed => true,
            Outlet::Shared(shared) => shared.health.is_sound(),
        }
    }

    /// Returns true if no messages can be sent this way, and the session does not know it.
    #[inline(always)]
    pub(crate) fn has_failed(&self) -> bool {
        match self {
            Outlet::Local(_) | Outlet::Closed => false,
            Outlet::Shared(shared) => shared.health.is_unreported(),
        }
    }

    /// Gives the failure that the session is to be told of, once.
    pub(crate) fn report(&mut self) -> Option<Failure> {
        match self {
            Outlet::Local(_) | Outlet::Closed => None,
            Outlet::Shared(shared) => shared.health.report(),
        }
    }

    /// Sends nothing more in shared memory, for mappings run short. Memory that is on its way to the peer is used
    /// first: then nothing changes.
    pub(crate) fn give_back(&mut self) {
        if let Outlet::Shared(shared) = self {
            shared.give_back();
        }
    }

    /// Adds the parts that are not sent to another end, as [`push_all`](Outlet::push_all) does.
    pub(crate) fn hand_unsent(&mut self, other: &mut Outlet, whole: bool) {
        if let Outlet::Shared(shared) = self {
            other.push_all(shared.drain_unsent(), whole);
        }
    }

    /// Closes this end. Returns the message that was accepted and not sent, if there is one.
    pub(crate) fn close(self) -> Option<Box<Unsent>> {
        match self {
            Outlet::Shared(shared) if shared.waits() => Some(Box::new(shared.into_unsent())),
            _ => None,
        }
    }
}

/// Sends a last part as bytes, within the process. Returns false if it has to be a frame.
///
/// In a stream, memory that one thread takes from the allocator and another gives back costs more than the copy. In a
/// conversation the memory of a message that was received serves the answer, which the cache of this CPU has already: there
/// longer bytes are frames (docs/performance.md, "Bodies within a process").
#[inline(always)]
fn push_bytes(sender: &mut local::Sender<Frame>, bytes: &[u8], converses: bool) -> bool {
    if !sender.carries_bytes() || (converses && bytes.len() > local::Sender::<Frame>::SHORT) {
        return false;
    }
    // A peer that cannot be woken finds the message with its next call.
    !matches!(sender.push_bytes(bytes), Ok(false))
}

/// A frame of `len` bytes, to which `fill` writes. They are zeros, or, for a long one, those of an earlier body. A long one
/// is in the context's own arena, if it has one.
///
/// # Errors
///
/// If there is no memory for it. `fill` was not called.
pub(crate) fn filled(
    len: usize,
    fill: &mut dyn FnMut(&mut [u8]),
    own: Option<&Arena>,
) -> Result<Frame, TryReserveError> {
    let block = own.and_then(|arena| block::unwritten_for_peers(arena, len));
    let mut frame = block.map_or_else(|| Frame::zeroed(len), Ok)?;
    fill(frame.as_mut_slice());
    Ok(frame)
}
