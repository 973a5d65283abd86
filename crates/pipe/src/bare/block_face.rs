//! The face of blocks: messages in memory that the peer reads where they lie.

use std::time::Instant;

use ringmq_ring::{ClaimError, Kind};
use ringmq_sys::HugePagesError;

use super::block::{Block, UnsentBlock};
use super::error::{RecvError, SendError};
use super::held::{HeldBlock, TABLE};
use super::patience::Patience;
use super::receiver::Receiver;
use super::sender::{Need, Sender};
use crate::vow::Vow;

impl Sender {
    /// Bytes of the memory for blocks that this end has and its peer reads. 0 if there is none: then blocks can be used all
    /// the same, and are copied to the ring.
    pub fn block_capacity(&self) -> usize {
        self.blocks.as_ref().map_or(0, |blocks| blocks.capacity())
    }

    /// Why the memory for blocks has ordinary pages, although [huge ones](crate::Options::huge_pages) were asked for. `None`
    /// if it has huge pages, or none were asked for.
    pub fn huge_pages_refused(&self) -> Option<HugePagesError> {
        self.blocks.as_ref()?.refused()
    }

    /// Gives a block for a message of `len` bytes. Waits until the peer has given back enough memory, if there is none.
    ///
    /// ```
    /// use ringmq_pipe::{Options, Vow};
    ///
    /// let options = Options::new().block_capacity(8 << 20);
    /// let (mut left, mut right) = options.pair()?;
    /// let mut image = left.sender().block(1920 * 1080 * 3)?;
    /// image.fill(0x80);
    /// left.sender().send_block(image)?;
    ///
    /// // SAFETY: both ends are in this process.
    /// let vow = unsafe { Vow::new() };
    /// let image = right.receiver().recv_block(vow)?;
    /// assert!(image.is_in_place());
    /// // The memory stays as long as it is needed.
    /// drop((left, right));
    /// assert!(image.iter().all(|byte| *byte == 0x80));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`SendError::TooLarge`] if `len` is more than [`block_capacity`](Sender::block_capacity) or than the peer accepts;
    /// [`SendError::OutOfMemory`] if waiting would not help, because the program itself has the memory in blocks that it
    /// has not sent; others as [`send`](Sender::send).
    pub fn block(&mut self, len: usize) -> Result<Block, SendError> {
        self.block_within(len, Patience::Until(None))
    }

    /// As [`block`](Sender::block), until the deadline.
    ///
    /// # Errors
    ///
    /// As [`block`](Sender::block), and `TimedOut`.
    pub fn block_deadline(&mut self, len: usize, deadline: Instant) -> Result<Block, SendError> {
        self.block_within(len, Patience::Until(Some(deadline)))
    }

    /// Gives a block if there is memory for it now.
    ///
    /// # Errors
    ///
    /// As [`block`](Sender::block), and `WouldBlock`.
    pub fn try_block(&mut self, len: usize) -> Result<Block, SendError> {
        self.block_within(len, Patience::None)
    }

    fn block_within(&mut self, len: usize, patience: Patience) -> Result<Block, SendError> {
        self.peer.check()?;
        let out_of_memory = SendError::OutOfMemory { len: len as u64 };
        let capacity = self.blocks.as_ref().map(|blocks| blocks.capacity());
        let most = self
            .max_message()
            .min(capacity.map_or(u64::MAX, |bytes| bytes as u64));
        if len as u64 > most {
            let len = len as u64;
            return Err(SendError::TooLarge { len, most });
        }
        loop {
            let Some(blocks) = &self.blocks else {
                return Block::private(len).ok_or(out_of_memory);
            };
            if let Some(block) = blocks.allocate(len) {
                return Ok(block);
            }
            if blocks.is_home() {
                return Err(out_of_memory);
            }
            self.await_need(Need::Blocks, patience)?;
        }
    }

    /// Sends a block, of which the peer gets no copy unless it wants one. Waits until the ring has room for the record that
    /// names it: a few bytes. Without memory that the peer reads, it is copied as [`send`](Sender::send) does.
    ///
    /// # Errors
    ///
    /// [`UnsentBlock`], with the block: its reasons are those of [`send`](Sender::send).
    pub fn send_block(&mut self, block: Block) -> Result<(), UnsentBlock> {
        self.send_block_within(block, Patience::Until(None))
    }

    /// As [`send_block`](Sender::send_block), until the deadline.
    ///
    /// # Errors
    ///
    /// As [`send_block`](Sender::send_block), and `TimedOut`.
    pub fn send_block_deadline(
        &mut self,
        block: Block,
        deadline: Instant,
    ) -> Result<(), UnsentBlock> {
        self.send_block_within(block, Patience::Until(Some(deadline)))
    }

    /// Sends a block if there is room now.
    ///
    /// # Errors
    ///
    /// As [`send_block`](Sender::send_block), and `WouldBlock`.
    pub fn try_send_block(&mut self, block: Block) -> Result<(), UnsentBlock> {
        self.send_block_within(block, Patience::None)
    }

    fn send_block_within(&mut self, block: Block, patience: Patience) -> Result<(), UnsentBlock> {
        let own = self.blocks.as_ref();
        let published = match own.and_then(|own| own.name(&block)) {
            Some(name) => self.publish_name(name, block.len(), patience).map(Some),
            None => self.send_within(&block, patience).map(|()| None),
        };
        let name = match published {
            Ok(Some(name)) => name,
            Ok(None) => return Ok(()),
            Err(reason) => {
                let block = Some(block);
                return Err(UnsentBlock { reason, block });
            }
        };
        let (len, position) = (block.len(), self.writer.position());
        if let Some(own) = &self.blocks {
            own.lend(name, block, position);
        }
        self.peer.count(1, len);
        self.peer.wake().map_err(|reason| UnsentBlock {
            reason,
            block: None,
        })
    }

    /// Publishes the record of a block, and returns the block's name. Does not wake the peer.
    fn publish_name(
        &mut self,
        name: u64,
        len: usize,
        patience: Patience,
    ) -> Result<u64, SendError> {
        self.peer.check()?;
        let mut table = [0; TABLE];
        for (at, word) in [(0, 1), (8, len as u64), (16, name)] {
            table[at..at + 8].copy_from_slice(&word.to_ne_bytes());
        }
        loop {
            match self.writer.push(Kind::Blocks, &table) {
                Ok(()) => return Ok(name),
                Err(ClaimError::Full { wanted }) => self.await_room(wanted, patience)?,
                Err(error) => return Err(self.refuse(error)),
            }
        }
    }
}

impl Receiver {
    /// Receives one message, to be kept for as long as it is wanted; waits until there is one. A message in a block stays
    /// where the peer has put it. Another one is copied, as is a block while this end keeps 14 of them already.
    ///
    /// [`Sender::block`] has an example.
    ///
    /// # Errors
    ///
    /// As [`recv`](Receiver::recv).
    pub fn recv_block(&mut self, vow: Vow) -> Result<HeldBlock, RecvError> {
        self.hold(vow, Patience::Until(None))
    }

    /// As [`recv_block`](Receiver::recv_block), until the deadline.
    ///
    /// # Errors
    ///
    /// As [`recv_deadline`](Receiver::recv_deadline).
    pub fn recv_block_deadline(
        &mut self,
        vow: Vow,
        deadline: Instant,
    ) -> Result<HeldBlock, RecvError> {
        self.hold(vow, Patience::Until(Some(deadline)))
    }

    /// Receives one message to be kept, if there is one now.
    ///
    /// # Errors
    ///
    /// As [`try_recv`](Receiver::try_recv).
    pub fn try_recv_block(&mut self, vow: Vow) -> Result<HeldBlock, RecvError> {
        self.hold(vow, Patience::None)
    }

    fn hold(&mut self, vow: Vow, patience: Patience) -> Result<HeldBlock, RecvError> {
        let record = self.next(patience)?;
        if record.kind() == Kind::Blocks && !self.in_midst() {
            let place = self.place(&record)?;
            let held = self.hold_block(&place, vow);
            if let Some(held) = held {
                self.count(1, place.len());
                // A doorbell that cannot be rung belongs to a peer that is gone; the next call says so.
                drop(self.release_block(record));
                return Ok(HeldBlock::in_place(held));
            }
        }
        let mut bytes = Vec::new();
        self.recv_within(&mut bytes, patience)?;
        Ok(HeldBlock::copied(bytes))
    }
}
