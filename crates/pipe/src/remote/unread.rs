//! What is in a ring: parts of messages, for the receiver, and for the sender's side once the receiver is gone.

use std::collections::TryReserveError;
use std::sync::Arc;

use ringmq_ring::{Kind, Mapped, MemoryMut, Reader, Record, Room, WordsMut, words};
use smallvec::SmallVec;

use super::receiver::Incoming;
use super::segment::{self, Segments};
use super::{Common, layout};
use crate::maps::Map;

/// Parts that a message may have. Each costs its receiver some 64 bytes of memory, and may cost its sender 4.
pub const PARTS_MOST: usize = 1 << 20;

/// The parts of a message: where they are in its record, and how long they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Contents {
    /// One part.
    One(usize),
    /// Several: where the first begins, and all lengths. Each begins at a multiple of 8.
    Several(usize, SmallVec<[u32; 6]>),
}

impl Contents {
    /// Where each part is, and how long.
    pub fn parts(&self) -> impl ExactSizeIterator<Item = (usize, usize)> + '_ {
        let (mut at, one, several) = match self {
            Contents::One(len) => (0, Some(*len), &[][..]),
            Contents::Several(at, lens) => (*at, None, &lens[..]),
        };
        (0..several.len() + usize::from(one.is_some())).map(move |number| {
            let len = one.unwrap_or_else(|| several[number] as usize);
            let here = at;
            at += len.next_multiple_of(8);
            (here, len)
        })
    }
}

/// Reads the table of a message, once, and checks it. `None` if it says what cannot be.
pub(super) fn contents<P: MemoryMut>(
    reader: &Reader<Mapped, P>,
    incoming: &Incoming,
) -> Option<Contents> {
    let record = &incoming.record;
    if record.kind() == Kind::Last {
        return Some(Contents::One(record.len()));
    }
    if record.kind() == Kind::Enveloped {
        let len = u32::try_from(record.len()).ok()?;
        return Some(Contents::Several(0, SmallVec::from_slice(&[0, len])));
    }
    let count = u32::from_ne_bytes(array(reader, incoming, 0)?) as usize;
    let table = count.checked_add(1)?.checked_mul(4)?;
    let start = table.checked_next_multiple_of(8)?;
    // Bounded by bytes that are there, before any memory is taken.
    if !(2..=PARTS_MOST).contains(&count) || start > record.len() {
        return None;
    }
    let mut lens = SmallVec::new();
    lens.try_reserve(count).ok()?;
    let mut end = start;
    for number in 1..=count {
        // What is read here is what is used.
        let word: [u8; 8] = array(reader, incoming, number / 2 * 8)?;
        let half = if number % 2 == 0 {
            &word[..4]
        } else {
            &word[4..]
        };
        let len = u32::from_ne_bytes(half.try_into().ok()?);
        end = end.checked_add((len as usize).next_multiple_of(8))?;
        lens.push(len);
    }
    (end == record.len()).then_some(Contents::Several(start, lens))
}

fn array<P: MemoryMut, const N: usize>(
    reader: &Reader<Mapped, P>,
    incoming: &Incoming,
    at: usize,
) -> Option<[u8; N]> {
    if incoming.record.len() < at + N {
        return None;
    }
    let mut bytes = [0; N];
    reader.copy_to(&incoming.record, at, &mut Room::from(&mut bytes[..]));
    Some(bytes)
}

/// Copies bytes of a record to the end of others.
#[inline(always)]
pub(super) fn append<P: MemoryMut>(
    reader: &Reader<Mapped, P>,
    record: &Record,
    at: usize,
    len: usize,
    bytes: &mut Vec<u8>,
) -> Result<(), TryReserveError> {
    bytes.try_reserve_exact(len)?;
    let before = bytes.len();
    let room = &mut bytes.spare_capacity_mut()[..len];
    let copied = reader.copy_out(record, at, room);
    // SAFETY: `copy_out` has initialised as many bytes as it says, within the room behind those that were there.
    unsafe { bytes.set_len(before + copied) };
    Ok(())
}

/// Can tell, once the receiver is gone, what it had not taken. For another thread than the sender's.
#[derive(Debug)]
pub struct Witness {
    common: Arc<Common>,
    segments: Segments,
}

/// What a receiver that is gone had not taken, out of the sender's own memory, the oldest first. The sender may still
/// be adding to it.
#[derive(Debug)]
pub struct Unread {
    witness: Witness,
    reader: Option<Reader<Mapped, WordsMut<1>>>,
    /// The segment that is read: it stays, even if the sender lets go of it. And where it begins.
    memory: Option<Arc<Map>>,
    start: u64,
    /// Where the receiver was; its word may be another connection's soon.
    position: u64,
}

impl Witness {
    pub(super) fn new(common: &Arc<Common>, segments: &Segments) -> Witness {
        Witness {
            common: Arc::clone(common),
            segments: Arc::clone(segments),
        }
    }

    /// Whether the receiver has taken everything that was sent.
    pub fn is_drained(&self) -> bool {
        let again = Witness {
            common: Arc::clone(&self.common),
            segments: Arc::clone(&self.segments),
        };
        again.into_unread().peek().is_none()
    }

    /// Returns true if the sender has closed without a single message: the socket has not gone over, and will not.
    pub fn is_unused(&self) -> bool {
        let segments = segment::lock(&self.segments);
        segments.closed && segments.list.is_empty()
    }

    /// Messages that the receiver has not taken yet, `most` at most. The receiver may take some meanwhile.
    pub fn count(&self, most: u64) -> u64 {
        let again = Witness {
            common: Arc::clone(&self.common),
            segments: Arc::clone(&self.segments),
        };
        let mut unread = again.into_unread();
        let mut count = 0;
        while count < most
            && let Some(incoming) = unread.peek()
        {
            unread.done(incoming);
            count += 1;
        }
        count
    }

    /// The receiver is gone: from here on nobody else reads.
    pub fn into_unread(self) -> Unread {
        Unread {
            position: self.common.seen(layout::POSITION).load(),
            witness: self,
            reader: None,
            memory: None,
            start: 0,
        }
    }
}

impl Unread {
    /// The next message, if there is one.
    pub fn peek(&mut self) -> Option<Incoming> {
        loop {
            if self.reader.is_none() {
                self.begin()?;
            }
            let record = self.reader.as_ref()?.peek().ok()??;
            match record.kind() {
                Kind::Last | Kind::Enveloped | Kind::Parts => return Some(Incoming { record }),
                Kind::Jump => self.jump()?,
                _ => return None,
            }
        }
    }

    /// Begins where the receiver was.
    fn begin(&mut self) -> Option<()> {
        let position = self.position;
        let segments = segment::lock(&self.witness.segments);
        let mut known = segments.list.iter().rev();
        let segment = known.find(|segment| segment.start <= position)?;
        let (report, _) = words();
        let ring = segment::readable(&segment.memory);
        self.start = segment.start;
        self.reader = Some(Reader::new(ring, report, position).ok()?.growing());
        self.memory = Some(Arc::clone(&segment.memory));
        Some(())
    }

    fn jump(&mut self) -> Option<()> {
        let segments = segment::lock(&self.witness.segments);
        let next = segments.list.iter().find(|next| next.start > self.start)?;
        let ring = segment::readable(&next.memory);
        self.reader.as_mut()?.jump(ring).ok()?;
        self.memory = Some(Arc::clone(&next.memory));
        self.start = next.start;
        Some(())
    }

    /// How many parts a message has, and how long they are; `None` if it makes no sense.
    pub fn contents(&self, incoming: &Incoming) -> Option<Contents> {
        contents(self.reader.as_ref()?, incoming)
    }

    /// Copies a part out.
    ///
    /// # Errors
    ///
    /// There is no memory for it.
    pub fn copy(
        &self,
        incoming: &Incoming,
        at: usize,
        len: usize,
    ) -> Result<Vec<u8>, TryReserveError> {
        let mut bytes = Vec::new();
        if let Some(reader) = &self.reader {
            append(reader, &incoming.record, at, len, &mut bytes)?;
        }
        Ok(bytes)
    }

    /// Lets go of a message.
    pub fn done(&mut self, incoming: Incoming) {
        if let Some(reader) = &mut self.reader {
            let _passed = reader.release(incoming.record);
        }
    }

    /// Whether the sender has closed, and everything was taken.
    pub fn is_at_end(&mut self) -> bool {
        // It is closed after its last message, so a look for that comes second.
        let closed = segment::lock(&self.witness.segments).closed;
        closed && self.peek().is_none()
    }
}
