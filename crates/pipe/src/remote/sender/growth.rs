//! How much memory a direction may have, and whether its reader's reports allow more.

use ringmq_ring::{Corrupt, HEADER};

use super::super::patience::LatePolicy;
use super::super::segment::{self, FIRST, MOST};
use super::{PushError, Sender};

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
}
