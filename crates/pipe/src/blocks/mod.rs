//! Memory for large payloads, which several peers read where it lies.
//!
//! ```text
//!   owner                                                   reader
//!   Arena ── segment (memfd) [block][block][  free  ] ◀──── mapped read-only
//!             ▲                                              │
//!   Block ────┘  filled, then named by a record ═══════════▶ │ copies it out, or holds it as a LentBlock
//!   Loan: the blocks that one reader may use  ◀──────────────┘ its position, and its table of blocks that it holds
//! ```
//!
//! * **Only the owner writes**, and only it knows what is free: nothing that a reader does changes that.
//! * **A block comes home by state**, not by events: the reader's position has passed the record, and its table does not
//!   name the block. Both are words of the reader's memory, which the owner reads when it wants.
//! * **A block that a reader may still use is not written again.** If the reader's connection ends, its words still count,
//!   until it gives up the slot that they are in, or its process has ended.

mod arena;
mod lent;
mod loan;
mod recent;
mod segment;
mod told;

pub use arena::{Arena, ArenaMemory, ArenaUse, Readers};
pub use lent::LentBlock;
pub use ringmq_sys::HugePagesError;

pub(crate) use lent::{Lender, LentTable, RingsOwner};
pub use loan::Keep;
pub(crate) use loan::{Loan, OpenLoan, Words};
pub use segment::Block;
pub(crate) use segment::{ArenaSegment, UNIT, capacity_for};
pub(crate) use told::{TellsPeer, Told};

/// Where a block is: the number of its segment in its arena, and the offset in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct BlockName {
    /// The number of the segment. A number is never used twice in an arena.
    pub segment: u32,
    /// The offset of the first byte.
    pub offset: u64,
}

/// Bits of the offset in the word of a name.
const OFFSET_BITS: u32 = 40;

impl BlockName {
    /// One word that is not 0.
    pub(crate) fn encode(self) -> u64 {
        (u64::from(self.segment) + 1) << OFFSET_BITS | self.offset
    }

    /// `None` if the word is 0, or no name.
    pub(crate) fn decode(word: u64) -> Option<BlockName> {
        let segment = (word >> OFFSET_BITS).checked_sub(1)?;
        Some(BlockName {
            segment: u32::try_from(segment).ok()?,
            offset: word & ((1 << OFFSET_BITS) - 1),
        })
    }
}

/// Segments that an arena has at most, and that a peer's arena may have.
pub(crate) const SEGMENTS_MOST: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_word() {
        for (segment, offset) in [(0, 0), (1, 4096), ((1 << 24) - 2, (1 << OFFSET_BITS) - 1)] {
            let name = BlockName { segment, offset };
            assert_ne!(name.encode(), 0);
            assert_eq!(BlockName::decode(name.encode()), Some(name));
        }
        assert_eq!(BlockName::decode(0), None);
        assert_eq!(BlockName::decode(77), None);
    }
}
