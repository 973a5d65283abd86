//! The summary at the end of a file: where each chunk is, so that one read of it finds any time.

use std::collections::BTreeMap;

use super::bytes::{Put, Take};
use super::error::{Damage, What};
use super::records::{Channel, ChunkIndex, Statistics};
use super::{FOOTER_AND_MAGIC, MAGIC, RECORD_HEAD, op};

/// Bytes of a Data End record.
const DATA_END: u64 = RECORD_HEAD + 4;

/// What a file that was ended says of itself.
#[derive(Debug, Default)]
pub(crate) struct Summary {
    pub(crate) channels: BTreeMap<u16, Channel>,
    /// In the order of the file.
    pub(crate) chunks: Vec<ChunkIndex>,
    pub(crate) statistics: Statistics,
    /// Where the Data End record is.
    pub(crate) data_end: u64,
    /// CRC-32 of everything in front of it.
    pub(crate) data_checksum: u32,
}

impl Summary {
    /// The bytes from the Data End record to the end of the file.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        bytes.put_record(op::DATA_END, |to| to.put_u32(self.data_checksum));
        let at = |bytes: &Vec<u8>| self.data_end + bytes.len() as u64;
        let start = at(&bytes);
        let mut groups = Vec::new();
        let mut group = |op: u8, bytes: &mut Vec<u8>, fill: &dyn Fn(&mut Vec<u8>)| {
            let from = at(bytes);
            fill(bytes);
            if at(bytes) > from {
                groups.push((op, from, at(bytes) - from));
            }
        };
        group(op::CHANNEL, &mut bytes, &|to| {
            self.channels.values().for_each(|channel| channel.put(to))
        });
        group(op::CHUNK_INDEX, &mut bytes, &|to| {
            self.chunks.iter().for_each(|chunk| chunk.put(to))
        });
        group(op::STATISTICS, &mut bytes, &|to| {
            self.statistics.put(self.channels.len(), to)
        });
        let offsets = at(&bytes);
        for (op, from, len) in groups {
            bytes.put_record(op::SUMMARY_OFFSET, |to| {
                to.push(op);
                to.put_u64(from);
                to.put_u64(len);
            });
        }
        bytes.push(op::FOOTER);
        bytes.put_u64(20);
        bytes.put_u64(start);
        bytes.put_u64(offsets);
        let summed = usize::try_from(DATA_END).map_or(&[][..], |skip| &bytes[skip..]);
        let checksum = crc32fast::hash(summed);
        bytes.put_u32(checksum);
        bytes.extend_from_slice(&MAGIC);
        bytes
    }

    /// Where the Data End record must be, by the last [`FOOTER_AND_MAGIC`] bytes of a file of `len` bytes. `None` if the
    /// file does not end as a file that was ended.
    pub(crate) fn find(end: &[u8], len: u64) -> Option<Result<u64, Damage>> {
        let mut from = Take(end);
        let (op, size) = (from.u8()?, from.u64()?);
        let (start, _offsets, _checksum) = (from.u64()?, from.u64()?, from.u32()?);
        if from.0 != MAGIC || op != op::FOOTER || size != 20 {
            return None;
        }
        let data_end = start.checked_sub(DATA_END);
        let in_front = data_end.filter(|_| start <= len.saturating_sub(FOOTER_AND_MAGIC));
        let damage = Damage {
            at: len.saturating_sub(FOOTER_AND_MAGIC),
            what: What::Summary,
        };
        Some(in_front.ok_or(damage))
    }

    /// Takes the bytes from the Data End record to the end of the file apart. `first` is where chunks may begin.
    pub(crate) fn take(bytes: &[u8], data_end: u64, first: u64) -> Result<Summary, Damage> {
        take(bytes, data_end, first).ok_or(Damage {
            at: data_end,
            what: What::Summary,
        })
    }

    /// The index of the first chunk that may have a message of this time or a later one.
    pub(crate) fn seek(chunks: &[ChunkIndex], time: u64) -> usize {
        // A recorder's chunks are in the order of time; the ends of appended ones may not be if the clock was set back.
        let sorted = chunks.is_sorted_by_key(|chunk| chunk.end);
        if sorted {
            chunks.partition_point(|chunk| chunk.end < time)
        } else {
            0
        }
    }
}

fn take(bytes: &[u8], data_end: u64, first: u64) -> Option<Summary> {
    let (records, footer) = bytes.split_last_chunk::<{ FOOTER_AND_MAGIC as usize }>()?;
    let summed = bytes.get(usize::try_from(DATA_END).ok()?..bytes.len() - 12)?;
    let checksum = Take(&footer[footer.len() - 12..]).u32()?;
    if crc32fast::hash(summed) != checksum {
        return None;
    }
    let mut from = Take(records);
    let (op, mut end) = from.record()?;
    let mut summary = Summary {
        data_end,
        data_checksum: end.u32()?,
        ..Summary::default()
    };
    if op != op::DATA_END || !end.0.is_empty() {
        return None;
    }
    let mut past = first;
    while !from.0.is_empty() {
        match from.record()? {
            (op::CHANNEL, content) => {
                let channel = Channel::take(content)?;
                summary.channels.insert(channel.id, channel);
            }
            (op::CHUNK_INDEX, content) => {
                let chunk = ChunkIndex::take(content)?;
                if chunk.offset < past || chunk.past() > data_end || chunk.start > chunk.end {
                    return None;
                }
                past = chunk.past();
                summary.chunks.push(chunk);
            }
            (op::STATISTICS, content) => summary.statistics = Statistics::take(content)?,
            _ => {}
        }
    }
    Some(summary)
}
