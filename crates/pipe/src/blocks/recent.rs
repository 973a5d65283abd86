//! Blocks that were freed last, for the next of the same size.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Blocks that are kept at most, in number, and in units of memory: 2 MiB.
const MOST: usize = 16;
pub(super) const UNITS_MOST: usize = 512;
/// Parts that are taken between two looks at the clock, in an arena that may have memory to give back.
const SELDOM: u32 = 4;

/// Parts of an arena's first segment that were freed last. A flow of blocks of one size takes its memory from here, whose
/// lines and pages are the warmest, and asks no allocator. The first segment stays as long as there are connections, so
/// nothing is kept that would go back to the kernel. Of the larger parts, of any segment, the one that was freed last is kept
/// until it was not used for a while.
pub(super) struct Recent<Part> {
    /// Connections that may send blocks. Without one nothing is kept.
    pub(super) connections: usize,
    /// Memory, or blocks of connections that have ended, may have to be given back.
    pub(super) untidy: bool,
    /// Each with its units, the oldest first.
    parts: Vec<(usize, Part)>,
    units: usize,
    /// The larger part, with its units.
    large: Option<(usize, Part)>,
    /// The larger part was freed since the last look.
    large_is_new: bool,
    taken: u32,
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
            large: None,
            large_is_new: false,
            taken: 0,
        }
    }

    /// Returns true if it is time to look whether there is memory to give back.
    pub(super) fn looks(&mut self) -> bool {
        self.taken = self.taken.wrapping_add(1);
        self.untidy && self.taken.is_multiple_of(SELDOM)
    }

    /// Returns true if a larger part is kept, which has to go later.
    pub(super) fn has_large(&self) -> bool {
        self.large.is_some()
    }

    /// The larger part, if it was not used since the last look.
    pub(super) fn take_unused(&mut self) -> Option<Part> {
        let is_new = std::mem::take(&mut self.large_is_new);
        let unused = self.large.take_if(|_| !is_new)?;
        Some(unused.1)
    }

    /// The part of this size that was freed last.
    pub(super) fn take(&mut self, units: usize) -> Option<Part> {
        if units > UNITS_MOST {
            let large = self.large.take_if(|(size, _)| *size == units)?;
            return Some(large.1);
        }
        let found = self.parts.iter().rposition(|(size, _)| *size == units)?;
        self.units -= units;
        Some(self.parts.remove(found).1)
    }

    /// Keeps a freed part, which `stays` as long as there are connections, or returns one for the allocator. The oldest goes
    /// if it is of another size.
    pub(super) fn keep(&mut self, size: usize, stays: bool, part: Part) -> Option<Part> {
        if size > UNITS_MOST && self.connections > 0 {
            self.large_is_new = true;
            return self.large.replace((size, part)).map(|(_, other)| other);
        }
        if !stays {
            return Some(part);
        }
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
    pub(super) fn take_all(&mut self) -> impl Iterator<Item = Part> {
        self.units = 0;
        let all = self.parts.drain(..).chain(self.large.take());
        all.map(|(_, part)| part)
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
            assert_eq!(recent.keep(size, true, part), None);
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
        for part in 0..MOST as u32 {
            assert_eq!(recent.keep(1, true, part), None);
        }
        // One of the same size is as good as those that are kept, another pushes the oldest out.
        assert_eq!(recent.keep(1, true, 77), Some(77));
        assert_eq!(recent.keep(2, true, 78), Some(0));
        assert_eq!(recent.keep(UNITS_MOST, true, 79), Some(79));
        assert_eq!(recent.units, MOST + 1);
    }

    #[test]
    fn without_a_connection_nothing_is_kept() {
        assert_eq!(Recent::new().keep(1, true, 7), Some(7));
        assert_eq!(Recent::new().keep(UNITS_MOST + 1, false, 7), Some(7));
    }

    #[test]
    fn a_part_that_goes_back_to_the_kernel_is_not_kept() {
        assert_eq!(recent().keep(1, false, 7), Some(7));
    }

    #[test]
    fn one_larger_part_is_kept_until_it_was_not_used_for_a_while() {
        let mut recent = recent();
        let (size, other) = (UNITS_MOST + 1, UNITS_MOST + 2);
        assert_eq!(recent.keep(size, false, 1), None);
        assert_eq!(recent.keep(size, false, 2), Some(1));
        assert_eq!(recent.take(other), None);
        assert_eq!(recent.take(size), Some(2));
        assert_eq!(recent.keep(size, false, 2), None);
        assert_eq!(recent.take_unused(), None);
        assert!(recent.has_large());
        assert_eq!(recent.take_unused(), Some(2));
        assert!(!recent.has_large());
    }
}
