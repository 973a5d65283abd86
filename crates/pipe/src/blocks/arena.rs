//! The memory that blocks are parts of.

use std::cell::Cell;
use std::fmt;
use std::os::fd::AsRawFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use ringmq_sys::{ForkMark, OwnMemory, most_descriptors};

use super::SEGMENTS_MOST;
use super::loan::Loan;
use super::recent::{self, Recent};
use super::segment::{ArenaSegment, Block, Part, UNIT, capacity_for};
use super::told::Told;
use crate::local::Waker;
use crate::maps::has_mappings_for_growth;

/// Bytes of the smallest segment.
const SEGMENT_LEAST: usize = 4 << 20;
/// An arena grows by no more than this, unless one block needs more.
const STEP_MOST: usize = 256 << 20;
/// Numbers of segments. None is used twice: a name has room for so many (docs/handoff.md, section 11).
const NUMBERS: u32 = (1 << 24) - 1;
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

/// The memory of this process for blocks. It grows as blocks are allocated, and shrinks when they are free.
pub struct Arena {
    mark: ForkMark,
    recent: Arc<Mutex<Recent<Part>>>,
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
    /// What the peers know of the segments.
    told: Vec<Weak<Told>>,
    /// A peer has to be told that a segment is gone.
    untold: bool,
    /// Threads that look after orphans while no socket sends, by their numbers.
    carers: Vec<(u64, Waker)>,
    next_carer: u64,
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
            recent: Arc::new(Mutex::new(Recent::new())),
            inside: Mutex::new(Inside {
                segments: Vec::new(),
                next: 0,
                looked: None,
                loans: Vec::new(),
                orphans: Vec::new(),
                told: Vec::new(),
                untold: false,
                carers: Vec::new(),
                next_carer: 0,
            }),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn recent(&self) -> MutexGuard<'_, Recent<Part>> {
        recent::lock(&self.recent)
    }

    /// Returns true if blocks were freed that were kept for others.
    fn clear_recent(&self) -> bool {
        let mut recent = self.recent();
        let parts = recent.take_all();
        let any = parts.len() > 0;
        parts.for_each(Part::free);
        any
    }

    /// As [`allocate`](Arena::allocate), if a connection may send blocks.
    pub fn allocate_for_peers(&self, len: usize) -> Option<Block> {
        let recent = self.recent();
        (recent.connections > 0).then(|| self.take(recent, len))?
    }

    /// A block of `len` bytes, whose contents are those of an earlier block or zeros. `None` if there is no memory,
    /// mapping or descriptor for it.
    pub fn allocate(&self, len: usize) -> Option<Block> {
        self.take(self.recent(), len)
    }

    fn take(&self, mut recent: MutexGuard<'_, Recent<Part>>, len: usize) -> Option<Block> {
        let units = len.max(1).div_ceil(UNIT);
        let (part, untidy) = (recent.take(units), recent.untidy);
        drop(recent);
        if untidy {
            self.tidy_seldom();
        }
        part.or_else(|| self.allocate_units(units)).map(Block::from)
    }

    #[cold]
    fn allocate_units(&self, units: usize) -> Option<Part> {
        let mut inside = self.lock();
        if let Some(part) = inside.allocate(units) {
            return Some(part);
        }
        // Blocks of connections that are silent may have come home, and blocks of other sizes may be in the way.
        let came = inside.collect();
        let freed = self.clear_recent();
        if (came || freed)
            && let Some(part) = inside.allocate(units)
        {
            return Some(part);
        }
        inside.grow(units, self)?;
        self.recent().untidy = inside.is_untidy();
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

    /// Connections of this process that have ended, and of which it may still use blocks.
    pub(crate) fn orphans_of(&self, pid: i32) -> usize {
        let inside = self.lock();
        let orphans = inside.orphans.iter();
        orphans.filter(|loan| loan.pid() == pid).count()
    }

    /// Returns true if blocks or memory may have to be given back later, without another call that sends.
    pub fn needs_care(&self) -> bool {
        let inside = self.lock();
        let has_more = || inside.free() > KEPT || inside.has_blocks_out();
        !inside.orphans.is_empty()
            || inside.untold
            || (inside.is_large() && inside.bytes() > KEPT && has_more())
    }

    /// Looks for blocks that came home, and gives memory back that is not needed.
    pub fn tidy(&self) {
        self.tidy_now(self.lock(), Instant::now());
    }

    /// As [`tidy`](Arena::tidy), if the last time was not just now.
    #[cold]
    fn tidy_seldom(&self) {
        let inside = self.lock();
        let now = Instant::now();
        if inside.looked.is_none_or(|looked| now - looked >= LOOK) {
            self.tidy_now(inside, now);
        }
    }

    fn tidy_now(&self, mut inside: MutexGuard<'_, Inside>, now: Instant) {
        let peers = inside.tidy(now);
        self.recent().untidy = inside.is_untidy();
        drop(inside);
        self.tell_gone(&peers);
    }

    /// Tells peers which segments are gone. Not under the lock: each is told by a system call.
    fn tell_gone(&self, peers: &[Arc<Told>]) {
        let mut all = true;
        for peer in peers {
            all &= peer.tell_gone();
        }
        if !all {
            self.lock().untold = true;
            self.recent().untidy = true;
        }
    }

    /// Knows of a connection's loan, to look for blocks that came home when memory is needed.
    pub(crate) fn add(&self, loan: &Arc<Loan>) {
        let mut inside = self.lock();
        inside.loans.retain(|other| other.strong_count() > 0);
        inside.loans.push(Arc::downgrade(loan));
        inside.told.retain(|other| other.strong_count() > 0);
        inside.told.push(Arc::downgrade(loan.told()));
        self.recent().connections += 1;
    }

    /// A connection that was [added](Arena::add) has ended. Keeps its blocks until its reader cannot use them any more.
    /// After the last connection the segments go, each with its last block.
    pub(crate) fn end(&self, loan: &Arc<Loan>) {
        loan.collect_ended();
        let mut inside = self.lock();
        if !loan.is_home() {
            inside.orphans.push(Arc::clone(loan));
            inside.wake_carers();
        }
        let mut recent = self.recent();
        recent.untidy = inside.is_untidy();
        recent.connections = recent.connections.saturating_sub(1);
        if recent.connections == 0 {
            recent.take_all().for_each(Part::free);
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
}

impl Inside {
    fn bytes(&self) -> usize {
        let segments = self.segments.iter();
        segments.map(|segment| segment.capacity()).sum()
    }

    /// Bytes of the segments without blocks.
    fn free(&self) -> usize {
        let free = self.segments.iter().filter(|segment| segment.is_empty());
        free.map(|segment| segment.capacity()).sum()
    }

    /// Returns true if a reader may use blocks.
    fn has_blocks_out(&self) -> bool {
        let loans = self.loans.iter().filter_map(Weak::upgrade);
        loans.into_iter().any(|loan| !loan.is_home())
    }

    fn wake_carers(&mut self) {
        for (_, waker) in &mut self.carers {
            // A thread that cannot be woken has ended.
            let _ = waker.wake();
        }
    }

    fn is_large(&self) -> bool {
        self.segments.len() > 1
    }

    /// Returns true if memory or blocks may have to be given back, or peers told.
    fn is_untidy(&self) -> bool {
        self.is_large() || !self.orphans.is_empty() || self.untold
    }

    /// The first segment with room: later ones become free, and go back to the kernel.
    fn allocate(&self, units: usize) -> Option<Part> {
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
    fn grow(&mut self, units: usize, arena: &Arena) -> Option<()> {
        let has_number = self.segments.len() < SEGMENTS_MOST && self.next < NUMBERS;
        if !has_number || !has_mappings_for_growth() {
            return None;
        }
        let needed = capacity_for(units)?.checked_mul(UNIT)?;
        // The part of all bytes that it grows by rises with the number of segments, up to a quarter: few bytes are free in a
        // small arena, and a large one has not too many segments.
        let part = self.bytes() / (4 * SEGMENTS_MOST) * self.segments.len();
        let step = part.clamp(SEGMENT_LEAST, STEP_MOST);
        let step = step.next_multiple_of(UNIT);
        let sizes = [needed.max(step), needed];
        let memory = sizes
            .into_iter()
            .find_map(|len| OwnMemory::create("ringmq-blocks", len, &arena.mark).ok())?;
        // The program and later connections need the rest.
        let number = u64::try_from(memory.fd().as_raw_fd()).ok()?;
        if number >= most_descriptors() / 2 {
            return None;
        }
        let is_kept = self.segments.is_empty() && memory.mapping().len() <= KEPT;
        let recent = is_kept.then(|| Arc::clone(&arena.recent));
        let segment = ArenaSegment::new(self.next, memory, recent)?;
        self.segments.push(Arc::new(segment));
        self.next += 1;
        if self.bytes() > KEPT {
            // No socket may send again when the memory is not needed any more.
            self.wake_carers();
        }
        Some(())
    }

    /// Gives segments without blocks back to the kernel, if there is more free memory than the arena keeps.
    /// Looks for blocks that came home first. Returns the peers that are to be told of segments that are gone.
    fn tidy(&mut self, now: Instant) -> Vec<Arc<Told>> {
        self.looked = Some(now);
        self.collect();
        let (mut kept, before) = (0, self.segments.len());
        self.segments.retain(|segment| {
            let idle = segment.idle(now);
            if idle.is_none() {
                return true;
            }
            kept += segment.capacity();
            kept <= KEPT || idle.is_some_and(|idle| idle < IDLE)
        });
        if self.segments.len() == before && !self.untold {
            return Vec::new();
        }
        self.untold = false;
        self.told.iter().filter_map(Weak::upgrade).collect()
    }
}

impl fmt::Debug for Arena {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Arena").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::blocks::BlockName;

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
    fn no_number_of_a_segment_is_used_twice() {
        let arena = arena();
        arena.lock().next = NUMBERS - 1;
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
}
