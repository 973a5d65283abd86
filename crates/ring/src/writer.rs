//! The writing end.

use crate::error::{BadCapacity, ClaimError, Corrupt};
use crate::memory::{Contiguous, Memory, MemoryMut};
use crate::record::{self, HEADER, Header, Kind};
use crate::word::Word;
use crate::{check_capacity, longest_record};

/// With fewer lines than these taken from the reader, the writer takes some more: as many as it has just filled, within
/// limits.
const NEAR: u64 = 4;
const LEAST_AHEAD: u64 = 16;
const MOST_AHEAD: u64 = 64;

/// The writing end of a ring.
///
/// `R` is the ring's memory, which this side alone writes; `P` is one word of the reader's memory, in
/// which the reader reports its position.
///
/// A message goes claim – fill – commit – publish. Committed records become visible together, by one
/// store, when they are published: that is a batch, and a single message is a batch of one.
#[derive(Debug)]
pub struct Writer<R, P> {
    ring: R,
    report: Word<P>,
    /// Invariant: a power of two, at most `ring.len()`.
    capacity: u64,
    /// Where the next record goes. Invariant: a multiple of 8, and less than `capacity - HEADER` ahead of `reader`.
    head: u64,
    /// Where the first record lies that is not published yet. Invariant: `reader <= published <= head`; the
    /// header there is zero in memory.
    published: u64,
    /// The header that publishes everything in `published..head`; 0 if there is nothing.
    first: u64,
    /// What the reader leaves free for us ends here: the last position that it reported and that was found to be
    /// possible, or where this memory begins, if it has not come there yet.
    reader: u64,
    /// Where this memory begins, after a jump.
    floor: u64,
    /// Lines before this were taken from the reader.
    owned: u64,
    /// The last position that the reader reported. Invariant: `reader` is the greater of this and `floor`.
    reported: u64,
}

/// Room for one record: fill it, then commit it. Dropped without a commit, it was never there.
#[must_use = "a claim that is dropped is aborted"]
#[derive(Debug)]
pub struct Claim<'a, R, P> {
    writer: &'a mut Writer<R, P>,
    /// Where the record will lie: `head`, or the start of the memory after a pad.
    at: u64,
    len: u32,
}

impl<R: MemoryMut, P: Memory> Writer<R, P> {
    /// Starts a ring at `start` bytes since the start of time (0, but for tests that want to see a
    /// boundary passed). The memory must be zero where the first header goes, as new memory is.
    ///
    /// # Errors
    ///
    /// The memory's size is no possible capacity.
    pub fn new(ring: R, report: P, start: u64) -> Result<Self, BadCapacity> {
        let capacity = check_capacity(ring.len())?;
        let start = start / 8 * 8;
        let bytes = report.len();
        let report = Word::new(report).ok_or(BadCapacity { bytes })?;
        Ok(Writer {
            ring,
            report,
            capacity,
            head: start,
            published: start,
            first: 0,
            reader: start,
            floor: start,
            owned: start,
            reported: start,
        })
    }

    /// Bytes of the ring's memory.
    pub fn capacity(&self) -> usize {
        self.capacity as usize
    }

    /// The longest payload that fits one record.
    pub fn longest(&self) -> usize {
        longest_record(self.capacity)
    }

    /// Bytes published since the start of time.
    pub fn position(&self) -> u64 {
        self.published
    }

    /// The position that the reader has last been seen at.
    pub fn seen_reader(&self) -> u64 {
        self.reported
    }

    #[inline(always)]
    fn offset(&self, position: u64) -> usize {
        (position & (self.capacity - 1)) as usize
    }

    /// Claims room for a record of `len` bytes.
    ///
    /// # Errors
    ///
    /// [`ClaimError::Full`] if the reader must first make room, [`ClaimError::TooLong`] if it never
    /// could, [`ClaimError::Corrupt`] if the reader reports an impossible position.
    #[inline(always)]
    pub fn claim(&mut self, len: usize) -> Result<Claim<'_, R, P>, ClaimError> {
        self.claim_sparing(len, 0)
    }

    /// As [`claim`](Writer::claim), leaving `spare` bytes free behind the record: a caller that streams a message in
    /// pieces keeps room for the [`Kind::Abort`] that withdraws it.
    ///
    /// # Errors
    ///
    /// As [`claim`](Writer::claim).
    #[inline(always)]
    pub fn claim_sparing(&mut self, len: usize, spare: u64) -> Result<Claim<'_, R, P>, ClaimError> {
        let longest = self.longest();
        if len > longest {
            return Err(ClaimError::TooLong { len, longest });
        }
        let extent = record::extent(len as u64);
        let room = self.capacity - self.offset(self.head) as u64;
        let at = if extent <= room {
            self.head
        } else {
            self.head + room
        };
        // The header behind the record is cleared before the record is published, so it must not be unread, however
        // much of the claim is committed.
        let end = record::reach(at, len as u64) + HEADER + spare;
        if end - self.reader > self.capacity {
            self.make_room(end)?;
        }
        Ok(Claim {
            at,
            len: len as u32,
            writer: self,
        })
    }

    /// The reader's position is loaded only when the one that we know is spent.
    #[cold]
    #[inline(never)]
    fn make_room(&mut self, end: u64) -> Result<(), ClaimError> {
        self.look_at_reader()?;
        if end - self.reader <= self.capacity {
            return Ok(());
        }
        // The reader looks at the waiting writer whenever it passes a multiple of an eighth. `longest_record` keeps
        // this multiple at or before `head` (see there), so that it is passed for certain.
        let eighth = self.capacity / 8;
        let wanted = (end - self.capacity)
            .max(self.reader + eighth)
            .next_multiple_of(eighth);
        debug_assert!(wanted <= self.head, "{wanted} beyond {}", self.head);
        Err(ClaimError::Full { wanted })
    }

    /// Loads the position that the reader reports, and returns it.
    ///
    /// # Errors
    ///
    /// [`Corrupt::Position`] if it cannot be.
    pub fn look_at_reader(&mut self) -> Result<u64, Corrupt> {
        let reported = self.report.load();
        if reported < self.reported || reported > self.published || !reported.is_multiple_of(8) {
            return Err(Corrupt::Position {
                reported,
                least: self.reported,
                most: self.published,
            });
        }
        self.reported = reported;
        self.reader = reported.max(self.floor);
        Ok(reported)
    }

    /// Claims, copies, commits and publishes one record.
    ///
    /// # Errors
    ///
    /// As [`claim`](Writer::claim); nothing was written then.
    #[inline(always)]
    pub fn push(&mut self, kind: Kind, payload: &[u8]) -> Result<(), ClaimError> {
        let (at, len) = (self.offset(self.head), payload.len() as u64);
        // Most of what the steps below find out twice is known once here: nothing is committed, and all of the record is.
        let next = record::next(self.head, len);
        let is_whole = at as u64 + record::extent(len) <= self.capacity;
        let reach = record::reach(self.head, len);
        let has_room = reach + HEADER - self.reader <= self.capacity;
        if self.first == 0 && is_whole && has_room && payload.len() <= self.longest() {
            // SAFETY: as in `Claim::copy_from`: in one piece, and the reader has left all of it behind.
            unsafe { self.ring.copy_in(at + HEADER as usize, payload) };
            // SAFETY: as in `commit_at`.
            unsafe { self.ring.store(self.offset(next), 0) };
            // SAFETY: as in `publish`.
            // SYNC POINT `publication`: pairs with the load in `Reader::peek`.
            unsafe { self.ring.publish(at, Header::encode(kind, len as u32)) };
            self.head = next;
            self.published_to(next);
            return Ok(());
        }
        self.push_in_steps(kind, payload)
    }

    #[inline(never)]
    fn push_in_steps(&mut self, kind: Kind, payload: &[u8]) -> Result<(), ClaimError> {
        let mut claim = self.claim(payload.len())?;
        claim.copy_from(payload);
        claim.commit(kind);
        self.publish();
        Ok(())
    }

    /// Makes every committed record visible, by one store. The step after it is the doorbell's:
    /// a [look](crate::GenerationSeen::look) at the reader's announcement.
    #[inline(always)]
    pub fn publish(&mut self) {
        if self.first != 0 {
            // SAFETY: an offset of a position that is a multiple of 8, modulo the capacity: in bounds.
            // SYNC POINT `publication`: pairs with the load in `Reader::peek`.
            unsafe { self.ring.publish(self.offset(self.published), self.first) };
            self.first = 0;
            self.published_to(self.head);
        }
    }

    #[inline(always)]
    fn published_to(&mut self, position: u64) {
        let published = position - self.published;
        self.published = position;
        if position + NEAR * record::LINE > self.owned {
            self.own_ahead(published);
        }
    }

    /// Whether records are committed that were not published.
    pub fn has_unpublished(&self) -> bool {
        self.first != 0
    }

    /// Withdraws the message whose pieces were published: needs the 8 bytes that
    /// [`claim_sparing`](Writer::claim_sparing) kept.
    pub fn abort(&mut self) {
        debug_assert!(self.head + 2 * HEADER - self.reader <= self.capacity);
        self.commit_at(self.head, Kind::Abort, 0);
        self.publish();
    }

    /// Publishes what is committed and then the end: nothing can be written any more. There is always
    /// room for this, in the header that every record keeps free behind it.
    pub fn end(&mut self) {
        self.publish();
        // SAFETY: as in `publish`.
        unsafe {
            self.ring
                .publish(self.offset(self.head), Header::encode(Kind::End, 0))
        };
    }

    /// Goes on in other memory, which is zero: publishes what is committed, and then the jump, for which there is always
    /// room as for the [end](Writer::end). The reader has to be able to get at the new memory by then. Returns the old
    /// memory, which the reader uses until it [reports](Writer::look_at_reader) the [position](Writer::position) that
    /// the new memory begins at.
    ///
    /// # Errors
    ///
    /// The new memory's size is no possible capacity. Nothing has changed then.
    pub fn jump(&mut self, ring: R) -> Result<R, BadCapacity> {
        let capacity = check_capacity(ring.len())?;
        self.publish();
        // SAFETY: as in `publish`.
        unsafe {
            self.ring
                .publish(self.offset(self.head), Header::encode(Kind::Jump, 0))
        };
        let start = crate::behind(self.head, capacity);
        (self.head, self.published, self.floor) = (start, start, start);
        self.owned = start;
        self.reader = self.reported.max(start);
        self.capacity = capacity;
        Ok(core::mem::replace(&mut self.ring, ring))
    }

    /// Whether the reader has come to the memory that is written now, as far as we have [seen](Writer::look_at_reader).
    pub fn is_reader_here(&self) -> bool {
        self.reported >= self.floor
    }

    /// Takes the lines that come next from the reader, who has read them a lap ago: a handful at once, which costs
    /// little more than one. Each would otherwise be fetched when its record is written, one after the other, while
    /// every store behind it waits (docs/performance.md, "lines ahead").
    #[cold]
    #[inline(never)]
    fn own_ahead(&mut self, published: u64) {
        let lines = (published / record::LINE).clamp(LEAST_AHEAD, MOST_AHEAD);
        let free = self.reader + self.capacity;
        let end = (self.head + (NEAR + lines) * record::LINE).min(free) & !(record::LINE - 1);
        // Behind the header that the reader looks at, and what was taken before.
        let mut at = (self.head + HEADER)
            .next_multiple_of(record::LINE)
            .max(self.owned);
        while at < end {
            // SAFETY: a multiple of 8, modulo the capacity: in bounds. The reader has left this line behind, and knows
            // of nothing in it.
            unsafe { self.ring.own(self.offset(at)) };
            at += record::LINE;
        }
        self.owned = at;
    }

    #[inline(always)]
    fn commit_at(&mut self, at: u64, kind: Kind, len: u32) {
        let next = record::next(at, u64::from(len));
        // SAFETY: offsets of multiples of 8, modulo the capacity: in bounds. The claim saw that the reader has left
        // this header behind.
        unsafe { self.ring.store(self.offset(next), 0) };
        let mut header = Header::encode(kind, len);
        if at != self.head {
            // The record lies at the start of the memory, behind a pad. The pad is published last: a reader that sees
            // it sees the record too.
            // SAFETY: as above.
            unsafe { self.ring.store(self.offset(at), header) };
            header = Header::encode(Kind::Pad, (at - self.head - HEADER) as u32);
        }
        if self.first == 0 {
            self.first = header;
        } else {
            // SAFETY: as above. Invisible until the batch's first header is published.
            unsafe { self.ring.store(self.offset(self.head), header) };
        }
        self.head = next;
    }
}

impl<R: MemoryMut, P: Memory> Claim<'_, R, P> {
    /// Bytes claimed.
    #[inline(always)]
    pub fn len(&self) -> usize {
        self.len as usize
    }

    /// Whether no bytes are claimed.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Fills the record from its first byte on; what does not fit is left out.
    #[inline(always)]
    pub fn copy_from(&mut self, payload: &[u8]) {
        let take = payload.len().min(self.len as usize);
        let offset = self.writer.offset(self.at) + HEADER as usize;
        // SAFETY: the claim lies within the memory in one piece, and the reader knows nothing of it.
        unsafe { self.writer.ring.copy_in(offset, &payload[..take]) };
    }

    /// Fills the record from its byte `from` on, which is a multiple of 8; what does not fit is left out. The rest of
    /// the last 8 bytes may be filled with zeros.
    ///
    /// # Panics
    ///
    /// If it is none: memory is written in whole words where the processor's own copy is not used.
    #[inline]
    pub fn fill(&mut self, from: usize, payload: &[u8]) {
        assert!(from.is_multiple_of(8), "{from} is not where a word begins");
        let take = payload.len().min((self.len as usize).saturating_sub(from));
        if take == 0 {
            return;
        }
        let offset = self.writer.offset(self.at) + HEADER as usize + from;
        // SAFETY: as in `copy_from`.
        unsafe { self.writer.ring.copy_in(offset, &payload[..take]) };
    }

    /// Commits the whole record. It is visible after [`Writer::publish`].
    #[inline(always)]
    pub fn commit(self, kind: Kind) {
        let len = self.len;
        self.commit_shorter(kind, len as usize);
    }

    /// Commits the first `len` bytes; more than were claimed means all of them.
    #[inline(always)]
    pub fn commit_shorter(self, kind: Kind, len: usize) {
        let len = len.min(self.len as usize) as u32;
        self.writer.commit_at(self.at, kind, len);
    }
}

impl<R: MemoryMut, P: Memory> Claim<'_, R, P> {
    /// Commits the first `len` bytes and publishes at once.
    #[inline(always)]
    pub fn publish(self, kind: Kind, len: usize) {
        let len = len.min(self.len as usize) as u32;
        self.writer.commit_at(self.at, kind, len);
        self.writer.publish();
    }
}

impl<R: MemoryMut + Contiguous, P: Memory> Claim<'_, R, P> {
    /// The bytes of the record.
    #[inline]
    pub fn as_slice(&self) -> &[u8] {
        let offset = self.writer.offset(self.at) + HEADER as usize;
        // SAFETY: the claim lies in one piece within the memory.
        let first = unsafe { self.writer.ring.base().add(offset) };
        // SAFETY: as in `as_mut_slice`.
        unsafe { core::slice::from_raw_parts(first.as_ptr(), self.len as usize) }
    }

    /// The bytes of the record, to be written in place. What they hold before is unspecified: older
    /// payload of this ring, or zeros.
    #[inline]
    pub fn as_mut_slice(&mut self) -> &mut [u8] {
        let offset = self.writer.offset(self.at) + HEADER as usize;
        // SAFETY: the claim lies in one piece within the memory.
        let first = unsafe { self.writer.ring.base().add(offset) };
        // SAFETY: initialised (new memory is zero), valid for the life of the borrow of the writer, and no other party
        // writes it (invariant I1); the peer has not been told of it, and what it reads regardless is its own loss.
        unsafe { core::slice::from_raw_parts_mut(first.as_ptr(), self.len as usize) }
    }
}
