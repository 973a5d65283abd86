//! Memory of long bodies that were dropped, kept for the next ones.
//!
//! An allocator gives long pieces of memory back to the kernel when they are freed, and the next one begins with a page
//! fault for every page. For a receiver that takes one message of 1 MiB after the other these faults cost several times the
//! copy (docs/performance.md, "memory that was used before"). So the process keeps some of this memory: at most
//! [`KEPT_MOST`] bytes of it.
//!
//! One list serves all threads, because a body is often dropped in another thread than the one that made it. No thread waits
//! for it: a thread that finds the list in use goes to the allocator. That also holds in a forked child.

use std::collections::{TryReserveError, VecDeque};
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, TryLockError, Weak};

use bytes::Bytes;

/// Bytes of the shortest body whose memory is kept. Allocators keep shorter ones themselves.
pub(crate) const LONG: usize = 64 << 10;
/// Bytes that are kept at most.
const KEPT_MOST: usize = 16 << 20;
/// A body of so many bytes that was sent is not kept at first: a process that sends a few of them, close to the limit of its
/// cgroup, would miss the memory more than it gains.
const SENT_MOST: usize = 1 << 20;
/// So many bodies of that length, for which nothing was kept, are more than a few.
const FEW: usize = 16;
/// Bodies that are kept at most: as many of the shortest as there are bytes for. A queue of such bodies frees and takes
/// them in turns of many.
const SLOTS: usize = KEPT_MOST / LONG;

static SPARE: Mutex<Spare> = Mutex::new(Spare::new());

/// Empty vectors with memory, the oldest first.
struct Spare {
    bodies: VecDeque<Vec<u8>>,
    bytes: usize,
    /// Memory that was kept, and waits for a body that has not come: its bytes count among those that are kept.
    lent: Vec<(Weak<()>, usize)>,
    /// Bodies of [`SENT_MOST`] and more for which there was nothing.
    missed: usize,
}

/// Empty memory for a body of `len` bytes. The memory of a body that was dropped is used first, if there is one that is not
/// much larger.
///
/// # Errors
///
/// There is no memory.
#[inline(always)]
pub fn body_memory(len: usize) -> Result<Vec<u8>, TryReserveError> {
    if len >= LONG
        && let Some(bytes) = kept(len)
    {
        return Ok(bytes);
    }
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(len)?;
    Ok(bytes)
}

/// Memory for a body of a peer that has not come yet, if some was kept: it is there in any case, so a peer that never sends
/// the body takes none that the process has not. It has twice as many bytes at most.
pub fn lend_memory(len: usize) -> Option<(Vec<u8>, Lent)> {
    if len < LONG {
        return None;
    }
    with(|spare| spare.lend(len)).flatten()
}

/// Says that memory is lent, until it is dropped: the body has come, or its connection has ended.
#[derive(Debug)]
pub struct Lent(#[expect(dead_code, reason = "that it lives is what it says")] Arc<()>);

/// Memory that was kept. Apart, so that short bodies find their way short.
#[cold]
#[inline(never)]
fn kept(len: usize) -> Option<Vec<u8>> {
    let found = |spare: &mut Spare| {
        let found = spare.take(len..=len.saturating_mul(4));
        spare.missed += usize::from(found.is_none() && len >= SENT_MOST);
        found
    };
    with(found).flatten()
}

/// Keeps the memory of a long body, or frees it.
#[cold]
#[inline(never)]
pub(crate) fn keep(bytes: Vec<u8>) {
    // Where the list is in use, the closure and the memory in it are dropped.
    let _kept = with(|spare| spare.give(bytes));
}

/// Drops a body that was sent to its end, of which no bytes are left. Its memory is kept for another one if nothing else
/// has it, it is long, and it has less than 1 MiB or there were more than a few such bodies.
pub fn drop_sent(bytes: Bytes) {
    debug_assert!(bytes.is_empty(), "what is left would be copied");
    // Memory that a vector has is taken over; other owners are dropped.
    let memory = Vec::from(bytes);
    let many = || with(|spare| spare.missed > FEW) == Some(true);
    if memory.capacity() >= LONG && (memory.capacity() < SENT_MOST || many()) {
        keep(memory);
    }
}

/// `None` if another thread uses the list.
fn with<T>(work: impl FnOnce(&mut Spare) -> T) -> Option<T> {
    let mut spare = match SPARE.try_lock() {
        Ok(spare) => spare,
        Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
        Err(TryLockError::WouldBlock) => return None,
    };
    Some(work(&mut spare))
}

impl Spare {
    const fn new() -> Spare {
        Spare {
            bodies: VecDeque::new(),
            bytes: 0,
            lent: Vec::new(),
            missed: 0,
        }
    }

    /// The memory that was dropped last, of those that hold so many bytes.
    fn take(&mut self, fits: RangeInclusive<usize>) -> Option<Vec<u8>> {
        let mut bodies = self.bodies.iter();
        let found = bodies.rposition(|body| fits.contains(&body.capacity()))?;
        let bytes = self.bodies.remove(found)?;
        self.bytes -= bytes.capacity();
        Some(bytes)
    }

    /// Memory for a body that has not come.
    fn lend(&mut self, len: usize) -> Option<(Vec<u8>, Lent)> {
        self.lent.retain(|(lent, _)| lent.strong_count() > 0);
        self.lent.try_reserve(1).ok()?;
        let bytes = self.take(len..=len.saturating_mul(2))?;
        let lent = Arc::new(());
        self.lent.push((Arc::downgrade(&lent), bytes.capacity()));
        Some((bytes, Lent(lent)))
    }

    /// Bytes that are lent.
    fn lent(&self) -> usize {
        let lent = self.lent.iter();
        let lent = lent.filter(|(lent, _)| lent.strong_count() > 0);
        lent.map(|(_, bytes)| bytes).sum()
    }

    /// Keeps this memory in place of the oldest, if there is too much.
    fn give(&mut self, mut bytes: Vec<u8>) {
        let most = KEPT_MOST.saturating_sub(self.lent());
        if bytes.capacity() > most {
            return;
        }
        while (self.bodies.len() >= SLOTS || self.bytes + bytes.capacity() > most)
            && let Some(oldest) = self.bodies.pop_front()
        {
            self.bytes -= oldest.capacity();
        }
        if self.bodies.try_reserve(1).is_ok() {
            bytes.clear();
            self.bytes += bytes.capacity();
            self.bodies.push_back(bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Buf;

    use super::*;

    #[test]
    fn memory_that_was_given_is_taken_again_the_newest_first() {
        let mut spare = Spare::new();
        let give = |spare: &mut Spare, len: usize| {
            let bytes = vec![1; len];
            let at = bytes.as_ptr();
            spare.give(bytes);
            at
        };
        let first = give(&mut spare, LONG);
        let second = give(&mut spare, LONG);
        let large = give(&mut spare, 5 * LONG);
        let taken = spare.take(LONG - 1..=4 * LONG).unwrap();
        assert_eq!((taken.as_ptr(), taken.len()), (second, 0));
        let taken = spare.take(LONG..=4 * LONG).unwrap();
        assert_eq!(taken.as_ptr(), first);
        // The rest is too large, then too small.
        let none = [LONG..=4 * LONG, 5 * LONG + 1..=20 * LONG].map(|fits| spare.take(fits));
        assert_eq!(none, [None, None]);
        let taken = spare.take(2 * LONG..=8 * LONG).unwrap();
        assert_eq!(taken.as_ptr(), large);
        assert_eq!((spare.bodies.len(), spare.bytes), (0, 0));
    }

    #[test]
    fn what_is_kept_has_a_limit_and_the_oldest_goes_first() {
        let mut spare = Spare::new();
        for number in 0..2 * SLOTS {
            spare.give(Vec::with_capacity(LONG + number));
            assert!(spare.bodies.len() <= SLOTS && spare.bytes <= KEPT_MOST);
        }
        assert!(spare.bodies.len() > SLOTS / 2);
        let newest = spare.bodies.back().unwrap();
        assert_eq!(newest.capacity(), LONG + 2 * SLOTS - 1);
        for _ in 0..10 {
            spare.give(Vec::with_capacity(KEPT_MOST / 3));
            assert!(spare.bytes <= KEPT_MOST);
        }
        assert_eq!(spare.bodies.len(), 3);
        spare.give(Vec::with_capacity(KEPT_MOST));
        assert_eq!((spare.bodies.len(), spare.bytes), (1, KEPT_MOST));
    }

    #[test]
    fn the_memory_of_a_body_that_was_sent_is_used_again() {
        let is_found = || {
            let memory = Vec::with_capacity(SENT_MOST - 1);
            let at = memory.as_ptr();
            drop_sent(Bytes::from(memory));
            let found = kept(SENT_MOST - 1);
            found.is_some_and(|found| found.as_ptr() == at && found.is_empty())
        };
        // Another test may have the list.
        assert!((0..1000).any(|_| is_found()));
        // Of longer ones a few are not kept, but many.
        let is_kept = || {
            let memory = body_memory(SENT_MOST + 4096).unwrap();
            let at = memory.as_ptr();
            drop_sent(Bytes::from(memory));
            kept(SENT_MOST + 4096).is_some_and(|found| found.as_ptr() == at)
        };
        let first = (1..1000).find(|_| is_kept()).unwrap();
        assert!(first > FEW / 2, "{first}");
        // What others have stays theirs.
        let shared = Bytes::from(vec![7; LONG]);
        let mut other = shared.clone();
        other.advance(LONG);
        drop_sent(other);
        assert!(shared.iter().all(|&byte| byte == 7));
    }

    #[test]
    fn what_is_lent_counts_among_what_is_kept() {
        let mut spare = Spare::new();
        spare.give(Vec::with_capacity(KEPT_MOST / 2));
        let (bytes, lent) = spare.lend(KEPT_MOST / 2 - 1).unwrap();
        assert!(bytes.is_empty() && spare.bytes == 0);
        assert_eq!(spare.lent(), KEPT_MOST / 2);
        spare.give(Vec::with_capacity(KEPT_MOST / 2 + 1));
        assert_eq!(spare.bytes, 0);
        for _ in 0..SLOTS {
            spare.give(Vec::with_capacity(LONG));
        }
        assert_eq!(spare.bytes, KEPT_MOST / 2);
        drop(lent);
        assert_eq!(spare.lent(), 0);
        spare.give(Vec::with_capacity(KEPT_MOST / 2 + 1));
        assert!(spare.bytes > KEPT_MOST / 2 + LONG);
        // Little is not lent, and neither is what is much more than the body.
        assert!(lend_memory(LONG - 1).is_none());
        spare.give(Vec::with_capacity(9 * LONG));
        assert!(spare.lend(4 * LONG).is_none());
    }

    #[test]
    fn a_list_in_use_keeps_no_thread_waiting() {
        let held = SPARE
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        let bytes = body_memory(LONG).unwrap();
        assert!(bytes.capacity() >= LONG && bytes.is_empty());
        keep(bytes);
        drop(held);
    }
}
