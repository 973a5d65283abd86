//! The memory that blocks are parts of.

use std::cell::Cell;
use std::fmt;
use std::os::fd::{AsRawFd, OwnedFd};
use std::ptr::NonNull;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use offset_allocator::{Allocation, Allocator};
use ringmq_sys::{ForkMark, OwnMemory, most_descriptors};

use super::loan::Loan;
use super::{BlockName, SEGMENTS_MOST};
use crate::local::Waker;
use crate::maps::{Map, has_mappings_for_growth};

/// Blocks begin and end at multiples of this, so that programs may read any kind of number where they lie.
const UNIT: usize = 4096;
/// Bytes of the smallest segment.
const SEGMENT_LEAST: usize = 4 << 20;
/// An arena grows by no more than this, unless one block needs more.
const STEP_MOST: usize = 256 << 20;
/// Bytes of free segments that an arena keeps.
const KEPT: usize = 16 << 20;
/// A larger arena gives a free segment back to the kernel when no block was in it for this long.
const IDLE: Duration = Duration::from_millis(250);
/// Times between two looks for such segments, and for blocks that came home.
const LOOK: Duration = Duration::from_millis(50);
/// Looks of the last thread that looks after blocks, and the pause behind each.
const LAST_LOOKS: u32 = 20;
const LAST_PAUSE: Duration = Duration::from_millis(1);
/// Tries to lock what threads look for the arena in.
const TRIES: u32 = 1000;
/// Blocks in a segment at most, in units: each costs the allocator a node.
const NODE_UNITS: usize = 4;

/// The memory of this process for blocks. It grows as blocks are allocated, and shrinks when they are free.
pub struct Arena {
    mark: ForkMark,
    inside: Mutex<Inside>,
}

struct Inside {
    segments: Vec<Arc<ArenaSegment>>,
    /// The number of the next segment.
    next: u32,
    looked: Option<Instant>,
    /// The blocks that readers may use, for each connection.
    loans: Vec<Weak<Loan>>,
    /// Those of connections that have ended.
    orphans: Vec<Arc<Loan>>,
    /// Connections that may send blocks.
    connections: usize,
    /// Threads that look after orphans while no socket sends, by their numbers.
    carers: Vec<(u64, Waker)>,
    next_carer: u64,
}

/// One memfd of an arena.
pub(crate) struct ArenaSegment {
    number: u32,
    memory: Map,
    descriptor: OwnedFd,
    space: Mutex<Space>,
}

/// The free parts of a segment.
struct Space {
    allocator: Allocator<u32>,
    /// Units in use.
    used: usize,
    /// When the last block was freed.
    emptied: Option<Instant>,
}

/// A part of an arena, of one owner. When it is dropped, the memory is free again.
pub struct Block {
    segment: Arc<ArenaSegment>,
    allocation: Allocation<u32>,
    units: usize,
}

impl Arena {
    /// The arena of this process. A forked child has one of its own. `None` if the process has no memory for its mark.
    pub fn current() -> Option<&'static Arena> {
        thread_local! {
            static SEEN: Cell<Option<&'static Arena>> = const { Cell::new(None) };
        }
        let here = |arena: &&'static Arena| arena.mark.is_here();
        // A thread whose locals are being torn down does without.
        let seen = SEEN.try_with(Cell::get).ok().flatten();
        if let Some(arena) = seen.filter(here) {
            return Some(arena);
        }
        let arena = Arena::find()?;
        let _ = SEEN.try_with(|seen| seen.set(Some(arena)));
        Some(arena)
    }

    /// The one that another thread has found, or a new one, which is never freed.
    fn find() -> Option<&'static Arena> {
        static CURRENT: Mutex<Option<&'static Arena>> = Mutex::new(None);
        // In a forked child a thread that is not there may hold the lock.
        let mut current = (0..TRIES).find_map(|_| {
            let locked = CURRENT.try_lock().ok();
            if locked.is_none() {
                std::thread::yield_now();
            }
            locked
        })?;
        match *current {
            Some(arena) if arena.mark.is_here() => Some(arena),
            _ => {
                let made = Arena::new(ForkMark::current().ok()?);
                Some(*current.insert(Box::leak(Box::new(made))))
            }
        }
    }

    fn new(mark: ForkMark) -> Arena {
        Arena {
            mark,
            inside: Mutex::new(Inside {
                segments: Vec::new(),
                next: 0,
                looked: None,
                loans: Vec::new(),
                orphans: Vec::new(),
                connections: 0,
                carers: Vec::new(),
                next_carer: 0,
            }),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A block of `len` bytes, whose contents are those of an earlier block or zeros. `None` if there is no memory,
    /// mapping or descriptor for it.
    pub fn allocate(&self, len: usize) -> Option<Block> {
        let units = len.max(1).div_ceil(UNIT);
        let mut inside = self.lock();
        if let Some(block) = inside.allocate(units) {
            if inside.is_large() || !inside.orphans.is_empty() {
                inside.tidy_seldom();
            }
            return Some(block);
        }
        // Blocks of connections that are silent may have come home.
        if inside.collect()
            && let Some(block) = inside.allocate(units)
        {
            return Some(block);
        }
        inside.grow(units, &self.mark)?;
        inside.allocate(units)
    }

    /// Bytes of all segments.
    pub fn bytes(&self) -> usize {
        self.lock().bytes()
    }

    /// Looks for blocks of connections that have ended. Returns true if all have come home.
    fn collect_orphans(&self) -> bool {
        let mut inside = self.lock();
        inside.orphans.retain(|loan| {
            loan.collect_ended();
            !loan.is_home()
        });
        inside.orphans.is_empty()
    }

    /// Returns true if blocks or memory may have to be given back later, without another call that sends.
    pub fn needs_care(&self) -> bool {
        let inside = self.lock();
        !inside.orphans.is_empty() || (inside.is_large() && inside.free() > KEPT)
    }

    /// Looks for blocks that came home, and gives memory back that is not needed.
    pub fn tidy(&self) {
        self.lock().tidy(Instant::now());
    }

    /// Knows of a connection's loan, to look for blocks that came home when memory is needed.
    pub(crate) fn add(&self, loan: &Arc<Loan>) {
        let mut inside = self.lock();
        inside.loans.retain(|other| other.strong_count() > 0);
        inside.loans.push(Arc::downgrade(loan));
        inside.connections += 1;
    }

    /// A connection that was [added](Arena::add) has ended. Keeps its blocks until its reader cannot use them any more.
    /// After the last connection the segments go, each with its last block.
    pub(crate) fn end(&self, loan: &Arc<Loan>) {
        loan.collect_ended();
        let mut inside = self.lock();
        if !loan.is_home() {
            inside.orphans.push(Arc::clone(loan));
            for (_, waker) in &mut inside.carers {
                // A thread that cannot be woken has ended.
                let _ = waker.wake();
            }
        }
        inside.connections = inside.connections.saturating_sub(1);
        if inside.connections == 0 {
            inside.segments.clear();
        }
    }

    /// From now on, this wakes a thread that calls [`needs_care`](Arena::needs_care) before it sleeps, and
    /// [`tidy`](Arena::tidy). Returns the number to [remove](Arena::remove_carer) it by.
    pub fn add_carer(&self, waker: Waker) -> u64 {
        let mut inside = self.lock();
        let number = inside.next_carer;
        inside.next_carer += 1;
        inside.carers.push((number, waker));
        number
    }

    /// The thread ends. The last one waits a little for readers that are about to end: no thread would look after their
    /// blocks later.
    pub fn remove_carer(&self, number: u64) {
        let is_last = {
            let mut inside = self.lock();
            inside.carers.retain(|(other, _)| *other != number);
            inside.carers.is_empty()
        };
        for _ in 0..if is_last { LAST_LOOKS } else { 0 } {
            if self.collect_orphans() {
                return;
            }
            ringmq_sys::rest(LAST_PAUSE);
        }
    }

    /// Nothing reads again what the reader of this loan did not read: looks whether its blocks are home.
    pub(crate) fn let_go(&self, loan: Arc<Loan>) {
        let mut inside = self.lock();
        let orphans = &mut inside.orphans;
        let found = orphans.iter().position(|other| Arc::ptr_eq(other, &loan));
        if let Some(found) = found {
            drop(orphans.swap_remove(found));
            loan.collect_ended();
            if !loan.is_home() {
                orphans.push(loan);
            }
        }
    }

    /// Returns true if a connection may send blocks.
    pub fn is_connected(&self) -> bool {
        self.lock().connections > 0
    }
}

impl Inside {
    fn bytes(&self) -> usize {
        let segments = self.segments.iter();
        segments.map(|segment| segment.memory.len()).sum()
    }

    /// Bytes of the segments without blocks.
    fn free(&self) -> usize {
        let free = self.segments.iter().filter(|segment| segment.is_empty());
        free.map(|segment| segment.memory.len()).sum()
    }

    fn is_large(&self) -> bool {
        self.segments.len() > 1
    }

    /// The first segment with room: later ones become free, and go back to the kernel.
    fn allocate(&self, units: usize) -> Option<Block> {
        self.segments
            .iter()
            .find_map(|segment| segment.allocate(units))
    }

    /// Returns true if blocks may have come home.
    fn collect(&mut self) -> bool {
        let mut any = false;
        for loan in self.loans.iter().filter_map(Weak::upgrade) {
            any |= loan.collect() > 0;
        }
        self.orphans.retain(|loan| {
            any |= loan.collect_orphan() > 0;
            !loan.is_home()
        });
        any
    }

    /// Adds a segment with room for a block of so many units.
    fn grow(&mut self, units: usize, mark: &ForkMark) -> Option<()> {
        if self.segments.len() >= SEGMENTS_MOST || !has_mappings_for_growth() {
            return None;
        }
        let needed = capacity_for(units)?.checked_mul(UNIT)?;
        // The part of all bytes that it grows by rises with the number of segments, up to a quarter: few bytes are free in a
        // small arena, and a large one has not too many segments.
        let part = self.bytes() / (4 * SEGMENTS_MOST) * self.segments.len();
        let step = part.clamp(SEGMENT_LEAST, STEP_MOST);
        let step = step.next_multiple_of(UNIT);
        let sizes = [needed.max(step), needed];
        let (memory, descriptor) = sizes
            .into_iter()
            .find_map(|len| OwnMemory::create("ringmq-blocks", len, mark).ok())?
            .into_parts();
        // The program and later connections need the rest.
        let number = u64::try_from(descriptor.as_raw_fd()).ok()?;
        if number >= most_descriptors() / 2 {
            return None;
        }
        // Without these advices it is slower, and a forked child has no blocks.
        let _ = memory.let_children_read();
        let _ = memory.prefault();
        let units = u32::try_from(memory.len() / UNIT).ok()?;
        let nodes = u32::try_from(memory.len() / UNIT / NODE_UNITS + 64).ok()?;
        let space = Space {
            allocator: Allocator::with_max_allocs(units, nodes),
            used: 0,
            emptied: None,
        };
        self.segments.push(Arc::new(ArenaSegment {
            number: self.next,
            memory: memory.into(),
            descriptor,
            space: Mutex::new(space),
        }));
        self.next = self.next.checked_add(1)?;
        Some(())
    }

    /// As [`tidy`](Inside::tidy), if the last time was not just now.
    fn tidy_seldom(&mut self) {
        let now = Instant::now();
        if self.looked.is_none_or(|looked| now - looked >= LOOK) {
            self.tidy(now);
        }
    }

    /// Gives segments without blocks back to the kernel, if there is more free memory than the arena keeps.
    /// Looks for blocks that came home first.
    fn tidy(&mut self, now: Instant) {
        self.looked = Some(now);
        self.collect();
        let mut kept = 0;
        self.segments.retain(|segment| {
            let idle = segment.idle(now);
            if idle.is_none() {
                return true;
            }
            kept += segment.memory.len();
            kept <= KEPT || idle.is_some_and(|idle| idle < IDLE)
        });
    }
}

/// Units of the smallest segment that the allocator finds room in for so many: it sorts free parts by the four highest
/// bits of their sizes, and looks among those of at least the size that is asked for.
fn capacity_for(units: usize) -> Option<usize> {
    let granule = 1 << units.checked_ilog2()?.saturating_sub(3);
    units.checked_next_multiple_of(granule)
}

impl ArenaSegment {
    fn lock(&self) -> MutexGuard<'_, Space> {
        self.space.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn allocate(self: &Arc<ArenaSegment>, units: usize) -> Option<Block> {
        let mut space = self.lock();
        if space.used + units > self.memory.len() / UNIT {
            return None;
        }
        let allocation = space.allocator.allocate(u32::try_from(units).ok()?)?;
        space.used += units;
        Some(Block {
            segment: Arc::clone(self),
            allocation,
            units,
        })
    }

    fn is_empty(&self) -> bool {
        self.lock().used == 0
    }

    /// How long no block has been in it; `None` if one is, or none ever was.
    fn idle(&self, now: Instant) -> Option<Duration> {
        let space = self.lock();
        let emptied = space.emptied.filter(|_| space.used == 0)?;
        Some(now.saturating_duration_since(emptied))
    }

    pub(crate) fn number(&self) -> u32 {
        self.number
    }

    pub(crate) fn capacity(&self) -> usize {
        self.memory.len()
    }

    pub(crate) fn descriptor(&self) -> &OwnedFd {
        &self.descriptor
    }
}

impl Block {
    /// The first byte, and the number of bytes, which may be more than was asked for. They are initialised.
    pub fn place(&self) -> (NonNull<u8>, usize) {
        let memory = self.segment.memory.as_ptr();
        // SAFETY: the allocator gives out offsets within the segment.
        let first = unsafe { memory.add(self.allocation.offset as usize * UNIT) };
        (first, self.units * UNIT)
    }

    /// The bytes, to write to.
    pub fn as_mut_slice(&mut self) -> &mut [u8] {
        let (first, len) = self.place();
        // SAFETY: this part of the mapping is this block's alone: no other code of this process has a reference to it, and
        // no other process can write it. Whether peers read meanwhile does not concern this process.
        unsafe { std::slice::from_raw_parts_mut(first.as_ptr(), len) }
    }

    /// The bytes.
    pub fn as_slice(&self) -> &[u8] {
        let (first, len) = self.place();
        // SAFETY: as in `as_mut_slice`; borrowed from the block.
        unsafe { std::slice::from_raw_parts(first.as_ptr(), len) }
    }

    pub(crate) fn name(&self) -> BlockName {
        BlockName {
            segment: self.segment.number,
            offset: u64::from(self.allocation.offset) * UNIT as u64,
        }
    }

    pub(crate) fn segment(&self) -> &Arc<ArenaSegment> {
        &self.segment
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        // A forked child has a copy of the allocator's state, and perhaps of a lock that another thread held.
        if !self.segment.memory.mark().is_here() {
            return;
        }
        let mut space = self.segment.lock();
        space.allocator.free(self.allocation);
        space.used -= self.units;
        if space.used == 0 {
            space.emptied = Some(Instant::now());
        }
    }
}

impl fmt::Debug for Arena {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Arena").finish_non_exhaustive()
    }
}

impl fmt::Debug for ArenaSegment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ArenaSegment")
            .field("number", &self.number)
            .field("len", &self.memory.len())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Block")
            .field("name", &self.name())
            .field("len", &(self.units * UNIT))
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arena() -> Arena {
        Arena::new(ForkMark::current().unwrap())
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
        std::thread::sleep(IDLE + LOOK);
        arena.tidy();
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
    fn what_no_machine_has_is_not_allocated() {
        assert!(arena().allocate(usize::MAX).is_none());
        assert!(arena().allocate(1 << 50).is_none());
    }
}
