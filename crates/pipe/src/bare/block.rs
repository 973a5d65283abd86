//! Memory for messages that the peer reads where they lie, as its owner has it.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use ringmq_ring::{LendingSeen, Tally};
use ringmq_sys::{HugePagesError, OwnMemory};

use super::error::SendError;
use super::layout;
use crate::blocks::{ArenaSegment, Block as ArenaBlock, Loan, Told, UNIT, Words, capacity_for};
use crate::maps::Map;

/// Memory for one message, to be written and then sent by [`send_block`](crate::Sender::send_block).
///
/// [`Sender::block`](crate::Sender::block) makes it, and its docs have an example. Its bytes are those of an earlier block,
/// or zeros. They are aligned to a page if the peer reads them where they lie.
///
/// A child that is forked meanwhile can drop it, but does not have the bytes of a [shared](Block::is_shared) one: to touch
/// them is a fault.
pub struct Block {
    body: Body,
    len: usize,
}

/// Where the bytes of a block are.
enum Body {
    /// In memory that the peer maps.
    Shared(ArenaBlock),
    /// In memory of this process: they are copied when they are sent.
    Private(Vec<u8>),
}

impl Block {
    pub(super) fn shared(block: ArenaBlock, len: usize) -> Block {
        Block {
            body: Body::Shared(block),
            len,
        }
    }

    /// A block of `len` zeros that no peer reads. `None` if there is no memory.
    pub(super) fn private(len: usize) -> Option<Block> {
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(len).ok()?;
        bytes.resize(len, 0);
        Some(Block {
            body: Body::Private(bytes),
            len,
        })
    }

    /// Leaves out all bytes but the first `len`. Does nothing if there are no more.
    pub fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }

    /// Returns true if the peer of the pipe that made it reads it where it lies. A block that is sent on another pipe is
    /// copied.
    pub fn is_shared(&self) -> bool {
        matches!(self.body, Body::Shared(_))
    }
}

impl Deref for Block {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.body {
            Body::Shared(block) => &block.as_slice()[..self.len],
            Body::Private(bytes) => &bytes[..self.len],
        }
    }
}

impl DerefMut for Block {
    fn deref_mut(&mut self) -> &mut [u8] {
        match &mut self.body {
            Body::Shared(block) => &mut block.as_mut_slice()[..self.len],
            Body::Private(bytes) => &mut bytes[..self.len],
        }
    }
}

impl fmt::Debug for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Block")
            .field("len", &self.len)
            .field("is_shared", &self.is_shared())
            .finish_non_exhaustive()
    }
}

/// Why a block was not sent, and the block.
#[derive(Debug, thiserror::Error)]
#[error("{reason}")]
pub struct UnsentBlock {
    /// Why.
    #[source]
    pub reason: SendError,
    /// The block. `None` if it was published before the error: the peer has closed meanwhile, or could not be woken.
    pub block: Option<Block>,
}

/// The reason, without the block.
impl From<UnsentBlock> for SendError {
    fn from(unsent: UnsentBlock) -> SendError {
        unsent.reason
    }
}

/// As for the reason.
impl From<UnsentBlock> for std::io::Error {
    fn from(unsent: UnsentBlock) -> std::io::Error {
        unsent.reason.into()
    }
}

/// The memory for blocks of one end, and the blocks in it that the peer may use.
#[derive(Debug)]
pub(crate) struct OwnBlocks {
    segment: Arc<ArenaSegment>,
    loan: Arc<Loan>,
    /// Why it has ordinary pages, where huge ones were asked for.
    refused: Option<HugePagesError>,
}

impl OwnBlocks {
    /// `control` is the peer's page. `None` if the memory is too large.
    pub(super) fn new(memory: OwnMemory, control: &Arc<Map>) -> Option<Box<OwnBlocks>> {
        let seen = |word| layout::seen(control, word);
        let entries = std::array::from_fn(|entry| seen(layout::LENT + 8 * entry));
        let words = Words {
            page: Arc::clone(control),
            lending: LendingSeen::new(seen(layout::POSITION), seen(layout::LENT_USED), entries),
            epoch: None,
            pid: 0,
            total: Arc::new(Tally::new()),
            told: Told::everything(),
        };
        let refused = memory.huge_pages().and_then(Result::err);
        let segment = ArenaSegment::alone(memory.into_mapping().into())?;
        Some(Box::new(OwnBlocks {
            segment: Arc::new(segment),
            refused,
            loan: Loan::new(words),
        }))
    }

    pub(super) fn capacity(&self) -> usize {
        self.segment.capacity()
    }

    pub(super) fn refused(&self) -> Option<HugePagesError> {
        self.refused
    }

    /// A block of `len` bytes. `None` if the peer, or the program, has the memory.
    pub(super) fn allocate(&self, len: usize) -> Option<Block> {
        // First, so that the block is one that came home last: its lines are warm.
        self.loan.collect();
        let block = self.segment.allocate_bytes(len)?;
        Some(Block::shared(block, len))
    }

    /// The name of a block, if it is one of this memory.
    pub(super) fn name(&self, block: &Block) -> Option<u64> {
        match &block.body {
            Body::Shared(block) if Arc::ptr_eq(block.segment(), &self.segment) => {
                Some(block.name().encode())
            }
            Body::Shared(_) | Body::Private(_) => None,
        }
    }

    /// Keeps a block until the peer has passed the record that ends at `position` and uses the block no more.
    pub(super) fn lend(&self, name: u64, block: Block, position: u64) {
        if let Body::Shared(block) = block.body {
            let bytes = block.place().1 as u64;
            self.loan.send(name, bytes, Arc::new(block));
            self.loan.settle(1, Some(position));
        }
    }

    /// Looks for blocks that came home. Returns true if there are any.
    pub(super) fn collect(&self) -> bool {
        self.loan.collect() > 0
    }

    /// Returns true if the peer uses no block.
    pub(super) fn is_home(&self) -> bool {
        self.loan.is_home()
    }

    /// The position that the reader has to pass for the next block to come home; 0 if it holds all that are out.
    pub(super) fn wanted(&self) -> u64 {
        self.loan.oldest().unwrap_or(0)
    }
}

/// Bytes of the smallest memory of at least `len` bytes that can be given out as one block, too.
pub(super) fn round_up(len: usize) -> Option<usize> {
    let page = ringmq_sys::page_size().max(UNIT);
    let units = match len.checked_next_multiple_of(page)? / UNIT {
        0 => return Some(0),
        units => capacity_for(units)?,
    };
    units.checked_mul(UNIT)?.checked_next_multiple_of(page)
}
