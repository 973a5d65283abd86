//! Messages whose long parts are blocks of the arena.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ringmq_ring::Kind;
use ringmq_sys::cpu;
use smallvec::SmallVec;

use super::super::contents::{ENVELOPED, SOLE, table_of_blocks};
use super::super::patience::{LateReader, Patience, Seen};
use super::super::segment::FIRST;
use super::{AGAIN, DEAR, PushError, Sender};
use crate::blocks::{Arena, Block, BlockName, Keep, Loan, OpenLoan, Readers};

/// A part of a message to be sent.
#[derive(Debug, Clone, Copy)]
pub enum OutPart<'a> {
    /// Bytes that are copied.
    Bytes(&'a [u8]),
    /// The first bytes of a block, and what keeps the block from being written as long as the reader may use it.
    Block(&'a Block, usize, &'a Keep),
}

/// A sender spins for this time before it sleeps: a reader in place takes less than a microsecond for a block, and a sleep 50
/// and more.
const AWAKE: Duration = Duration::from_micros(20);

/// What a sender knows of the blocks that it sends.
#[derive(Debug)]
pub(super) struct BlockFlow {
    loan: Arc<Loan>,
    /// Where bodies are copied to; `None` if the process has no arena.
    arena: Option<Arc<Arena>>,
    /// The numbers of segments of the arena that the peer has. No number is used twice.
    told: Vec<u32>,
    /// Bytes that may be with the reader before the sender waits for a late one. At most the limit.
    window: u64,
    /// When that was last not enough.
    full: Option<Instant>,
    /// Bytes that came home so far.
    home: u64,
    /// Bytes that were sent in blocks so far, for the status page.
    pub(super) sent_bytes: u64,
    /// Whether a send may wait longer than the memory for one message would cost.
    patient: bool,
    patience: Patience,
}

impl BlockFlow {
    pub(super) fn new(loan: Arc<Loan>, limit: u64) -> BlockFlow {
        let window = limit.min(DEAR as u64);
        let mut patience = Patience::default();
        patience.grew(window, window);
        BlockFlow {
            loan,
            arena: Arena::current().cloned(),
            told: Vec::new(),
            window,
            full: None,
            home: 0,
            sent_bytes: 0,
            patient: false,
            patience,
        }
    }

    pub(super) fn set_patient(&mut self, waits: bool) {
        self.patient = waits;
    }

    /// The sender sends no more.
    pub(super) fn end(&self) {
        if let Some(readers) = Readers::current() {
            readers.end(&self.loan);
        }
    }

    fn is_told(&self, name: BlockName) -> bool {
        self.told.iter().rev().any(|other| *other == name.segment)
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
    /// Sets the arena for copies of bodies; that of the process by default.
    pub fn set_arena(&mut self, arena: Arc<Arena>) {
        self.blocks.arena = Some(arena);
    }

    /// The arena for copies of bodies. `None` if the process has no memory for one.
    pub fn arena(&self) -> Option<&Arena> {
        self.blocks.arena.as_deref()
    }

    /// Records that a body of this pipe is copied for want of memory for a block. The session reports it once.
    #[cold]
    pub fn note_copied(&self) {
        self.common.courier.note_copied();
    }

    /// Sends a message of one part, or of an empty one and one more: the first `len` bytes of the block of this name, which
    /// `keep` is, if that can be done at once. `came_home` gets what kept blocks that the reader uses no more, and the bytes of
    /// each.
    ///
    /// # Errors
    ///
    /// What keeps the block: [`push_blocks`](Sender::push_blocks) sends the message.
    pub fn push_block(
        &mut self,
        enveloped: bool,
        name: BlockName,
        len: usize,
        keep: Keep,
        came_home: fn(Keep, u64),
    ) -> Result<(), Keep> {
        let bytes = len as u64;
        if self.sent < self.growth.look && self.blocks.is_told(name) {
            let within = self.limit.saturating_sub(bytes);
            // The session that looks for blocks of records waits until this one is named in the loan.
            let mut loan = self.blocks.loan.open();
            let window = self.blocks.window;
            let admits = |loan: &OpenLoan<'_>| loan.admits(bytes, window) && loan.total() <= within;
            if !admits(&loan) {
                self.blocks.home += loan.collect();
            }
            if admits(&loan)
                && let Some(writer) = &mut self.writer
            {
                let name = name.encode();
                let pushed = if enveloped {
                    writer.push(Kind::Blocks, &table::<ENVELOPED, 5>([2, 0, 0, bytes, name]))
                } else {
                    writer.push(Kind::Blocks, &table::<SOLE, 3>([1, bytes, name]))
                };
                if pushed.is_ok() {
                    self.sent += 1;
                    // The reader is at work while this side keeps its books.
                    let position = writer.position();
                    self.blocks.home +=
                        loan.send_and_collect(name, bytes, keep, position, came_home);
                    drop(loan);
                    self.blocks.sent_bytes = self.blocks.sent_bytes.wrapping_add(bytes);
                    self.wake();
                    return Ok(());
                }
            }
        }
        Err(keep)
    }

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
        let is_paid = parts.iter().all(|part| match part {
            OutPart::Bytes(_) => true,
            OutPart::Block(block, ..) => !block.pay(),
        });
        self.admit(bytes, is_paid)?;
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
        if pushed.is_ok() {
            self.blocks.sent_bytes = self.blocks.sent_bytes.wrapping_add(bytes);
        }
        pushed
    }

    /// Makes sure that the peer has the memory that a block lies in. Returns false if it cannot have it now.
    fn tell(&mut self, block: &Block) -> bool {
        let flow = &mut self.blocks;
        if flow.is_told(block.name()) {
            return true;
        }
        let told = flow.loan.told();
        let has_it = told.tell(block.segment());
        told.numbers(&mut flow.told);
        has_it
    }

    /// Waits a little for a late reader, unless that `is_paid`, and refuses more blocks than the limit allows.
    fn admit(&mut self, bytes: u64, is_paid: bool) -> Result<(), PushError> {
        let held = {
            let mut loan = self.blocks.loan.open();
            self.blocks.home += loan.collect();
            loan.bytes()
        };
        if held + bytes <= self.blocks.window && self.is_within(bytes) {
            return Ok(());
        }
        self.admit_more(held, bytes, is_paid)
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
    fn admit_more(&mut self, held: u64, bytes: u64, is_paid: bool) -> Result<(), PushError> {
        let now = Instant::now();
        if held == 0 && (self.is_within(bytes) || self.has_nothing_out()) {
            // The memory of a burst is not needed any more.
            if self.blocks.full.is_none_or(|full| now - full > AGAIN) {
                self.blocks.window = self.limit.min(DEAR as u64);
            }
            return Ok(());
        }
        let waits = self.blocks.patient || !is_paid;
        if waits && self.wait_for_blocks(bytes) {
            self.blocks.full = Some(now);
            // The reader sets the pace, so the queue may become shorter: memory that was used just now is in the caches.
            let least = self.limit.min(DEAR as u64);
            let window = &mut self.blocks.window;
            *window = window.saturating_sub(bytes).max(least);
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
        // The next message waits again.
        let window = (held + bytes).max(self.blocks.window).min(self.limit);
        self.blocks.window = window;
        self.blocks.full = Some(now);
        self.blocks.patience.grew(bytes, window);
        Ok(())
    }

    /// Waits for a late reader, for no longer than new memory would cost. Returns true if enough blocks came home.
    fn wait_for_blocks(&mut self, bytes: u64) -> bool {
        let policy = self.late.get();
        let beside = self.cpu() == Some(cpu::current());
        let refuses = policy == LateReader::GrowAtOnce || (policy == LateReader::Spin && beside);
        if self.hurried || refuses {
            return false;
        }
        let awake = if beside { Duration::ZERO } else { AWAKE };
        let flow = &mut self.blocks;
        if flow.patient {
            flow.patience.sent(flow.home);
        } else {
            // New memory for one message would take as long, for this peer and the others.
            flow.patience
                .made(usize::try_from(bytes).unwrap_or(usize::MAX));
        }
        let (loan, window, limit) = (&flow.loan, flow.window, self.limit);
        let (mut looks, mut home) = (0, 0);
        let waited = flow.patience.wait_awake(policy, awake, || {
            home += loan.collect();
            looks += 1;
            Ok::<_, std::convert::Infallible>(Seen {
                // Each message that waits costs no more than new memory, so a reader that stands still is waited for, too:
                // it may be one that the scheduler has stopped, and the queue would take fresh memory all that time.
                position: looks,
                room: loan.bytes() + bytes <= window && loan.total() + bytes <= limit,
            })
        });
        flow.home += home;
        waited == Ok(true)
    }
}

/// The bytes of a table, from its words.
fn table<const BYTES: usize, const WORDS: usize>(words: [u64; WORDS]) -> [u8; BYTES] {
    let mut bytes = [0; BYTES];
    for (to, word) in bytes.chunks_exact_mut(8).zip(words) {
        to.copy_from_slice(&word.to_ne_bytes());
    }
    bytes
}
