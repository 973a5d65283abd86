//! Memory of long bodies that were dropped, kept for the next ones.
//!
//! An allocator gives long pieces of memory back to the kernel when they are freed, and the next one begins with a page
//! fault for every page. For a receiver that takes one message of 1 MiB after the other these faults cost several times the
//! copy (docs/performance.md, "memory that was used before"). So the process keeps some of this memory: at most
//! [`KEPT_MOST`] bytes of it.
//!
//! One list serves all threads, because a body is often dropped in another thread than the one that made it. No thread waits
//! for it: a thread that finds the list in use goes to the allocator. That also holds in a forked child.

use std::collections::TryReserveError;
use std::mem;
use std::sync::{Mutex, TryLockError};

/// Bytes of the shortest body whose memory is kept. Allocators keep shorter ones themselves.
pub(crate) const LONG: usize = 64 << 10;
/// Bytes that are kept at most.
const KEPT_MOST: usize = 16 << 20;
/// Bodies that are kept at most.
const SLOTS: usize = 16;

static SPARE: Mutex<Spare> = Mutex::new(Spare::new());

/// Empty vectors with memory, the oldest first; those behind them have none.
struct Spare {
    bodies: [Vec<u8>; SLOTS],
    count: usize,
    bytes: usize,
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

/// Memory that was kept. Apart, so that short bodies find their way short.
#[cold]
#[inline(never)]
fn kept(len: usize) -> Option<Vec<u8>> {
    with(|spare| spare.take(len)).flatten()
}

/// Keeps the memory of a long body, or frees it.
#[cold]
#[inline(never)]
pub(crate) fn keep(bytes: Vec<u8>) {
    if bytes.capacity() <= KEPT_MOST {
        // Where the list is in use, the closure and the memory in it are dropped.
        let _kept = with(|spare| spare.give(bytes));
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
            bodies: [const { Vec::new() }; SLOTS],
            count: 0,
            bytes: 0,
        }
    }

    /// The memory that was dropped last, of those that hold `len` bytes and not more than four times as many.
    fn take(&mut self, len: usize) -> Option<Vec<u8>> {
        let fits = len..=len.saturating_mul(4);
        let found = self.bodies[..self.count]
            .iter()
            .rposition(|body| fits.contains(&body.capacity()))?;
        Some(self.remove(found))
    }

    /// Keeps this memory in place of the oldest, if there is too much.
    fn give(&mut self, mut bytes: Vec<u8>) {
        while self.count == SLOTS || self.bytes + bytes.capacity() > KEPT_MOST {
            drop(self.remove(0));
        }
        bytes.clear();
        self.bytes += bytes.capacity();
        self.bodies[self.count] = bytes;
        self.count += 1;
    }

    fn remove(&mut self, index: usize) -> Vec<u8> {
        let bytes = mem::take(&mut self.bodies[index]);
        self.bodies[index..self.count].rotate_left(1);
        self.count -= 1;
        self.bytes -= bytes.capacity();
        bytes
    }
}

#[cfg(test)]
mod tests {
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
        let taken = spare.take(LONG - 1).unwrap();
        assert_eq!((taken.as_ptr(), taken.len()), (second, 0));
        let taken = spare.take(LONG).unwrap();
        assert_eq!(taken.as_ptr(), first);
        // The rest is too large, then too small.
        assert!(spare.take(LONG).is_none() && spare.take(5 * LONG + 1).is_none());
        let taken = spare.take(2 * LONG).unwrap();
        assert_eq!(taken.as_ptr(), large);
        assert_eq!((spare.count, spare.bytes), (0, 0));
    }

    #[test]
    fn what_is_kept_has_a_limit_and_the_oldest_goes_first() {
        let mut spare = Spare::new();
        for number in 0..100 {
            spare.give(Vec::with_capacity(LONG + number));
            assert!(spare.count <= SLOTS);
        }
        assert_eq!(spare.bodies[SLOTS - 1].capacity(), LONG + 99);
        for _ in 0..10 {
            spare.give(Vec::with_capacity(KEPT_MOST / 3));
            assert!(spare.bytes <= KEPT_MOST);
        }
        assert_eq!(spare.count, 3);
        spare.give(Vec::with_capacity(KEPT_MOST));
        assert_eq!((spare.count, spare.bytes), (1, KEPT_MOST));
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
