//! The end that sends.

mod block;
mod growth;
mod showing;
mod written;

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ringmq_ring::{
    ClaimError, Corrupt, GenerationSeen, Kind, Look, Mapped, MappedMut, Wanted, Word, Writer,
};

use super::courier::Sent;
use super::flow::Flow;
use super::frame::SegmentNote;
use super::patience::{LatePolicy, LatePolicySeen, Patience};
use super::segment::{self, Charge, Segment, Segments};
use super::unread::Witness;
use block::BlockFlow;
pub use block::OutPart;

use super::{Common, layout};
use crate::maps::{Counted, Map, has_mappings_for_growth};
use crate::marks::{limit, together};

/// The sending end of a pipe to a socket of another process. When it is dropped, the receiver gets what was sent, and
/// then the end.
#[derive(Debug)]
pub struct Sender {
    common: Arc<Common>,
    /// `None` before the first message.
    writer: Option<Writer<MappedMut, Mapped>>,
    segments: Segments,
    /// The number of segments made so far, and the word that shows it to the peer.
    made: u64,
    told_made: Word<MappedMut>,
    /// A segment that waits for the session to send its descriptor.
    leaving: Option<Map>,
    /// The mapping that is reserved for the first segment, until that is made.
    reserved: Option<Counted>,
    /// The most bytes of memory that may hold unread messages, for all peers of the socket together.
    limit: u64,
    growth: Growth,
    blocks: BlockFlow,
    /// For a late reader. `None` if the sender never waits for its reader.
    patience: Option<Patience>,
    late: LatePolicySeen,
    /// True if the sender does not wait now, whatever the policy is.
    hurried: bool,

    /// The number of messages that may wait; `u64::MAX` is no limit.
    mark: u64,
    own_mark: Word<MappedMut>,
    own_mark_is: u64,
    peer_mark: Word<Mapped>,
    sent: u64,
    /// The messages that the receiver had taken when it had last taken all of them. It may not have reported them.
    taken: u64,
    /// Up to this count of sent messages the sender need not look at the peer's mark and reports.
    sure: u64,
    /// The value of `sure` before the receiver was rung.
    kept: u64,
    reported: Word<Mapped>,
    wants_room: Wanted<MappedMut>,
    wants_credit: Wanted<MappedMut>,
    generation: GenerationSeen<Mapped>,
    /// True if the peer's barriers do not reach this process. The sender then uses fences.
    fences: bool,
    /// Where the status page shows what was sent.
    flow: Option<Box<Flow>>,
    /// System calls that woke the receiver and that the status page does not show yet.
    rings: u64,
}

/// When to go back to a small segment.
#[derive(Debug)]
struct Growth {
    /// The number of sent messages at which a send looks whether there is more memory than a steady flow needs;
    /// `u64::MAX` if there is not.
    look: u64,
    /// Messages from one look to the next.
    step: usize,
    looked: Option<Instant>,
    shrunk: Option<Instant>,
    /// When the segment was made because the one before was full, or was last full itself.
    full: Option<Instant>,
    /// How long the segment is kept after `full`.
    keep: Duration,
}

/// Why a message was not sent. No part of it was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PushError {
    /// The memory is full, and may not grow: the socket is woken when there is room.
    Full,
    /// The message needs a record of so many bytes. The longest record has [`LONGEST`](super::LONGEST).
    TooLong(usize),
    /// The system gives no more memory or descriptors.
    Resources,
    /// The peer broke the protocol.
    Corrupt(Corrupt),
}

/// A ring of at most this size is not replaced by a smaller one.
const SMALL: usize = 512 << 10;
/// A ring of at most this size is kept for [`AGAIN`] after it was full, because a steady flow may need it.
const MODEST: usize = 64 << 20;
/// From this size on, a ring is not grown while its reader is at work on it.
const AMPLE: usize = 1 << 20;
/// From this size on, the sender waits for the reader before the ring grows. Smaller memory costs too little.
const DEAR: usize = 4 << 20;
/// The most looks at a reader at work, each after a pause of about half a microsecond.
const LOOKS: u32 = 200;
/// After so many looks without progress the reader is not at work.
const STILL: u32 = 32;
/// The most messages that are sent between two looks at the peer's mark.
const SURE: u64 = 256;
/// A load that comes again within this time is not a burst.
const AGAIN: Duration = Duration::from_secs(1);
/// Looks at the memory that come faster than this become rarer: each reads the position of the reader, and so takes the
/// cache line from the reader's CPU.
const BRISK: Duration = Duration::from_millis(1);
/// The most messages from one look at the memory to the next.
const SELDOM: usize = 64;
/// The most bytes from one look to the next, by the message of the last one. To copy them takes longer than a look.
const SELDOM_BYTES: usize = 64 << 10;

impl Sender {
    pub(super) fn new(common: &Arc<Common>, limit: u64, reserved: Counted) -> (Sender, Witness) {
        let segments = Segments::default();
        let loan = common.loan();
        let witness = Witness::new(common, &segments, &loan);
        let own_mark = common.own(layout::SENDING_MARK);
        let own_mark_is = own_mark.load();
        let mut sender = Sender {
            writer: None,
            segments,
            made: 0,
            told_made: common.own(layout::SEGMENTS),
            leaving: None,
            reserved: Some(reserved),
            limit,
            growth: Growth {
                look: u64::MAX,
                step: 1,
                looked: None,
                shrunk: None,
                full: None,
                keep: Duration::ZERO,
            },
            blocks: BlockFlow::new(loan, limit),
            patience: None,
            late: LatePolicy::default().seen(),
            hurried: false,
            mark: 0,
            taken: 0,
            own_mark,
            own_mark_is,
            peer_mark: common.seen(layout::RECEIVING_MARK),
            sent: 0,
            sure: 0,
            kept: 0,
            reported: common.seen(layout::RECEIVED),
            wants_room: Wanted::new(common.own(layout::WANTED_POSITION)),
            wants_credit: Wanted::new(common.own(layout::WANTED_COUNT)),
            generation: GenerationSeen::new(common.generation()),
            fences: !common.slot.control().passes_barriers(),
            flow: None,
            rings: 0,
            common: Arc::clone(common),
        };
        sender.look_at_marks();
        (sender, witness)
    }

    /// Sets whether a send may wait a little for a late reader before the sender makes more memory. For patterns whose
    /// sends block at the mark: there a slow reader delays no other peer. By default a sender makes memory at once.
    pub fn set_patient(&mut self, waits: bool) {
        self.patience = waits.then(Patience::default);
        self.blocks.set_patient(waits);
    }

    // --- The mark

    /// Returns true if the mark admits one more message. If not, asks the receiver to ring when it does.
    #[inline(always)]
    pub fn has_room(&mut self) -> bool {
        self.is_sure() || self.look_for_credit()
    }

    /// Returns true if the mark admits one more message by what the sender knows without a look. It is false after
    /// every ring of the receiver, and at least once in 256 messages: the caller then does what it need not do for each
    /// message.
    #[inline(always)]
    pub fn is_sure(&self) -> bool {
        self.sent < self.sure
    }

    #[cold]
    fn look_for_credit(&mut self) -> bool {
        self.show();
        self.sure = self.sure.max(std::mem::take(&mut self.kept));
        if self.is_sure() {
            return true;
        }
        self.look_at_marks();
        if self.credit() {
            self.wants_credit.disarm();
            return true;
        }
        if !self.wants_credit.is_armed() {
            // Waits for the report that makes room. An earlier one would end the wait too soon (see `local::Sender`).
            let wanted = (self.sent + 1).saturating_sub(self.mark);
            self.wants_credit.arm(wanted.saturating_mul(8));
            if self.credit() || (self.is_drained() && self.credit()) {
                self.wants_credit.disarm();
                return true;
            }
        }
        false
    }

    /// Returns true if the receiver has taken every message, and counts them. Until it looks at the marks again it may
    /// give credit in steps of an older, larger mark, and this side would wait for more messages than the mark admits.
    fn is_drained(&mut self) -> bool {
        let Some(writer) = &mut self.writer else {
            return false;
        };
        // What is wrong with the position shows when there is no room for a message.
        let drained = writer.look_at_reader() == Ok(writer.position());
        if drained {
            self.taken = self.sent;
        }
        drained
    }

    fn credit(&mut self) -> bool {
        let waiting = self.waiting();
        self.sure = self.sent + self.mark.saturating_sub(waiting).min(SURE);
        self.sent < self.sure
    }

    /// The CPU that the peer last ran on, if the peer has published one.
    pub fn cpu(&self) -> Option<u32> {
        self.common.cpu()
    }

    fn look_at_marks(&mut self) {
        self.mark = limit(together(self.own_mark_is, self.peer_mark.load()));
    }

    /// Changes the sender's part of the mark; 0 is no limit. Wakes the receiver, because it may owe credit by the new
    /// mark.
    pub fn set_mark(&mut self, mark: u64) {
        if mark != self.own_mark_is {
            self.own_mark_is = mark;
            self.own_mark.publish(mark);
            self.common.courier.ring();
        }
        (self.sure, self.kept) = (0, 0);
        self.wants_credit.disarm();
    }

    /// The number of messages sent that the receiver has not reported.
    pub fn waiting(&self) -> u64 {
        let taken = self.reported.load().max(self.taken);
        self.sent - taken.min(self.sent)
    }

    // --- Messages

    /// Sends a message of one part, and wakes the receiver if it sleeps.
    ///
    /// # Errors
    ///
    /// [`PushError`].
    #[inline]
    pub fn push(&mut self, payload: &[u8]) -> Result<(), PushError> {
        self.push_as(Kind::Last, payload)
    }

    /// Sends a message of two parts: an empty one and `payload`. Requests and replies have this form.
    ///
    /// # Errors
    ///
    /// [`PushError`].
    #[inline]
    pub fn push_enveloped(&mut self, payload: &[u8]) -> Result<(), PushError> {
        self.push_as(Kind::Enveloped, payload)
    }

    #[inline(always)]
    fn push_as(&mut self, kind: Kind, payload: &[u8]) -> Result<(), PushError> {
        if self.sent < self.growth.look
            && let Some(writer) = &mut self.writer
            && writer.push(kind, payload).is_ok()
        {
            self.sent += 1;
            self.wake();
            return Ok(());
        }
        self.push_slowly(kind, payload.len(), &mut |claim| {
            claim.copy_from(payload);
        })
    }

    /// Sends a message of several parts, and wakes the receiver if it sleeps.
    ///
    /// # Errors
    ///
    /// [`PushError`].
    pub fn push_parts<'a, I>(&mut self, parts: I) -> Result<(), PushError>
    where
        I: ExactSizeIterator<Item = &'a [u8]> + Clone,
    {
        let count = parts.len();
        let table = 4_usize.saturating_mul(count.saturating_add(1));
        let table = table.next_multiple_of(8);
        let mut len = table;
        for part in parts.clone() {
            len = len.saturating_add(part.len().next_multiple_of(8));
        }
        if u32::try_from(len).is_err() {
            return Err(PushError::TooLong(len));
        }
        self.push_slowly(Kind::Parts, len, &mut |claim| {
            // Two sizes at a time, because a record is filled in whole words.
            let mut sizes = std::iter::once(count).chain(parts.clone().map(<[u8]>::len));
            let mut entry = 0;
            while let Some(size) = sizes.next() {
                let mut word = [0; 8];
                word[..4].copy_from_slice(&(size as u32).to_ne_bytes());
                word[4..].copy_from_slice(&(sizes.next().unwrap_or(0) as u32).to_ne_bytes());
                claim.fill(entry, &word);
                entry += 8;
            }
            let mut at = table;
            for part in parts.clone() {
                claim.fill(at, part);
                at += part.len().next_multiple_of(8);
            }
        })
    }

    /// Sends a message that may need more room or a larger segment.
    fn push_slowly(
        &mut self,
        kind: Kind,
        len: usize,
        fill: &mut dyn FnMut(&mut ringmq_ring::Claim<'_, MappedMut, Mapped>),
    ) -> Result<(), PushError> {
        self.shrink(len);
        loop {
            let Some(writer) = &mut self.writer else {
                self.begin(len)?;
                continue;
            };
            match writer.claim(len) {
                Ok(mut claim) => {
                    fill(&mut claim);
                    claim.commit(kind);
                    writer.publish();
                    self.sent += 1;
                    self.wants_room.disarm();
                    self.wake();
                    return Ok(());
                }
                Err(ClaimError::Corrupt(corrupt)) => return Err(PushError::Corrupt(corrupt)),
                Err(ClaimError::Full { wanted }) => {
                    if !self.make_room(len)? {
                        self.want(wanted)?;
                    }
                }
                Err(ClaimError::TooLong { .. }) => {
                    if !self.grow(len)? {
                        self.want(self.start())?;
                    }
                }
            }
        }
    }

    /// Asks the receiver to ring when its reader has reached `position`.
    ///
    /// # Errors
    ///
    /// [`PushError::Full`] unless the reader is there already.
    fn want(&mut self, position: u64) -> Result<(), PushError> {
        self.wants_room.arm(position);
        // The next message that finds room disarms it.
        self.growth.look = 0;
        let Some(writer) = &mut self.writer else {
            return Err(PushError::Full);
        };
        match writer.look_at_reader() {
            Err(corrupt) => Err(PushError::Corrupt(corrupt)),
            Ok(reported) if reported >= position => Ok(()),
            Ok(_) => Err(PushError::Full),
        }
    }

    /// Rings after a publication if the receiver sleeps. The session notices a receiver that cannot be woken.
    #[inline(always)]
    fn wake(&mut self) {
        if self.fences {
            ringmq_ring::order();
        }
        if self.generation.look() == Look::Ring {
            self.ring();
        }
    }

    #[cold]
    fn ring(&mut self) {
        self.kept = self.kept.max(std::mem::take(&mut self.sure));
        self.common.courier.ring();
        self.rings += 1;
        self.show();
    }

    // --- Memory

    /// The position at which the current segment begins.
    fn start(&self) -> u64 {
        let segments = segment::lock(&self.segments);
        segments.list.back().map_or(0, |last| last.start)
    }

    /// Makes the first segment.
    fn begin(&mut self, len: usize) -> Result<(), PushError> {
        // The first segment may exceed the limit, because no other message waits.
        let capacity = segment::capacity_for(len).ok_or(PushError::TooLong(len))?;
        let memory = self.send_first(capacity)?;
        let position = self.common.seen(layout::POSITION).into_memory();
        let writer = Writer::new(segment::writable(&memory), position, 0);
        self.reserved = None;
        self.writer = Some(writer.map_err(|_| PushError::Resources)?);
        segment::lock(&self.segments)
            .list
            .push_back(self.segment(0, memory));
        self.growth.look = if capacity > SMALL { 0 } else { u64::MAX };
        if let Some(patience) = &mut self.patience {
            patience.made(capacity);
        }
        self.told_made.publish(self.made);
        self.show_memory();
        Ok(())
    }

    fn segment(&self, start: u64, memory: Arc<Map>) -> Segment {
        let charge = Charge::new(self.common.slot.control().memory(), memory.len());
        Segment {
            start,
            before: self.sent,
            memory,
            _charge: charge,
        }
    }

    /// Makes the first segment, and sends its descriptor to the peer. If the descriptor has to wait for the session, a
    /// later call returns this segment, whatever `capacity` that call asks for: until then messages go by another way.
    fn send_first(&mut self, capacity: usize) -> Result<Arc<Map>, PushError> {
        let (memory, sent) = match self.leaving.take() {
            Some(memory) => (memory, self.common.courier.look()),
            None => {
                let (memory, note, descriptor) = self.make(capacity)?;
                (memory, self.common.courier.send(note, descriptor))
            }
        };
        match sent {
            Sent::Yes => Ok(self.keep(memory)),
            // The session wakes the socket when it has sent the descriptor.
            Sent::Waits => {
                self.leaving = Some(memory);
                Err(PushError::Full)
            }
            Sent::Failed(error) => Err(not_sent(&error)),
        }
    }

    /// Makes a further segment, and sends its descriptor to the peer. If the stream has no room for it, the session sends
    /// it later, and the sender does not wait: a publisher would drop messages that the mark admits.
    fn send_next(&mut self, capacity: usize) -> Result<Arc<Map>, PushError> {
        let (memory, note, descriptor) = self.make(capacity)?;
        match self.common.courier.send_ahead(note, descriptor) {
            Sent::Yes | Sent::Waits => Ok(self.keep(memory)),
            Sent::Failed(error) => Err(not_sent(&error)),
        }
    }

    fn make(&self, capacity: usize) -> Result<(Map, SegmentNote, OwnedFd), PushError> {
        let memory = segment::make(capacity, &self.common.mark);
        let (memory, descriptor) = memory.map_err(|_| PushError::Resources)?.into_parts();
        let number = self.made;
        Ok((memory.into(), SegmentNote { number, capacity }, descriptor))
    }

    fn keep(&mut self, memory: Map) -> Arc<Map> {
        self.made += 1;
        Arc::new(memory)
    }

    /// Returns true if the segment for the next message waits for the session to send its descriptor.
    pub fn waits_for_memory(&self) -> bool {
        self.leaving.is_some()
    }

    /// Makes room in a full ring: waits a little for the reader if the ring is large enough, or else grows. Returns
    /// true if the caller should try again.
    #[cold]
    fn make_room(&mut self, len: usize) -> Result<bool, PushError> {
        let Some(writer) = &mut self.writer else {
            return Ok(false);
        };
        if writer.capacity() >= AMPLE && writer.is_reader_here() {
            let (mut seen, mut still) = (writer.seen_reader(), 0);
            for _ in 0..LOOKS {
                for _ in 0..40 {
                    std::hint::spin_loop();
                }
                let now = writer.look_at_reader().map_err(PushError::Corrupt)?;
                still = if now == seen { still + 1 } else { 0 };
                seen = now;
                if writer.claim(len).is_ok() {
                    return Ok(true);
                }
                if still >= STILL {
                    break;
                }
            }
        }
        if self.wait_for_reader(len)? {
            return Ok(true);
        }
        self.grow(len)
    }

    /// Goes on in a larger segment. Returns false if the limit does not allow that now.
    fn grow(&mut self, len: usize) -> Result<bool, PushError> {
        self.check_credit()?;
        let needed = segment::capacity_for(len).ok_or(PushError::TooLong(len))?;
        if needed as u64 > self.left() {
            // Other peers have the memory now, and the message fits into the ring: wait for room there.
            if needed as u64 <= self.limit && self.fits(len) {
                return Ok(false);
            }
            return self.exceed(needed);
        }
        let Some(capacity) = self.larger(len)? else {
            return Ok(false);
        };
        match self.jump(capacity) {
            Ok(()) => {}
            // Without memory or descriptors the message waits for room in this ring, if it can ever fit there.
            Err(PushError::Resources) if self.fits(len) => return Ok(false),
            Err(error) => return Err(error),
        }
        let now = Instant::now();
        let growth = &mut self.growth;
        growth.keep = match growth.shrunk {
            Some(shrunk) if now - shrunk < AGAIN => {
                (growth.keep * 2).clamp(Duration::from_millis(10), AGAIN)
            }
            _ => Duration::ZERO,
        };
        growth.full = Some(now);
        Ok(true)
    }

    fn fits(&self, len: usize) -> bool {
        let capacity = self.writer.as_ref().map_or(0, Writer::capacity);
        segment::capacity_for(len).is_some_and(|needed| needed <= capacity)
    }

    fn jump(&mut self, capacity: usize) -> Result<(), PushError> {
        if !has_mappings_for_growth() {
            return Err(PushError::Resources);
        }
        let memory = self.send_next(capacity)?;
        let Some(writer) = &mut self.writer else {
            return Ok(());
        };
        let ring = segment::writable(&memory);
        let before = writer.position();
        writer.jump(ring).map_err(|_| PushError::Resources)?;
        let start = writer.position();
        if let Some(flow) = &mut self.flow {
            flow.jumped(before, start);
        }
        segment::lock(&self.segments)
            .list
            .push_back(self.segment(start, memory));
        self.growth.look = 0;
        self.show_memory();
        if let Some(patience) = &mut self.patience {
            patience.made(capacity);
        }
        self.wake();
        Ok(())
    }
}

/// Why a segment was not sent.
fn not_sent(error: &io::Error) -> PushError {
    match error.kind() {
        // The peer is gone. The session notices that; until then nothing can be sent.
        io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset => PushError::Full,
        _ => PushError::Resources,
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        // A forked child has no mapping of the memory.
        if !self.common.mark.is_here() {
            return;
        }
        self.show();
        if let Some(writer) = &mut self.writer {
            writer.end();
            self.wake();
        }
        self.blocks.end();
        segment::lock(&self.segments).closed = true;
    }
}
