//! Parts of messages that lie in blocks of the sender's arena.

use std::mem::MaybeUninit;
use std::sync::Arc;

use ringmq_ring::Kind;

use super::super::contents::{Incoming, PartPlace, Sole, contents};
use super::super::courier::Missing;
use super::super::segment;
use super::{Checked, Receiver};
use crate::blocks::{BlockName, LentBlock};
use crate::maps::Map;
use crate::vow::Vow;

impl Receiver {
    /// The next message, if a block is all of it, or, with `enveloped`, all but an empty part before: where that is, and
    /// how long.
    #[inline(never)]
    pub fn sole_block(&mut self, enveloped: bool) -> Option<(Incoming, PartPlace, usize)> {
        let record = self.reader.as_ref().ok()?.peek().ok()??;
        let incoming = Incoming { record };
        if record.kind() != Kind::Blocks || self.check_blocks(&incoming).is_err() {
            return None;
        }
        match &self.checked {
            Some((_, Checked::Sole(sole))) if sole.enveloped == enveloped => {
                Some((incoming, PartPlace::Block(sole.name), sole.len))
            }
            _ => None,
        }
    }

    /// Checks a record with blocks: its table, and that the blocks lie in segments that are here.
    pub(super) fn check_blocks(&mut self, incoming: &Incoming) -> Result<(), Missing> {
        let reader = self.reader.as_ref().map_err(|_| Missing::Wrong)?;
        let here = reader.position();
        if matches!(self.checked, Some((position, _)) if position == here) {
            return Ok(());
        }
        reader.own_report();
        let checked = match Sole::read(reader, incoming) {
            Some(sole) => {
                self.check_block(sole.name, sole.len)?;
                Checked::Sole(sole)
            }
            None => {
                let contents = contents(reader, incoming).ok_or(Missing::Wrong)?;
                for (place, len) in contents.parts() {
                    if let PartPlace::Block(name) = place {
                        self.check_block(name, len)?;
                    }
                }
                Checked::Other(contents)
            }
        };
        self.checked = Some((here, checked));
        Ok(())
    }

    /// Checks that a block lies in a segment that is here, and asks the processor for its first and last line.
    fn check_block(&mut self, name: BlockName, len: usize) -> Result<(), Missing> {
        let memory = self.find_segment(name)?;
        let offset = usize::try_from(name.offset).map_err(|_| Missing::Wrong)?;
        let end = offset.checked_add(len);
        let end = end.filter(|end| *end <= memory.len() && offset.is_multiple_of(8));
        let end = end.ok_or(Missing::Wrong)?;
        let bytes = segment::readable(&memory);
        bytes.expect_soon_at(offset);
        bytes.expect_soon_at(end.saturating_sub(1));
        self.found = Some((name.segment, memory));
        self.block_bytes = self.block_bytes.wrapping_add(len as u64);
        Ok(())
    }

    /// The memory that a block of a checked record lies in.
    pub(super) fn segment_of(&mut self, name: BlockName) -> Result<Arc<Map>, Missing> {
        match &self.found {
            Some((number, memory)) if *number == name.segment => Ok(Arc::clone(memory)),
            _ => self.find_segment(name),
        }
    }

    /// The memory that a block lies in.
    pub(super) fn find_segment(&mut self, name: BlockName) -> Result<Arc<Map>, Missing> {
        let known = self.blocks.iter();
        let known = known
            .rev()
            .find(|(number, _)| *number == name.segment)
            .and_then(|(_, memory)| memory.upgrade());
        if let Some(memory) = known {
            return Ok(memory);
        }
        let memory = self.common.courier.blocks(name.segment.into())?;
        self.blocks
            .retain(|(number, memory)| *number != name.segment && memory.strong_count() > 0);
        self.blocks.push((name.segment, Arc::downgrade(&memory)));
        Ok(memory)
    }

    /// Copies as much of a block as there is room for. Returns false if the block is not there: then the message was not
    /// checked.
    pub(super) fn copy_block(&mut self, name: BlockName, into: &mut [MaybeUninit<u8>]) -> bool {
        match self.segment_of(name) {
            Ok(memory) => segment::readable(&memory).copy_to(name.offset as usize, into),
            Err(_) => false,
        }
    }

    /// Reads nothing more, for want of memory. What was mapped for blocks is free: the way that messages take instead
    /// needs memory, too.
    pub fn give_up(&mut self) {
        self.common.courier.give_up_blocks();
        self.blocks.clear();
        (self.checked, self.found) = (None, None);
    }

    /// Holds a part of `len` bytes where it lies, until the value is dropped. `None` if it does not lie in a block, or this
    /// side holds as many blocks as it may.
    pub fn hold(&mut self, place: PartPlace, len: usize, _vow: Vow) -> Option<LentBlock> {
        let PartPlace::Block(name) = place else {
            return None;
        };
        let memory = match self.found.take() {
            Some((number, memory)) if number == name.segment => memory,
            _ => self.find_segment(name).ok()?,
        };
        let offset = usize::try_from(name.offset).ok()?;
        if offset.checked_add(len)? > memory.len() {
            return None;
        }
        // The vow is what makes `LentBlock::as_slice` sound.
        // SAFETY: within the mapping (just checked).
        let first = unsafe { memory.as_ptr().add(offset) };
        self.table.lend(name.encode(), memory, first, len)
    }
}
