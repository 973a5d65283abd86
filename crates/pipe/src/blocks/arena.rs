//! The memory that blocks are parts of.

mod readers;

use std::fmt;
use std::os::fd::AsRawFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ringmq_sys::{HugePagesError, OwnMemory, most_descriptors};

use super::SEGMENTS_MOST;
use super::recent::{self, Recent};
use super::segment::{ArenaSegment, Block, Part, UNIT, capacity_for};
use crate::maps::has_mappings_for_growth;

pub use readers::Readers;

/// Bytes of the smallest segment.
const SEGMENT_LEAST: usize = 4 << 20;
/// An arena grows by no more than this, unless one block needs more.
const STEP_MOST: usize = 256 << 20;
/// Segments with huge pages are multiples of this, which is the huge page of most machines.
const HUGE: usize = 2 << 20;
/// Bytes of free segments that an arena keeps.
const KEPT: usize = 16 << 20;
/// A larger arena gives a free segment back to the kernel when no block was in it for this long.
const IDLE: Duration = Duration::from_millis(250);

/// Memory of this process for blocks. It grows as blocks are allocated, and shrinks when they are free.
///
/// When the last handle is dropped, the segments go, each with its last block.
pub struct Arena {
    readers: &'static Readers,
    recent: Arc<Mutex<Recent<Part>>>,
    inside: Mutex<Inside>,
}

struct Inside {
    segments: Vec<Arc<ArenaSegment>>,
    memory: ArenaMemory,
    /// The program has chosen it.
    is_chosen: bool,
    /// Why the last segment that was to have huge pages has ordinary ones.
    refused: Option<HugePagesError>,
    /// The last connection has ended, and segments are kept that have blocks of its reader.
    outlives: bool,
}

/// What the memory of an arena is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ArenaMemory {
    /// With huge pages, if the kernel gives them.
    pub huge_pages: bool,
    /// All pages of a segment are mapped when it is made.
    pub prefault: bool,
    /// Bytes that are made at once, and kept.
    pub reserve: usize,
}

impl Default for ArenaMemory {
    fn default() -> ArenaMemory {
        ArenaMemory {
            huge_pages: false,
            prefault: true,
            reserve: 0,
        }
    }
}

/// The memory that an arena has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ArenaUse {
    /// Bytes of all segments.
    pub bytes: usize,
    /// Those in segments with huge pages.
    pub huge: usize,
    /// Why the last segment that was to have huge pages has ordinary ones; `None` if it has huge ones, or none was.
    pub refused: Option<HugePagesError>,
}

impl Arena {
    /// The arena that all of this process share. A forked child has one of its own. `None` if the process has no memory for
    /// its mark.
    #[inline]
    pub fn current() -> Option<&'static Arc<Arena>> {
        Readers::current().map(Readers::shared)
    }

    /// Another one. `None` as in [`current`](Arena::current).
    pub fn own() -> Option<Arc<Arena>> {
        Readers::current().map(Arena::beside)
    }

    /// A new one beside the shared one.
    fn beside(readers: &'static Readers) -> Arc<Arena> {
        let arena = Arena::of(readers);
        readers.enter(&arena);
        arena
    }

    /// A new one, whose blocks these readers may use.
    fn of(readers: &'static Readers) -> Arc<Arena> {
        Arc::new(Arena {
            readers,
            recent: Arc::new(Mutex::new(Recent::new())),
            inside: Mutex::new(Inside {
                segments: Vec::new(),
                memory: ArenaMemory::default(),
                is_chosen: false,
                refused: None,
                outlives: false,
            }),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns true if a block is in memory of this arena that stays as long as there are connections, and is one of those
    /// that are kept.
    pub fn keeps(&self, block: &Block) -> bool {
        block.is_kept_in(&self.recent)
    }

    fn recent(&self) -> MutexGuard<'_, Recent<Part>> {
        recent::lock(&self.recent)
    }

    /// Sets what later segments are like, and makes what is to be reserved, beside what there is. Returns false if there is
    /// no memory, mapping or descriptor for that.
    pub fn set_memory(&self, memory: ArenaMemory) -> bool {
        let mut inside = self.lock();
        inside.memory = memory;
        inside.is_chosen = true;
        let missing = memory.reserve.saturating_sub(inside.bytes());
        missing == 0 || inside.grow(missing.div_ceil(UNIT), self).is_some()
    }

    /// Sets what later segments are like, if the program has not. Nothing is reserved.
    pub fn set_default_memory(&self, memory: ArenaMemory) {
        let mut inside = self.lock();
        if !inside.is_chosen {
            inside.memory = memory;
        }
    }

    /// The memory that there is.
    pub fn in_use(&self) -> ArenaUse {
        let inside = self.lock();
        let huge = inside.segments.iter().filter(|segment| segment.is_huge());
        ArenaUse {
            bytes: inside.bytes(),
            huge: huge.map(|segment| segment.capacity()).sum(),
            refused: inside.refused,
        }
    }

    /// Returns true if blocks were freed that were kept for others.
    fn clear_recent(&self) -> bool {
        let mut recent = self.recent();
        let parts = recent.take_all();
        parts.map(Part::free).count() > 0
    }

    /// As [`allocate`](Arena::allocate), if a connection may send blocks.
    pub fn allocate_for_peers(&self, len: usize) -> Option<Block> {
        let recent = self.recent();
        (recent.connections > 0).then(|| self.take(recent, len))?
    }

    /// A block of `len` bytes, whose contents are those of an earlier block or zeros. `None` if there is no memory,
    /// mapping or descriptor for it, or in a forked child, whose parent has the arena.
    pub fn allocate(&self, len: usize) -> Option<Block> {
        if !self.readers.mark.is_here() {
            return None;
        }
        self.take(self.recent(), len)
    }

    fn take(&self, mut recent: MutexGuard<'_, Recent<Part>>, len: usize) -> Option<Block> {
        let units = len.max(1).div_ceil(UNIT);
        let (part, looks) = (recent.take(units), recent.looks());
        drop(recent);
        if looks {
            self.readers.tidy_seldom();
        }
        let part = part.or_else(|| self.allocate_units(units))?;
        Some(Block::new(part))
    }

    #[cold]
    fn allocate_units(&self, units: usize) -> Option<Part> {
        if let Some(part) = self.lock().allocate(units) {
            return Some(part);
        }
        // Blocks of connections that are silent may have come home, and blocks of other sizes may be in the way.
        self.readers.collect();
        self.clear_recent();
        let mut inside = self.lock();
        if let Some(part) = inside.allocate(units) {
            return Some(part);
        }
        inside.grow(units, self)?;
        let part = inside.allocate(units);
        let is_more = inside.bytes() > inside.kept();
        self.recent().untidy |= inside.is_large();
        drop(inside);
        if is_more {
            self.readers.wake_carers();
        }
        part
    }

    /// Bytes of all segments.
    pub fn bytes(&self) -> usize {
        self.lock().bytes()
    }

    /// Returns true if memory may have to be given back later.
    fn needs_care(&self, has_blocks_out: impl FnOnce() -> bool) -> bool {
        let inside = self.lock();
        let kept = inside.kept();
        let has_large = self.recent().has_large();
        has_large
            || (inside.is_large()
                && inside.bytes() > kept
                && (inside.free() > kept || has_blocks_out()))
    }

    /// Gives segments without blocks back to the kernel, if there is more free memory than the arena keeps. Returns true if
    /// one has gone. `untidy`: the readers have to be looked after anyway. `orphaned`: readers of connections that have ended
    /// may use blocks.
    fn tidy(&self, now: Instant, untidy: bool, orphaned: bool) -> bool {
        let mut inside = self.lock();
        let unused = self.recent().take_unused();
        if let Some(unused) = unused {
            unused.free();
        }
        let any_gone = inside.tidy(now);
        if !orphaned {
            self.let_go(&mut inside);
        }
        self.recent().untidy = untidy || inside.is_large();
        any_gone
    }

    /// No reader of a connection that has ended may use blocks any more.
    fn no_orphans(&self) {
        self.let_go(&mut self.lock());
    }

    /// Lets go of what has outlived the last connection, if there is no other one.
    fn let_go(&self, inside: &mut Inside) {
        if std::mem::take(&mut inside.outlives) && self.recent().connections == 0 {
            inside.keep_reserve(false);
        }
    }

    /// So many connections are left. After the last one, all memory goes that was not reserved. While readers of connections
    /// that have ended may use blocks (`orphaned`), the segments of these stay: the next connections use the rest of them.
    fn connection_ended(&self, connections: usize, untidy: bool, orphaned: bool) {
        let mut inside = self.lock();
        let mut recent = self.recent();
        recent.untidy = untidy || inside.is_large();
        recent.connections = connections;
        if connections == 0 {
            recent.take_all().for_each(Part::free);
            inside.outlives = orphaned;
            inside.keep_reserve(orphaned);
        }
    }
}

impl Drop for Arena {
    fn drop(&mut self) {
        // A forked child has a copy of the state, and perhaps of a lock that another thread held.
        if !self.readers.mark.is_here() {
            return;
        }
        {
            // Nothing is kept from now on: what is kept keeps the segments.
            let mut recent = self.recent();
            recent.connections = 0;
            recent.take_all().for_each(Part::free);
        }
        // The shared one is never dropped.
        self.readers.leave();
        let segments = std::mem::take(&mut self.lock().segments);
        self.readers.retire(&segments);
    }
}

impl Inside {
    fn bytes(&self) -> usize {
        let segments = self.segments.iter();
        segments.map(|segment| segment.capacity()).sum()
    }

    /// Bytes of free segments that are kept.
    fn kept(&self) -> usize {
        KEPT.max(self.memory.reserve)
    }

    /// Bytes of the segments without blocks.
    fn free(&self) -> usize {
        let free = self.segments.iter().filter(|segment| segment.is_empty());
        free.map(|segment| segment.capacity()).sum()
    }

    fn is_large(&self) -> bool {
        self.segments.len() > 1
    }

    /// The first segment with room: later ones become free, and go back to the kernel.
    fn allocate(&self, units: usize) -> Option<Part> {
        self.segments
            .iter()
            .find_map(|segment| segment.allocate(units))
    }

    /// Gives all segments away but the first ones, which have what is reserved, and those in use if these are kept.
    fn keep_reserve(&mut self, keeps_used: bool) {
        let mut kept = 0;
        let reserve = self.memory.reserve;
        self.segments.retain(|segment| {
            let is_kept = kept < reserve;
            kept += segment.capacity();
            is_kept || (keeps_used && !segment.is_empty())
        });
    }

    /// Adds a segment with room for a block of so many units.
    fn grow(&mut self, units: usize, arena: &Arena) -> Option<()> {
        let has_number = self.segments.len() < SEGMENTS_MOST && arena.readers.has_number();
        if !has_number || !has_mappings_for_growth() {
            return None;
        }
        let needed = capacity_for(units)?.checked_mul(UNIT)?;
        // The part of all bytes that it grows by rises with the number of segments, up to a quarter: few bytes are free in a
        // small arena, and a large one has not too many segments.
        let part = self.bytes() / (4 * SEGMENTS_MOST) * self.segments.len();
        let step = part.clamp(SEGMENT_LEAST, STEP_MOST);
        let huge = self.memory.huge_pages;
        let granule = if huge { HUGE } else { UNIT };
        let step = needed.max(step).checked_next_multiple_of(granule)?;
        let mark = &arena.readers.mark;
        // What there is only just memory for has ordinary pages.
        let memory = [(step, huge), (needed, false)]
            .into_iter()
            .find_map(|(len, huge)| {
                OwnMemory::create_with("ringmq-blocks", len, huge, mark).ok()
            })?;
        // The program and later connections need the rest.
        let descriptor = u64::try_from(memory.fd().as_raw_fd()).ok()?;
        if descriptor >= most_descriptors() / 2 {
            return None;
        }
        if huge {
            let pages = memory.huge_pages();
            self.refused = pages.unwrap_or(Err(HugePagesError::Memory)).err();
        }
        // What is kept for long keeps its segment: one that stays anyway.
        let is_kept = self.segments.is_empty() && memory.mapping().len() <= self.kept();
        let recent = Some((Arc::clone(&arena.recent), is_kept));
        let refused = self.refused.filter(|_| huge);
        let number = arena.readers.take_number()?;
        let segment = ArenaSegment::new(number, memory, self.memory.prefault, refused, recent)?;
        self.segments.push(Arc::new(segment));
        Some(())
    }

    /// Gives segments without blocks back to the kernel, if there is more free memory than the arena keeps. Returns true if
    /// one has gone.
    fn tidy(&mut self, now: Instant) -> bool {
        let (mut free, most, before) = (0, self.kept(), self.segments.len());
        self.segments.retain(|segment| {
            let idle = segment.idle(now);
            if idle.is_none() {
                return true;
            }
            free += segment.capacity();
            free <= most || idle.is_some_and(|idle| idle < IDLE)
        });
        self.segments.len() < before
    }
}

impl fmt::Debug for Arena {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Arena").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use ringmq_sys::ForkMark;

    use super::*;
    use crate::blocks::BlockName;

    /// So that the leak sanitizer finds the readers of all tests.
    static LEAKED: Mutex<Vec<&Readers>> = Mutex::new(Vec::new());

    fn arena() -> Arc<Arena> {
        let readers = Readers::leak(ForkMark::current().unwrap());
        LEAKED.lock().unwrap().push(readers);
        Arc::clone(readers.shared())
    }

    #[test]
    fn blocks_do_not_overlap_and_their_memory_is_used_again() {
        let arena = arena();
        let mut blocks: Vec<Block> = (0..100)
            .map(|number| arena.allocate(16_384 + number * 100).unwrap())
            .collect();
        for (number, block) in blocks.iter_mut().enumerate() {
            block.as_mut_slice().fill(number as u8);
        }
        for (number, block) in blocks.iter_mut().enumerate() {
            assert!(
                block
                    .as_mut_slice()
                    .iter()
                    .all(|&byte| byte == number as u8)
            );
        }
        let before = arena.bytes();
        for _ in 0..10_000 {
            blocks.pop();
            blocks.insert(0, arena.allocate(20_000).unwrap());
        }
        assert_eq!(arena.bytes(), before);
    }

    #[test]
    fn an_arena_grows_for_a_long_block_and_gives_the_memory_back() {
        let arena = arena();
        let first = arena.allocate(1).unwrap();
        assert_eq!(arena.bytes(), SEGMENT_LEAST);
        let long = arena.allocate(64 << 20).unwrap();
        assert!(arena.bytes() >= 68 << 20);
        drop(long);
        std::thread::sleep(IDLE + readers::LOOK);
        arena.readers.tidy();
        assert_eq!(arena.bytes(), SEGMENT_LEAST);
        drop(first);
    }

    #[test]
    fn a_new_segment_has_room_for_the_block_that_it_was_made_for() {
        // Sizes that the allocator knows, and those just above and below.
        for units in [1, 2, 1024, 1025, 1279, 1281, 1519, 2047, 2049, 16_385] {
            let arena = arena();
            let block = arena.allocate(units * UNIT - 1).unwrap();
            assert_eq!(block.as_slice().len(), units * UNIT);
            let most = (units * UNIT / 8 * 9).max(SEGMENT_LEAST);
            assert!(arena.bytes() <= most, "{units}: {} bytes", arena.bytes());
        }
    }

    #[test]
    fn no_number_of_a_segment_is_used_twice() {
        let arena = arena();
        *arena.readers.next.lock().unwrap() = readers::NUMBERS - 1;
        let last = arena.allocate(SEGMENT_LEAST).unwrap();
        let name = last.name();
        assert_eq!(BlockName::decode(name.encode()), Some(name));
        assert!(arena.allocate(SEGMENT_LEAST).is_none());
        drop(last);
        assert!(arena.allocate(SEGMENT_LEAST).is_some());
    }

    #[test]
    fn what_no_machine_has_is_not_allocated() {
        assert!(arena().allocate(usize::MAX).is_none());
        assert!(arena().allocate(1 << 50).is_none());
    }

    #[test]
    fn arenas_share_numbers_and_no_memory() {
        let first = arena();
        let second = Arena::beside(first.readers);
        let blocks = [first.allocate(1).unwrap(), second.allocate(1).unwrap()];
        assert_ne!(blocks[0].name().segment, blocks[1].name().segment);
        assert_eq!([first.bytes(), second.bytes()], [SEGMENT_LEAST; 2]);
        assert_eq!(first.readers.bytes(), 2 * SEGMENT_LEAST);
    }

    #[test]
    fn the_memory_of_an_arena_goes_with_its_last_block() {
        let first = arena();
        let second = Arena::beside(first.readers);
        // As if there were a connection: blocks are kept for the next ones then.
        second.recent().connections = 1;
        let kept = second.allocate(1).unwrap();
        drop(second.allocate(1));
        let segment = Arc::downgrade(kept.segment());
        drop(second);
        assert!(segment.strong_count() > 0);
        drop(kept);
        assert_eq!(segment.strong_count(), 0);
    }

    #[test]
    fn readers_that_have_ended_share_a_segment() {
        let arena = arena();
        let blocks: Vec<Block> = (0..20)
            .map(|_| {
                let block = arena.allocate(UNIT).unwrap();
                arena.connection_ended(0, true, true);
                block
            })
            .collect();
        assert_eq!(arena.bytes(), SEGMENT_LEAST);
        // One that the application still has keeps its segment, and not the arena.
        let segment = Arc::downgrade(blocks[0].segment());
        arena.tidy(Instant::now(), true, true);
        assert_eq!(arena.bytes(), SEGMENT_LEAST);
        arena.tidy(Instant::now(), false, false);
        assert_eq!(arena.bytes(), 0);
        assert!(segment.strong_count() > 0);
        drop(blocks);
        assert_eq!(segment.strong_count(), 0);
    }

    #[test]
    fn what_is_reserved_is_there_at_once_and_stays() {
        let arena = arena();
        let reserve = 24 << 20;
        let memory = ArenaMemory {
            reserve,
            ..ArenaMemory::default()
        };
        assert!(arena.set_memory(memory));
        assert_eq!(arena.bytes(), reserve);
        let block = arena.allocate(reserve).unwrap();
        assert_eq!(arena.bytes(), reserve);
        drop(block);
        let more = arena.allocate(40 << 20).unwrap();
        drop(more);
        std::thread::sleep(IDLE + readers::LOOK);
        arena.readers.tidy();
        assert_eq!(arena.bytes(), reserve);
        arena.connection_ended(0, false, false);
        assert_eq!(arena.bytes(), reserve);
        let too_much = ArenaMemory {
            reserve: 1 << 50,
            ..memory
        };
        assert!(!arena.set_memory(too_much));
    }

    #[test]
    fn huge_pages_are_whole_ones_or_it_is_known_why_not() {
        let arena = arena();
        assert!(arena.set_memory(ArenaMemory {
            huge_pages: true,
            ..ArenaMemory::default()
        }));
        assert_eq!(arena.in_use().refused, None);
        let block = arena.allocate(5_000_001).unwrap();
        let found = arena.in_use();
        assert_eq!(found.bytes % HUGE, 0);
        assert!(block.name().offset + 5_000_001 <= found.bytes as u64);
        match found.refused {
            None => assert_eq!(found.huge, found.bytes),
            Some(reason) => {
                println!("{reason}");
                assert_eq!(found.huge, 0);
            }
        }
    }
}
