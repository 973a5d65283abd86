//! Messages whose long parts are blocks of the arena.

use std::sync::Arc;
use std::time::Instant;

use ringmq_ring::Kind;
use ringmq_sys::cpu;
use smallvec::SmallVec;

use super::super::contents::table_of_blocks;
use super::super::patience::{LateReader, Patience, Seen};
use super::super::segment::FIRST;
use super::{AGAIN, DEAR, PushError, Sender};
use crate::blocks::{Arena, Block, Keep, Loan};

/// A part of a message to be sent.
#[derive(Debug, Clone, Copy)]
pub enum OutPart<'a> {
    /// Bytes that are copied.
    Bytes(&'a [u8]),
    /// The first bytes of a block, and what keeps the block from being written as long as the reader may use it.
    Block(&'a Block, usize, &'a Keep),
}

/// What a sender knows of the blocks that it sends.
#[derive(Debug)]
pub(super) struct BlockFlow {
    loan: Arc<Loan>,
    /// The numbers of segments of the arena that the peer has. No number is used twice.
    told: Vec<u32>,
    /// Bytes that may be with the reader before the sender waits for a late one. At most the limit.
    window: u64,
    /// When that was last not enough.
    full: Option<Instant>,
    /// Bytes sent so far.
    sent: u64,
    /// Whether a send may wait longer than the memory for one message would cost.
    patient: bool,
    patience: Patience,
}

impl BlockFlow {
    pub(super) fn new(loan: Arc<Loan>, limit: u64) -> BlockFlow {
        BlockFlow {
            loan,
            told: Vec::new(),
            window: limit.min(DEAR as u64),
            full: None,
            sent: 0,
            patient: false,
            patience: Patience::default(),
        }
    }

    pub(super) fn set_patient(&mut self, waits: bool) {
        self.patient = waits;
    }

    /// The sender sends no more.
    pub(super) fn end(&self) {
        if let Some(arena) = Arena::current() {
            arena.end(&self.loan);
        }
    }

    fn is_told(&self, block: &Block) -> bool {
        let number = block.segment().number();
        self.told.iter().rev().any(|other| *other == number)
    }
}

impl<'a> OutPart<'a> {
    fn bytes(&self) -> &'a [u8] {
        match *self {
            OutPart::Bytes(bytes) => bytes,
            OutPart::Block(block, len, _) => &block.as_slice()[..len],
        }
    }
}

impl Sender {
    /// Sends a message, and wakes the receiver if it sleeps. Blocks are sent where they lie, unless the peer cannot be told
    /// of their memory: then they are copied as other parts are.
    ///
    /// # Errors
    ///
    /// [`PushError`].
    pub fn push_blocks(&mut self, parts: &[OutPart<'_>]) -> Result<(), PushError> {
        let table = table_of_blocks(parts.len()).ok_or(PushError::TooLong(usize::MAX))?;
        // What is still a block behind this is sent as one.
        let parts: SmallVec<[OutPart<'_>; 2]> = parts
            .iter()
            .map(|part| match part {
                OutPart::Block(block, ..) if !self.tell(block) => OutPart::Bytes(part.bytes()),
                part => *part,
            })
            .collect();
        let (mut len, mut bytes) = (table, 0);
        for part in &parts {
            match part {
                OutPart::Bytes(copied) => {
                    len = len.saturating_add(copied.len().next_multiple_of(8));
                }
                OutPart::Block(_, size, _) => bytes += *size as u64,
            }
        }
        if u32::try_from(len).is_err() {
            return Err(PushError::TooLong(len));
        }
        self.admit(bytes)?;
        // The session may read the record as soon as it is published.
        let loan = Arc::clone(&self.blocks.loan);
        let mut lent = 0;
        for part in &parts {
            if let OutPart::Block(block, size, keep) = part {
                loan.send(block.name().encode(), *size as u64, Arc::clone(keep));
                lent += 1;
            }
        }
        let pushed = self.push_slowly(Kind::Blocks, len, &mut |claim| {
            claim.fill(0, &(parts.len() as u64).to_ne_bytes());
            let (mut entry, mut at) = (8, table);
            for part in &parts {
                let (size, name) = match part {
                    OutPart::Bytes(copied) => {
                        claim.fill(at, copied);
                        at += copied.len().next_multiple_of(8);
                        (copied.len(), 0)
                    }
                    OutPart::Block(block, size, _) => (*size, block.name().encode()),
                };
                let mut words = [0; 16];
                words[..8].copy_from_slice(&(size as u64).to_ne_bytes());
                words[8..].copy_from_slice(&name.to_ne_bytes());
                claim.fill(entry, &words);
                entry += 16;
            }
        });
        let position = self
            .writer
            .as_ref()
            .map_or(0, ringmq_ring::Writer::position);
        loan.settle(lent, pushed.is_ok().then_some(position));
        self.blocks.sent += bytes;
        pushed
    }

    /// Makes sure that the peer has the memory that a block lies in. Returns false if it cannot have it now.
    fn tell(&mut self, block: &Block) -> bool {
        let flow = &mut self.blocks;
        if flow.is_told(block) {
            return true;
        }
        let told = flow.loan.told();
        let has_it = told.tell(block.segment());
        told.numbers(&mut flow.told);
        has_it
    }

    /// Waits a little for a late reader, and refuses more blocks than the limit allows.
    fn admit(&mut self, bytes: u64) -> Result<(), PushError> {
        self.blocks.loan.collect();
        let held = self.blocks.loan.bytes();
        if held + bytes <= self.blocks.window && self.is_within(bytes) {
            return Ok(());
        }
        self.admit_more(held, bytes)
    }

    /// Returns true if the socket may use so many bytes more.
    fn is_within(&self, bytes: u64) -> bool {
        self.blocks.loan.total().saturating_add(bytes) <= self.limit
    }

    /// Returns true if the peer has taken everything, and holds no block: then it is sent a message of any length.
    fn has_nothing_out(&mut self) -> bool {
        self.blocks.loan.is_home() && (self.writer.is_none() || self.is_drained())
    }

    #[cold]
    fn admit_more(&mut self, held: u64, bytes: u64) -> Result<(), PushError> {
        let now = Instant::now();
        if held == 0 && (self.is_within(bytes) || self.has_nothing_out()) {
            // The memory of a burst is not needed any more.
            if self.blocks.full.is_none_or(|full| now - full > AGAIN) {
                self.blocks.window = self.limit.min(DEAR as u64);
            }
            return Ok(());
        }
        if self.wait_for_blocks(bytes) {
            self.blocks.full = Some(now);
            return Ok(());
        }
        let loan = Arc::clone(&self.blocks.loan);
        let limit = self.limit;
        let is_over = || loan.total().saturating_add(bytes) > limit;
        if is_over() {
            // A receiver looks who waits when it has passed a record with blocks, and when it enters a segment of the ring.
            // It rings once for each position that is wanted, and has then passed it.
            let wanted = match loan.oldest() {
                Some(position) => position,
                None => {
                    let position = self
                        .writer
                        .as_ref()
                        .map_or(0, ringmq_ring::Writer::position);
                    if position > self.start() {
                        self.jump(FIRST)?;
                    }
                    self.start()
                }
            };
            self.wants_room.arm(wanted);
            // The next message that finds room disarms it.
            self.growth.look = 0;
            loan.collect();
            if is_over() && !self.has_nothing_out() {
                return Err(PushError::Full);
            }
        }
        let window = (self.blocks.window * 2).max(held + bytes).min(self.limit);
        self.blocks.window = window;
        self.blocks.full = Some(now);
        if self.blocks.patient {
            let made = usize::try_from(window).unwrap_or(usize::MAX);
            self.blocks.patience.made(made);
        }
        Ok(())
    }

    /// Waits for a late reader, for no longer than new memory would cost. Returns true if enough blocks came home.
    fn wait_for_blocks(&mut self, bytes: u64) -> bool {
        let policy = self.late.get();
        let beside = policy == LateReader::Spin && self.cpu() == Some(cpu::current());
        if self.hurried || policy == LateReader::GrowAtOnce || beside {
            return false;
        }
        let position = self.common.seen(super::layout::POSITION);
        let flow = &mut self.blocks;
        if flow.patient {
            flow.patience.sent(flow.sent);
        } else {
            // New memory for one message would take as long, for this peer and the others.
            flow.patience
                .made(usize::try_from(bytes).unwrap_or(usize::MAX));
        }
        let (loan, window, limit) = (&flow.loan, flow.window, self.limit);
        let waited = flow.patience.wait(policy, || {
            loan.collect();
            Ok::<_, std::convert::Infallible>(Seen {
                position: position.load(),
                room: loan.bytes() + bytes <= window && loan.total() + bytes <= limit,
            })
        });
        waited == Ok(true)
    }
}
