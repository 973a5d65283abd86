//! Blocks that were freed last, for the next of the same size.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Blocks that are kept at most, in number, and in units of memory: 2 MiB.
const MOST: usize = 16;
const UNITS_MOST: usize = 512;

/// Parts of an arena's first segment that were freed last. A flow of blocks of one size takes its memory from here, whose
/// lines and pages are the warmest, and asks no allocator. The first segment stays as long as there are connections, so
/// nothing is kept that would go back to the kernel.
pub(super) struct Recent<Part> {
    /// Connections that may send blocks. Without one nothing is kept.
    pub(super) connections: usize,
    /// Memory, or blocks of connections that have ended, may have to be given back.
    pub(super) untidy: bool,
    /// Each with its units, the oldest first.
    parts: Vec<(usize, Part)>,
    units: usize,
}

pub(super) fn lock<Part>(recent: &Mutex<Recent<Part>>) -> MutexGuard<'_, Recent<Part>> {
    recent.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<Part> Recent<Part> {
    pub(super) fn new() -> Recent<Part> {
        Recent {
            connections: 0,
            untidy: false,
            parts: Vec::new(),
            units: 0,
        }
    }

    /// The part of this size that was freed last.
    pub(super) fn take(&mut self, units: usize) -> Option<Part> {
        let found = self.parts.iter().rposition(|(size, _)| *size == units)?;
        self.units -= units;
        Some(self.parts.remove(found).1)
    }

    /// Keeps a freed part, or returns one for the allocator. The oldest goes if it is of another size.
    pub(super) fn keep(&mut self, size: usize, part: Part) -> Option<Part> {
        let units = self.units + size;
        let full = self.parts.len() >= MOST || units > UNITS_MOST;
        let oldest = self.parts.first().filter(|_| full).map(|(size, _)| *size);
        let other = oldest.filter(|oldest| *oldest != size);
        let left = units - other.unwrap_or(0);
        if self.connections == 0 || left > UNITS_MOST || (full && other.is_none()) {
            return Some(part);
        }
        let gone = other.map(|_| self.parts.remove(0).1);
        self.units = left;
        self.parts.push((size, part));
        gone
    }

    /// Takes all, for the allocator.
    pub(super) fn take_all(&mut self) -> impl ExactSizeIterator<Item = Part> {
        self.units = 0;
        self.parts.drain(..).map(|(_, part)| part)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recent() -> Recent<u32> {
        let mut recent = Recent::new();
        recent.connections = 1;
        recent
    }

    #[test]
    fn the_next_of_a_size_is_the_one_that_was_freed_last() {
        let mut recent = recent();
        for (size, part) in [(4, 1), (8, 2), (4, 3)] {
            assert_eq!(recent.keep(size, part), None);
        }
        assert_eq!(recent.take(4), Some(3));
        assert_eq!(recent.take(4), Some(1));
        assert_eq!(recent.take(4), None);
        assert_eq!(recent.take_all().collect::<Vec<_>>(), [2]);
        assert_eq!(recent.units, 0);
    }

    #[test]
    fn no_more_is_kept_than_there_is_room_for() {
        let mut recent = recent();
        assert_eq!(recent.keep(UNITS_MOST + 1, 0), Some(0));
        for part in 0..MOST as u32 {
            assert_eq!(recent.keep(1, part), None);
        }
        // One of the same size is as good as those that are kept, another pushes the oldest out.
        assert_eq!(recent.keep(1, 77), Some(77));
        assert_eq!(recent.keep(2, 78), Some(0));
        assert_eq!(recent.keep(UNITS_MOST, 79), Some(79));
        assert_eq!(recent.units, MOST + 1);
    }

    #[test]
    fn without_a_connection_nothing_is_kept() {
        assert_eq!(Recent::new().keep(1, 7), Some(7));
    }
}
