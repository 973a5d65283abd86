//! A look at every byte of a file: which chunks are sound, and what is lost.

use std::collections::BTreeMap;

use crc32fast::Hasher;

use super::chunk::Places;
use super::contents::Contents;
use super::error::{Damage, What};
use super::messages::Loader;
use super::reader::Reader;
use super::records::{ChunkHead, ChunkIndex};
use super::summary::Summary;

/// What a survey found.
#[derive(Debug, Default)]
pub(crate) struct Survey {
    /// Channels, sound chunks and their numbers.
    pub(crate) sound: Summary,
    /// What is wrong, in the order of the file.
    pub(crate) damages: Vec<Damage>,
    /// Messages that the recorder dropped: gaps between the numbers of those that it kept.
    pub(crate) dropped: u64,
}

/// A sound chunk, as it is in the file.
pub(crate) struct Sound<'a> {
    pub(crate) loader: &'a Loader,
    pub(crate) head: ChunkHead,
    pub(crate) places: Vec<Places>,
}

/// Looks at all chunks, and gives each sound one to `visit`.
pub(crate) fn survey<E>(
    reader: &Reader,
    contents: Contents,
    mut visit: impl FnMut(&Sound<'_>) -> Result<(), E>,
) -> Result<Survey, E> {
    let mut survey = Survey::default();
    let mut loader = Loader::default();
    let mut next: BTreeMap<u16, u32> = BTreeMap::new();
    let Contents {
        summary,
        ended,
        damage,
    } = contents;
    for chunk in summary.chunks {
        if let Err(damage) = loader.load(reader, &chunk) {
            survey.damages.push(damage);
            continue;
        }
        let Some(head) = loader.head else { continue };
        for message in &loader.messages {
            let expected = next.entry(message.channel).or_default();
            survey.dropped += u64::from(message.sequence.wrapping_sub(*expected));
            *expected = message.sequence.wrapping_add(1);
        }
        let places = loader.places();
        survey
            .damages
            .extend(check_indexes(reader, &places, &chunk));
        let counts = places
            .iter()
            .map(|places| (places.channel, places.messages.len() as u64));
        survey.sound.statistics.add((head.start, head.end), counts);
        visit(&Sound {
            loader: &loader,
            head,
            places,
        })?;
        survey.sound.chunks.push(chunk);
    }
    survey.sound.channels = std::mem::take(&mut loader.channels);
    if ended && survey.damages.is_empty() {
        let at = summary.data_end;
        if checksum(reader, at) != summary.data_checksum {
            survey.damages.push(Damage {
                at,
                what: What::Data,
            });
        } else if survey.sound.statistics != summary.statistics {
            survey.damages.push(Damage {
                at,
                what: What::Summary,
            });
        }
    }
    survey.damages.extend(damage);
    Ok(survey)
}

/// Compares the Message Index records behind a chunk with its messages. None at all is allowed.
fn check_indexes(reader: &Reader, places: &[Places], chunk: &ChunkIndex) -> Option<Damage> {
    if chunk.indexes.is_empty() && chunk.indexes_len == 0 {
        return None;
    }
    let start = chunk.offset.saturating_add(chunk.len);
    let mut expected = Vec::new();
    let mut same = chunk.indexes.len() == places.len();
    for places in places {
        same &= chunk.indexes.get(&places.channel) == Some(&(start + expected.len() as u64));
        places.put(&mut expected);
    }
    same &= chunk.indexes_len == expected.len() as u64;
    let found = same
        .then(|| reader.bytes(start, chunk.indexes_len))
        .flatten();
    (found != Some(expected)).then_some(Damage {
        at: start,
        what: What::Index,
    })
}

/// CRC-32 of the file up to `end`.
fn checksum(reader: &Reader, end: u64) -> u32 {
    const PIECE: u64 = 1 << 20;
    let (mut hasher, mut bytes, mut at) = (Hasher::new(), Vec::new(), 0);
    while at < end {
        let len = PIECE.min(end - at);
        if reader.bytes_into(at, len, &mut bytes).is_none() {
            break;
        }
        hasher.update(&bytes);
        at += len;
    }
    hasher.finalize()
}
