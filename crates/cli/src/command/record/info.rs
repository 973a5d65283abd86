//! `ringmq recording info`.

use std::collections::BTreeMap;
use std::time::{Duration, UNIX_EPOCH};

use serde_json::{Value, json};

use super::file::{Common, damage_value, open, print, survey_all};
use super::format::contents::Contents;
use super::format::error::Damage;
use super::format::messages::Loader;
use super::format::reader::Reader;
use super::format::records::{Channel, Packing};
use super::format::summary::Summary;
use crate::command::outcome::Failure;
use crate::command::talk::time::timestamp;

/// What is in a file.
struct Facts {
    summary: Summary,
    dropped: u64,
    damages: Vec<Damage>,
}

/// Prints what is in a file. One with a summary costs a few reads, however long it is.
pub(super) fn info(common: &Common) -> Result<(), Failure> {
    let reader = open(&common.file, common.max_message)?;
    let contents = Contents::of(&reader);
    let facts = if contents.ended {
        let dropped = dropped(&reader, &contents.summary);
        Facts {
            dropped,
            summary: contents.summary,
            damages: Vec::new(),
        }
    } else {
        let found = survey_all(&reader, &common.file)?;
        Facts {
            summary: found.sound,
            dropped: found.dropped,
            damages: found.damages,
        }
    };
    print(
        common.json,
        || text(&reader, common, &facts),
        || value(&reader, common, &facts),
    )
}

/// How many messages the recorder dropped: the numbers of each channel's messages count those, too, and its last message
/// has the last number.
fn dropped(reader: &Reader, summary: &Summary) -> u64 {
    let mut loader = Loader::default();
    let mut loaded = None;
    let mut dropped = 0;
    for (channel, count) in &summary.statistics.of_channels {
        let last = summary
            .chunks
            .iter()
            .rev()
            .find(|chunk| chunk.indexes.contains_key(channel));
        let Some(last) = last else { continue };
        if loaded != Some(last.offset) && loader.load(reader, last).is_err() {
            continue;
        }
        loaded = Some(last.offset);
        let mut of_channel = loader
            .messages
            .iter()
            .filter(|message| message.channel == *channel);
        if let Some(message) = of_channel.next_back() {
            // The numbers have 32 bits, and begin again behind the last one.
            let counted = (*count as u32).wrapping_sub(1);
            dropped += u64::from(message.sequence.wrapping_sub(counted));
        }
    }
    dropped
}

fn packings(summary: &Summary) -> &'static str {
    let mut packings = summary.chunks.iter().map(|chunk| chunk.packing);
    if packings.any(|packing| packing == Packing::Zstd) {
        "zstd"
    } else {
        "none"
    }
}

fn text(reader: &Reader, common: &Common, facts: &Facts) -> String {
    let Facts {
        summary,
        dropped,
        damages,
    } = facts;
    let statistics = &summary.statistics;
    let mut lines = vec![
        format!("file      {}, {} bytes", common.file.display(), reader.len),
        format!("made by   {}", reader.library.escape_debug()),
    ];
    if let Some((start, end)) = statistics.span {
        let seconds = |nanos| Duration::from_nanos(nanos).as_secs_f64();
        lines.push(format!("start     {}", moment(start)));
        lines.push(format!("end       {}", moment(end)));
        lines.push(format!("duration  {:.6} s", seconds(end - start)));
    }
    let (messages, chunks) = (statistics.messages, statistics.chunks);
    lines.push(format!(
        "messages  {messages} in {chunks} chunks, compression: {}",
        packings(summary)
    ));
    lines.push(format!("dropped   {dropped}"));
    for channel in summary.channels.values() {
        let count = count(&statistics.of_channels, channel);
        let (topic, metadata) = (channel.topic.escape_debug(), describe(channel));
        lines.push(format!("channel   {topic} {metadata} {count} messages"));
    }
    for damage in damages {
        lines.push(format!("damage    {damage}"));
    }
    if !damages.is_empty() {
        lines.push(format!(
            "remedy    ringmq recording repair {}",
            common.file.display()
        ));
    }
    lines.join("\n")
}

fn value(reader: &Reader, common: &Common, facts: &Facts) -> Value {
    let Facts {
        summary,
        dropped,
        damages,
    } = facts;
    let statistics = &summary.statistics;
    let channels = summary.channels.values().map(|channel| {
        json!({
            "id": channel.id,
            "endpoint": channel.topic,
            "metadata": channel.metadata,
            "messages": count(&statistics.of_channels, channel),
        })
    });
    json!({
        "file": common.file.display().to_string(),
        "bytes": reader.len,
        "library": reader.library,
        "start_ns": statistics.span.map(|(start, _)| start),
        "end_ns": statistics.span.map(|(_, end)| end),
        "messages": statistics.messages,
        "chunks": statistics.chunks,
        "compression": packings(summary),
        "dropped": dropped,
        "channels": channels.collect::<Vec<_>>(),
        "damages": damages.iter().map(damage_value).collect::<Vec<_>>(),
    })
}

fn count(counts: &BTreeMap<u16, u64>, channel: &Channel) -> u64 {
    counts.get(&channel.id).copied().unwrap_or_default()
}

/// The socket of a channel.
fn describe(channel: &Channel) -> String {
    let value = |name| {
        channel
            .metadata
            .get(name)
            .map_or("?", String::as_str)
            .escape_debug()
    };
    format!("({} {})", value("type"), value("attached"))
}

/// A time in UTC.
fn moment(nanos: u64) -> String {
    timestamp(UNIX_EPOCH + Duration::from_nanos(nanos))
}
