//! The receiving half: the message face, and what its other faces stand on.

mod blocks;

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::sync::Arc;
use std::time::Instant;

use ringmq_ring::{
    Corrupt, Generation, Kind, Look, Mapped, MappedMut, Owed, Reader, Record, WantedSeen,
};
use ringmq_sys::{Credentials as PeerCredentials, ForkMark, Ringer, barrier};

use super::error::{RecvError, WaitError};
use super::held::PeerBlocks;
use super::patience::Patience;
use super::stats::Stats;
use super::wait::{Armed, Waiter};
use crate::waiting::Awaited;

/// The receiving half of a pipe.
///
/// Dropping it closes this direction: the peer's sender fails with
/// [`SendError::Closed`](crate::SendError::Closed).
#[derive(Debug)]
pub struct Receiver {
    reader: Reader<Mapped, MappedMut>,
    /// Whether the peer's sender waits for room.
    peer: WantedSeen<Mapped>,
    /// The peer's doorbell for room.
    ringer: Arc<Ringer>,
    /// The peer's memory for blocks.
    blocks: Option<Box<PeerBlocks>>,
    generation: Generation<MappedMut>,
    waiter: Waiter,
    /// What has come of a message whose last piece has not.
    partial: Vec<u8>,
    /// Bytes of the record at the front that the byte face has taken.
    pub(crate) taken: usize,
    failed: Failed,
    payment: Payment,
    pub(crate) stats: Stats,
}

/// Why nothing more can be received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Failed {
    No,
    Closed,
    PeerDied,
    Corrupt(Corrupt),
    TooLarge { len: u64, most: u64 },
}

/// Who pays for the order before a sleep: publishers with fences, or this sleeper with a barrier. It
/// goes by how many records come between two sleeps.
#[derive(Debug, Default)]
struct Payment {
    records: u64,
    at_last_sleep: u64,
    /// Sleeps in a row with few records before them.
    frequent: u32,
}

/// Where a call began to go round the ring.
#[derive(Debug)]
pub(crate) struct Lap {
    start: u64,
    /// Whether the peer was known to be gone then.
    peer_gone: bool,
}

/// Records between two sleeps from which on a barrier for each sleep is cheaper than a fence for each record.
const MANY: u64 = 64;
/// Sleeps in a row with fewer records than that, after which publishers are asked for fences.
const FREQUENT: u32 = 4;

impl Receiver {
    pub(crate) fn new(
        reader: Reader<Mapped, MappedMut>,
        peer: WantedSeen<Mapped>,
        ringer: Ringer,
        generation: Generation<MappedMut>,
        waiter: Waiter,
    ) -> Receiver {
        Receiver {
            reader,
            peer,
            ringer: Arc::new(ringer),
            blocks: None,
            generation,
            waiter,
            partial: Vec::new(),
            taken: 0,
            failed: Failed::No,
            payment: Payment::default(),
            stats: Stats::default(),
        }
    }

    pub(super) fn mark(&self) -> &ForkMark {
        &self.waiter.shared().mark
    }

    /// Returns true if all memory is mapped before it is used.
    pub(super) fn prefaults(&self) -> bool {
        self.waiter.shared().prefault
    }

    /// Receives one message in place of what `message` held; waits until there is one.
    ///
    /// # Errors
    ///
    /// [`RecvError`]. After `Closed` and `PeerDied` everything that was sent has been received; after
    /// them, `Corrupt` and `TooLarge` nothing more can be.
    #[inline]
    pub fn recv(&mut self, message: &mut Vec<u8>) -> Result<(), RecvError> {
        self.recv_within(message, Patience::Until(None))
    }

    /// As [`recv`](Receiver::recv), until the deadline.
    ///
    /// # Errors
    ///
    /// As [`recv`](Receiver::recv), and `TimedOut`; pieces of a message that have come are kept for
    /// the next call.
    #[inline]
    pub fn recv_deadline(
        &mut self,
        message: &mut Vec<u8>,
        deadline: Instant,
    ) -> Result<(), RecvError> {
        self.recv_within(message, Patience::Until(Some(deadline)))
    }

    /// Receives one message if there is one now.
    ///
    /// # Errors
    ///
    /// As [`recv`](Receiver::recv), and `WouldBlock`; pieces of a message that have come are kept for
    /// the next call.
    #[inline]
    pub fn try_recv(&mut self, message: &mut Vec<u8>) -> Result<(), RecvError> {
        self.recv_within(message, Patience::None)
    }

    /// A whole message is received right here, be it there already or waited for; everything else is
    /// slow anyway.
    #[inline(always)]
    pub(super) fn recv_within(
        &mut self,
        message: &mut Vec<u8>,
        patience: Patience,
    ) -> Result<(), RecvError> {
        while self.may_receive() && !self.in_midst() {
            match self.reader.peek() {
                Ok(Some(record))
                    if record.kind() == Kind::Last
                        && record.len() as u64 <= self.waiter.shared().own_greatest
                        && record.len() <= message.capacity() =>
                {
                    message.clear();
                    append(message, &self.reader, &record, 0)?;
                    self.count(1, message.len());
                    return self.release(record);
                }
                Ok(None) => self.wait(patience)?,
                _ => break,
            }
        }
        self.recv_slowly(message, patience)
    }

    #[inline(never)]
    fn recv_slowly(&mut self, message: &mut Vec<u8>, patience: Patience) -> Result<(), RecvError> {
        let mut lap = self.lap();
        loop {
            let record = self.next(patience)?;
            if record.kind() == Kind::Last && !self.in_midst() {
                message.clear();
                self.check_length(record.len() as u64)?;
                append(message, &self.reader, &record, 0)?;
                self.count(1, message.len());
                return self.release(record);
            }
            if self.piece(record)? {
                std::mem::swap(message, &mut self.partial);
                self.partial.clear();
                self.count(1, message.len());
                return Ok(());
            }
            self.go_round(&mut lap, patience)?;
        }
    }

    /// Whether anything can be received at all.
    #[inline(always)]
    fn may_receive(&self) -> bool {
        self.failed == Failed::No && self.is_here()
    }

    /// Whether this is the process that made the pipe, and not a child forked from it.
    #[inline(always)]
    pub(crate) fn is_here(&self) -> bool {
        self.waiter.shared().is_here()
    }

    /// Takes in one record of a message in pieces. Says whether the message is complete.
    #[cold]
    #[inline(never)]
    fn piece(&mut self, record: Record) -> Result<bool, RecvError> {
        if record.kind() == Kind::Blocks {
            return self.copy_block(record);
        }
        if record.kind() == Kind::Abort {
            self.partial.clear();
        } else {
            let taken = std::mem::take(&mut self.taken);
            // The record became shorter than what was taken of it: the peer spoils its own message.
            let len = self.partial.len() + record.len().saturating_sub(taken);
            self.check_length(len as u64)?;
            append(&mut self.partial, &self.reader, &record, taken)?;
        }
        self.release(record)?;
        Ok(record.kind() == Kind::Last)
    }

    #[inline(always)]
    pub(crate) fn check_length(&mut self, len: u64) -> Result<(), RecvError> {
        let most = self.waiter.shared().own_greatest;
        if len > most {
            self.failed = Failed::TooLarge { len, most };
            return Err(RecvError::TooLarge { len, most });
        }
        Ok(())
    }

    /// The record at the front, waiting for it if need be. Never the end: that is `Closed`.
    #[inline(always)]
    pub(crate) fn next(&mut self, patience: Patience) -> Result<Record, RecvError> {
        loop {
            if !self.may_receive() {
                return Err(self.failure());
            }
            match self.reader.peek() {
                Ok(Some(record)) if record.kind() != Kind::End => return Ok(record),
                Ok(None) => self.wait(patience)?,
                other => return Err(self.over(other)),
            }
        }
    }

    #[cold]
    fn over(&mut self, peeked: Result<Option<Record>, Corrupt>) -> RecvError {
        self.failed = match peeked {
            Err(corrupt) => Failed::Corrupt(corrupt),
            Ok(_) => Failed::Closed,
        };
        self.partial = Vec::new();
        self.failure()
    }

    #[cold]
    fn failure(&self) -> RecvError {
        if !self.waiter.shared().is_here() {
            return RecvError::Forked;
        }
        match self.failed {
            Failed::No | Failed::Closed => RecvError::Closed,
            Failed::PeerDied => RecvError::PeerDied,
            Failed::Corrupt(corrupt) => RecvError::Corrupt(corrupt),
            Failed::TooLarge { len, most } => RecvError::TooLarge { len, most },
        }
    }

    /// Waits until there is a record.
    #[inline(never)]
    fn wait(&mut self, patience: Patience) -> Result<(), RecvError> {
        let mut data = Data {
            reader: &self.reader,
            generation: &mut self.generation,
            payment: &mut self.payment,
            may_change: self.waiter.shared().barrier_reaches_peer
                && self.waiter.shared().may_change_payment,
        };
        let outcome = match patience {
            Patience::Until(deadline) => self.waiter.wait(&mut data, deadline, &self.ringer),
            Patience::Never => return Err(RecvError::WouldBlock),
            Patience::None => match self.waiter.arm_for_watcher(&mut data, &self.ringer) {
                Ok(true) => Ok(()),
                Ok(false) if self.waiter.peer_is_gone().map_err(RecvError::Os)? => {
                    if self.reader.is_empty() {
                        Err(WaitError::PeerDied)
                    } else {
                        Ok(())
                    }
                }
                Ok(false) => return Err(RecvError::WouldBlock),
                Err(error) => Err(error),
            },
        };
        if let Err(WaitError::PeerDied) = outcome {
            self.failed = Failed::PeerDied;
            self.partial = Vec::new();
        }
        Ok(outcome?)
    }

    /// Lets go of a record, and wakes the peer's sender if it waits for this.
    #[inline(always)]
    pub(crate) fn release(&mut self, record: Record) -> Result<(), RecvError> {
        self.payment.records += 1;
        if self.reader.release(record) {
            self.wake_peer()
        } else {
            Ok(())
        }
    }

    #[inline(never)]
    fn wake_peer(&mut self) -> Result<(), RecvError> {
        if self.peer.look(self.reader.position()) == Look::Ring {
            self.waiter.tell_cpu();
            self.stats.rings += 1;
            self.ringer.ring().map_err(RecvError::Os)?;
        }
        Ok(())
    }

    pub(crate) fn reader(&self) -> &Reader<Mapped, MappedMut> {
        &self.reader
    }

    /// The pieces of a message that have come, to be filled by [`fill`](Receiver::fill).
    pub(crate) fn gathered(&mut self) -> &mut Vec<u8> {
        &mut self.partial
    }

    /// Whether pieces of a message have come, or bytes of the record at the front were taken.
    pub(crate) fn in_midst(&self) -> bool {
        !self.partial.is_empty() || self.taken > 0
    }

    /// Gathers a message in pieces until it is complete.
    pub(crate) fn fill(&mut self, patience: Patience) -> Result<(), RecvError> {
        let mut lap = self.lap();
        loop {
            let record = self.next(patience)?;
            if self.piece(record)? {
                return Ok(());
            }
            self.go_round(&mut lap, patience)?;
        }
    }

    /// Begins a lap of the ring, at the start of a call.
    #[inline(always)]
    pub(crate) fn lap(&self) -> Lap {
        Lap {
            start: self.reader.position(),
            peer_gone: self.waiter.knows_peer_gone(),
        }
    }

    /// After a record that did not bring the call to its end. A ring that is full of such records may go
    /// round for ever, without its writer: so after each lap a call returns that does not wait, a deadline
    /// counts, and so does the peer's death.
    #[inline]
    pub(crate) fn go_round(&mut self, lap: &mut Lap, patience: Patience) -> Result<(), RecvError> {
        let gone = self.reader.position() - lap.start;
        if gone < self.reader.capacity() as u64 {
            return Ok(());
        }
        self.end_of_lap(lap, patience)
    }

    #[cold]
    fn end_of_lap(&mut self, lap: &mut Lap, patience: Patience) -> Result<(), RecvError> {
        if lap.peer_gone {
            // What the peer had published fits one lap.
            self.failed = Failed::PeerDied;
            self.partial = Vec::new();
            return Err(RecvError::PeerDied);
        }
        self.waiter.peer_is_gone().map_err(RecvError::Os)?;
        *lap = self.lap();
        match patience {
            Patience::None | Patience::Never => {
                self.waiter.look_again(&self.ringer);
                Err(RecvError::WouldBlock)
            }
            Patience::Until(Some(deadline)) if Instant::now() >= deadline => {
                Err(RecvError::TimedOut)
            }
            Patience::Until(_) => Ok(()),
        }
    }

    #[inline(always)]
    pub(crate) fn count(&mut self, messages: u64, bytes: usize) {
        self.stats.messages += messages;
        self.stats.bytes += bytes as u64;
    }

    /// Bytes of the ring that this half reads, and that the peer writes.
    pub fn capacity(&self) -> usize {
        self.reader.capacity()
    }

    /// The credentials of the peer, from the kernel.
    pub fn peer_credentials(&self) -> PeerCredentials {
        self.waiter.shared().credentials()
    }

    /// What this half has done.
    pub fn stats(&self) -> Stats {
        self.stats.with(self.waiter.stats)
    }
}

/// Appends the payload of `record`, from its byte `from` on.
#[inline(always)]
fn append(
    to: &mut Vec<u8>,
    reader: &Reader<Mapped, MappedMut>,
    record: &Record,
    from: usize,
) -> Result<(), RecvError> {
    let len = record.len().saturating_sub(from);
    // The length is the peer's word, but no more than its ring holds.
    if to.capacity() - to.len() < len && to.try_reserve(len).is_err() {
        return Err(RecvError::OutOfMemory {
            len: (to.len() + len) as u64,
        });
    }
    let room = to.spare_capacity_mut();
    let copied = reader.copy_out(record, from, &mut room[..len]);
    let len = to.len() + copied;
    // SAFETY: so many bytes of the spare capacity were just initialised.
    unsafe { to.set_len(len) };
    Ok(())
}

/// Readable while a message waits and when the peer has closed or is gone; at first also when there is
/// nothing. Poll it, and call [`try_recv`](Receiver::try_recv) until it says `WouldBlock`.
impl AsFd for Receiver {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.waiter.watch(&self.ringer)
    }
}

/// The number of the same descriptor.
impl AsRawFd for Receiver {
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        if self.waiter.shared().is_here() {
            self.generation.close();
            // A sender that waits for room is rung at once. If that fails, the doorbell's other end is about to be
            // closed, and says the same.
            let _ = self.ringer.ring();
        }
    }
}

/// What a receiver waits for: a record.
struct Data<'a> {
    reader: &'a Reader<Mapped, MappedMut>,
    generation: &'a mut Generation<MappedMut>,
    payment: &'a mut Payment,
    may_change: bool,
}

impl Awaited for Data<'_> {
    type Error = WaitError;

    #[inline(always)]
    fn look(&mut self) -> bool {
        !self.reader.is_empty()
    }

    #[inline]
    fn received(&self) -> u64 {
        self.payment.records
    }
}

impl Armed for Data<'_> {
    fn arm(&mut self) -> io::Result<()> {
        if self.may_change {
            let records = self.payment.records - self.payment.at_last_sleep;
            self.payment.at_last_sleep = self.payment.records;
            if records >= MANY {
                self.payment.frequent = 0;
                if self.generation.asks_fences() {
                    self.generation.forgo_fences();
                }
            } else if !self.generation.asks_fences() {
                self.payment.frequent += 1;
                if self.payment.frequent >= FREQUENT
                    && self.generation.ask_fences() == Owed::Barrier
                {
                    barrier::sync()?;
                }
            }
        }
        match self.generation.arm() {
            Owed::Nothing => Ok(()),
            Owed::Barrier => barrier::sync(),
        }
    }

    fn disarm(&mut self) {
        self.generation.disarm();
    }
}

/// `Send`, not `Sync`: one thread at a time receives.
const _: () = {
    const fn is_send<T: Send>() {}
    is_send::<Receiver>();
};
