//! What a socket sends to a peer in shared memory.

use std::collections::TryReserveError;
use std::mem;

use ringmq_message::{Frame, LARGE};
use ringmq_pipe::blocks::Arena;
use ringmq_pipe::remote::{self, OutPart};

use crate::block::{self, EndsSpare};
use crate::mail::{Failure, Unsent};
use crate::peers::blocks::{self, COPIED_LEAST};
use crate::peers::health::Health;

/// The sending end of a pipe in shared memory, where a record is a whole message.
#[derive(Debug)]
pub(crate) struct SharedOutlet {
    sender: remote::Sender,
    _spare: EndsSpare,
    /// A message has begun with an empty part, and nothing but that. Invariant: `parts` is empty then.
    delimited: bool,
    /// The parts of a message that is not sent yet.
    parts: Vec<Frame>,
    /// The message has its last part, and could not be sent.
    waits: bool,
    /// The monitor was told that there is no room.
    told_full: bool,
    /// Whether messages can ever be sent this way.
    pub(super) health: Health,
}

impl From<Unsent> for SharedOutlet {
    fn from(unsent: Unsent) -> SharedOutlet {
        SharedOutlet {
            sender: unsent.sender,
            _spare: EndsSpare,
            delimited: false,
            parts: unsent.parts,
            waits: true,
            told_full: false,
            health: unsent.failure.map_or(Health::Sound, Health::Failed),
        }
    }
}

impl SharedOutlet {
    pub(super) fn new(sender: remote::Sender) -> Box<SharedOutlet> {
        Box::new(SharedOutlet {
            sender,
            _spare: EndsSpare,
            delimited: false,
            parts: Vec::new(),
            waits: false,
            told_full: false,
            health: Health::Sound,
        })
    }

    /// The CPU that the other end last ran on, as far as is known.
    pub(crate) fn cpu(&self) -> Option<u32> {
        self.sender.cpu()
    }

    /// The arena for bodies that are copied.
    pub(super) fn arena(&self) -> Option<&Arena> {
        self.sender.arena()
    }

    #[inline]
    pub(super) fn has_room(&mut self) -> bool {
        if self.waits && !self.try_again() {
            return false;
        }
        self.sender.has_room()
    }

    /// Sends the message that had no room, if there is room now. Returns true if none waits any more.
    #[cold]
    pub(crate) fn try_again(&mut self) -> bool {
        if self.health.is_sound() {
            // Calls that do not send, and sessions, come here. Neither waits for a reader.
            self.sender.set_hurried(true);
            self.send();
            self.sender.set_hurried(false);
        }
        !self.waits
    }

    #[inline]
    pub(super) fn push(&mut self, mut frame: Frame, last: bool) {
        if !last {
            self.parts().push(frame);
            return;
        }
        match self.send_last_frame(&mut frame) {
            Some(Ok(())) => {}
            unsent => self.keep(frame, unsent),
        }
    }

    /// Adds the last part to those before it. Sends the message, unless that was refused already.
    #[inline(never)]
    fn keep(&mut self, frame: Frame, unsent: Option<Result<(), remote::PushError>>) {
        self.parts().push(frame);
        match unsent {
            Some(Err(refused)) => self.refused(refused),
            _ => self.send(),
        }
    }

    /// The parts that are not sent. The empty first part becomes a frame.
    #[inline]
    fn parts(&mut self) -> &mut Vec<Frame> {
        if mem::take(&mut self.delimited) {
            self.parts.push(Frame::new().with_more(true));
        }
        &mut self.parts
    }

    #[inline(always)]
    pub(super) fn push_slice(&mut self, bytes: &[u8]) -> Result<(), TryReserveError> {
        match self.send_last(bytes, COPIED_LEAST) {
            Some(Ok(())) => {}
            unsent => self.keep(Frame::try_copy(bytes)?, unsent),
        }
        Ok(())
    }

    /// Adds a last part of `len` bytes that `fill` writes, and sends the message: in the ring, if the message goes there
    /// now, or else in a frame. A long part goes to a block.
    ///
    /// # Errors
    ///
    /// If there is no memory for the frame. `fill` was not called.
    pub(super) fn push_with(
        &mut self,
        len: usize,
        fill: &mut dyn FnMut(&mut [u8]),
    ) -> Result<(), TryReserveError> {
        let sent = self.send_last_with(len, fill);
        if !matches!(sent, Some(Ok(()))) {
            let arena = self.sender.arena().filter(|_| len >= COPIED_LEAST);
            let block = arena.and_then(|arena| block::unwritten(arena, len));
            let mut frame = block.map_or_else(|| Frame::zeroed(len), Ok)?;
            fill(frame.as_mut_slice());
            self.keep(frame, sent);
        }
        Ok(())
    }

    /// As [`send_last`](SharedOutlet::send_last), of bytes that `fill` writes in the ring. If the message is refused,
    /// `fill` was not called.
    fn send_last_with(
        &mut self,
        len: usize,
        fill: &mut dyn FnMut(&mut [u8]),
    ) -> Option<Result<(), remote::PushError>> {
        if len >= COPIED_LEAST {
            return None;
        }
        let sent = match &self.parts[..] {
            [] if !self.delimited => return Some(self.sender.push_with(len, fill)),
            [] => self.sender.push_enveloped_with(len, fill),
            [first] if first.is_empty() => self.sender.push_enveloped_with(len, fill),
            _ => return None,
        };
        if sent.is_ok() {
            self.delimited = false;
            self.parts.clear();
        }
        Some(sent)
    }

    /// As [`send_last`](SharedOutlet::send_last), of a frame that may be in a block. A frame that was sent may be empty.
    #[inline(always)]
    fn send_last_frame(&mut self, frame: &mut Frame) -> Option<Result<(), remote::PushError>> {
        if frame.foreign_memory().is_some() && frame.len() >= LARGE {
            return self.send_block(frame);
        }
        self.send_last(frame, blocks::least(frame))
    }

    /// As [`send_last_frame`](SharedOutlet::send_last_frame), if it is in a block of this process.
    #[inline(never)]
    fn send_block(&mut self, frame: &mut Frame) -> Option<Result<(), remote::PushError>> {
        let enveloped = match &self.parts[..] {
            [] => self.delimited,
            [first] if first.is_empty() => true,
            _ => return None,
        };
        let (name, len) = (block::name_of(frame)?, frame.len());
        let keep = frame.take_foreign()?;
        let sent = match self
            .sender
            .push_block(enveloped, name, len, keep, block::came_home)
        {
            Ok(()) => Ok(()),
            Err(keep) => {
                block::put_back(frame, keep, len);
                self.send_block_slowly(enveloped, frame)?
            }
        };
        if sent.is_ok() {
            self.delimited = false;
            self.parts.clear();
        }
        Some(sent)
    }

    #[cold]
    fn send_block_slowly(
        &mut self,
        enveloped: bool,
        frame: &Frame,
    ) -> Option<Result<(), remote::PushError>> {
        let (block, keep) = block::block_of(frame)?;
        let parts = [
            OutPart::Bytes(&[]),
            OutPart::Block(block, frame.len(), &keep),
        ];
        let parts = if enveloped { &parts } else { &parts[1..] };
        Some(self.sender.push_blocks(parts))
    }

    /// Sends a message with this last part of fewer than `block` bytes, if it has no other part, or an empty one before. Returns `None` if there
    /// are more parts. If the message is refused, the part before is still there.
    #[inline(always)]
    fn send_last(&mut self, bytes: &[u8], block: usize) -> Option<Result<(), remote::PushError>> {
        if bytes.len() >= block {
            // It is in a block, or goes to one.
            return None;
        }
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
        let sent = match &mut self.parts[..] {
            [] => Ok(()),
            parts if parts.iter().any(|part| part.len() >= blocks::least(part)) => {
                blocks::send(&mut self.sender, parts)
            }
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

    /// Keeps a message that the mark has admitted and that the shared memory refused.
    #[cold]
    fn refused(&mut self, refused: remote::PushError) {
        self.waits = true;
        let why = match refused {
            remote::PushError::Full => return,
            // ZMTP has no such limit.
            remote::PushError::Resources | remote::PushError::TooLong(_) => Failure::CannotSend,
            remote::PushError::Corrupt(_) => Failure::Corrupt,
        };
        self.health.fail(why);
    }

    /// Returns true if the mark admits one more message, by what is known already.
    #[inline(always)]
    pub(super) fn is_sure(&mut self) -> bool {
        !self.waits && self.sender.is_sure()
    }

    /// Adds an empty part that others follow. Returns false if it is to be added as a frame.
    #[inline(always)]
    pub(super) fn push_delimiter(&mut self) -> bool {
        let is_first = self.parts.is_empty() && !self.delimited;
        self.delimited |= is_first;
        is_first
    }

    /// Adds the last part of a message out of a frame, and sends it. Returns false if more comes before it than an
    /// empty part: then it is to be added as a frame.
    #[inline(always)]
    pub(super) fn push_last_from(&mut self, frame: &mut Frame) -> bool {
        let Some(sent) = self.send_last_frame(frame) else {
            return false;
        };
        if sent.is_err() {
            self.keep(mem::take(frame), Some(sent));
        }
        true
    }

    /// Takes back the parts of a message that has had no last one.
    pub(super) fn rollback(&mut self) {
        if !self.waits {
            self.parts().clear();
        }
    }

    /// Returns true if a message has begun, and not had its last part.
    pub(super) fn is_mid_message(&self) -> bool {
        !self.waits && (self.delimited || !self.parts.is_empty())
    }

    /// Returns true if a message that was accepted waits outside of the shared memory.
    #[inline(always)]
    pub(super) fn waits(&self) -> bool {
        self.waits
    }

    /// Takes the parts that are not sent. The memory that they were in stays for the next ones: while the peer has not
    /// taken the first memory yet, each message is tried here.
    pub(super) fn drain_unsent(&mut self) -> std::vec::Drain<'_, Frame> {
        self.waits = false;
        self.parts().drain(..)
    }

    /// Shows in the status page what was sent.
    pub(super) fn show(&mut self) {
        self.sender.show();
    }

    /// The number of messages that the peer has not reported as received.
    pub(super) fn waiting(&self) -> u64 {
        self.sender.waiting()
    }

    /// Returns true, once, if a message waits because the shared memory is full.
    pub(super) fn is_newly_full(&mut self) -> bool {
        self.waits && self.health.is_sound() && !mem::replace(&mut self.told_full, true)
    }

    /// Returns true if the memory for the next message is on its way to the peer.
    pub(super) fn waits_for_memory(&self) -> bool {
        self.health.is_sound() && self.sender.waits_for_memory()
    }

    /// Asks for another way, for mappings run short. What is sent until that is there goes by this one: refused, it would
    /// be lost for a pattern that drops what has no room. Memory that is on its way to the peer is used first: then nothing
    /// changes.
    pub(super) fn give_back(&mut self) {
        if self.health.is_sound() && !self.sender.waits_for_memory() {
            self.health.fail(Failure::CannotSend);
        }
    }

    /// Why nothing more can be sent this way, if nothing can.
    pub(crate) fn failure(&self) -> Option<Failure> {
        self.health.failure()
    }

    /// The message that was not sent, without the end.
    pub(crate) fn into_parts(mut self) -> Vec<Frame> {
        mem::take(self.parts())
    }

    /// The end, and the message that it has not sent.
    pub(super) fn into_unsent(mut self) -> Unsent {
        let parts = mem::take(self.parts());
        Unsent {
            sender: self.sender,
            parts,
            failure: self.health.failure(),
        }
    }

    /// Sets this side's part of the high-water mark.
    pub(crate) fn set_mark(&mut self, mark: u64) {
        self.sender.set_mark(mark);
    }
}
