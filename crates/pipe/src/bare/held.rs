//! Messages in blocks, as their receiver has them.

use std::fmt;
use std::mem::MaybeUninit;
use std::ops::Deref;
use std::ptr::NonNull;
use std::sync::Arc;

use ringmq_ring::{Corrupt, Lending, Mapped, MappedMut, Reader, Record, Returning};
use ringmq_sys::Ringer;

use super::layout;
use super::shared::Shared;
use crate::blocks::{BlockName, Lender, LentBlock, LentTable, RingsOwner};
use crate::maps::Map;
use crate::vow::Vow;

/// Bytes of the table of a record that names a block: one part, its length and its name.
pub(super) const TABLE: usize = 24;

/// A message that was received and is kept: [`Receiver::recv_block`](crate::Receiver::recv_block).
///
/// If it lies in a block, these are the peer's own bytes, without a copy. It may outlive the receiver and the peer; when it
/// is dropped, the peer may use the memory again.
///
/// A child that is forked meanwhile can drop it, but does not have its bytes: to touch them is a fault.
pub struct HeldBlock {
    body: Body,
}

enum Body {
    InPlace(LentBlock),
    Copied(Vec<u8>),
}

impl HeldBlock {
    pub(super) fn in_place(block: LentBlock) -> HeldBlock {
        HeldBlock {
            body: Body::InPlace(block),
        }
    }

    pub(super) fn copied(bytes: Vec<u8>) -> HeldBlock {
        HeldBlock {
            body: Body::Copied(bytes),
        }
    }

    /// Returns true if the bytes are where the peer has put them, and false if they are a copy.
    pub fn is_in_place(&self) -> bool {
        matches!(self.body, Body::InPlace(_))
    }
}

impl Deref for HeldBlock {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.body {
            Body::InPlace(block) => block.as_slice(),
            Body::Copied(bytes) => bytes,
        }
    }
}

impl fmt::Debug for HeldBlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HeldBlock")
            .field("len", &self.len())
            .field("is_in_place", &self.is_in_place())
            .finish_non_exhaustive()
    }
}

/// The peer's memory for blocks.
#[derive(Debug)]
pub(crate) struct PeerBlocks {
    memory: Arc<Map>,
    table: Lender,
    /// The record of the message that the slot face lends, and its place. Invariant: `None` while a gathered message is lent.
    pub(super) lent: Option<(Record, Place)>,
}

/// What a block needs to go back, also after its receiver.
#[derive(Debug)]
struct TableWords {
    /// The table is in it.
    _own_control: Arc<Map>,
    /// The word of a peer that waits is in it.
    _peer_control: Arc<Map>,
    ringer: Arc<Ringer>,
}

impl RingsOwner for TableWords {
    fn ring_owner(&self) {
        // A doorbell that cannot be rung belongs to a peer that is gone.
        let _ = self.ringer.ring();
    }
}

/// A message in a block: where it is, as its record says. The record was checked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    name: u64,
    offset: usize,
    len: usize,
}

impl Place {
    pub(super) fn len(&self) -> usize {
        self.len
    }
}

impl PeerBlocks {
    /// To be made once for a pipe: it is the writer of the table.
    pub(super) fn new(memory: Map, shared: &Shared, ringer: &Arc<Ringer>) -> Box<PeerBlocks> {
        let (own, peer) = (&shared.own_control, &shared.peer_control);
        let entries = std::array::from_fn(|entry| layout::own(own, layout::LENT + 8 * entry));
        let lending = Lending::new(layout::own(own, layout::LENT_USED), entries);
        let returning = Returning::new(layout::own(own, layout::LENT_USED));
        let wanted = layout::seen(peer, layout::WANTED);
        let owner = Arc::new(TableWords {
            _own_control: Arc::clone(own),
            _peer_control: Arc::clone(peer),
            ringer: Arc::clone(ringer),
        });
        let table = LentTable::new(shared.mark.clone(), returning, wanted, owner);
        Box::new(PeerBlocks {
            memory: Arc::new(memory),
            table: Lender::new(lending, table),
            lent: None,
        })
    }

    /// Reads and checks the table of a record, each word once.
    ///
    /// # Errors
    ///
    /// [`Corrupt`]: it does not have one part, or names no block of this memory.
    pub(super) fn find(
        &self,
        reader: &Reader<Mapped, MappedMut>,
        record: &Record,
    ) -> Result<Place, Corrupt> {
        let position = reader.position();
        let mut table = [MaybeUninit::<u8>::uninit(); TABLE];
        if record.len() != TABLE || reader.copy_out(record, 0, &mut table) != TABLE {
            return Err(Corrupt::Table { position, parts: 0 });
        }
        // SAFETY: `copy_out` has initialised as many bytes as it says.
        let table = table.map(|byte| unsafe { byte.assume_init() });
        let [parts, len, name] = [0, 8, 16].map(|at| {
            let word = std::array::from_fn(|byte| table[at + byte]);
            u64::from_ne_bytes(word)
        });
        if parts != 1 {
            return Err(Corrupt::Table { position, parts });
        }
        let memory = self.memory.len() as u64;
        let place = BlockName::decode(name).filter(|block| {
            let end = block.offset.checked_add(len);
            block.segment == 0
                && block.offset.is_multiple_of(8)
                && end.is_some_and(|end| end <= memory)
        });
        let Some(BlockName { offset, .. }) = place else {
            return Err(Corrupt::Block {
                position,
                name,
                len,
                memory,
            });
        };
        Ok(Place {
            name,
            // Both are at most the length of a mapping.
            offset: offset as usize,
            len: len as usize,
        })
    }

    /// Copies a message, from its byte `from` on. Returns how many bytes of `into` are initialised.
    pub(super) fn copy_out(
        &self,
        place: &Place,
        from: usize,
        into: &mut [MaybeUninit<u8>],
    ) -> usize {
        let from = from.min(place.len);
        let take = into.len().min(place.len - from);
        let into = &mut into[..take];
        // SAFETY: a mapping of that size, readable without a trap (sealed and checked), which this value keeps.
        let memory = unsafe { Mapped::new(self.memory.as_ptr(), self.memory.len()) };
        let skip = from % 8;
        let (head, rest) = into.split_at_mut(if skip == 0 { 0 } else { take.min(8 - skip) });
        let mut at = place.offset + from - skip;
        let mut copied = true;
        if !head.is_empty() {
            let mut word = [MaybeUninit::uninit(); 8];
            copied = memory.copy_to(at, &mut word);
            head.copy_from_slice(&word[skip..skip + head.len()]);
            at += 8;
        }
        if copied && memory.copy_to(at, rest) {
            return take;
        }
        0
    }

    /// The bytes of a message where they lie.
    ///
    /// # Safety
    ///
    /// The peer does not write them while the result lives.
    pub(super) unsafe fn in_place(&self, place: &Place) -> &[u8] {
        // SAFETY: within the mapping (`find`), which this value keeps; initialised, as mapped memory is.
        unsafe { std::slice::from_raw_parts(self.address(place).as_ptr(), place.len) }
    }

    fn address(&self, place: &Place) -> NonNull<u8> {
        // SAFETY: within the mapping (`find`).
        unsafe { self.memory.as_ptr().add(place.offset) }
    }

    /// Names a block in the table, before its record is passed. `None` if the table is full.
    pub(super) fn hold(&mut self, place: &Place, _vow: Vow) -> Option<LentBlock> {
        // The vow is what makes `LentBlock::as_slice` sound.
        let first = self.address(place);
        let memory = Arc::clone(&self.memory);
        self.table.lend(place.name, memory, first, place.len)
    }
}
