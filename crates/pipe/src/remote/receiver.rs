//! The end that receives.

use std::sync::Arc;

use ringmq_ring::{
    Corrupt, Kind, Look, Mapped, MappedMut, Reader, Record, Room, WantedSeen, Word, words,
};

use super::contents::{Contents, Incoming, append, contents};
use super::courier::Missing;
use super::{Common, layout, segment};
use crate::maps::{Counted, Map};
use crate::marks::{step, together};

/// Jumps in a row that are followed. An honest sender publishes two in a row at most: to a small segment, where it waits for
/// the reader, and from there to one for a message that is longer than its limit. Each takes a system call and more.
const JUMPS: u32 = 2;

/// The receiving end of a pipe from a socket of another process.
#[derive(Debug)]
pub struct Receiver {
    common: Arc<Common>,
    /// From the first segment on; until then, the word in which it will report.
    reader: Result<Reader<Mapped, MappedMut>, Option<Word<MappedMut>>>,
    /// The segment that is read.
    memory: Option<Map>,
    /// The mapping of the first segment, until that is there.
    reserved: Option<Counted>,
    /// The position behind the last jump, and how many led there in a row.
    jumped: (u64, u32),
    /// Whether the sender has made any.
    made: Word<Mapped>,
    state: State,

    received: u64,
    reported: u64,
    /// Messages between two reports.
    step: u64,
    reports: Word<MappedMut>,
    own_mark: Word<MappedMut>,
    own_mark_is: u64,
    peer_mark: Word<Mapped>,
    wanted_room: WantedSeen<Mapped>,
    wanted_credit: WantedSeen<Mapped>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Flowing,
    /// The sender has closed, and everything was received.
    Ended,
    /// It broke the protocol, or its memory did not arrive.
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
    /// Bytes of it.
    #[inline(always)]
    pub fn len(&self) -> usize {
        self.record.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.record.is_empty()
    }

    /// Copies it out, as much of it as there is room for.
    #[inline(always)]
    pub fn copy_into(&self, into: &mut [u8]) {
        self.copy_to(&mut Room::from(into));
    }

    /// As [`copy_into`](One::copy_into), to memory that need not be initialised.
    #[inline(always)]
    pub fn copy_to(&self, room: &mut Room<'_>) {
        self.reader.copy_to(self.record, 0, room);
    }

    /// Copies it out, to the end of these bytes.
    ///
    /// # Errors
    ///
    /// There is no memory for it.
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
            received: 0,
            reported: 0,
            step: 1,
            reports: common.own(layout::RECEIVED),
            own_mark,
            own_mark_is,
            peer_mark: common.seen(layout::SENDING_MARK),
            wanted_room: WantedSeen::new(common.seen(layout::WANTED_POSITION)),
            wanted_credit: WantedSeen::new(common.seen(layout::WANTED_COUNT)),
            common: Arc::clone(common),
        };
        receiver.look_at_marks();
        receiver
    }

    /// The CPU that the peer last ran on, as far as is known.
    pub fn cpu(&self) -> Option<u32> {
        self.common.cpu()
    }

    fn look_at_marks(&mut self) {
        self.step = step(together(self.peer_mark.load(), self.own_mark_is));
    }

    /// Reports what is a step of credit by the marks as they are now. A sender that has lowered its mark may wait for
    /// messages that were no whole step of the old one.
    #[cold]
    fn report_by_mark(&mut self) {
        self.look_at_marks();
        if self.received - self.reported >= self.step {
            self.report();
        }
    }

    /// Nothing is there. If credit is owed, the sender may wait for it.
    #[inline(always)]
    fn found_nothing(&mut self) {
        if self.received != self.reported {
            self.report_by_mark();
        }
    }

    /// Changes our part of the mark; 0 for no limit.
    pub fn set_mark(&mut self, mark: u64) {
        if mark == self.own_mark_is {
            return;
        }
        self.own_mark_is = mark;
        self.own_mark.publish(mark);
        self.report_by_mark();
        // A sender that waits for credit may have got some by this.
        if self.wanted_credit.look(u64::MAX) == Look::Ring {
            self.common.courier.ring();
        }
        // If it has not, it waits for the report that it was waiting for, and has to be rung again.
        self.wanted_credit = WantedSeen::new(self.common.seen(layout::WANTED_COUNT));
    }

    /// Whether the message that is there has two parts, of which the first is empty and the second all of its bytes.
    #[inline(always)]
    pub fn is_enveloped(&mut self) -> bool {
        self.is_enveloped_below(usize::MAX)
    }

    /// As [`is_enveloped`](Receiver::is_enveloped), and the second part has fewer bytes than `below`.
    #[inline(always)]
    pub fn is_enveloped_below(&mut self, below: usize) -> bool {
        // What was found is looked at where it was found, as in `take_one`.
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
        self.peek_further()
            .is_some_and(|incoming| incoming.is_enveloped_below(below))
    }

    /// Messages that are there, as far as the segment that is read goes.
    pub fn waiting(&self) -> u64 {
        let (Ok(reader), Some(memory)) = (&self.reader, &self.memory) else {
            return 0;
        };
        // It looks ahead, and reports nothing.
        let (report, _) = words::<1>();
        let Ok(ahead) = Reader::new(segment::readable(memory), report, reader.position()) else {
            return 0;
        };
        let mut ahead = ahead.growing();
        // A sender that goes on meanwhile, or lies, is not followed for more than a lap.
        let end = reader.position().saturating_add(reader.capacity() as u64);
        let mut count = 0;
        while ahead.position() < end
            && let Ok(Some(record)) = ahead.peek()
            && matches!(record.kind(), Kind::Last | Kind::Enveloped | Kind::Parts)
        {
            let _passed = ahead.release(record);
            count += 1;
        }
        count
    }

    /// Whether a look would find what the last one has found, which was no message: one load, for spins. What comes
    /// through the connection, such as the memory that a jump leads to, is not seen here.
    #[inline(always)]
    pub fn is_quiet(&self) -> bool {
        match &self.reader {
            Ok(reader) => reader.is_empty() || self.state != State::Flowing,
            Err(_) => self.made.load() == 0,
        }
    }

    /// Whether a message is there.
    #[inline(always)]
    pub fn is_ready(&mut self) -> bool {
        self.look().is_some()
    }

    /// As [`peek`](Receiver::peek), for a look that most often finds nothing, and then costs one load.
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

    /// The message that is there.
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

    /// There is no segment yet, or something else than a message.
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
                        // Pieces are of the bare pipe.
                        Kind::More | Kind::Abort | Kind::Pad => self.state = State::Broken(None),
                    },
                },
            }
        }
        None
    }

    /// Goes on in the next segment, which the session has received, or is about to; says whether anything has changed.
    fn take_segment(&mut self) -> bool {
        match self.next_segment() {
            // A sender that waits until the old one is left looks at this.
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
                reader.jump(ring).map_err(|_| Missing::Wrong)?;
            }
            Err(report) => {
                let report = report.take().ok_or(Missing::Wrong)?.into_memory();
                let reader = Reader::new(ring, report, 0).map_err(|_| Missing::Wrong)?;
                self.reader = Ok(reader.growing());
            }
        }
        // Nothing points into the old one any more.
        self.memory = Some(memory);
        self.reserved = None;
        Ok(())
    }

    /// Takes a message of one part, or one of an empty part and this, if that is what comes next: `make` is given its
    /// length and a way to copy it out, and nothing is taken if it makes nothing.
    ///
    /// What was found is looked at where it was found: moved through several hands, it would have to be stored and loaded
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

    /// How many parts a message has, and how long they are.
    ///
    /// # Errors
    ///
    /// Nothing can be received any more: the peer broke the protocol.
    pub fn contents(&mut self, incoming: &Incoming) -> Result<Contents, Broken> {
        let found = match &self.reader {
            Ok(reader) => contents(reader, incoming),
            Err(_) => None,
        };
        found.ok_or_else(|| {
            self.state = State::Broken(None);
            Broken
        })
    }

    /// Copies a part out, to the end of these bytes.
    ///
    /// # Errors
    ///
    /// There is no memory for it.
    pub fn append_to(
        &self,
        incoming: &Incoming,
        at: usize,
        len: usize,
        bytes: &mut Vec<u8>,
    ) -> Result<(), std::collections::TryReserveError> {
        match &self.reader {
            Ok(reader) => append(reader, &incoming.record, at, len, bytes),
            Err(_) => Ok(()),
        }
    }

    /// Copies the beginning of a part out, as much of it as there is room for.
    #[inline(always)]
    pub fn copy_into(&self, incoming: &Incoming, at: usize, into: &mut [u8]) {
        if let Ok(reader) = &self.reader {
            reader.copy_to(&incoming.record, at, &mut Room::from(into));
        }
    }

    /// Lets go of a message that was copied out, and gives credit back when a step is complete.
    #[inline(always)]
    pub fn done(&mut self, incoming: Incoming) {
        let Ok(reader) = &mut self.reader else {
            return;
        };
        let passed = reader.release(incoming.record);
        self.taken_one(passed);
    }

    #[cold]
    fn report(&mut self) {
        self.look_at_marks();
        self.reported = self.received;
        self.reports.publish(self.received);
        if self.wanted_credit.look(self.received.saturating_mul(8)) == Look::Ring {
            self.common.courier.ring();
        }
    }

    #[cold]
    fn look_at_wanted_room(&mut self) {
        if let Ok(reader) = &self.reader
            && self.wanted_room.look(reader.position()) == Look::Ring
        {
            self.common.courier.ring();
        }
    }

    /// Whether the sender has closed and everything was received, or nothing can be.
    pub fn is_at_end(&mut self) -> bool {
        !self.is_ready() && self.state != State::Flowing
    }

    /// What the sender did wrong, if it did; `Some(None)` if it is nothing that a ring can tell.
    pub fn broken(&self) -> Option<Option<Corrupt>> {
        match self.state {
            State::Broken(why) => Some(why),
            _ => None,
        }
    }

    /// Whether this process has no mapping or descriptor for the next segment. Everything before that was received, and
    /// the reported position says so: the sender's side can send the rest another way ([`Witness`](super::Witness)).
    pub fn is_short(&self) -> bool {
        self.state == State::Short
    }

    /// The sender is gone: what it has published is received, and nothing else will come. A segment that we were not
    /// told of any more is taken, too.
    pub fn sender_is_gone(&mut self) {
        if self.reader.is_err() && self.state == State::Flowing {
            // That there is none is what is expected.
            let _ = self.next_segment();
        }
    }
}

/// The peer broke the protocol, and nothing can be received any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Broken;
