//! The memory of one direction: segments, of which the sender makes a larger one when it needs it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ringmq_ring::{CAPACITY_MOST, Mapped, MappedMut, Tally};
use ringmq_sys::{ForkMark, Mapping, OwnMemory, page_size};

use crate::maps::Map;

/// Bytes of the first segment of a direction.
pub const FIRST: usize = 64 << 10;

/// Segments of which the receiver may still have something to read, at most.
pub(super) const MOST: usize = 16;

/// Memory of ours that holds a part of a direction.
#[derive(Debug)]
pub(super) struct Segment {
    /// The position at which it begins.
    pub(super) start: u64,
    /// Messages that were sent before it.
    pub(super) before: u64,
    pub(super) memory: Arc<Map>,
    /// Its bytes, among those of the socket.
    pub(super) _charge: Charge,
}

/// Bytes that count for a socket for as long as this lives.
#[derive(Debug)]
pub(super) struct Charge {
    total: Arc<Tally>,
    bytes: u64,
}

impl Charge {
    pub(super) fn new(total: &Arc<Tally>, bytes: usize) -> Charge {
        let (total, bytes) = (Arc::clone(total), bytes as u64);
        total.add(bytes);
        Charge { total, bytes }
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.total.subtract(self.bytes);
    }
}

/// The segments of a direction.
#[derive(Debug, Default)]
pub(super) struct Inside {
    /// Those that are not passed, the oldest first; the last one is written.
    pub(super) list: VecDeque<Segment>,
    /// The sender has closed.
    pub(super) closed: bool,
}

pub(super) type Segments = Arc<Mutex<Inside>>;

pub(super) fn lock(segments: &Segments) -> MutexGuard<'_, Inside> {
    segments.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Bytes of the longest message of one part.
pub const LONGEST: usize = CAPACITY_MOST / 8 * 3 - 128;

/// The capacity that a record of `len` bytes needs; `None` if there is none so great.
pub(super) fn capacity_for(len: usize) -> Option<usize> {
    // A record may have three eighths of the memory, less two lines.
    let least = len.checked_add(128)?.checked_mul(8)?.div_ceil(3);
    let capacity = least
        .checked_next_power_of_two()?
        .max(FIRST)
        .max(page_size());
    (capacity <= CAPACITY_MOST).then_some(capacity)
}

/// Makes memory for a segment.
pub(super) fn make(capacity: usize, mark: &ForkMark) -> Result<OwnMemory, ringmq_sys::CreateError> {
    OwnMemory::create("ringmq-ring", capacity, mark)
}

/// The memory as its writer uses it.
pub(super) fn writable(memory: &Mapping) -> MappedMut {
    // SAFETY: a mapping of that size of ours, which its sender keeps for as long as it writes there. There is no
    // other writer.
    unsafe { MappedMut::new(memory.as_ptr(), memory.len()) }
}

/// The memory as a reader uses it.
pub(super) fn readable(memory: &Mapping) -> Mapped {
    // SAFETY: a mapping of that size, readable without a trap (our own, or sealed and checked), which its reader
    // keeps.
    unsafe { Mapped::new(memory.as_ptr(), memory.len()) }
}

/// A capacity that a segment can have; `None` if there is none such.
pub(super) fn possible(capacity: u64) -> Option<usize> {
    let capacity = usize::try_from(capacity).ok()?;
    let fits = (page_size()..=CAPACITY_MOST).contains(&capacity);
    (fits && capacity.is_power_of_two()).then_some(capacity)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_fits_the_capacity_that_was_made_for_it() {
        for len in [0, 1, 24_448, 24_449, 1 << 20, 64 << 20, 700 << 20] {
            let capacity = capacity_for(len).unwrap();
            assert!(ringmq_ring::longest_record(capacity as u64) >= len);
            let half = capacity / 2;
            assert!(capacity == FIRST || ringmq_ring::longest_record(half as u64) < len);
        }
        assert_eq!(capacity_for(LONGEST), Some(CAPACITY_MOST));
        assert_eq!(capacity_for(LONGEST + 1), None);
        assert_eq!(capacity_for(usize::MAX), None);
    }
}
