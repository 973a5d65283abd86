//! Messages in blocks, for all faces of the receiver.

use std::mem::MaybeUninit;

use ringmq_ring::{Corrupt, Record};

use super::super::error::RecvError;
use super::super::held::{PeerBlocks, Place};
use super::Receiver;
use crate::blocks::LentBlock;
use crate::maps::Map;
use crate::vow::Vow;

impl Receiver {
    /// Takes the peer's memory for blocks. To be called once, before anything is received.
    pub(in crate::bare) fn set_blocks(&mut self, memory: Map) {
        let blocks = PeerBlocks::new(memory, self.waiter.shared(), &self.ringer);
        self.blocks = Some(blocks);
    }

    /// The place of a message in a block. Its length is accepted.
    #[cold]
    pub(in crate::bare) fn place(&mut self, record: &Record) -> Result<Place, RecvError> {
        let position = self.reader.position();
        let found = match &self.blocks {
            Some(blocks) if self.partial.is_empty() => blocks.find(&self.reader, record),
            // It is a whole message, and no piece of one.
            _ => Err(Corrupt::Table { position, parts: 0 }),
        };
        match found {
            Ok(place) => {
                self.check_length(place.len() as u64)?;
                Ok(place)
            }
            Err(corrupt) => Err(self.over(Err(corrupt))),
        }
    }

    /// Names a block in the table, before its record is passed. `None` if the table is full.
    pub(in crate::bare) fn hold_block(&mut self, place: &Place, vow: Vow) -> Option<LentBlock> {
        self.blocks.as_mut()?.hold(place, vow)
    }

    /// Notes a message in a block that is to be lent.
    #[cold]
    pub(in crate::bare) fn lend_block(&mut self, record: Record) -> Result<(), RecvError> {
        let place = self.place(&record)?;
        if let Some(blocks) = &mut self.blocks {
            blocks.lent = Some((record, place));
        }
        Ok(())
    }

    /// The message that is lent and is not in the ring: in a block, or gathered from its pieces.
    ///
    /// # Safety
    ///
    /// The peer does not write it while the result lives.
    #[cold]
    pub(in crate::bare) unsafe fn lent(&self) -> &[u8] {
        let blocks = self.blocks.as_deref();
        match blocks.and_then(|blocks| Some((blocks, blocks.lent.as_ref()?))) {
            // SAFETY: passed on. The record that names the block is not passed yet.
            Some((blocks, (_, place))) => unsafe { blocks.in_place(place) },
            None => &self.partial,
        }
    }

    /// Nothing is lent: the program may have forgotten what was.
    #[cold]
    pub(in crate::bare) fn forget_lent(&mut self) {
        if let Some(blocks) = &mut self.blocks {
            blocks.lent = None;
        }
    }

    /// Lets go of the message that was lent and is not in the ring.
    #[cold]
    pub(in crate::bare) fn end_lending(&mut self) {
        match self.blocks.as_mut().and_then(|blocks| blocks.lent.take()) {
            // A doorbell that cannot be rung belongs to a peer that is gone; the next call says so.
            Some((record, _)) => drop(self.release_block(record)),
            None => self.partial.clear(),
        }
    }

    /// Takes in a message in a block, behind what the byte face has taken of it.
    #[cold]
    pub(super) fn copy_block(&mut self, record: Record) -> Result<bool, RecvError> {
        let place = self.place(&record)?;
        let taken = std::mem::take(&mut self.taken);
        let len = place.len().saturating_sub(taken);
        if let Some(blocks) = &self.blocks {
            if self.partial.try_reserve(len).is_err() {
                self.taken = taken;
                return Err(RecvError::OutOfMemory { len: len as u64 });
            }
            let room = &mut self.partial.spare_capacity_mut()[..len];
            let copied = blocks.copy_out(&place, taken, room);
            // SAFETY: as many bytes of the spare capacity were just initialised; there were none before.
            unsafe { self.partial.set_len(copied) };
        }
        self.release_block(record)?;
        Ok(true)
    }

    /// Reads what there is room for of a message in a block, for the byte face. Returns how much that is.
    #[cold]
    pub(in crate::bare) fn read_block(
        &mut self,
        record: Record,
        into: &mut [MaybeUninit<u8>],
    ) -> Result<usize, RecvError> {
        let place = self.place(&record)?;
        let copied = self
            .blocks
            .as_deref()
            .map_or(0, |blocks| blocks.copy_out(&place, self.taken, into));
        self.taken += copied;
        if self.taken >= place.len() {
            self.taken = 0;
            self.release_block(record)?;
        }
        Ok(copied)
    }

    /// As [`release`](Receiver::release), of a message in a block. The peer may wait for the block, which is much larger
    /// than its record.
    pub(in crate::bare) fn release_block(&mut self, record: Record) -> Result<(), RecvError> {
        self.payment.records += 1;
        self.reader.release(record);
        self.wake_peer()
    }
}
