//! How much memory a direction may have, and whether its reader's reports allow more.

use std::time::Instant;

use ringmq_ring::{Corrupt, HEADER};

use super::super::patience::LatePolicy;
use super::super::segment::{self, FIRST, MOST};
use super::{AGAIN, MODEST, PushError, SMALL, Sender};

impl Sender {
    /// What the socket's other peers leave of the limit.
    pub(super) fn left(&self) -> u64 {
        let total = self.common.slot.control().memory().get();
        let limit = self.limit.saturating_add(self.memory());
        limit.saturating_sub(total)
    }

    /// Lets go of segments that the reader has passed, and compares the credit that it gives with its position. A reader
    /// that lies about what it has received gets memory for it otherwise, up to the limit.
    pub(super) fn check_credit(&mut self) -> Result<(), PushError> {
        // It reports its position first, so that the one that is seen now belongs to this number or a later one.
        let reported = self.reported.load();
        self.retire()?;
        let Some(writer) = &self.writer else {
            return Ok(());
        };
        let segments = segment::lock(&self.segments);
        let mut list = segments.list.iter();
        let Some(first) = list.next() else {
            return Ok(());
        };
        // A record has a header at least.
        let records = writer.seen_reader().saturating_sub(first.start) / HEADER;
        let end = list.next().map_or(self.sent, |next| next.before);
        let most = first.before.saturating_add(records).min(end);
        if reported > most {
            return Err(PushError::Corrupt(Corrupt::Count { reported, most }));
        }
        Ok(())
    }

    /// Bytes of the segment that comes next; `None` if the limit allows none now.
    pub(super) fn larger(&self, len: usize) -> Result<Option<usize>, PushError> {
        let Some(writer) = &self.writer else {
            return Ok(None);
        };
        let needed = segment::capacity_for(len).ok_or(PushError::TooLong(len))?;
        let wanted = needed
            .max(writer.capacity().saturating_mul(2))
            .min(ringmq_ring::CAPACITY_MOST);
        let (count, older) = {
            let segments = segment::lock(&self.segments);
            let older = segments.list.iter().rev().skip(1);
            let bytes: usize = older.map(|segment| segment.memory.len()).sum();
            (segments.list.len(), bytes as u64)
        };
        // What is written now is left when everything in it was read, and so does not count.
        let (current, left) = (writer.capacity() as u64, self.left());
        if count >= MOST || older + needed as u64 > left {
            return Ok(None);
        }
        let capacity = if older + current + wanted as u64 > left {
            needed
        } else {
            wanted
        };
        Ok((capacity > writer.capacity() || older == 0).then_some(capacity))
    }

    /// A message that needs more than the limit gets memory of its own when nothing else waits. A reader
    /// looks whether its sender waits for that when it comes to a segment, so it gets a small one to come to.
    pub(super) fn exceed(&mut self, needed: usize) -> Result<bool, PushError> {
        let Some(writer) = &self.writer else {
            return Ok(false);
        };
        let only = segment::lock(&self.segments).list.len() == 1;
        if only && writer.seen_reader() >= writer.position() {
            self.jump(needed)?;
            return Ok(true);
        }
        if writer.position() > self.start() {
            self.jump(FIRST)?;
        }
        Ok(false)
    }

    /// What a send does that may wait for a late reader; all senders of a socket share it. By default it sleeps.
    pub fn set_late_policy(&mut self, policy: &LatePolicy) {
        self.late = policy.seen();
    }

    /// Whether a send makes memory at once, whatever the policy is.
    pub fn set_hurried(&mut self, hurried: bool) {
        self.hurried = hurried;
    }

    /// Lets go of segments that the reader has passed.
    pub(super) fn retire(&mut self) -> Result<(), PushError> {
        let Some(writer) = &mut self.writer else {
            return Ok(());
        };
        let reported = writer.look_at_reader().map_err(PushError::Corrupt)?;
        let segments = &mut segment::lock(&self.segments).list;
        while segments.get(1).is_some_and(|next| next.start <= reported) {
            segments.pop_front();
        }
        Ok(())
    }

    /// When the reader has taken everything, a large segment is left for a small one.
    pub(super) fn shrink(&mut self, len: usize) {
        if !self.growth.large || self.retire().is_err() {
            return;
        }
        let Some(writer) = &self.writer else {
            return;
        };
        let capacity = writer.capacity();
        let only = segment::lock(&self.segments).list.len() == 1;
        if capacity <= SMALL {
            self.growth.large = !only;
            return;
        }
        let drained = only && writer.seen_reader() == writer.position();
        let enough = segment::capacity_for(len).is_some_and(|needed| needed * 2 <= capacity);
        let keep = if capacity <= MODEST {
            AGAIN
        } else {
            self.growth.keep
        };
        let is_kept = self.growth.full.is_some_and(|full| full.elapsed() < keep);
        if !drained || !enough || is_kept {
            return;
        }
        let least = segment::capacity_for(len).unwrap_or(FIRST);
        // Without memory for a small one the large one stays.
        if self.jump(least).is_ok() {
            self.growth.shrunk = Some(Instant::now());
        }
    }

    /// Bytes of the segments that are not passed, as far as we have seen.
    pub fn memory(&self) -> u64 {
        let segments = segment::lock(&self.segments);
        segments
            .list
            .iter()
            .map(|segment| segment.memory.len() as u64)
            .sum()
    }
}
