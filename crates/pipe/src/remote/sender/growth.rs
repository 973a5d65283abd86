//! The memory that a direction may have, and whether its reader's reports allow more.

use std::time::Instant;

use ringmq_ring::{Corrupt, HEADER};
use ringmq_sys::cpu;

use super::super::patience::{LatePolicy, LateReader, Seen};
use super::super::segment::{self, FIRST, MOST};
use super::{AGAIN, BRISK, DEAR, Growth, MODEST, PushError, SELDOM, SELDOM_BYTES, SMALL, Sender};

impl Sender {
    /// The bytes of the limit that the socket's other peers do not use.
    pub(super) fn left(&self) -> u64 {
        let total = self.common.slot.control().memory().get();
        let limit = self.limit.saturating_add(self.memory());
        limit.saturating_sub(total)
    }

    /// Releases segments that the reader has passed, and checks the reader's credit against its position. Without the
    /// check a reader that claims to have received more could make this side use memory up to the limit.
    pub(super) fn check_credit(&mut self) -> Result<(), PushError> {
        // The reader reports its position before its count, so the position that is read now is not older than the
        // count.
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
        // A record takes at least a header.
        let records = writer.seen_reader().saturating_sub(first.start) / HEADER;
        let end = list.next().map_or(self.sent, |next| next.before);
        let most = first.before.saturating_add(records).min(end);
        if reported > most {
            return Err(PushError::Corrupt(Corrupt::Count { reported, most }));
        }
        Ok(())
    }

    /// The size of the next segment in bytes; `None` if the limit allows none now.
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
        // The current segment does not count: the reader leaves it before it enters the next one.
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

    /// Makes a segment beyond the limit for one message when no other message waits. A reader rings a waiting sender
    /// when it enters a segment, so the sender first jumps to a small one.
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

    /// Sets what a send that may wait does for a late reader. All senders of a socket share it. By default a send
    /// sleeps.
    pub fn set_late_policy(&mut self, policy: &LatePolicy) {
        self.late = policy.seen();
    }

    /// Sets whether a send makes memory at once, whatever the policy is.
    pub fn set_hurried(&mut self, hurried: bool) {
        self.hurried = hurried;
    }

    /// Waits for a late reader, for no longer than new memory would cost. Returns true if there is room. Does not wait
    /// where the limit allows no more memory: there the caller waits, if it may.
    pub(super) fn wait_for_reader(&mut self, len: usize) -> Result<bool, PushError> {
        let policy = self.late.get();
        if self.hurried || self.patience.is_none() || policy == LateReader::GrowAtOnce {
            return Ok(false);
        }
        // A sender that spins would keep the reader from their CPU.
        if policy == LateReader::Spin && self.cpu() == Some(cpu::current()) {
            return Ok(false);
        }
        self.retire()?;
        let can_grow = self.larger(len)?.is_some();
        let (Some(writer), Some(patience)) = (&mut self.writer, &mut self.patience) else {
            return Ok(false);
        };
        if !can_grow || writer.capacity() < DEAR {
            return Ok(false);
        }
        patience.sent(writer.position());
        // Room for several short messages, so that each of them is not waited for.
        let enough = len.max(writer.capacity() / 8);
        let look = || {
            Ok(Seen {
                position: writer.look_at_reader().map_err(PushError::Corrupt)?,
                room: writer.claim(enough).is_ok(),
            })
        };
        let room = patience.wait(policy, look)? || writer.claim(len).is_ok();
        self.growth.full = Some(Instant::now());
        Ok(room)
    }

    /// Releases segments that the reader has passed.
    pub(super) fn retire(&mut self) -> Result<(), PushError> {
        let Some(writer) = &mut self.writer else {
            return Ok(());
        };
        let reported = writer.look_at_reader().map_err(PushError::Corrupt)?;
        let mut segments = segment::lock(&self.segments);
        let before = segments.list.len();
        while segments
            .list
            .get(1)
            .is_some_and(|next| next.start <= reported)
        {
            segments.list.pop_front();
        }
        let fewer = segments.list.len() < before;
        drop(segments);
        if fewer {
            self.show_memory();
        }
        Ok(())
    }

    /// Leaves a large segment for a small one if the reader has taken everything.
    pub(super) fn shrink(&mut self, len: usize) {
        if self.sent < self.growth.look {
            return;
        }
        let now = Instant::now();
        self.growth.plan_look(self.sent, len, now);
        if self.retire().is_err() {
            return;
        }
        let Some(writer) = &self.writer else {
            return;
        };
        let capacity = writer.capacity();
        let only = segment::lock(&self.segments).list.len() == 1;
        if capacity <= SMALL {
            if only {
                self.growth.look = u64::MAX;
            }
            return;
        }
        let drained = only && writer.seen_reader() == writer.position();
        let enough = segment::capacity_for(len).is_some_and(|needed| needed * 2 <= capacity);
        let keep = if capacity <= MODEST {
            AGAIN
        } else {
            self.growth.keep
        };
        let is_kept = self.growth.full.is_some_and(|full| now - full < keep);
        if !drained || !enough || is_kept {
            return;
        }
        let least = segment::capacity_for(len).unwrap_or(FIRST);
        // Without memory for a small one the large one stays.
        if self.jump(least).is_ok() {
            self.growth.shrunk = Some(now);
        }
    }

    /// The bytes of the segments that the reader has not passed, by its last report.
    pub fn memory(&self) -> u64 {
        let segments = segment::lock(&self.segments);
        segments
            .list
            .iter()
            .map(|segment| segment.memory.len() as u64)
            .sum()
    }
}

impl Growth {
    /// Sets when a send looks at the memory again, after a look with message number `sent` of `len` bytes.
    fn plan_look(&mut self, sent: u64, len: usize, now: Instant) {
        let brisk = self.looked.is_some_and(|before| now - before < BRISK);
        let most = (SELDOM_BYTES / len.max(1)).clamp(1, SELDOM);
        self.step = if brisk { (self.step * 2).min(most) } else { 1 };
        self.look = sent.saturating_add(self.step as u64);
        self.looked = Some(now);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// The numbers of the messages that look, of `count` messages that come at regular times.
    fn looks(count: u64, len: usize, between: Duration) -> Vec<u64> {
        let mut growth = Growth {
            look: 0,
            step: 1,
            looked: None,
            shrunk: None,
            full: None,
            keep: Duration::ZERO,
        };
        let mut now = Instant::now();
        let mut looks = Vec::new();
        for sent in 0..count {
            if sent >= growth.look {
                growth.plan_look(sent, len, now);
                looks.push(sent);
            }
            now += between;
        }
        looks
    }

    #[test]
    fn a_fast_flow_looks_seldom_at_short_messages_and_often_at_long_ones() {
        let fast = Duration::from_nanos(100);
        assert_eq!(looks(200, 64, fast), [0, 1, 3, 7, 15, 31, 63, 127, 191]);
        assert_eq!(looks(64, 16 << 10, fast).len(), 18);
        assert_eq!(looks(64, 1 << 20, fast).len(), 64);
        assert_eq!(looks(200, 0, fast).len(), 9);
    }

    #[test]
    fn a_slow_flow_looks_with_each_message() {
        assert_eq!(looks(100, 64, Duration::from_millis(1)).len(), 100);
        // Between the two a look comes once in a millisecond, about.
        let some = looks(1000, 64, Duration::from_micros(100));
        assert!(some.windows(2).all(|pair| pair[1] - pair[0] <= 16));
    }
}
