//! The messages of a chunk, all of which are checked before the first one is given out.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::ops::Range;

use ruzstd::decoding::FrameDecoder;

use super::bytes::Take;
use super::chunk::Places;
use super::error::{Damage, What};
use super::parts::{self, Parts};
use super::reader::Reader;
use super::records::{Channel, ChunkHead, ChunkIndex, Packing};
use super::{ENCODING, op};

/// The window of zstd's level 19, in bytes. One that a frame claims beyond it, and beyond its chunk, is refused.
const WINDOW: u64 = 8 << 20;

/// A message of the chunk that is loaded.
#[derive(Debug, Clone)]
pub(crate) struct Recorded {
    pub(crate) channel: u16,
    pub(crate) sequence: u32,
    /// Nanoseconds since 1970, by the clock that never goes back.
    pub(crate) log: u64,
    /// Where it is in the records of the chunk.
    place: u64,
    data: Range<usize>,
}

/// Takes chunks apart, one after the other, in the same memory.
#[derive(Default)]
pub(crate) struct Loader {
    /// All channels that were met.
    pub(crate) channels: BTreeMap<u16, Channel>,
    pub(crate) messages: Vec<Recorded>,
    /// The head of the chunk.
    pub(crate) head: Option<ChunkHead>,
    /// The bytes of the chunk in the file.
    pub(crate) packed: Vec<u8>,
    unpacked: Vec<u8>,
    decoder: Option<Box<FrameDecoder>>,
}

impl Loader {
    /// Takes chunks apart whose channels were met already.
    pub(crate) fn knowing(channels: &BTreeMap<u16, Channel>) -> Loader {
        Loader {
            channels: channels.clone(),
            ..Loader::default()
        }
    }

    /// Loads a chunk. After an error there is no message.
    pub(crate) fn load(&mut self, reader: &Reader, chunk: &ChunkIndex) -> Result<(), Damage> {
        let outcome = reader.check_size(chunk).and_then(|()| {
            self.read(reader, chunk).map_err(|what| Damage {
                at: chunk.offset,
                what,
            })
        });
        if outcome.is_err() {
            self.messages.clear();
            self.head = None;
        }
        outcome
    }

    fn read(&mut self, reader: &Reader, chunk: &ChunkIndex) -> Result<(), What> {
        let most = ChunkHead::MOST.min(reader.len.saturating_sub(chunk.offset));
        let bytes = reader.bytes(chunk.offset, most).ok_or(What::Cut)?;
        let head = ChunkHead::take(&bytes).ok_or(What::Record(op::CHUNK))?;
        let same = head.packed == chunk.packed
            && head.size == chunk.size
            && head.packing == chunk.packing
            && head.len() + head.packed == chunk.len;
        if !same {
            return Err(What::Record(op::CHUNK));
        }
        let body = chunk.offset + head.len();
        reader
            .bytes_into(body, head.packed, &mut self.packed)
            .ok_or(What::Cut)?;
        if head.packing == Packing::Zstd {
            self.unpack(head.size)?;
        }
        let records = if head.packing == Packing::Zstd {
            &self.unpacked
        } else {
            &self.packed
        };
        if crc32fast::hash(records) != head.checksum {
            return Err(What::Checksum);
        }
        self.messages.clear();
        let span = take_records(records, &mut self.channels, &mut self.messages);
        // Other writers make chunks without messages, whose times are 0.
        if span.ok_or(What::Content)?.unwrap_or_default() != (head.start, head.end) {
            return Err(What::Content);
        }
        self.head = Some(head);
        Ok(())
    }

    fn unpack(&mut self, size: u64) -> Result<(), What> {
        let size = usize::try_from(size).map_err(|_| What::Packed)?;
        self.unpacked.resize(size, 0);
        let decoder = self
            .decoder
            .get_or_insert_with(|| Box::new(FrameDecoder::new()));
        decoder.set_max_window_size((size as u64).max(WINDOW));
        let unpacked = decoder.decode_all(&self.packed, &mut self.unpacked);
        if unpacked.ok() != Some(size) {
            // What it holds of this frame is of no use to the next one.
            self.decoder = None;
            return Err(What::Packed);
        }
        Ok(())
    }

    /// The parts of a message of this chunk. They were checked when it was loaded.
    pub(crate) fn parts(&self, message: &Recorded) -> Parts<'_> {
        parts::parts(self.records().get(message.data.clone()).unwrap_or_default())
    }

    fn records(&self) -> &[u8] {
        match self.head.map(|head| head.packing) {
            Some(Packing::Zstd) => &self.unpacked,
            _ => &self.packed,
        }
    }

    /// Where the messages of each channel are, as a Message Index says it.
    pub(crate) fn places(&self) -> Vec<Places> {
        let mut places: BTreeMap<u16, Vec<(u64, u64)>> = BTreeMap::new();
        for message in &self.messages {
            places
                .entry(message.channel)
                .or_default()
                .push((message.log, message.place));
        }
        let places = places.into_iter();
        places
            .map(|(channel, messages)| Places { channel, messages })
            .collect()
    }
}

/// Takes all records of a chunk, and the times that they span.
fn take_records(
    records: &[u8],
    channels: &mut BTreeMap<u16, Channel>,
    messages: &mut Vec<Recorded>,
) -> Option<Option<(u64, u64)>> {
    let mut from = Take(records);
    let mut span: Option<(u64, u64)> = None;
    while !from.0.is_empty() {
        let place = records.len() - from.0.len();
        match from.record()? {
            (op::CHANNEL, content) => {
                let channel = Channel::take(content)?;
                match channels.entry(channel.id) {
                    Entry::Occupied(known) if *known.get() == channel => {}
                    Entry::Occupied(_) => return None,
                    Entry::Vacant(free) => _ = free.insert(channel),
                }
            }
            (op::MESSAGE, mut content) => {
                let channel = content.u16()?;
                let (sequence, log, _wall) = (content.u32()?, content.u64()?, content.u64()?);
                if channels.get(&channel)?.encoding != ENCODING {
                    return None;
                }
                parts::check(content.0)?;
                let end = records.len() - from.0.len();
                let data = end - content.0.len()..end;
                messages.push(Recorded {
                    channel,
                    sequence,
                    log,
                    place: place as u64,
                    data,
                });
                let (start, end) = span.unwrap_or((log, log));
                span = Some((start.min(log), end.max(log)));
            }
            _ => return None,
        }
    }
    Some(span)
}
