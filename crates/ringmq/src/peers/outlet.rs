//! Where the messages for a peer go: to a pipe of this process, or to one in shared memory.

use std::collections::TryReserveError;
use std::mem;

use ringmq_message::Frame;
use ringmq_pipe::{local, remote};

use crate::mail::{Failure, Unsent};

/// The sending end of a peer's pipe.
#[derive(Debug)]
pub(crate) enum Outlet {
    /// To a socket of this process, or to a session.
    Local(local::Sender<Frame>),
    /// To a socket of another process.
    Shared(Box<Shared>),
    /// To nobody: the socket of another process is gone.
    Closed,
}

/// The sending end of a pipe in shared memory, where a record is a whole message.
#[derive(Debug)]
pub(crate) struct Shared {
    sender: remote::Sender,
    /// A message has begun with an empty part, and nothing but that. Invariant: `parts` is empty then.
    delimited: bool,
    /// The parts of a message that is not sent yet.
    parts: Vec<Frame>,
    /// It has its last part, and there was no room for it.
    waits: bool,
    /// That there was no room was told.
    told_full: bool,
    /// Why it can never be sent this way.
    failure: Option<Failure>,
}

impl Outlet {
    pub(crate) fn shared(sender: remote::Sender) -> Outlet {
        Outlet::Shared(Box::new(Shared {
            sender,
            delimited: false,
            parts: Vec::new(),
            waits: false,
            told_full: false,
            failure: None,
        }))
    }

    /// Whether the mark admits one more message.
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

    /// Whether the mark admits one more message by what is known already. In shared memory it is false now and then: see
    /// [`remote::Sender::is_sure`].
    #[inline(always)]
    pub(crate) fn is_sure(&mut self) -> bool {
        match self {
            Outlet::Local(sender) => sender.has_room(),
            Outlet::Shared(shared) => !shared.waits && shared.sender.is_sure(),
            Outlet::Closed => false,
        }
    }

    /// Whether the mark is reached, for all that is known. In shared memory there is nothing to be learnt late.
    pub(crate) fn is_spent(&self) -> bool {
        match self {
            Outlet::Local(sender) => sender.is_spent(),
            Outlet::Shared(_) | Outlet::Closed => false,
        }
    }

    /// Adds a part of a message, and sends that with the last one. A peer that cannot be woken finds it at its next
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
        match self {
            Outlet::Shared(shared) if shared.parts.is_empty() && !shared.delimited => {
                shared.delimited = true;
            }
            _ => self.push(Frame::new().with_more(true), false),
        }
    }

    /// Adds the parts of a message: all of them, or what there is so far.
    pub(crate) fn push_all(&mut self, parts: Vec<Frame>, whole: bool) {
        for frame in parts {
            let last = whole && !frame.more();
            self.push(frame, last);
        }
    }

    /// As [`push`](Outlet::push), out of a frame that nobody wants back: its bytes may be left there.
    #[inline(always)]
    pub(crate) fn push_from(&mut self, frame: &mut Frame, last: bool) {
        if last
            && let Outlet::Shared(shared) = self
            && let Some(sent) = shared.send_last(frame)
        {
            if sent.is_err() {
                shared.keep(mem::take(frame), Some(sent));
            }
            return;
        }
        let mut frame = mem::take(frame);
        // It may be that of a message which was received.
        frame.set_properties(None);
        self.push(frame, last);
    }

    /// Adds the last part of a message, made of these bytes, and sends it. They become a frame only if they have to wait.
    ///
    /// # Errors
    ///
    /// There is no memory for that frame. The part was not added.
    #[inline(always)]
    pub(crate) fn push_slice(&mut self, bytes: &[u8]) -> Result<(), TryReserveError> {
        match self {
            Outlet::Local(_) => {
                self.push(Frame::try_copy(bytes)?, true);
                Ok(())
            }
            Outlet::Shared(shared) => shared.push_slice(bytes),
            Outlet::Closed => Ok(()),
        }
    }

    /// Takes back the parts of a message that has had no last one.
    pub(crate) fn rollback(&mut self) {
        match self {
            Outlet::Local(sender) => sender.rollback(),
            Outlet::Shared(shared) if !shared.waits => shared.parts().clear(),
            Outlet::Shared(_) | Outlet::Closed => {}
        }
    }

    /// The other end is gone: no more messages are taken, and the memory goes.
    pub(crate) fn refuse(&mut self) {
        match self {
            Outlet::Local(sender) => sender.refuse(),
            Outlet::Shared(_) | Outlet::Closed => *self = Outlet::Closed,
        }
    }

    /// Messages that were sent, and that the other end has not reported.
    pub(crate) fn waiting(&self) -> u64 {
        match self {
            Outlet::Local(sender) => sender.waiting(),
            Outlet::Shared(shared) => shared.sender.waiting(),
            Outlet::Closed => 0,
        }
    }

    /// Whether a message has begun, and not had its last part.
    pub(crate) fn is_in_midst(&self) -> bool {
        match self {
            Outlet::Local(sender) => sender.is_in_midst(),
            Outlet::Shared(shared) => {
                !shared.waits && (shared.delimited || !shared.parts.is_empty())
            }
            Outlet::Closed => false,
        }
    }

    /// Whether a message that was accepted waits outside of the pipe.
    #[inline(always)]
    pub(crate) fn waits(&self) -> bool {
        match self {
            Outlet::Local(_) | Outlet::Closed => false,
            Outlet::Shared(shared) => shared.waits,
        }
    }

    /// Sends that message, if there is room now; says whether none waits any more.
    pub(crate) fn try_again(&mut self) -> bool {
        match self {
            Outlet::Local(_) | Outlet::Closed => true,
            Outlet::Shared(shared) => !shared.waits || shared.try_again(),
        }
    }

    /// Whether that is because the memory is full, and was not asked since there was room.
    pub(crate) fn is_newly_full(&mut self) -> bool {
        match self {
            Outlet::Local(_) | Outlet::Closed => false,
            Outlet::Shared(shared) => {
                shared.waits
                    && shared.failure.is_none()
                    && !mem::replace(&mut shared.told_full, true)
            }
        }
    }

    /// Why the pipe cannot be used any more, if it cannot.
    #[inline]
    pub(crate) fn failure(&self) -> Option<Failure> {
        match self {
            Outlet::Local(_) | Outlet::Closed => None,
            Outlet::Shared(shared) => shared.failure,
        }
    }

    /// Sends nothing more in shared memory, for mappings run short; [`failure`](Outlet::failure) says so. A message that has
    /// begun, or memory that is on its way to the peer, is finished first: then nothing changes.
    pub(crate) fn give_back(&mut self) {
        if let Outlet::Shared(shared) = self
            && shared.failure.is_none()
            && !shared.sender.waits_for_memory()
        {
            shared.sender.stop();
            shared.failure = Some(Failure::CannotSend);
        }
    }

    /// Whether the memory for the next message is on its way to the peer.
    pub(crate) fn waits_for_memory(&self) -> bool {
        match self {
            Outlet::Local(_) | Outlet::Closed => false,
            Outlet::Shared(shared) => shared.failure.is_none() && shared.sender.waits_for_memory(),
        }
    }

    /// A message that was accepted and could not be sent.
    pub(crate) fn take_back(&mut self) -> Vec<Frame> {
        match self {
            Outlet::Local(_) | Outlet::Closed => Vec::new(),
            Outlet::Shared(shared) => {
                shared.waits = false;
                mem::take(shared.parts())
            }
        }
    }

    /// Closes this end. Returns the message that was accepted and not sent, if there is one.
    pub(crate) fn let_go(self) -> Option<Box<Unsent>> {
        match self {
            Outlet::Shared(mut shared) if shared.waits => {
                let parts = mem::take(shared.parts());
                Some(Box::new(Unsent {
                    sender: shared.sender,
                    parts,
                    failure: shared.failure,
                }))
            }
            _ => None,
        }
    }
}

impl From<Unsent> for Shared {
    fn from(unsent: Unsent) -> Shared {
        Shared {
            sender: unsent.sender,
            delimited: false,
            parts: unsent.parts,
            waits: true,
            told_full: false,
            failure: unsent.failure,
        }
    }
}

impl Shared {
    /// The CPU that the other end last ran on, as far as is known.
    pub(crate) fn cpu(&self) -> Option<u32> {
        self.sender.cpu()
    }

    #[inline]
    fn has_room(&mut self) -> bool {
        if self.waits && !self.try_again() {
            return false;
        }
        self.sender.has_room()
    }

    /// Sends the message that had no room, if there is some now; says whether none waits any more.
    #[cold]
    pub(crate) fn try_again(&mut self) -> bool {
        if self.failure.is_none() {
            // This is part of calls that do not send, and of the session's work, none of which waits for a reader.
            self.sender.set_hurried(true);
            self.send();
            self.sender.set_hurried(false);
        }
        !self.waits
    }

    #[inline]
    fn push(&mut self, frame: Frame, last: bool) {
        if !last {
            self.parts().push(frame);
            return;
        }
        match self.send_last(&frame) {
            Some(Ok(())) => {}
            unsent => self.keep(frame, unsent),
        }
    }

    /// The last part was not sent on its own: it is with those before it, or waits.
    #[inline(never)]
    fn keep(&mut self, frame: Frame, unsent: Option<Result<(), remote::PushError>>) {
        self.parts().push(frame);
        match unsent {
            Some(Err(refused)) => self.refused(refused),
            _ => self.send(),
        }
    }

    /// The parts that wait, the one that was not made yet among them.
    #[inline]
    fn parts(&mut self) -> &mut Vec<Frame> {
        if mem::take(&mut self.delimited) {
            self.parts.push(Frame::new().with_more(true));
        }
        &mut self.parts
    }

    #[inline(always)]
    fn push_slice(&mut self, bytes: &[u8]) -> Result<(), TryReserveError> {
        match self.send_last(bytes) {
            Some(Ok(())) => {}
            unsent => self.keep(Frame::try_copy(bytes)?, unsent),
        }
        Ok(())
    }

    /// Sends a message whose last part is this, if nothing or an empty part is all that comes before; `None` if more
    /// does. If it is refused, what comes before is still there.
    #[inline(always)]
    fn send_last(&mut self, bytes: &[u8]) -> Option<Result<(), remote::PushError>> {
        if self.delimited {
            let sent = self.sender.push_enveloped(bytes);
            self.delimited = sent.is_err();
            return Some(sent);
        }
        let sent = match &self.parts[..] {
            [] => return Some(self.sender.push(bytes)),
            [first] if first.is_empty() => self.sender.push_enveloped(bytes),
            _ => return None,
        };
        if sent.is_ok() {
            self.parts.clear();
        }
        Some(sent)
    }

    fn send(&mut self) {
        let sent = match &self.parts[..] {
            [] => Ok(()),
            [one] => self.sender.push(one),
            [first, second] if first.is_empty() => self.sender.push_enveloped(second),
            parts => self.sender.push_parts(parts.iter().map(Frame::as_slice)),
        };
        match sent {
            Ok(()) => {
                self.parts.clear();
                self.waits = false;
                self.told_full = false;
            }
            Err(refused) => self.refused(refused),
        }
    }

    /// The mark has admitted it, so it waits here.
    #[cold]
    fn refused(&mut self, refused: remote::PushError) {
        self.waits = true;
        self.failure = match refused {
            remote::PushError::Full => None,
            // ZMTP has no such limit.
            remote::PushError::Resources | remote::PushError::TooLong(_) => {
                Some(Failure::CannotSend)
            }
            remote::PushError::Corrupt(_) => Some(Failure::Corrupt),
        };
    }

    /// Why this end cannot be used any more, if it cannot.
    pub(crate) fn failure(&self) -> Option<Failure> {
        self.failure
    }

    /// The message that was not sent, without the end.
    pub(crate) fn into_parts(mut self) -> Vec<Frame> {
        mem::take(self.parts())
    }

    /// Our part of the mark.
    pub(crate) fn set_mark(&mut self, mark: u64) {
        self.sender.set_mark(mark);
    }
}
