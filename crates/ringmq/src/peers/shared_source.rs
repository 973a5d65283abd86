//! What a peer writes to shared memory, read by the socket.

use std::sync::Arc;

use ringmq_message::{Frame, INLINE, Properties, body_memory};
use ringmq_pipe::Vow;
use ringmq_pipe::remote::{self, PartPlace, Room};

use crate::block;
use crate::mail::{Bounds, Failure};
use crate::peers::chain::Memory;
use crate::peers::health::Health;
use crate::peers::parts::take_parts;

/// Bytes that are copied out of the shared memory of a peer that is gone, at most. The rest stays there until it is
/// read: a copy would need as much memory again, and the application would wait for it.
const COPIED_MOST: usize = 1 << 20;
/// Bytes that a copied message takes beside its contents.
const COST: usize = 64;

/// The receiving end of a pipe in shared memory.
#[derive(Debug)]
pub(crate) struct SharedSource {
    receiver: remote::Receiver,
    /// The rest of the message that is being received, the last part first.
    parts: Vec<Frame>,
    /// The empty first part of an enveloped message was taken. The record still holds the second part.
    delimited: bool,
    /// The bounds of the messages.
    bounds: Bounds,
    /// `bounds` admits less than everything.
    bounded: bool,
    /// One byte more than is admitted in a message of one part, and in the second part of an enveloped message.
    below: [usize; 2],
    /// The properties of the peer, which each frame carries.
    properties: Option<Arc<Properties>>,
    /// The peer is gone, or has gone back to ZMTP.
    gone: bool,
    /// With it, parts that lie in blocks are not copied out.
    vow: Option<Vow>,
    /// Nothing more is read: the peer sends the rest again, or the rest breaks the protocol.
    stopped: bool,
    /// Whether more can be read.
    pub(super) health: Health,
}

impl Memory for SharedSource {
    #[inline(always)]
    fn is_ready(&mut self) -> bool {
        if !self.parts.is_empty() {
            return true;
        }
        match self.receiver.look() {
            Some(incoming) if !self.stopped && self.keeps_to_bounds(&incoming) => true,
            _ => self.look_for_end(),
        }
    }

    #[inline(always)]
    fn pop(&mut self) -> Option<Frame> {
        if self.parts.is_empty() && !self.stopped {
            let properties = &self.properties;
            let below = self.below();
            let made = self.receiver.take_one(self.delimited, |one| {
                if one.len() >= below {
                    return None;
                }
                let mut frame = if one.len() <= INLINE {
                    Frame::small(one.len(), |into| one.copy_into(into))
                } else {
                    let mut bytes = body_memory(one.len()).ok()?;
                    one.append_to(&mut bytes).ok()?;
                    Frame::from_vec(bytes)
                };
                frame.set_properties(properties.clone());
                Some(frame)
            });
            if made.is_some() {
                self.delimited = false;
                return made;
            }
        }
        self.pop_other()
    }

    fn is_at_end(&mut self) -> bool {
        // What cannot be received here comes by the next source, or with another connection.
        let cannot = self.health.failure() == Some(Failure::CannotReceive);
        !self.is_ready() && (self.gone || cannot || self.receiver.is_at_end())
    }
}

impl SharedSource {
    pub(super) fn new(
        receiver: remote::Receiver,
        properties: Option<Arc<Properties>>,
        bounds: Bounds,
        vow: Option<Vow>,
    ) -> SharedSource {
        SharedSource {
            receiver,
            parts: Vec::new(),
            delimited: false,
            bounds,
            bounded: !bounds.are_none(),
            below: [false, true].map(|enveloped| bounds.below(enveloped)),
            properties,
            gone: false,
            vow,
            stopped: false,
            health: Health::Sound,
        }
    }

    /// The peer writes no more. Gives what is left, if that is not too much.
    pub(super) fn sender_is_gone(&mut self) -> Option<Vec<Frame>> {
        self.gone = true;
        self.receiver.sender_is_gone();
        self.copy_out()
    }

    /// Reads nothing more, but for the rest of the message that is being received. Has no effect if the peer is gone:
    /// then this side reads all that is left.
    pub(super) fn stop(&mut self) {
        if self.gone {
            return;
        }
        if self.delimited
            && let Some(second) = self.pop()
        {
            self.parts.push(second);
        }
        self.stopped = true;
    }

    /// Returns false if [`is_ready`](Memory::is_ready) would say the same as when it last was false.
    #[inline(always)]
    pub(super) fn may_be_ready(&mut self) -> bool {
        !self.receiver.is_quiet() && !self.stopped
    }

    /// Sets whether parts that lie in blocks are not copied out.
    pub(super) fn set_vow(&mut self, vow: Option<Vow>) {
        self.vow = vow;
    }

    /// Sets this side's part of the high-water mark.
    pub(super) fn set_mark(&mut self, mark: u64) {
        self.receiver.set_mark(mark);
    }

    /// The number of messages that wait.
    pub(super) fn waiting(&self) -> u64 {
        self.receiver.waiting()
    }

    /// The CPU that the peer last ran on, as far as is known.
    pub(super) fn cpu(&self) -> Option<u32> {
        self.receiver.cpu()
    }

    /// Returns true if the message may be received. A message that has begun was checked before.
    #[inline(always)]
    fn keeps_to_bounds(&mut self, incoming: &remote::Incoming) -> bool {
        !self.bounded
            || self.delimited
            || incoming.is_enveloped_below(self.below[1])
            || self.check_bounds(incoming)
    }

    /// One byte more than is admitted in the next part.
    #[inline(always)]
    fn below(&self) -> usize {
        self.below[usize::from(self.delimited)]
    }

    #[inline(never)]
    fn check_bounds(&mut self, incoming: &remote::Incoming) -> bool {
        // A message that breaks the protocol is found when it is received.
        let contents = self.receiver.contents(incoming);
        let refused = contents.ok().and_then(|parts| self.bounds.refuse(&parts));
        if let Some(why) = refused {
            self.break_off(why);
        }
        refused.is_none()
    }

    /// Finds out why nothing is there. Returns true if a message has begun: its rest is there, whatever the peer does
    /// to the memory.
    #[inline]
    fn look_for_end(&mut self) -> bool {
        if self.health.is_sound() {
            if self.receiver.broken().is_some() {
                self.health.fail(Failure::Corrupt);
            } else if self.receiver.is_short() {
                self.health.fail(Failure::CannotReceive);
                self.receiver.give_up();
            }
        }
        self.delimited
    }

    /// Takes the empty first part of an enveloped message, if that is the next part.
    #[inline(always)]
    pub(super) fn pop_delimiter(&mut self) -> bool {
        if self.delimited || !self.parts.is_empty() || self.stopped {
            return false;
        }
        self.delimited = self.receiver.is_enveloped_below(self.below[1]);
        self.delimited
    }

    /// Takes a message of one part, or the second part of an enveloped message. Returns its length, also if not all of
    /// it was copied.
    #[inline(always)]
    pub(super) fn pop_slice(&mut self, into: &mut Room<'_>) -> Option<usize> {
        if !self.parts.is_empty() || self.stopped {
            return None;
        }
        let below = self.below();
        let len = self.receiver.take_one(self.delimited, |one| {
            if one.len() >= below {
                return None;
            }
            one.copy_to(into);
            Some(one.len())
        });
        match len {
            Some(_) => self.delimited = false,
            None => return self.pop_block_slice(into),
        }
        len
    }

    /// As [`pop_slice`](SharedSource::pop_slice), of a block.
    #[inline(never)]
    fn pop_block_slice(&mut self, into: &mut Room<'_>) -> Option<usize> {
        let (incoming, place, len) = self.next_block()?;
        self.receiver.copy_part(&incoming, place, len, into);
        self.receiver.done(incoming);
        self.delimited = false;
        Some(len)
    }

    /// The next message or the second part of an enveloped one, if it is a block and admitted.
    fn next_block(&mut self) -> Option<(remote::Incoming, PartPlace, usize)> {
        let next = self.receiver.sole_block(self.delimited);
        next.filter(|(_, _, len)| *len < self.below())
    }

    /// Like [`pop_slice`](SharedSource::pop_slice), to a frame. Returns true if there was a part. The frame keeps its
    /// memory and its properties if they fit.
    #[inline(always)]
    pub(super) fn pop_to(&mut self, frame: &mut Frame) -> bool {
        if !self.parts.is_empty() || self.stopped {
            return false;
        }
        let below = self.below();
        let taken = self.receiver.take_one(self.delimited, |one| {
            if one.len() >= below {
                return None;
            }
            if one.len() <= INLINE {
                frame.refill_small(one.len(), |into| one.copy_into(into));
                return Some(());
            }
            let mut bytes = frame.take_memory(one.len()).ok()?;
            one.append_to(&mut bytes).ok()?;
            frame.refill(bytes);
            Some(())
        });
        if taken.is_none() {
            return self.pop_block_to(frame);
        }
        self.delimited = false;
        frame.keep_properties(&self.properties);
        true
    }

    /// As [`pop_to`](SharedSource::pop_to), of a block.
    #[inline(never)]
    fn pop_block_to(&mut self, frame: &mut Frame) -> bool {
        let Some((incoming, place, len)) = self.next_block() else {
            return false;
        };
        if let Some(held) = self.hold(place, len) {
            *frame = held;
            frame.keep_properties(&self.properties);
            self.receiver.done_held(incoming);
            self.delimited = false;
            return true;
        }
        let copied = frame.take_memory(len).and_then(|mut bytes| {
            self.receiver.append_to(&incoming, place, len, &mut bytes)?;
            Ok(bytes)
        });
        match copied {
            Ok(bytes) => frame.refill(bytes),
            Err(_) => return false,
        }
        frame.keep_properties(&self.properties);
        self.receiver.done(incoming);
        self.delimited = false;
        true
    }

    /// A frame over a block where it lies, if that is wanted and there is an entry for it.
    fn hold(&mut self, place: PartPlace, len: usize) -> Option<Frame> {
        let held = self.receiver.hold(place, len, self.vow?)?;
        block::held_frame(held, len)
    }

    /// Copies out what is left and returns it, if that is not too much. Otherwise copies some of it, which is received
    /// before the rest.
    fn copy_out(&mut self) -> Option<Vec<Frame>> {
        let mut left = Vec::new();
        let mut room = COPIED_MOST;
        while !self.parts.is_empty() || self.delimited || self.fits(&mut room) {
            let Some(part) = self.pop() else {
                break;
            };
            left.push(part);
        }
        left.reverse();
        if self.is_ready() {
            self.parts = left;
            return None;
        }
        Some(left)
    }

    /// Returns true if there is a next message and `room` for it. Takes the room.
    fn fits(&mut self, room: &mut usize) -> bool {
        if self.stopped {
            return false;
        }
        let cost = self.receiver.peek().map(|next| {
            // What is wrong with a message is found when it is received.
            let contents = self.receiver.contents(&next).ok();
            let parts = contents.iter().flat_map(remote::Contents::parts);
            let bytes = parts.map(|(_, len)| len.saturating_add(COST));
            bytes.fold(COST, usize::saturating_add)
        });
        match cost.and_then(|cost| room.checked_sub(cost)) {
            Some(rest) => *room = rest,
            None => return false,
        }
        true
    }

    /// Takes the next part where [`pop`](Memory::pop) found no message of one part that is admitted.
    #[inline(never)]
    fn pop_other(&mut self) -> Option<Frame> {
        if !self.parts.is_empty() || self.stopped {
            return self.parts.pop();
        }
        let mut frame = Frame::new();
        if self.delimited && self.pop_block_to(&mut frame) {
            return Some(frame);
        }
        let next = self.receiver.peek();
        let is_enveloped = self.receiver.is_enveloped();
        if std::mem::take(&mut self.delimited) {
            // The record was enveloped when its delimiter was taken. Either there is no memory for the rest, or the
            // peer has changed the record since. Then the message ends here, so that no other one continues it.
            self.break_off(Failure::Corrupt);
            return (!is_enveloped).then(Frame::new);
        }
        let incoming = next?;
        if is_enveloped {
            if !self.keeps_to_bounds(&incoming) {
                return None;
            }
            self.delimited = true;
            let mut first = Frame::new().with_more(true);
            first.set_properties(self.properties.clone());
            return Some(first);
        }
        let contents = match self.receiver.contents(&incoming) {
            Ok(contents) => contents,
            Err(remote::Broken) => {
                self.break_off(Failure::Corrupt);
                return None;
            }
        };
        if self.bounded
            && let Some(why) = self.bounds.refuse(&contents)
        {
            self.break_off(why);
            return None;
        }
        match contents {
            remote::Contents::One(len) => {
                let frame = self.copy(&incoming, PartPlace::Record(0), len)?;
                self.receiver.done(incoming);
                Some(frame)
            }
            several => self.pop_several(incoming, &several),
        }
    }

    /// Takes the first part, and keeps the others, so that the record is free again.
    fn pop_several(
        &mut self,
        incoming: remote::Incoming,
        contents: &remote::Contents,
    ) -> Option<Frame> {
        let mut parts = std::mem::take(&mut self.parts);
        let first = take_parts(contents, &mut parts, |place, len| {
            self.copy(&incoming, place, len)
        });
        self.parts = parts;
        if first.is_some() {
            self.receiver.done(incoming);
        }
        first
    }

    /// Stops reading: the next message cannot be received, and would be found again and again.
    fn break_off(&mut self, why: Failure) {
        self.health.fail(why);
        self.stopped = true;
        if why == Failure::CannotReceive {
            self.receiver.give_up();
        }
    }

    /// Copies a part to a frame. Without memory for it nothing more is read here, and the peer is asked to send it by
    /// ZMTP.
    #[inline]
    fn copy(&mut self, incoming: &remote::Incoming, place: PartPlace, len: usize) -> Option<Frame> {
        let mut frame = if len <= INLINE {
            let receiver = &mut self.receiver;
            let to = |into: &mut [u8]| {
                receiver.copy_part(incoming, place, len, &mut Room::from(into));
            };
            Frame::small(len, to)
        } else if let Some(held) = self.hold(place, len) {
            held
        } else {
            let receiver = &mut self.receiver;
            let copied = body_memory(len).and_then(|mut bytes| {
                receiver.append_to(incoming, place, len, &mut bytes)?;
                Ok(bytes)
            });
            match copied {
                Ok(bytes) => Frame::from_vec(bytes),
                Err(_) => {
                    self.break_off(Failure::CannotReceive);
                    return None;
                }
            }
        };
        frame.set_properties(self.properties.clone());
        Some(frame)
    }
}
