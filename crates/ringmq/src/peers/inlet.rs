//! Where the messages of a peer come from: pipes of this process, and in shared memory, one after the other.

use std::collections::VecDeque;
use std::sync::Arc;

use ringmq_message::{Frame, INLINE, Properties, body_memory};
use ringmq_pipe::remote::Room;
use ringmq_pipe::{local, remote};

use crate::mail::{Bounds, Failure};
use crate::peers::parts::take_parts;

/// The receiving ends of a peer's pipe: a connection may go over to shared memory, and back.
#[derive(Debug)]
pub(crate) struct Inlet {
    front: Source,
    /// What is read when that is at its end.
    next: VecDeque<Source>,
}

/// One receiving end.
#[derive(Debug)]
pub(crate) enum Source {
    /// From a socket of this process, or from a session.
    Local(local::Receiver<Frame>),
    /// From a socket of another process.
    Shared(Box<Shared>),
    /// What was left in shared memory by a socket that is gone: parts of messages, the last one first.
    Left(Vec<Frame>),
}

/// Bytes that are copied out of the shared memory of a peer that is gone. If more is left, that stays there until it is
/// read: a copy would need as much memory again, and the application would wait for it.
const COPIED_MOST: usize = 1 << 20;
/// What a message costs, beside its bytes.
const COST: usize = 64;

/// The receiving end of a pipe in shared memory.
#[derive(Debug)]
pub(crate) struct Shared {
    receiver: remote::Receiver,
    /// The rest of the message that is being received, the last part first.
    parts: Vec<Frame>,
    /// The empty first part of the message that comes next was received, and the second is all that is left of it.
    delimited: bool,
    /// What messages have to keep to, and whether that is anything.
    bounds: Bounds,
    bounded: bool,
    /// So many bytes are too many for a message of one part, and for the second part of an enveloped one.
    below: [usize; 2],
    /// What its frames tell of the peer.
    properties: Option<Arc<Properties>>,
    /// The peer is gone, or has gone back to ZMTP.
    gone: bool,
    /// Nothing more is read: what is left is the sender's, or makes no sense.
    stopped: bool,
    /// Why nothing more can be read.
    failure: Option<Failure>,
}

impl Inlet {
    pub(crate) fn local(receiver: local::Receiver<Frame>) -> Inlet {
        Inlet {
            front: Source::Local(receiver),
            next: VecDeque::new(),
        }
    }

    /// What comes when everything before it is at its end.
    pub(crate) fn then(&mut self, next: Source) {
        self.next.push_back(next);
        // Whoever only sends does not read on, and would keep what is left of every peer that has gone.
        let _ready = self.go_on();
    }

    /// No peer writes to shared memory any more; what it has published can still be received, and keeps neither its
    /// memory nor descriptors, if it is not too much.
    pub(crate) fn sender_is_gone(&mut self) {
        for source in self.sources() {
            if let Source::Shared(shared) = source {
                shared.gone = true;
                shared.receiver.sender_is_gone();
                if let Some(left) = shared.copy_out() {
                    *source = Source::Left(left);
                }
            }
        }
    }

    /// This side has ended the connection by itself: what was not read in shared memory is the sender's to send again.
    pub(crate) fn stop(&mut self) {
        for source in self.sources() {
            // Of one that went before, everything is ours.
            if let Source::Shared(shared) = source
                && !shared.gone
            {
                shared.stop();
            }
        }
    }

    /// Whether a part is there; if it is the first of a message, all of them are.
    #[inline(always)]
    pub(crate) fn is_ready(&mut self) -> bool {
        self.front.is_ready() || (!self.next.is_empty() && self.go_on())
    }

    /// Whether [`is_ready`](Inlet::is_ready) may say something else than when it last was false.
    #[inline(always)]
    pub(crate) fn stirs(&mut self) -> bool {
        match &mut self.front {
            Source::Shared(shared) if self.next.is_empty() => {
                !shared.receiver.is_quiet() && !shared.stopped
            }
            _ => self.is_ready(),
        }
    }

    /// Goes on to the next source, if the one before is at its end.
    #[cold]
    fn go_on(&mut self) -> bool {
        loop {
            if !self.front.is_at_end() {
                return self.front.is_ready();
            }
            match self.next.pop_front() {
                Some(next) => self.front = next,
                None => return false,
            }
        }
    }

    /// Takes the next part.
    #[inline(always)]
    pub(crate) fn pop(&mut self) -> Option<Frame> {
        if self.next.is_empty() {
            self.front.pop()
        } else {
            self.pop_further()
        }
    }

    #[cold]
    fn pop_further(&mut self) -> Option<Frame> {
        if self.is_ready() {
            self.front.pop()
        } else {
            None
        }
    }

    /// Takes the next part, of which as much is copied to `into` as there is room for: gives its length, and whether
    /// more follows.
    #[inline(always)]
    pub(crate) fn pop_slice(&mut self, into: &mut Room<'_>) -> Option<(usize, bool)> {
        if self.next.is_empty()
            && let Source::Shared(shared) = &mut self.front
            && let Some(len) = shared.pop_slice(into)
        {
            return Some((len, false));
        }
        let frame = self.pop()?;
        into.copy_from(&frame);
        Some((frame.len(), frame.more()))
    }

    /// Takes an empty first part that others follow, if there is one in shared memory; says whether it did.
    #[inline(always)]
    pub(crate) fn pop_delimiter(&mut self) -> bool {
        match &mut self.front {
            Source::Shared(shared) if self.next.is_empty() => shared.pop_delimiter(),
            _ => false,
        }
    }

    /// Takes the next part to a frame, and says whether more follows.
    #[inline(always)]
    pub(crate) fn pop_to(&mut self, frame: &mut Frame) -> Option<bool> {
        if self.next.is_empty()
            && let Source::Shared(shared) = &mut self.front
            && shared.pop_to(frame)
        {
            return Some(false);
        }
        *frame = self.pop()?;
        Some(frame.more())
    }

    fn sources(&mut self) -> impl Iterator<Item = &mut Source> {
        std::iter::once(&mut self.front).chain(&mut self.next)
    }

    /// After the last part of a message.
    #[inline(always)]
    pub(crate) fn done(&mut self) {
        if let Source::Local(receiver) = &mut self.front {
            // The credit is there; a sender that cannot be woken finds it at its next call.
            let _ = receiver.done();
        }
    }

    /// The mark of what comes from within the process.
    pub(crate) fn set_mark(&mut self, mark: u64) {
        for source in self.sources() {
            if let Source::Local(receiver) = source {
                receiver.set_mark(mark);
            }
        }
    }

    /// Our part of the mark of what comes from another process.
    pub(crate) fn set_shared_mark(&mut self, mark: u64) {
        for source in self.sources() {
            if let Source::Shared(shared) = source {
                shared.receiver.set_mark(mark);
            }
        }
    }

    /// Messages that wait in shared memory. Those that wait elsewhere are counted by the session.
    pub(crate) fn waiting_shared(&self) -> u64 {
        let sources = std::iter::once(&self.front).chain(&self.next);
        sources
            .map(|source| match source {
                Source::Shared(shared) => shared.receiver.waiting(),
                Source::Local(_) | Source::Left(_) => 0,
            })
            .sum()
    }

    /// The CPU that the other end last ran on, as far as is known.
    pub(crate) fn cpu(&self) -> Option<u32> {
        match &self.front {
            Source::Local(receiver) => receiver.cpu(),
            Source::Shared(shared) => shared.receiver.cpu(),
            Source::Left(_) => None,
        }
    }

    /// Why the shared memory that is read now cannot be read on, if it was found so.
    #[inline(always)]
    pub(crate) fn failure(&self) -> Option<Failure> {
        match &self.front {
            Source::Local(_) | Source::Left(_) => None,
            Source::Shared(shared) => shared.failure,
        }
    }
}

impl Source {
    #[inline(always)]
    fn is_ready(&mut self) -> bool {
        match self {
            Source::Local(receiver) => receiver.is_ready(),
            Source::Shared(shared) => shared.is_ready(),
            Source::Left(parts) => !parts.is_empty(),
        }
    }

    #[inline(always)]
    fn pop(&mut self) -> Option<Frame> {
        match self {
            Source::Local(receiver) => receiver.pop(),
            Source::Shared(shared) => shared.pop(),
            Source::Left(parts) => parts.pop(),
        }
    }

    fn is_at_end(&mut self) -> bool {
        match self {
            Source::Local(receiver) => receiver.is_at_end(),
            Source::Shared(shared) => shared.is_at_end(),
            Source::Left(parts) => parts.is_empty(),
        }
    }

    pub(crate) fn shared(
        receiver: remote::Receiver,
        properties: Option<Arc<Properties>>,
        bounds: Bounds,
    ) -> Source {
        Source::Shared(Box::new(Shared {
            receiver,
            parts: Vec::new(),
            delimited: false,
            bounds,
            bounded: !bounds.are_none(),
            below: [false, true].map(|enveloped| bounds.below(enveloped)),
            properties,
            gone: false,
            stopped: false,
            failure: None,
        }))
    }
}

impl Shared {
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

    /// Whether the message that is there may be received. One that has begun was asked for before.
    #[inline(always)]
    fn keeps_to_bounds(&mut self, incoming: &remote::Incoming) -> bool {
        !self.bounded
            || self.delimited
            || incoming.is_enveloped_below(self.below[1])
            || self.check_bounds(incoming)
    }

    /// So many bytes are too many for the part that comes next.
    #[inline(always)]
    fn below(&self) -> usize {
        self.below[usize::from(self.delimited)]
    }

    #[inline(never)]
    fn check_bounds(&mut self, incoming: &remote::Incoming) -> bool {
        // What makes no sense is found when it is received.
        let contents = self.receiver.contents(incoming);
        let refused = contents.ok().and_then(|parts| self.bounds.refuse(&parts));
        if let Some(why) = refused {
            self.break_off(why);
        }
        refused.is_none()
    }

    /// Nothing is there: perhaps because nothing can be any more. Of a message that has begun something is, whatever its
    /// sender does to the memory.
    #[inline]
    fn look_for_end(&mut self) -> bool {
        if self.failure.is_none() {
            self.failure = match self.receiver.broken() {
                Some(_) => Some(Failure::Corrupt),
                None => self.receiver.is_short().then_some(Failure::CannotReceive),
            };
        }
        self.delimited
    }

    fn is_at_end(&mut self) -> bool {
        // What cannot be received here comes behind it, or with another connection.
        let cannot = self.failure == Some(Failure::CannotReceive);
        !self.is_ready() && (self.gone || cannot || self.receiver.is_at_end())
    }

    /// Nothing more is read, but for what is left of the message that is being received.
    fn stop(&mut self) {
        if self.delimited
            && let Some(second) = self.pop()
        {
            self.parts.push(second);
        }
        self.stopped = true;
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

    /// Takes the empty first part of an enveloped message, if that comes next.
    #[inline(always)]
    fn pop_delimiter(&mut self) -> bool {
        if self.delimited || !self.parts.is_empty() || self.stopped {
            return false;
        }
        self.delimited = self.receiver.is_enveloped_below(self.below[1]);
        self.delimited
    }

    /// Takes a message of one part, or the second one of an enveloped message; gives its length, whatever of it was
    /// copied.
    #[inline(always)]
    fn pop_slice(&mut self, into: &mut Room<'_>) -> Option<usize> {
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
        })?;
        self.delimited = false;
        Some(len)
    }

    /// As [`pop_slice`](Shared::pop_slice), to a frame; says whether there was one. Its memory and what it knows of the
    /// peer are kept if they fit.
    #[inline(always)]
    fn pop_to(&mut self, frame: &mut Frame) -> bool {
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
        if taken.is_some() {
            self.delimited = false;
            frame.keep_properties(&self.properties);
        }
        taken.is_some()
    }

    /// Copies out what is left, if that is not too much; otherwise some of it, which is received before the rest.
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

    /// Whether the next message is there, and has room, which it takes.
    fn fits(&mut self, room: &mut usize) -> bool {
        if self.stopped {
            return false;
        }
        let cost = self.receiver.peek().map(|next| next.size() + COST);
        match cost.and_then(|cost| room.checked_sub(cost)) {
            Some(rest) => *room = rest,
            None => return false,
        }
        true
    }

    /// A part of a message of several, or nothing yet, or something that is wrong.
    #[inline(never)]
    fn pop_other(&mut self) -> Option<Frame> {
        if !self.parts.is_empty() || self.stopped {
            return self.parts.pop();
        }
        let next = self.receiver.peek();
        let is_enveloped = next.is_some_and(|next| next.is_enveloped_below(usize::MAX));
        if std::mem::take(&mut self.delimited) {
            // It was one when its delimiter was taken. There may have been no memory for the rest; or its sender has
            // changed it since, and has the message end here, so that no other one goes on with it.
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
                let frame = self.copy(&incoming, 0, len)?;
                self.receiver.done(incoming);
                Some(frame)
            }
            several => self.pop_several(incoming, &several),
        }
    }

    /// Copies all parts out, so that the memory is the sender's again, and keeps all but the first.
    fn pop_several(
        &mut self,
        incoming: remote::Incoming,
        contents: &remote::Contents,
    ) -> Option<Frame> {
        let mut parts = std::mem::take(&mut self.parts);
        let first = take_parts(contents, &mut parts, |at, len| {
            self.copy(&incoming, at, len)
        });
        self.parts = parts;
        if first.is_some() {
            self.receiver.done(incoming);
        }
        first
    }

    /// The message that is there cannot be received. It would be found again and again.
    fn break_off(&mut self, why: Failure) {
        self.failure = Some(why);
        self.stopped = true;
    }

    /// A part as a frame. Without memory for it nothing more is read here, and the sender is asked for it by ZMTP.
    #[inline]
    fn copy(&mut self, incoming: &remote::Incoming, at: usize, len: usize) -> Option<Frame> {
        let mut frame = if len <= INLINE {
            let receiver = &self.receiver;
            Frame::small(len, |into| receiver.copy_into(incoming, at, into))
        } else {
            let receiver = &self.receiver;
            let copied = body_memory(len).and_then(|mut bytes| {
                receiver.append_to(incoming, at, len, &mut bytes)?;
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
