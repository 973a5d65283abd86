//! A message in a ring, and its parts.

use std::collections::TryReserveError;

use ringmq_ring::{Kind, Mapped, MemoryMut, Reader, Record, Room};
use smallvec::SmallVec;

use crate::blocks::BlockName;

/// A message that is there: its parts are still to be copied out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Incoming {
    pub(super) record: Record,
}

impl Incoming {
    /// Its bytes in the ring.
    pub fn size(&self) -> usize {
        self.record.len()
    }

    /// Returns true if it has two parts: the first is empty, and the second is all of its bytes and has fewer than
    /// `below`.
    #[inline(always)]
    pub fn is_enveloped_below(&self, below: usize) -> bool {
        self.record.kind() == Kind::Enveloped && self.record.len() < below
    }
}

/// Parts that a message may have. Each costs its receiver some 64 bytes of memory, and may cost its sender 4.
pub const PARTS_MOST: usize = 1 << 20;

/// Where a part is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartPlace {
    /// In the record, from this byte on.
    Record(usize),
    /// In a block of the sender's arena.
    Block(BlockName),
}

/// The parts of a message: where they are in its record, and how long they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Contents {
    /// One part.
    One(usize),
    /// Several: where the first begins, and all lengths. Each begins at a multiple of 8.
    Several(usize, SmallVec<[u32; 6]>),
    /// Each part by itself: some are in blocks.
    Blocks(SmallVec<[(PartPlace, usize); 2]>),
}

impl Contents {
    /// Where each part is, and how long.
    pub fn parts(&self) -> impl ExactSizeIterator<Item = (PartPlace, usize)> + '_ {
        let (mut at, count) = match self {
            Contents::One(_) => (0, 1),
            Contents::Several(at, lens) => (*at, lens.len()),
            Contents::Blocks(parts) => (0, parts.len()),
        };
        (0..count).map(move |number| {
            let len = match self {
                Contents::One(len) => *len,
                Contents::Several(_, lens) => lens[number] as usize,
                Contents::Blocks(parts) => return parts[number],
            };
            let here = at;
            at += len.next_multiple_of(8);
            (PartPlace::Record(here), len)
        })
    }
}

/// Reads the table of a message, once, and checks it. `None` if the table contradicts the record.
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
    if record.kind() == Kind::Blocks {
        return blocks(reader, incoming);
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

/// Bytes of a record of one block, and of one with an empty part before the block.
pub(super) const SOLE: usize = 24;
pub(super) const ENVELOPED: usize = 40;

/// A message of one block, or of an empty part and a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sole {
    pub(super) enveloped: bool,
    pub(super) name: BlockName,
    pub(super) len: usize,
}

impl Sole {
    /// Reads the table of a record with blocks, once, if it is of one. Whether the block exists is not known here.
    #[inline]
    pub(super) fn read<P: MemoryMut>(
        reader: &Reader<Mapped, P>,
        incoming: &Incoming,
    ) -> Option<Sole> {
        let (enveloped, [size, name]) = match incoming.record.len() {
            SOLE => {
                let [count, block @ ..] = words::<P, SOLE, 3>(reader, incoming)?;
                (count == 1).then_some((false, block))
            }
            ENVELOPED => {
                let [count, first, place, block @ ..] = words::<P, ENVELOPED, 5>(reader, incoming)?;
                ((count, first, place) == (2, 0, 0)).then_some((true, block))
            }
            _ => None,
        }?;
        Some(Sole {
            enveloped,
            name: BlockName::decode(name)?,
            len: usize::try_from(size).ok()?,
        })
    }
}

impl From<Sole> for Contents {
    fn from(sole: Sole) -> Contents {
        let mut parts = SmallVec::new();
        if sole.enveloped {
            parts.push((PartPlace::Record(ENVELOPED), 0));
        }
        parts.push((PartPlace::Block(sole.name), sole.len));
        Contents::Blocks(parts)
    }
}

/// The first words of a record.
fn words<P: MemoryMut, const BYTES: usize, const WORDS: usize>(
    reader: &Reader<Mapped, P>,
    incoming: &Incoming,
) -> Option<[u64; WORDS]> {
    let bytes: [u8; BYTES] = array(reader, incoming, 0)?;
    let mut words = [0; WORDS];
    for (word, bytes) in words.iter_mut().zip(bytes.as_chunks().0) {
        *word = u64::from_ne_bytes(*bytes);
    }
    Some(words)
}

/// The table of a record with blocks: the number of parts, and for each its length and the name of its block, or 0 for one
/// in the record. Whether the blocks exist is not known here.
fn blocks<P: MemoryMut>(reader: &Reader<Mapped, P>, incoming: &Incoming) -> Option<Contents> {
    let len = incoming.record.len();
    let count = usize::try_from(u64::from_ne_bytes(array(reader, incoming, 0)?)).ok()?;
    let mut at = table_of_blocks(count)?;
    if count == 0 || count > PARTS_MOST || at > len {
        return None;
    }
    let mut parts = SmallVec::new();
    parts.try_reserve(count).ok()?;
    for number in 0..count {
        // What is read here is what is used.
        let entry: [u8; 16] = array(reader, incoming, 8 + number * 16)?;
        let (size, name) = entry.split_at(8);
        let size = usize::try_from(u64::from_ne_bytes(size.try_into().ok()?)).ok()?;
        let name = u64::from_ne_bytes(name.try_into().ok()?);
        let place = match name {
            0 => {
                let here = at;
                at = at.checked_add(size.checked_next_multiple_of(8)?)?;
                PartPlace::Record(here)
            }
            name => PartPlace::Block(BlockName::decode(name)?),
        };
        parts.push((place, size));
    }
    (at == len).then_some(Contents::Blocks(parts))
}

/// Bytes of the table of a record with blocks.
pub(super) fn table_of_blocks(count: usize) -> Option<usize> {
    count.checked_mul(16)?.checked_add(8)
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

/// Appends bytes of a record.
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
