//! The chunks of a file: by its summary, or found one by one.

use super::FOOTER_AND_MAGIC;
use super::error::{Damage, What};
use super::reader::Reader;
use super::scan::scan;
use super::summary::Summary;

/// The chunks of a file, and what is wrong.
#[derive(Debug, Default)]
pub(crate) struct Contents {
    /// By the summary, or by a scan, which knows no channels and no statistics.
    pub(crate) summary: Summary,
    /// True if the file has a summary that is sound.
    pub(crate) ended: bool,
    /// What is wrong with the file as a whole. The chunks are in front of it.
    pub(crate) damage: Option<Damage>,
}

impl Contents {
    /// Finds the chunks: by the summary with two reads, or chunk by chunk if there is none that is sound.
    pub(crate) fn of(reader: &Reader) -> Contents {
        let damage = match ending(reader) {
            Some(Ok(summary)) => {
                return Contents {
                    summary,
                    ended: true,
                    damage: None,
                };
            }
            Some(Err(damage)) => Some(damage),
            None => None,
        };
        let (summary, stop) = scan(reader);
        // What stopped the scan says more than the footer, unless it came to the end of the data.
        let damage = damage.filter(|_| stop.what == What::Summary).or(Some(stop));
        Contents {
            summary,
            ended: false,
            damage,
        }
    }
}

/// The summary, if the file ends as one that was ended.
fn ending(reader: &Reader) -> Option<Result<Summary, Damage>> {
    let end = reader.len.checked_sub(FOOTER_AND_MAGIC);
    let end = end.filter(|end| *end >= reader.first)?;
    let data_end = match Summary::find(&reader.bytes(end, FOOTER_AND_MAGIC)?, reader.len)? {
        Ok(data_end) if data_end >= reader.first => data_end,
        Ok(at) => {
            let what = What::Summary;
            return Some(Err(Damage { at, what }));
        }
        Err(damage) => return Some(Err(damage)),
    };
    let len = reader.len - data_end;
    if !reader.allows(len) {
        // A file may have a hole that costs nothing.
        let what = What::Summary;
        return Some(Err(Damage { at: data_end, what }));
    }
    let bytes = reader.bytes(data_end, len)?;
    Some(Summary::take(&bytes, data_end, reader.first))
}
