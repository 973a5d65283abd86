//! The end that receives.

mod blocks;

use std::sync::{Arc, Weak};

use ringmq_ring::{
    Corrupt, Kind, Look, Mapped, MappedMut, Reader, Record, Room, WantedSeen, Word, words,
};

use super::contents::{Contents, Incoming, PartPlace, Sole, append, contents};
use super::courier::Missing;
use super::flow::Flow;
use super::{Common, layout, segment};
use crate::blocks::Lender;
use crate::maps::{Counted, Map};
use crate::marks::{step, together};
use crate::status::Row;

/// The most jumps in a row that a receiver follows. An honest sender publishes at most two: to a small segment, where it
/// waits for the reader, and from there to a segment for a message longer than its limit. Each jump costs a system call
/// and a mapping.
const JUMPS: u32 = 2;

/// The receiving end of a pipe from a socket of another process.
#[derive(Debug)]
pub struct Receiver {
    common: Arc<Common>,
    /// The reader of the current segment. Before the first segment, the word in which the reader will report.
    reader: Result<Reader<Mapped, MappedMut>, Option<Word<MappedMut>>>,
    /// The current segment.
    memory: Option<Map>,
    /// The mapping that is reserved for the first segment, until that segment arrives.
    reserved: Option<Counted>,
    /// The position after the last jump, and the number of jumps in a row that led there.
    jumped: (u64, u32),
    /// The number of segments that the sender has made.
    made: Word<Mapped>,
    state: State,
    /// The segments of the sender's arena that this end has seen.
    blocks: Vec<(u32, Weak<Map>)>,
    /// The position and the parts of a record with blocks that was checked. They are not read again.
    checked: Option<(u64, Checked)>,
    /// The segment of the last block of that record.
    found: Option<(u32, Arc<Map>)>,
    /// Names the blocks that this side holds.
    table: Lender,

    received: u64,
    reported: u64,
    /// The number of messages between two reports.
    step: u64,
    reports: Word<MappedMut>,
    own_mark: Word<MappedMut>,
    own_mark_is: u64,
    peer_mark: Word<Mapped>,
    wanted_room: WantedSeen<Mapped>,
    wanted_credit: WantedSeen<Mapped>,
    /// Where the status page shows what was received.
    flow: Option<Box<Flow>>,
    /// Bytes that were found in blocks so far, for the status page.
    block_bytes: u64,
}

/// The parts of a record with blocks.
#[derive(Debug)]
enum Checked {
    Sole(Sole),
    Other(Contents),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Flowing,
    /// The sender has closed, and everything was received.
    Ended,
    /// The sender broke the protocol, or its memory did not arrive.
    Broken(Option<Corrupt>),
    /// This process has no mapping or descriptor for the next segment.
    Short,
}

/// A message of one part.
#[derive(Debug)]
pub struct One<'a> {
    reader: &'a Reader<Mapped, MappedMut>,
    record: &'a Record,
}

impl One<'_> {
    /// Its length in bytes.
    #[inline(always)]
    pub fn len(&self) -> usize {
        self.record.len()
    }

    /// Returns true if it has no bytes.
    pub fn is_empty(&self) -> bool {
        self.record.is_empty()
    }

    /// Copies the part into `into`. Bytes that do not fit are left out.
    #[inline(always)]
    pub fn copy_into(&self, into: &mut [u8]) {
        self.copy_to(&mut Room::from(into));
    }

    /// Same as [`copy_into`](One::copy_into), for memory that need not be initialised.
    #[inline(always)]
    pub fn copy_to(&self, room: &mut Room<'_>) {
        self.reader.copy_to(self.record, 0, room);
    }

    /// Appends the part to `bytes`.
    ///
    /// # Errors
    ///
    /// If `bytes` cannot grow for want of memory.
    #[inline(always)]
    pub fn append_to(&self, bytes: &mut Vec<u8>) -> Result<(), std::collections::TryReserveError> {
        append(self.reader, self.record, 0, self.record.len(), bytes)
    }
}

impl Receiver {
    pub(super) fn new(common: &Arc<Common>, reserved: Counted) -> Receiver {
        let own_mark = common.own(layout::RECEIVING_MARK);
        let own_mark_is = own_mark.load();
        let mut receiver = Receiver {
            reader: Err(Some(common.own(layout::POSITION))),
            memory: None,
            reserved: Some(reserved),
            jumped: (0, 0),
            made: common.seen(layout::SEGMENTS),
            state: State::Flowing,
            blocks: Vec::new(),
            checked: None,
            found: None,
            table: common.lender(),
            received: 0,
            reported: 0,
            step: 1,
            reports: common.own(layout::RECEIVED),
            own_mark,
            own_mark_is,
            peer_mark: common.seen(layout::SENDING_MARK),
            wanted_room: WantedSeen::new(common.seen(layout::WANTED_POSITION)),
            wanted_credit: WantedSeen::new(common.seen(layout::WANTED_COUNT)),
            flow: None,
            block_bytes: 0,
            common: Arc::clone(common),
        };
        receiver.look_at_marks();
        receiver
    }

    /// The CPU that the peer last ran on, if the peer has published one.
    pub fn cpu(&self) -> Option<u32> {
        self.common.cpu()
    }

    fn look_at_marks(&mut self) {
        self.step = step(together(self.peer_mark.load(), self.own_mark_is));
    }

    /// Gives credit back if the messages received since the last report make a whole step by the present marks. A sender
    /// that has lowered its mark may wait for fewer messages than a step of the old mark.
    #[cold]
    fn report_by_mark(&mut self) {
        self.show();
        self.look_at_marks();
        if self.received - self.reported >= self.step {
            self.report();
        }
    }

    /// Called when no message is there. If credit is owed, the sender may wait for it.
    #[inline(always)]
    fn found_nothing(&mut self) {
        if self.received != self.reported {
            self.report_by_mark();
        }
    }

    /// Changes the receiver's part of the mark; 0 is no limit.
    pub fn set_mark(&mut self, mark: u64) {
        if mark == self.own_mark_is {
            return;
        }
        self.own_mark_is = mark;
        self.own_mark.publish(mark);
        self.report_by_mark();
        // The new mark may admit a message of a sender that waits for credit.
        if self.wanted_credit.look(u64::MAX) == Look::Ring {
            self.common.courier.ring();
        }
        // If it does not, the sender goes on waiting for the same report, and must be rung again when that comes.
        self.wanted_credit = WantedSeen::new(self.common.seen(layout::WANTED_COUNT));
    }

    /// Shows from now on in this row what was received: at slow points, and with [`show`](Receiver::show).
    pub fn show_in(&mut self, row: Option<&Arc<Row>>) {
        self.flow = row.map(Flow::into);
    }

    /// Shows what was received so far. Does nothing if that is shown already.
    #[inline]
    pub fn show(&mut self) {
        if let Some(flow) = &mut self.flow {
            let position = self.reader.as_ref().map_or(0, |reader| reader.position());
            flow.show(self.received, position, self.block_bytes);
        }
    }

    /// Returns true if the next message has two parts, and the first is empty.
    #[inline(always)]
    pub fn is_enveloped(&mut self) -> bool {
        self.is_enveloped_below(usize::MAX)
    }

    /// Same as [`is_enveloped`](Receiver::is_enveloped), and the second part is shorter than `below` bytes.
    #[inline(always)]
    pub fn is_enveloped_below(&mut self, below: usize) -> bool {
        // The record is not moved before it is looked at, as in `take_one`.
        if let Ok(reader) = &self.reader
            && let Ok(found) = reader.peek()
        {
            let Some(record) = found else {
                return false;
            };
            match record.kind() {
                Kind::Enveloped => return record.len() < below,
                Kind::Last | Kind::Parts => return false,
                _ => {}
            }
        }
        let Some(incoming) = self.peek_further() else {
            return false;
        };
        match (incoming.record.kind(), &self.checked) {
            // What is not one block is taken part by part: `sole_block` would not find the second part.
            (Kind::Blocks, Some((_, Checked::Sole(sole)))) => sole.enveloped && sole.len < below,
            _ => incoming.is_enveloped_below(below),
        }
    }

    /// The number of messages that wait in the current segment.
    pub fn waiting(&self) -> u64 {
        let (Ok(reader), Some(memory)) = (&self.reader, &self.memory) else {
            return 0;
        };
        // A second reader looks ahead. Its reports go to a word that no sender sees.
        let (report, _) = words::<1>();
        let Ok(ahead) = Reader::new(segment::readable(memory), report, reader.position()) else {
            return 0;
        };
        let mut ahead = ahead.growing();
        // Stops after one lap, because the sender may publish meanwhile, or lie.
        let end = reader.position().saturating_add(reader.capacity() as u64);
        let mut count = 0;
        while ahead.position() < end
            && let Ok(Some(record)) = ahead.peek()
            && record.kind().is_message()
        {
            let _passed = ahead.release(record);
            count += 1;
        }
        count
    }

    /// Returns true if nothing has changed since a look that found no message. Costs one load, for loops that spin. Does
    /// not see what arrives over the connection, such as the segment that a jump leads to.
    #[inline(always)]
    pub fn is_quiet(&self) -> bool {
        match &self.reader {
            Ok(reader) => reader.is_empty() || self.state != State::Flowing,
            Err(_) => self.made.load() == 0,
        }
    }

    /// Returns true if a message is there.
    #[inline(always)]
    pub fn is_ready(&mut self) -> bool {
        self.look().is_some()
    }

    /// Same as [`peek`](Receiver::peek), but costs one load if nothing is there.
    #[inline(always)]
    pub fn look(&mut self) -> Option<Incoming> {
        match &self.reader {
            Ok(reader) if reader.is_empty() => {
                self.found_nothing();
                None
            }
            _ => self.peek(),
        }
    }

    /// The next message, if one is there. It stays until [`done`](Receiver::done).
    #[inline(always)]
    pub fn peek(&mut self) -> Option<Incoming> {
        if let Ok(reader) = &self.reader
            && let Ok(found) = reader.peek()
        {
            let Some(record) = found else {
                self.found_nothing();
                return None;
            };
            if matches!(record.kind(), Kind::Last | Kind::Enveloped | Kind::Parts) {
                return Some(Incoming { record });
            }
        }
        self.peek_further()
    }

    /// The slow path of [`peek`](Receiver::peek): there is no segment yet, or the next record is no message.
    #[cold]
    fn peek_further(&mut self) -> Option<Incoming> {
        while self.state == State::Flowing {
            match &self.reader {
                Err(_) => {
                    if self.made.load() == 0 || !self.take_segment() {
                        return None;
                    }
                }
                Ok(reader) => match reader.peek() {
                    Ok(None) => return None,
                    Err(corrupt) => self.state = State::Broken(Some(corrupt)),
                    Ok(Some(record)) => match record.kind() {
                        Kind::Last | Kind::Enveloped | Kind::Parts => {
                            return Some(Incoming { record });
                        }
                        Kind::Blocks => {
                            let incoming = Incoming { record };
                            match self.check_blocks(&incoming) {
                                Ok(()) => return Some(incoming),
                                Err(Missing::Yet) => return None,
                                Err(Missing::Wrong) => self.state = State::Broken(None),
                                Err(Missing::Short) => self.state = State::Short,
                            }
                        }
                        Kind::Jump => {
                            let (behind, row) = self.jumped;
                            let here = reader.position();
                            let row = if behind == here { row } else { 0 };
                            if row >= JUMPS {
                                self.state = State::Broken(None);
                            } else if self.take_segment() {
                                let reader = self.reader.as_ref();
                                let behind = reader.map_or(here, |reader| reader.position());
                                self.jumped = (behind, row + 1);
                            } else {
                                return None;
                            }
                        }
                        Kind::End => self.state = State::Ended,
                        // Only the bare pipe sends pieces.
                        Kind::More | Kind::Abort | Kind::Pad => self.state = State::Broken(None),
                    },
                },
            }
        }
        None
    }

    /// Moves on to the next segment, which the session has received or is about to receive. Returns true if the state has
    /// changed.
    fn take_segment(&mut self) -> bool {
        match self.next_segment() {
            // The sender may wait until the reader has left the old segment.
            Ok(()) => self.look_at_wanted_room(),
            Err(Missing::Yet) => return false,
            Err(Missing::Wrong) => self.state = State::Broken(None),
            Err(Missing::Short) => self.state = State::Short,
        }
        true
    }

    fn next_segment(&mut self) -> Result<(), Missing> {
        let memory = self.common.courier.take()?;
        let ring = segment::readable(&memory);
        match &mut self.reader {
            Ok(reader) => {
                let before = reader.position();
                reader.jump(ring).map_err(|_| Missing::Wrong)?;
                if let Some(flow) = &mut self.flow {
                    flow.jumped(before, reader.position());
                }
            }
            Err(report) => {
                let report = report.take().ok_or(Missing::Wrong)?.into_memory();
                let reader = Reader::new(ring, report, 0).map_err(|_| Missing::Wrong)?;
                self.reader = Ok(reader.growing());
            }
        }
        // Nothing points into the old segment any more.
        self.memory = Some(memory);
        self.reserved = None;
        Ok(())
    }

    /// Takes the next message if it has one part, or, with `enveloped`, an empty part and one more. `make` gets the part.
    /// If `make` returns `None`, the message stays.
    ///
    /// The record is not moved before `make` sees it: a record that passes through several functions is stored and loaded
    /// again (docs/performance.md, "frames in words").
    #[inline(always)]
    pub fn take_one<T>(
        &mut self,
        enveloped: bool,
        make: impl FnOnce(One<'_>) -> Option<T>,
    ) -> Option<T> {
        let kind = if enveloped {
            Kind::Enveloped
        } else {
            Kind::Last
        };
        if let Ok(reader) = &mut self.reader
            && let Ok(Some(record)) = reader.peek()
            && record.kind() == kind
        {
            let made = make(One {
                reader,
                record: &record,
            })?;
            let passed = reader.release(record);
            self.taken_one(passed);
            return Some(made);
        }
        None
    }

    #[inline(always)]
    fn taken_one(&mut self, passed: bool) {
        if passed {
            self.look_at_wanted_room();
        }
        self.received += 1;
        if self.received - self.reported >= self.step {
            self.report();
        }
    }

    /// The number of parts of a message, and their lengths.
    ///
    /// # Errors
    ///
    /// [`Broken`] if the peer broke the protocol. Nothing can be received any more.
    pub fn contents(&mut self, incoming: &Incoming) -> Result<Contents, Broken> {
        let found = match &self.reader {
            Ok(_) if incoming.record.kind() == Kind::Blocks => {
                let checked = self.checked.as_ref();
                checked.map(|(_, checked)| match checked {
                    Checked::Sole(sole) => Contents::from(*sole),
                    Checked::Other(contents) => contents.clone(),
                })
            }
            Ok(reader) => contents(reader, incoming),
            Err(_) => None,
        };
        found.ok_or_else(|| {
            self.state = State::Broken(None);
            Broken
        })
    }

    /// Appends a part of `len` bytes to `bytes`.
    ///
    /// # Errors
    ///
    /// If `bytes` cannot grow for want of memory.
    pub fn append_to(
        &mut self,
        incoming: &Incoming,
        place: PartPlace,
        len: usize,
        bytes: &mut Vec<u8>,
    ) -> Result<(), std::collections::TryReserveError> {
        match (place, &self.reader) {
            (PartPlace::Record(at), Ok(reader)) => append(reader, &incoming.record, at, len, bytes),
            (PartPlace::Record(_), Err(_)) => Ok(()),
            (PartPlace::Block(name), _) => {
                bytes.try_reserve_exact(len)?;
                let before = bytes.len();
                let room = &mut bytes.spare_capacity_mut()[..len];
                if self.copy_block(name, room) {
                    // SAFETY: all bytes of the room behind those that were there are initialised.
                    unsafe { bytes.set_len(before + len) };
                }
                Ok(())
            }
        }
    }

    /// Copies a part of `len` bytes to `room`. Bytes that do not fit are left out.
    pub fn copy_part(
        &mut self,
        incoming: &Incoming,
        place: PartPlace,
        len: usize,
        room: &mut Room<'_>,
    ) {
        let into = room.bytes();
        let take = len.min(into.len());
        match (place, &self.reader) {
            (PartPlace::Record(at), Ok(reader)) => {
                reader.copy_out(&incoming.record, at, &mut into[..take]);
            }
            (PartPlace::Record(_), Err(_)) => {}
            (PartPlace::Block(name), _) => {
                self.copy_block(name, &mut into[..take]);
            }
        }
    }

    /// Copies a part, from offset `at` of the record, into `into`. Bytes that do not fit are left out.
    #[inline(always)]
    pub fn copy_into(&self, incoming: &Incoming, at: usize, into: &mut [u8]) {
        if let Ok(reader) = &self.reader {
            reader.copy_to(&incoming.record, at, &mut Room::from(into));
        }
    }

    /// Releases a message that was copied out, and gives credit back when a step is complete.
    #[inline(always)]
    pub fn done(&mut self, incoming: Incoming) {
        let Ok(reader) = &mut self.reader else {
            return;
        };
        let is_blocks = incoming.record.kind() == Kind::Blocks;
        if is_blocks {
            // The memory may go when its owner gives it back.
            self.found = None;
        }
        let passed = reader.release(incoming.record);
        // A sender may wait for a block, which is much larger than its record.
        self.taken_one(passed || is_blocks);
    }

    /// As [`done`](Receiver::done), of a message of one block that this side [holds](Receiver::hold). A sender that waits for
    /// the block is rung when the block is given up.
    #[inline]
    pub fn done_held(&mut self, incoming: Incoming) {
        if let Ok(reader) = &mut self.reader {
            let passed = reader.release(incoming.record);
            self.taken_one(passed);
        }
    }

    #[cold]
    fn report(&mut self) {
        self.show();
        self.look_at_marks();
        self.reported = self.received;
        self.reports.publish(self.received);
        if self.wanted_credit.look(self.received.saturating_mul(8)) == Look::Ring {
            self.common.courier.ring();
        }
    }

    #[cold]
    fn look_at_wanted_room(&mut self) {
        self.show();
        if let Ok(reader) = &self.reader
            && self.wanted_room.look(reader.position()) == Look::Ring
        {
            self.common.courier.ring();
        }
    }

    /// Returns true if the sender has closed and everything was received, or if nothing can be received any more.
    pub fn is_at_end(&mut self) -> bool {
        !self.is_ready() && self.state != State::Flowing
    }

    /// Why the sender broke the protocol, if it did. `Some(None)` if the error is not one of the ring.
    pub fn broken(&self) -> Option<Option<Corrupt>> {
        match self.state {
            State::Broken(why) => Some(why),
            _ => None,
        }
    }

    /// Returns true if this process has no mapping or descriptor for the next segment. Everything before that segment was
    /// received, and the reported position says so: the sender's session can send the rest by ZMTP
    /// ([`Witness`](super::Witness)).
    pub fn is_short(&self) -> bool {
        self.state == State::Short
    }

    /// Called when the sender's process has gone. What it has published can still be received, also from a first segment
    /// that it did not announce.
    pub fn sender_is_gone(&mut self) {
        if self.reader.is_err() && self.state == State::Flowing {
            // Most often there is none.
            let _ = self.next_segment();
        }
    }
}

/// The peer broke the protocol, and nothing can be received any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Broken;
