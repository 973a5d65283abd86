//! The records around the messages: each one as a value, with the way to and from bytes.

use std::collections::BTreeMap;

use super::bytes::{Put, Take};
use super::op;

/// A source of messages: a socket with its endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Channel {
    pub(crate) id: u16,
    /// The endpoint.
    pub(crate) topic: String,
    pub(crate) encoding: String,
    /// `type` is that of the socket; `attached` is `bound` or `connected`.
    pub(crate) metadata: BTreeMap<String, String>,
}

impl Channel {
    pub(crate) fn put(&self, to: &mut Vec<u8>) {
        to.put_record(op::CHANNEL, |to| {
            to.put_u16(self.id);
            to.put_u16(0);
            to.put_string(&self.topic);
            to.put_string(&self.encoding);
            to.put_sized(|to| {
                for (name, value) in &self.metadata {
                    to.put_string(name);
                    to.put_string(value);
                }
            });
        });
    }

    pub(crate) fn take(mut from: Take<'_>) -> Option<Channel> {
        let id = from.u16()?;
        let _schema = from.u16()?;
        Some(Channel {
            id,
            topic: from.string()?.to_owned(),
            encoding: from.string()?.to_owned(),
            metadata: from.strings()?,
        })
    }
}

/// How a chunk is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Packing {
    None,
    Zstd,
}

impl Packing {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Packing::None => "",
            Packing::Zstd => "zstd",
        }
    }

    pub(crate) fn of(name: &str) -> Option<Packing> {
        [Packing::None, Packing::Zstd]
            .into_iter()
            .find(|packing| packing.name() == name)
    }
}

/// What stands in front of the bytes of a chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ChunkHead {
    pub(crate) start: u64,
    pub(crate) end: u64,
    /// Bytes of its records when they are unpacked.
    pub(crate) size: u64,
    /// CRC-32 of these bytes.
    pub(crate) checksum: u32,
    pub(crate) packing: Packing,
    /// Bytes of its records in the file.
    pub(crate) packed: u64,
}

impl ChunkHead {
    /// The most bytes that a head has, with those of a record.
    pub(crate) const MOST: u64 = 9 + 8 + 8 + 8 + 4 + 4 + 4 + 8;

    /// The bytes that this head has, with those of a record.
    pub(crate) fn len(&self) -> u64 {
        ChunkHead::MOST - 4 + self.packing.name().len() as u64
    }

    pub(crate) fn put(&self, to: &mut Vec<u8>) {
        to.push(op::CHUNK);
        to.put_u64(self.len() - super::RECORD_HEAD + self.packed);
        to.put_u64(self.start);
        to.put_u64(self.end);
        to.put_u64(self.size);
        to.put_u32(self.checksum);
        to.put_string(self.packing.name());
        to.put_u64(self.packed);
    }

    /// Takes a head that begins with the operation code. What it says must fit together.
    pub(crate) fn take(bytes: &[u8]) -> Option<ChunkHead> {
        let mut from = Take(bytes);
        let (op, len) = (from.u8()?, from.u64()?);
        let (start, end, size, checksum) = (from.u64()?, from.u64()?, from.u64()?, from.u32()?);
        let packing = Packing::of(from.string()?)?;
        let packed = from.u64()?;
        let head = ChunkHead {
            start,
            end,
            size,
            checksum,
            packing,
            packed,
        };
        let fits = (head.len() - super::RECORD_HEAD).checked_add(packed) == Some(len);
        let same_size = packing != Packing::None || size == packed;
        (op == op::CHUNK && fits && same_size && start <= end).then_some(head)
    }
}

/// Where a chunk is, and what is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ChunkIndex {
    pub(crate) start: u64,
    pub(crate) end: u64,
    pub(crate) offset: u64,
    /// Bytes of the record of the chunk.
    pub(crate) len: u64,
    /// The channels that have messages in it, and where their Message Index is.
    pub(crate) indexes: BTreeMap<u16, u64>,
    pub(crate) indexes_len: u64,
    pub(crate) packing: Packing,
    pub(crate) packed: u64,
    pub(crate) size: u64,
}

impl ChunkIndex {
    /// Where the next record begins.
    pub(crate) fn past(&self) -> u64 {
        self.offset
            .saturating_add(self.len)
            .saturating_add(self.indexes_len)
    }

    pub(crate) fn put(&self, to: &mut Vec<u8>) {
        to.put_record(op::CHUNK_INDEX, |to| {
            to.put_u64(self.start);
            to.put_u64(self.end);
            to.put_u64(self.offset);
            to.put_u64(self.len);
            to.put_sized(|to| {
                for (channel, offset) in &self.indexes {
                    to.put_u16(*channel);
                    to.put_u64(*offset);
                }
            });
            to.put_u64(self.indexes_len);
            to.put_string(self.packing.name());
            to.put_u64(self.packed);
            to.put_u64(self.size);
        });
    }

    pub(crate) fn take(mut from: Take<'_>) -> Option<ChunkIndex> {
        let (start, end, offset, len) = (from.u64()?, from.u64()?, from.u64()?, from.u64()?);
        let mut entries = from.sized()?;
        let mut indexes = BTreeMap::new();
        while !entries.0.is_empty() {
            indexes.insert(entries.u16()?, entries.u64()?);
        }
        Some(ChunkIndex {
            start,
            end,
            offset,
            len,
            indexes,
            indexes_len: from.u64()?,
            packing: Packing::of(from.string()?)?,
            packed: from.u64()?,
            size: from.u64()?,
        })
    }
}

/// Numbers of the whole file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Statistics {
    pub(crate) messages: u64,
    pub(crate) chunks: u64,
    /// The earliest and the latest time of a message.
    pub(crate) span: Option<(u64, u64)>,
    pub(crate) of_channels: BTreeMap<u16, u64>,
}

impl Statistics {
    /// Counts the messages of a chunk.
    pub(crate) fn add(&mut self, span: (u64, u64), counts: impl Iterator<Item = (u16, u64)>) {
        self.chunks += 1;
        for (channel, count) in counts {
            let (start, end) = self.span.unwrap_or(span);
            self.span = Some((start.min(span.0), end.max(span.1)));
            self.messages += count;
            *self.of_channels.entry(channel).or_default() += count;
        }
    }

    pub(crate) fn put(&self, channels: usize, to: &mut Vec<u8>) {
        to.put_record(op::STATISTICS, |to| {
            to.put_u64(self.messages);
            to.put_u16(0);
            to.put_u32(u32::try_from(channels).unwrap_or(u32::MAX));
            to.put_u32(0);
            to.put_u32(0);
            to.put_u32(u32::try_from(self.chunks).unwrap_or(u32::MAX));
            let (start, end) = self.span.unwrap_or_default();
            to.put_u64(start);
            to.put_u64(end);
            to.put_sized(|to| {
                for (channel, count) in &self.of_channels {
                    to.put_u16(*channel);
                    to.put_u64(*count);
                }
            });
        });
    }

    pub(crate) fn take(mut from: Take<'_>) -> Option<Statistics> {
        let messages = from.u64()?;
        from.bytes(2 + 4 + 4 + 4)?;
        let chunks = from.u32()?.into();
        let span = (from.u64()?, from.u64()?);
        let mut entries = from.sized()?;
        let mut of_channels = BTreeMap::new();
        while !entries.0.is_empty() {
            of_channels.insert(entries.u16()?, entries.u64()?);
        }
        Some(Statistics {
            messages,
            chunks,
            span: (messages > 0).then_some(span),
            of_channels,
        })
    }
}
