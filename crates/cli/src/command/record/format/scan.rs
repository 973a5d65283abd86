//! The chunks of a file without a summary: one read for each record, from the front, up to the first that is wrong.

use std::collections::BTreeMap;

use super::bytes::{Take, record_head};
use super::error::{Damage, What};
use super::reader::Reader;
use super::records::{ChunkHead, ChunkIndex};
use super::summary::Summary;
use super::{RECORD_HEAD, op};

/// Finds the chunks from the front, and what is behind them. Their content is not looked at.
pub(crate) fn scan(reader: &Reader) -> (Summary, Damage) {
    let mut summary = Summary::default();
    let mut at = reader.first;
    let what = loop {
        if at == reader.len {
            break What::Unfinished;
        }
        match step(reader, at, &mut summary.chunks) {
            Ok(Some(next)) => at = next,
            Ok(None) => break What::Summary,
            Err(what) => break what,
        }
    };
    summary.data_end = at;
    (summary, Damage { at, what })
}

/// Looks at the record at `at`, and returns where the next one is; `None` at the end of the data.
fn step(reader: &Reader, at: u64, chunks: &mut Vec<ChunkIndex>) -> Result<Option<u64>, What> {
    let head = reader.array(at).ok_or(What::Cut)?;
    let (op, len) = record_head(&head);
    let next = at
        .checked_add(RECORD_HEAD)
        .and_then(|from| from.checked_add(len));
    let next = next.ok_or(What::Record(op))?;
    match op {
        op::CHUNK => {
            let chunk = chunk(reader, at)?;
            if next > reader.len {
                return Err(What::Cut);
            }
            chunks.push(chunk);
        }
        op::MESSAGE_INDEX => {
            let channel = message_index(reader, at, len)?;
            let chunk = chunks.last_mut().ok_or(What::Record(op))?;
            if chunk.indexes.insert(channel, at).is_some() {
                return Err(What::Record(op));
            }
            chunk.indexes_len += next - at;
        }
        op::DATA_END if len == 4 => return Ok(None),
        _ => return Err(What::Record(op)),
    }
    Ok(Some(next))
}

fn chunk(reader: &Reader, at: u64) -> Result<ChunkIndex, What> {
    let most = ChunkHead::MOST.min(reader.len - at);
    let bytes = reader.bytes(at, most).ok_or(What::Cut)?;
    let head = match ChunkHead::take(&bytes) {
        Some(head) => head,
        None if most < ChunkHead::MOST => return Err(What::Cut),
        None => return Err(What::Record(op::CHUNK)),
    };
    Ok(ChunkIndex {
        start: head.start,
        end: head.end,
        offset: at,
        len: head.len() + head.packed,
        indexes: BTreeMap::new(),
        indexes_len: 0,
        packing: head.packing,
        packed: head.packed,
        size: head.size,
    })
}

/// The channel of a Message Index, which must be whole.
fn message_index(reader: &Reader, at: u64, len: u64) -> Result<u16, What> {
    let wrong = What::Record(op::MESSAGE_INDEX);
    let head: [u8; 6] = reader.array(at + RECORD_HEAD).ok_or(What::Cut)?;
    let mut from = Take(&head);
    let (channel, size) = (from.u16().ok_or(wrong)?, from.u32().ok_or(wrong)?);
    if u64::from(size) + 6 != len || size % 16 != 0 {
        return Err(wrong);
    }
    if at + RECORD_HEAD + len > reader.len {
        return Err(What::Cut);
    }
    Ok(channel)
}
