//! A chunk that is being filled: messages as they come, and where each one is.

use super::bytes::Put;
use super::records::Channel;
use super::{op, parts};

/// Times and places of the messages of one channel in a chunk.
#[derive(Debug, Default)]
pub(crate) struct Places {
    pub(crate) channel: u16,
    pub(crate) messages: Vec<(u64, u64)>,
}

impl Places {
    /// Adds the Message Index record.
    pub(crate) fn put(&self, to: &mut Vec<u8>) {
        to.put_record(op::MESSAGE_INDEX, |to| {
            to.put_u16(self.channel);
            to.put_sized(|to| {
                for (time, place) in &self.messages {
                    to.put_u64(*time);
                    to.put_u64(*place);
                }
            });
        });
    }
}

/// When a message came, in nanoseconds since 1970.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Times {
    /// By the clock that never goes back: what was between two messages really passed.
    pub(crate) log: u64,
    /// By the clock on the wall, which may be set.
    pub(crate) wall: u64,
}

/// Records that become one chunk. It begins with all channels, so that it can be read without the others.
#[derive(Debug)]
pub(crate) struct Chunk {
    pub(crate) records: Vec<u8>,
    pub(crate) places: Vec<Places>,
    /// The earliest and the latest time of a message.
    pub(crate) span: Option<(u64, u64)>,
    channels: usize,
}

impl Chunk {
    /// A chunk without messages.
    pub(crate) fn new(channels: &[Channel]) -> Chunk {
        let mut records = Vec::new();
        channels
            .iter()
            .for_each(|channel| channel.put(&mut records));
        let places = channels.iter().map(|channel| Places {
            channel: channel.id,
            messages: Vec::new(),
        });
        Chunk {
            channels: records.len(),
            records,
            places: places.collect(),
            span: None,
        }
    }

    /// Forgets the messages, and keeps the memory unless it is much more than a chunk usually has.
    pub(crate) fn clear(&mut self) {
        self.records.truncate(self.channels);
        if self.records.capacity() > 4 * super::CHUNK {
            self.records.shrink_to(2 * super::CHUNK);
        }
        self.places
            .iter_mut()
            .for_each(|places| places.messages.clear());
        self.span = None;
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.span.is_none()
    }

    pub(crate) fn messages(&self) -> usize {
        self.places.iter().map(|places| places.messages.len()).sum()
    }

    /// Adds a message of `count` parts, of the channel with this index.
    pub(crate) fn push<'a>(
        &mut self,
        channel: usize,
        sequence: u32,
        times: Times,
        count: usize,
        message: impl Iterator<Item = &'a [u8]>,
    ) {
        let Some(places) = self.places.get_mut(channel) else {
            return;
        };
        places.messages.push((times.log, self.records.len() as u64));
        let id = places.channel;
        self.records.put_record(op::MESSAGE, |records| {
            records.put_u16(id);
            records.put_u32(sequence);
            records.put_u64(times.log);
            records.put_u64(times.wall);
            parts::put_count(records, count);
            message.for_each(|part| parts::put_part(records, part));
        });
        let (start, end) = self.span.unwrap_or((times.log, times.log));
        self.span = Some((start.min(times.log), end.max(times.log)));
    }
}
