//! The reading end.

use core::mem::MaybeUninit;

use crate::check_capacity;
use crate::error::{BadCapacity, Corrupt};
use crate::memory::{Contiguous, Memory, MemoryMut};
use crate::record::{self, Admits, HEADER, Header, Kind};
use crate::room::Room;
use crate::word::Word;

/// How far ahead of itself the reader asks for the ring's lines, in bytes: a reader that has fallen behind finds
/// them in its own cache then (docs/performance.md, "asking ahead").
const AHEAD: u64 = 4 * record::LINE;

/// The reading end of a ring.
///
/// `R` is the ring's memory, which the writer may change at any time; `P` is one word of this side's
/// own memory, in which it reports its position.
///
/// A message goes peek – copy out – release. Every word that is read from the writer's memory is loaded
/// once, checked, and then used: a [`Record`] holds the checked values, and the reader does not load them again.
#[derive(Debug)]
pub struct Reader<R, P> {
    ring: R,
    report: Word<P>,
    /// Invariant: a power of two, at most `ring.len()`.
    capacity: u64,
    /// Where the next header lies. Invariant: a multiple of 8.
    position: u64,
    /// Records that the writer may publish.
    admits: Admits,
}

/// A record that was found and checked: it lies within the memory in one piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record {
    kind: Kind,
    len: u32,
    /// The reader's position when it was found.
    found_at: u64,
    /// The offset of its first byte of payload. Invariant: `payload + len`, rounded up to 8, is at most the
    /// capacity of the ring that it was found in; a multiple of 8.
    payload: u64,
    /// The position of the record that follows.
    next: u64,
}

impl Record {
    /// What it is; never a pad.
    #[inline(always)]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Bytes of payload.
    #[inline(always)]
    pub fn len(&self) -> usize {
        self.len as usize
    }

    /// Whether it has no payload.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

impl<R: Memory, P: MemoryMut> Reader<R, P> {
    /// Starts a ring at `start` bytes since the start of time; see [`Writer::new`](crate::Writer::new).
    ///
    /// # Errors
    ///
    /// The memory's size is no possible capacity.
    pub fn new(ring: R, report: P, start: u64) -> Result<Self, BadCapacity> {
        let capacity = check_capacity(ring.len())?;
        let bytes = report.len();
        let report = Word::new(report).ok_or(BadCapacity { bytes })?;
        let position = start / 8 * 8;
        report.publish(position);
        Ok(Reader {
            ring,
            report,
            capacity,
            position,
            admits: Admits::Plain,
        })
    }

    /// The same, of a ring that may grow by jumps and may hold messages of several parts: one between sockets.
    #[must_use]
    pub fn growing(mut self) -> Self {
        self.admits = Admits::All;
        self
    }

    /// The same, of a ring that does not grow, and whose messages may lie in blocks.
    #[must_use]
    pub fn with_blocks(mut self) -> Self {
        self.admits = Admits::Blocks;
        self
    }

    /// Bytes of the ring's memory.
    pub fn capacity(&self) -> usize {
        self.capacity as usize
    }

    /// Bytes released since the start of time.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// The record that waits to be read, if one is published. It stays there until it is
    /// [released](Reader::release).
    ///
    /// # Errors
    ///
    /// [`Corrupt`] if what lies there was not written by an honest writer. The ring is not to be used
    /// any further then.
    #[inline(always)]
    pub fn peek(&self) -> Result<Option<Record>, Corrupt> {
        let word = self.load(self.position);
        if word == 0 {
            return Ok(None);
        }
        self.check(self.position, word).map(Some)
    }

    /// Returns true if no record is published, at the cost of one load. If a record is published, this prefetches the
    /// cache line behind the record's first one, so that the line arrives while the caller returns from its wait to the
    /// record.
    #[inline(always)]
    pub fn is_empty(&self) -> bool {
        if self.load(self.position) == 0 {
            return true;
        }
        let behind = (self.position + record::LINE) & (self.capacity - 1);
        // SAFETY: modulo the capacity, and a multiple of 8: in bounds.
        unsafe { self.ring.expect_soon(behind as usize) };
        false
    }

    #[inline(always)]
    fn load(&self, position: u64) -> u64 {
        // SAFETY: positions are multiples of 8; modulo the capacity: in bounds.
        // SYNC POINT `publication`: pairs with `Writer::publish`.
        unsafe { self.ring.load((position & (self.capacity - 1)) as usize) }
    }

    #[inline(always)]
    fn check(&self, position: u64, word: u64) -> Result<Record, Corrupt> {
        let header = Header::decode(word, position, self.admits)?;
        if header.kind == Kind::Pad {
            return self.check_behind_pad(position, word, header.len);
        }
        self.check_extent(position, position, header)
    }

    /// A pad reaches to the end of the memory, and behind it a record is published that is no pad: one
    /// skip a call, so that no writer can keep us looping.
    #[cold]
    fn check_behind_pad(&self, position: u64, word: u64, len: u32) -> Result<Record, Corrupt> {
        let room = self.capacity - (position & (self.capacity - 1));
        let end = HEADER + u64::from(len);
        // A pad as long as the memory would have itself behind it: one word, loaded twice.
        if end != room || room == self.capacity {
            return Err(Corrupt::Pad { position, word });
        }
        let start = position + room;
        let behind = self.load(start);
        if behind == 0 {
            return Err(Corrupt::Pad { position, word });
        }
        let header = Header::decode(behind, start, self.admits)?;
        if header.kind == Kind::Pad {
            return Err(Corrupt::Pad {
                position: start,
                word: behind,
            });
        }
        self.check_extent(position, start, header)
    }

    #[inline(always)]
    fn check_extent(&self, found_at: u64, at: u64, header: Header) -> Result<Record, Corrupt> {
        let offset = at & (self.capacity - 1);
        let len = u64::from(header.len);
        if offset + record::extent(len) > self.capacity {
            return Err(Corrupt::Length {
                position: at,
                len,
                room: self.capacity - offset,
            });
        }
        let next = record::next(at, len);
        Ok(Record {
            kind: header.kind,
            len: header.len,
            found_at,
            payload: offset + HEADER,
            next,
        })
    }

    /// Copies payload of `record`, from its byte `from` on, and returns how many bytes were copied: so
    /// many bytes of `into` are initialised then.
    #[inline(always)]
    pub fn copy_out(&self, record: &Record, from: usize, into: &mut [MaybeUninit<u8>]) -> usize {
        // A record of another, larger ring would not lie in this one.
        if record.payload + record::extent(u64::from(record.len)) - HEADER > self.capacity {
            return 0;
        }
        // A writer may make a record shorter while it is copied out in parts; `from` stays within it.
        let from = from.min(record.len());
        let offset = record.payload as usize + from;
        let take = into.len().min(record.len() - from);
        let into = &mut into[..take];
        if !from.is_multiple_of(8) {
            return self.copy_from_midst(offset, into);
        }
        // SAFETY: the record lies within the memory, rounded up to 8 (just checked), and `from` is a multiple of 8.
        unsafe { self.ring.copy_out(offset, into) };
        take
    }

    /// As [`copy_out`](Reader::copy_out), as much as there is room for.
    #[inline(always)]
    pub fn copy_to(&self, record: &Record, from: usize, room: &mut Room<'_>) -> usize {
        self.copy_out(record, from, room.bytes())
    }

    /// The byte face has stopped in the midst of a word: the rest of that word, and then whole ones.
    #[cold]
    fn copy_from_midst(&self, offset: usize, into: &mut [MaybeUninit<u8>]) -> usize {
        let skip = offset % 8;
        let (head, rest) = into.split_at_mut(into.len().min(8 - skip));
        let mut word = [MaybeUninit::uninit(); 8];
        // SAFETY: the word that holds the byte at `offset` lies within the record, as the caller saw.
        unsafe { self.ring.copy_out(offset - skip, &mut word) };
        head.copy_from_slice(&word[skip..skip + head.len()]);
        if !rest.is_empty() {
            // SAFETY: the next word; the rest of the record, as the caller saw.
            unsafe { self.ring.copy_out(offset - skip + 8, rest) };
        }
        head.len() + rest.len()
    }

    /// Lets go of `record`, which [`peek`](Reader::peek) has returned: its room belongs to the writer
    /// again. Returns whether the reader has thereby passed a multiple of an eighth of the ring, where a
    /// writer may be waiting: then a [look](crate::WantedSeen::look) at what it wants is due.
    ///
    /// The end is never released, nor is a jump, and a record that does not lie at the reader's position changes
    /// nothing: it was released before.
    #[inline(always)]
    pub fn release(&mut self, record: Record) -> bool {
        if record.found_at != self.position || matches!(record.kind, Kind::End | Kind::Jump) {
            return false;
        }
        self.position = record.next;
        // SYNC POINT `report`: pairs with the load in `Writer::look_at_reader`; the copies out came before.
        self.report.publish(record.next);
        // SAFETY: modulo the capacity, and a multiple of 8: in bounds.
        unsafe {
            self.ring
                .expect_soon(((record.next + AHEAD) & (self.capacity - 1)) as usize)
        };
        (record.found_at ^ record.next) & !(self.capacity / 8 - 1) != 0
    }
}

impl<R: Memory, P: MemoryMut> Reader<R, P> {
    /// Takes the line of the report back from the writer, if the writer has looked at it: stores the same position again. What
    /// this side stores to the line soon does not wait then.
    #[inline(always)]
    pub fn own_report(&self) {
        // SYNC POINT `report`: as in `release`; nothing is new.
        self.report.publish(self.position);
    }

    /// Follows the jump that [`peek`](Reader::peek) has found, to the memory where the writer goes on. Returns the old
    /// memory.
    ///
    /// # Errors
    ///
    /// The new memory's size is no possible capacity. Nothing has changed then.
    pub fn jump(&mut self, ring: R) -> Result<R, BadCapacity> {
        let capacity = check_capacity(ring.len())?;
        self.capacity = capacity;
        self.position = crate::behind(self.position, capacity);
        // SYNC POINT `report`: as in `release`; the old memory is the writer's from here on.
        self.report.publish(self.position);
        Ok(core::mem::replace(&mut self.ring, ring))
    }
}

impl<R: Memory + Contiguous, P> Reader<R, P> {
    /// The payload of `record` where it lies; nothing if it was released or lies in another ring.
    ///
    /// # Safety
    ///
    /// The writer is honest: it does not change a record that it has published and that was not
    /// released. `&[u8]` promises the compiler just that.
    #[inline]
    pub unsafe fn in_place(&self, record: &Record) -> &[u8] {
        let end = record.payload + u64::from(record.len);
        if record.found_at != self.position || end > self.capacity {
            return &[];
        }
        // SAFETY: the record lies within the memory (just checked).
        let first = unsafe { self.ring.base().add(record.payload as usize) };
        // SAFETY: in bounds, initialised as mapped memory is, and unchanged until it is released (the caller's
        // promise); releasing takes `&mut self`, which ends this borrow.
        unsafe { core::slice::from_raw_parts(first.as_ptr(), record.len()) }
    }
}
