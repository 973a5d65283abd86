//! Blocks that a reader holds where they lie.

use std::ptr::NonNull;
use std::sync::Arc;

use ringmq_ring::{Lending, Mapped, MappedMut, Returning, Word};
use ringmq_sys::ForkMark;

use crate::maps::Map;

/// The table of the blocks that this side holds of one peer, as its receiver fills it. The owner reads it.
#[derive(Debug)]
pub(crate) struct Lender {
    lending: Lending<MappedMut>,
    table: Arc<LentTable>,
}

/// The same table, as blocks that are dropped in any thread need it.
#[derive(Debug)]
pub(crate) struct LentTable {
    mark: ForkMark,
    returning: Returning<MappedMut>,
    /// The owner may wait for memory.
    wanted: Word<Mapped>,
    owner: Arc<dyn RingsOwner>,
}

/// A block of a peer, which is not written as long as this lives, if the peer is honest.
#[derive(Debug)]
pub struct LentBlock {
    table: Arc<LentTable>,
    _memory: Arc<Map>,
    entry: usize,
    first: NonNull<u8>,
    len: usize,
}

/// Wakes the owner of blocks. Keeps the words of the table where they are.
pub(crate) trait RingsOwner: Send + Sync + std::fmt::Debug {
    fn ring_owner(&self);
}

// SAFETY: an address within a mapping that the value keeps; nothing is tied to a thread.
unsafe impl Send for LentBlock {}
// SAFETY: as above; by shared reference it is only read.
unsafe impl Sync for LentBlock {}

impl Lender {
    /// To be made once for the words of a slot.
    pub(crate) fn new(lending: Lending<MappedMut>, table: LentTable) -> Lender {
        Lender {
            lending,
            table: Arc::new(table),
        }
    }

    /// Names a block in the table, before the position passes its record. `None` if the table is full.
    #[inline]
    pub(crate) fn lend(
        &mut self,
        name: u64,
        memory: Arc<Map>,
        first: NonNull<u8>,
        len: usize,
    ) -> Option<LentBlock> {
        // Before the stores: the count would wait until their line has come from the owner, who looks at it.
        let table = Arc::clone(&self.table);
        let entry = self.lending.lend(name)?;
        Some(LentBlock {
            table,
            _memory: memory,
            entry,
            first,
            len,
        })
    }
}

impl LentTable {
    /// The words have to be those of one slot, which `owner` keeps, and nothing else writes them but the [`Lending`] of
    /// the same slot. `wanted` is the peer's word.
    pub(crate) fn new(
        mark: ForkMark,
        returning: Returning<MappedMut>,
        wanted: Word<Mapped>,
        owner: Arc<dyn RingsOwner>,
    ) -> LentTable {
        LentTable {
            mark,
            returning,
            wanted,
            owner,
        }
    }

    /// Gives an entry up. Returns true if the owner waits for memory.
    #[inline]
    fn give_up(&self, entry: usize) -> bool {
        // ORDERING: the bit before the look, as `give_up` orders it; pairs with the fence in `Wanted::arm`. Each entry that is
        // given up rings a sender that waits: which of them it needs is not known here.
        self.returning.give_up(entry);
        self.wanted.load() & 1 != 0
    }
}

impl LentBlock {
    /// Returns true in a forked child, if its parent holds the block: the owner may write there when the parent drops it.
    pub fn is_inherited(&self) -> bool {
        !self.table.mark.is_here()
    }

    /// The bytes.
    pub fn as_slice(&self) -> &[u8] {
        // SAFETY: within a mapping that the value keeps, which is initialised. The caller of `Receiver::hold` has vouched
        // that the owner does not write there as long as this is in the table.
        unsafe { std::slice::from_raw_parts(self.first.as_ptr(), self.len) }
    }
}

impl Drop for LentBlock {
    fn drop(&mut self) {
        // The table is the parent's, and so is the block.
        if self.table.mark.is_here() && self.table.give_up(self.entry) {
            self.table.owner.ring_owner();
        }
    }
}
