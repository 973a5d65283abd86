//! One memfd of an arena, and the blocks in it.

use std::fmt;
use std::mem::ManuallyDrop;
use std::os::fd::OwnedFd;
use std::ptr::NonNull;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use offset_allocator::{Allocation, Allocator};
use ringmq_ring::Tally;
use ringmq_sys::{HugePagesError, OwnMemory};

use super::BlockName;
use super::recent::{self, Recent};
use crate::maps::Map;

/// Blocks begin and end at multiples of this, so that programs may read any kind of number where they lie.
pub(crate) const UNIT: usize = 4096;
/// Blocks in a segment at most, in units: each costs the allocator a node.
const NODE_UNITS: usize = 4;

/// One memfd of an arena.
pub(crate) struct ArenaSegment {
    number: u32,
    memory: Map,
    /// To send to peers. `None` if no further peer gets the memory.
    descriptor: Option<OwnedFd>,
    space: Mutex<Space>,
    /// Where freed blocks go first, and whether all of them do: the segment stays as long as there are connections.
    recent: Option<(Arc<Mutex<Recent<Part>>>, bool)>,
    is_huge: bool,
    /// Why it has ordinary pages, where huge ones were asked for.
    refused: Option<HugePagesError>,
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
    part: ManuallyDrop<Part>,
    /// Times that a sender has waited for other blocks to come home, because this one is memory more.
    paid: Tally,
}

/// What the allocator of a segment has given out.
pub(super) struct Part {
    segment: Arc<ArenaSegment>,
    allocation: Allocation<u32>,
    units: usize,
}

/// Units of the smallest segment that the allocator finds room in for so many: it sorts free parts by the four highest
/// bits of their sizes, and looks among those of at least the size that is asked for.
pub(crate) fn capacity_for(units: usize) -> Option<usize> {
    let granule = 1 << units.checked_ilog2()?.saturating_sub(3);
    units.checked_next_multiple_of(granule)
}

impl ArenaSegment {
    /// The segment of this number in new memory. Its freed blocks go to `recent` first. `refused` says why it has no huge
    /// pages, if it was to have them. `None` if there are more units than the allocator can count.
    pub(super) fn new(
        number: u32,
        memory: OwnMemory,
        prefault: bool,
        refused: Option<HugePagesError>,
        recent: Option<(Arc<Mutex<Recent<Part>>>, bool)>,
    ) -> Option<ArenaSegment> {
        let is_huge = memory.huge_pages() == Some(Ok(()));
        let (memory, descriptor) = memory.into_parts();
        // Without these advices it is slower, and a forked child has no blocks.
        let _ = memory.let_children_read();
        if prefault {
            let _ = memory.prefault();
        }
        let most = memory.len() / UNIT / NODE_UNITS;
        let mut segment = ArenaSegment::with(number, memory.into(), Some(descriptor), most)?;
        segment.recent = recent;
        segment.is_huge = is_huge;
        segment.refused = refused;
        Some(segment)
    }

    /// A segment that stands alone, in memory that one peer has already. `None` as in [`new`](ArenaSegment::new).
    pub(crate) fn alone(memory: Map) -> Option<ArenaSegment> {
        let most = memory.len() / UNIT;
        ArenaSegment::with(0, memory, None, most)
    }

    /// For `most` blocks, and some more.
    fn with(
        number: u32,
        memory: Map,
        descriptor: Option<OwnedFd>,
        most: usize,
    ) -> Option<ArenaSegment> {
        let units = u32::try_from(memory.len() / UNIT).ok()?;
        let nodes = u32::try_from(most + 64).ok()?;
        let space = Space {
            allocator: Allocator::with_max_allocs(units, nodes),
            used: 0,
            emptied: None,
        };
        Some(ArenaSegment {
            number,
            memory,
            descriptor,
            space: Mutex::new(space),
            recent: None,
            is_huge: false,
            refused: None,
        })
    }

    fn lock(&self) -> MutexGuard<'_, Space> {
        self.space.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn allocate(self: &Arc<ArenaSegment>, units: usize) -> Option<Part> {
        let mut space = self.lock();
        if space.used + units > self.memory.len() / UNIT {
            return None;
        }
        let allocation = space.allocator.allocate(u32::try_from(units).ok()?)?;
        space.used += units;
        Some(Part {
            segment: Arc::clone(self),
            allocation,
            units,
        })
    }

    /// A block of `len` bytes, whose contents are those of an earlier block or zeros. `None` if there is no room.
    pub(crate) fn allocate_bytes(self: &Arc<ArenaSegment>, len: usize) -> Option<Block> {
        let part = self.allocate(len.max(1).div_ceil(UNIT))?;
        Some(Block::new(part))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lock().used == 0
    }

    /// How long no block has been in it; `None` if one is, or none ever was.
    pub(super) fn idle(&self, now: Instant) -> Option<Duration> {
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

    /// Returns true if all whole huge pages of it are huge ones.
    pub(super) fn is_huge(&self) -> bool {
        self.is_huge
    }

    /// Why it has ordinary pages, where huge ones were asked for.
    pub(crate) fn refused(&self) -> Option<HugePagesError> {
        self.refused
    }

    pub(crate) fn descriptor(&self) -> Option<&OwnedFd> {
        self.descriptor.as_ref()
    }
}

impl Block {
    pub(super) fn new(part: Part) -> Block {
        Block {
            part: ManuallyDrop::new(part),
            paid: Tally::new(),
        }
    }

    /// Takes the lines that the next owner of the memory writes first from the reader, who has read them: most often the
    /// peer is at work now, and this side waits for it (docs/performance.md, "blocks").
    fn own_lines(&mut self, len: usize) {
        let last = len.saturating_sub(1) & !7;
        let bytes = self.as_mut_slice();
        for at in [0, last] {
            if let Some(word) = bytes.get_mut(at..at + 8) {
                // A plain store may be left out: nothing reads it.
                // SAFETY: aligned to 8, as the block and the offset are, and within it.
                unsafe { word.as_mut_ptr().cast::<u64>().write_volatile(0) };
            }
        }
    }

    /// The first byte, and the number of bytes, which may be more than was asked for. They are initialised.
    pub fn place(&self) -> (NonNull<u8>, usize) {
        let memory = self.part.segment.memory.as_ptr();
        // SAFETY: the allocator gives out offsets within the segment.
        let first = unsafe { memory.add(self.part.allocation.offset as usize * UNIT) };
        (first, self.part.units * UNIT)
    }

    /// Makes a block that was sent, with `len` bytes, and that no reader uses any more, as good as a new one.
    pub fn renew(&mut self, len: usize) {
        self.paid = Tally::new();
        self.own_lines(len);
    }

    pub(super) fn is_kept_in(&self, recent: &Arc<Mutex<Recent<Part>>>) -> bool {
        let kept = self.part.segment.recent.as_ref();
        kept.is_some_and(|(kept, stays)| *stays && Arc::ptr_eq(kept, recent))
            && self.part.units <= recent::UNITS_MOST
    }

    /// Returns true if a new block of `len` bytes would have as much memory.
    pub fn is_for(&self, len: usize) -> bool {
        self.part.units == len.max(1).div_ceil(UNIT)
    }

    /// Returns true in a forked child, if the block is its parent's: a child that writes there changes it.
    pub fn is_inherited(&self) -> bool {
        !self.part.segment.memory.mark().is_here()
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

    /// Where it is.
    pub fn name(&self) -> BlockName {
        BlockName {
            segment: self.part.segment.number,
            offset: u64::from(self.part.allocation.offset) * UNIT as u64,
        }
    }

    /// Returns true the first time: a wait for a late reader costs as much as the memory of one block, and so it comes once
    /// for each.
    pub(crate) fn pay(&self) -> bool {
        let first = self.paid.get() == 0;
        self.paid.add(1);
        first
    }

    pub(crate) fn segment(&self) -> &Arc<ArenaSegment> {
        &self.part.segment
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        // A forked child has a copy of the allocator's state, and perhaps of a lock that another thread held.
        if self.is_inherited() {
            // SAFETY: the value is not used again.
            drop(unsafe { ManuallyDrop::take(&mut self.part) });
            return;
        }
        // SAFETY: the value is not used again.
        let part = unsafe { ManuallyDrop::take(&mut self.part) };
        let rest = match &part.segment.recent {
            Some((recent, stays)) => {
                let stays = *stays;
                let recent = NonNull::from(&**recent);
                // SAFETY: the arena keeps it, and so does the segment, which is in `part`, or else in what `part` goes to.
                let recent = unsafe { recent.as_ref() };
                recent::lock(recent).keep(part.units, stays, part)
            }
            None => Some(part),
        };
        if let Some(part) = rest {
            part.free();
        }
    }
}

impl Part {
    /// Gives it back to the allocator.
    pub(super) fn free(self) {
        let mut space = self.segment.lock();
        space.allocator.free(self.allocation);
        space.used -= self.units;
        if space.used == 0 {
            space.emptied = Some(Instant::now());
        }
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
            .field("len", &self.place().1)
            .finish_non_exhaustive()
    }
}
