//! The sending half: the message face, and what its other faces stand on.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::time::Instant;

use ringmq_ring::{
    ClaimError, Corrupt, GenerationSeen, HEADER, Kind, Look, Mapped, MappedMut, Wanted, Writer,
};
use ringmq_sys::{Credentials as PeerCredentials, Ringer};

use super::block::OwnBlocks;
use super::error::{SendError, WaitError};
use super::patience::Patience;
use super::stats::Stats;
use super::wait::{Armed, Waiter};
use crate::waiting::Awaited;

/// Bytes kept free while a message is under way in pieces: for the record that withdraws it.
pub(crate) const SPARE: u64 = HEADER;

/// The sending half of a pipe.
///
/// Dropping it closes this direction: the peer receives everything that was sent, and then the end.
#[derive(Debug)]
pub struct Sender {
    pub(crate) writer: Writer<MappedMut, Mapped>,
    pub(crate) peer: Peer,
    /// The memory for blocks that the peer reads.
    pub(super) blocks: Option<Box<OwnBlocks>>,
    wanted: Wanted<MappedMut>,
    /// The longest message that goes in one piece. Invariant: no longer than what the peer accepts.
    pub(crate) piece: usize,
}

/// What a sender knows of the receiver at the other end, and how to wake it.
#[derive(Debug)]
pub(crate) struct Peer {
    /// Whether it sleeps.
    generation: GenerationSeen<Mapped>,
    /// Its doorbell for data.
    ringer: Ringer,
    waiter: Waiter,
    failed: Failed,
    stats: Stats,
}

/// What a sender waits for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Need {
    /// The reader has passed this position.
    Room(u64),
    /// A block has come home.
    Blocks,
}

/// Why nothing more can be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Failed {
    No,
    Closed,
    PeerDied,
    Corrupt(Corrupt),
}

impl Sender {
    pub(crate) fn new(
        writer: Writer<MappedMut, Mapped>,
        generation: GenerationSeen<Mapped>,
        ringer: Ringer,
        wanted: Wanted<MappedMut>,
        waiter: Waiter,
        blocks: Option<Box<OwnBlocks>>,
    ) -> Sender {
        // Pieces of an eighth keep both sides copying at the same time. None is longer than a message may be: what one
        // `write` has sent may be received as one.
        let greatest = waiter.shared().peer_greatest;
        let piece = (writer.capacity() / 8)
            .min(writer.longest())
            .min(usize::try_from(greatest).unwrap_or(usize::MAX));
        let (failed, stats) = (Failed::No, Stats::default());
        let peer = Peer {
            generation,
            ringer,
            waiter,
            failed,
            stats,
        };
        Sender {
            piece,
            writer,
            peer,
            blocks,
            wanted,
        }
    }

    /// Sends one message; waits for room if there is none. A message that is longer than an eighth of
    /// the ring goes in pieces while the peer receives them.
    ///
    /// # Errors
    ///
    /// [`SendError`]. After `TimedOut` or `Interrupted` the peer sees nothing of the message, and it
    /// can be sent again. After `Closed`, `PeerDied` or `Corrupt` nothing can be sent any more.
    #[inline]
    pub fn send(&mut self, message: &[u8]) -> Result<(), SendError> {
        self.send_within(message, Patience::Until(None))
    }

    /// As [`send`](Sender::send), until the deadline.
    ///
    /// # Errors
    ///
    /// As [`send`](Sender::send), and `TimedOut`.
    #[inline]
    pub fn send_deadline(&mut self, message: &[u8], deadline: Instant) -> Result<(), SendError> {
        self.send_within(message, Patience::Until(Some(deadline)))
    }

    /// Sends one message if there is room for all of it now.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if there is none; `TooLarge` if there never could be: a message that does not fit
    /// the ring as a whole needs [`send`](Sender::send).
    #[inline]
    pub fn try_send(&mut self, message: &[u8]) -> Result<(), SendError> {
        self.send_within(message, Patience::None)
    }

    /// Sends several messages, and publishes as many together as there is room for: cheaper than one
    /// by one, and the peer is woken once. Returns how many were sent: all of them, or those before the first that could
    /// not be sent, if there are any.
    ///
    /// # Errors
    ///
    /// Why not even one was sent.
    pub fn send_batch<I>(&mut self, messages: I) -> Result<usize, SendError>
    where
        I: IntoIterator,
        I::Item: AsRef<[u8]>,
    {
        self.peer.check()?;
        // Published, and committed since.
        let (mut sent, mut pending) = (0, 0);
        let mut outcome = Ok(());
        for message in messages {
            let message = message.as_ref();
            if message.len() <= self.piece
                && let Ok(mut claim) = self.writer.claim(message.len())
            {
                claim.copy_from(message);
                claim.commit(Kind::Last);
                self.peer.count(1, message.len());
                pending += 1;
                continue;
            }
            outcome = self.publish().and_then(|()| {
                sent += std::mem::take(&mut pending);
                self.send(message)
            });
            if outcome.is_err() {
                break;
            }
            sent += 1;
        }
        let published = self.publish();
        if outcome.is_ok() && published.is_ok() {
            sent += pending;
        }
        match outcome.and(published) {
            Err(error) if sent == 0 => Err(error),
            _ => Ok(sent),
        }
    }

    #[inline(always)]
    pub(super) fn send_within(
        &mut self,
        message: &[u8],
        patience: Patience,
    ) -> Result<(), SendError> {
        self.peer.check()?;
        if message.len() <= self.piece && self.writer.push(Kind::Last, message).is_ok() {
            self.peer.count(1, message.len());
            return self.peer.wake();
        }
        self.send_slowly(message, patience)
    }

    /// The message is long, or there is no room, or something is wrong.
    #[cold]
    #[inline(never)]
    fn send_slowly(&mut self, message: &[u8], patience: Patience) -> Result<(), SendError> {
        let len = message.len() as u64;
        let greatest = self.peer.waiter.shared().peer_greatest;
        if len > greatest {
            return Err(SendError::TooLarge {
                len,
                most: greatest,
            });
        }
        if let Patience::None | Patience::Never = patience {
            return self.send_now(message);
        }
        let mut rest = message;
        loop {
            let (piece, kind) = match rest.split_at_checked(self.piece) {
                Some((piece, after)) if !after.is_empty() => (piece, Kind::More),
                _ => (rest, Kind::Last),
            };
            let outcome = match self.push_sparing(kind, piece) {
                Ok(()) => self.peer.wake(),
                Err(ClaimError::Full { wanted }) => match self.await_room(wanted, patience) {
                    Ok(()) => continue,
                    Err(error) => Err(error),
                },
                Err(error) => Err(self.refuse(error)),
            };
            if let Err(error) = outcome {
                if rest.len() < message.len() && self.peer.failed == Failed::No {
                    // Pieces are under way: the peer drops them.
                    self.writer.abort();
                    self.peer.wake()?;
                }
                return Err(error);
            }
            rest = &rest[piece.len()..];
            if kind == Kind::Last {
                self.peer.count(1, message.len());
                return Ok(());
            }
        }
    }

    /// All of it now, in as many pieces as it takes, published together; or nothing.
    fn send_now(&mut self, message: &[u8]) -> Result<(), SendError> {
        let most = self.writer.longest();
        if message.len() > most {
            return Err(SendError::TooLarge {
                len: message.len() as u64,
                most: most as u64,
            });
        }
        match self.writer.push(Kind::Last, message) {
            Ok(()) => {
                self.peer.count(1, message.len());
                self.peer.wake()
            }
            Err(ClaimError::Full { wanted }) => {
                self.await_room(wanted, Patience::None)?;
                self.writer
                    .push(Kind::Last, message)
                    .map_err(|error| self.refuse(error))?;
                self.peer.count(1, message.len());
                self.peer.wake()
            }
            Err(error) => Err(self.refuse(error)),
        }
    }

    fn push_sparing(&mut self, kind: Kind, piece: &[u8]) -> Result<(), ClaimError> {
        let mut claim = self.writer.claim_sparing(piece.len(), SPARE)?;
        claim.copy_from(piece);
        claim.commit(kind);
        self.writer.publish();
        Ok(())
    }

    /// Publishes what was committed, and wakes the peer.
    pub(crate) fn publish(&mut self) -> Result<(), SendError> {
        if !self.writer.has_unpublished() {
            return Ok(());
        }
        self.writer.publish();
        self.peer.wake()
    }

    /// Turns the error of a claim into the caller's error.
    pub(crate) fn refuse(&mut self, error: ClaimError) -> SendError {
        match error {
            ClaimError::Full { .. } => SendError::WouldBlock,
            ClaimError::TooLong { len, longest } => SendError::TooLarge {
                len: len as u64,
                most: longest as u64,
            },
            ClaimError::Corrupt(corrupt) => {
                self.peer.failed = Failed::Corrupt(corrupt);
                SendError::Corrupt(corrupt)
            }
        }
    }

    /// Waits until the reader has passed `wanted`; without patience, looks once more whether it has.
    pub(crate) fn await_room(&mut self, wanted: u64, patience: Patience) -> Result<(), SendError> {
        self.await_need(Need::Room(wanted), patience)
    }

    /// As [`await_room`](Sender::await_room), until there is what is needed.
    pub(crate) fn await_need(&mut self, need: Need, patience: Patience) -> Result<(), SendError> {
        match patience {
            Patience::Until(_) => self.wait_for(need, patience),
            Patience::None if self.arm_for_watcher(need)? => Ok(()),
            Patience::None | Patience::Never => Err(SendError::WouldBlock),
        }
    }

    /// Waits until there is what is needed.
    fn wait_for(&mut self, need: Need, patience: Patience) -> Result<(), SendError> {
        let Patience::Until(deadline) = patience else {
            return Err(SendError::WouldBlock);
        };
        // What was committed and not published could never be read, and never make room.
        self.publish()?;
        let mut room = Room {
            writer: &mut self.writer,
            peer: &self.peer.generation,
            word: &mut self.wanted,
            blocks: self.blocks.as_deref(),
            need,
            found: false,
        };
        let outcome = self
            .peer
            .waiter
            .wait(&mut room, deadline, &self.peer.ringer);
        self.after_wait(outcome)
    }

    fn after_wait(&mut self, outcome: Result<(), WaitError>) -> Result<(), SendError> {
        if self.peer.generation.is_closed() {
            self.peer.failed = Failed::Closed;
            return Err(SendError::Closed);
        }
        if let Err(WaitError::PeerDied) = outcome {
            self.peer.failed = Failed::PeerDied;
        }
        Ok(outcome?)
    }

    /// Arms the descriptor for what is needed, if the program polls it. Returns true if there is room after all.
    fn arm_for_watcher(&mut self, need: Need) -> Result<bool, SendError> {
        let mut room = Room {
            writer: &mut self.writer,
            peer: &self.peer.generation,
            word: &mut self.wanted,
            blocks: self.blocks.as_deref(),
            need,
            found: false,
        };
        let outcome = self
            .peer
            .waiter
            .arm_for_watcher(&mut room, &self.peer.ringer);
        if let Ok(false) = outcome
            && self.peer.waiter.peer_is_gone().map_err(SendError::Os)?
        {
            return self.after_wait(Err(WaitError::PeerDied)).map(|()| false);
        }
        let found = matches!(outcome, Ok(true));
        self.after_wait(outcome.map(|_| ())).map(|()| found)
    }

    /// Whether anything can still be sent. Sends nothing, does not wait, and asks the kernel at most
    /// once a millisecond.
    ///
    /// # Errors
    ///
    /// `Closed` if the peer has closed its receiver, `PeerDied` if it is gone; others if an earlier call
    /// has failed for good.
    pub fn check_peer(&mut self) -> Result<(), SendError> {
        self.peer.check()?;
        if self.peer.generation.is_closed() {
            self.peer.failed = Failed::Closed;
        } else if self.peer.waiter.peer_is_gone().map_err(SendError::Os)? {
            // It may have closed just before.
            let closed = self.peer.generation.is_closed();
            self.peer.failed = if closed {
                Failed::Closed
            } else {
                Failed::PeerDied
            };
        }
        self.peer.check()
    }

    /// Bytes of the ring that this half writes.
    pub fn capacity(&self) -> usize {
        self.writer.capacity()
    }

    /// The greatest message that the peer accepts, in bytes.
    pub fn max_message(&self) -> u64 {
        self.peer.waiter.shared().peer_greatest
    }

    /// The credentials of the peer, from the kernel.
    pub fn peer_credentials(&self) -> PeerCredentials {
        self.peer.waiter.shared().credentials()
    }

    /// What this half has done.
    pub fn stats(&self) -> Stats {
        self.peer.stats.with(self.peer.waiter.stats)
    }
}

impl Peer {
    /// Whether anything can be sent at all.
    #[inline(always)]
    pub(crate) fn check(&self) -> Result<(), SendError> {
        if self.failed == Failed::No && self.waiter.shared().is_here() {
            return Ok(());
        }
        Err(self.failure())
    }

    #[cold]
    fn failure(&self) -> SendError {
        if !self.waiter.shared().is_here() {
            return SendError::Forked;
        }
        match self.failed {
            Failed::PeerDied => SendError::PeerDied,
            Failed::Corrupt(corrupt) => SendError::Corrupt(corrupt),
            Failed::Closed | Failed::No => SendError::Closed,
        }
    }

    /// The step after a publication: a look whether the receiver sleeps.
    #[inline(always)]
    pub(crate) fn wake(&mut self) -> Result<(), SendError> {
        match self.generation.look() {
            Look::Nothing => Ok(()),
            look => self.wake_now(look),
        }
    }

    #[inline(never)]
    fn wake_now(&mut self, look: Look) -> Result<(), SendError> {
        if look == Look::Closed {
            self.failed = Failed::Closed;
            return Err(SendError::Closed);
        }
        self.waiter.tell_cpu();
        self.stats.rings += 1;
        self.ringer.ring().map_err(SendError::Os)
    }

    #[inline(always)]
    pub(crate) fn count(&mut self, messages: u64, bytes: usize) {
        self.stats.messages += messages;
        self.stats.bytes += bytes as u64;
    }
}

/// Readable, strange as it sounds, while there is room again after [`try_send`](Sender::try_send) has
/// said `WouldBlock`, or memory after [`try_block`](Sender::try_block) has, and when the peer is gone. Poll it for input,
/// and call the same function until it says `WouldBlock` again.
impl AsFd for Sender {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.peer.waiter.watch(&self.peer.ringer)
    }
}

/// The number of the same descriptor.
impl AsRawFd for Sender {
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        if self.peer.waiter.shared().is_here() && self.peer.failed == Failed::No {
            self.writer.end();
            // If this fails, the peer is gone and need not hear of it.
            let _ = self.peer.wake();
        }
    }
}

/// What a sender waits for, and where it looks.
struct Room<'a> {
    writer: &'a mut Writer<MappedMut, Mapped>,
    peer: &'a GenerationSeen<Mapped>,
    word: &'a mut Wanted<MappedMut>,
    blocks: Option<&'a OwnBlocks>,
    need: Need,
    /// A block has come home, which the next look is to say.
    found: bool,
}

impl Armed for Room<'_> {
    fn arm(&mut self) -> io::Result<()> {
        let position = match (self.need, self.blocks) {
            (Need::Room(position), _) => position,
            (Need::Blocks, Some(blocks)) => {
                // ORDERING: the last disarming before this look. A reader that has rung for the last position that was wanted
                // is seen behind it, and another position is wanted now: it rings once for each.
                ringmq_ring::order();
                self.found |= blocks.collect();
                blocks.wanted()
            }
            (Need::Blocks, None) => 0,
        };
        self.word.arm(position);
        Ok(())
    }

    fn disarm(&mut self) {
        self.word.disarm();
    }
}

impl Awaited for Room<'_> {
    type Error = WaitError;

    fn look(&mut self) -> bool {
        self.peer.is_closed()
            || match self.need {
                Need::Room(position) => {
                    !matches!(self.writer.look_at_reader(), Ok(at) if at < position)
                }
                Need::Blocks => {
                    std::mem::take(&mut self.found) || self.blocks.is_none_or(OwnBlocks::collect)
                }
            }
    }

    /// Each look takes the line of its position from the reader, which stores to it with every record:
    /// the further the reader has to go, the more seldom we look. About 1.5 µs at the most.
    fn pauses(&self) -> u32 {
        let missing = match self.need {
            Need::Room(position) => position.saturating_sub(self.writer.seen_reader()),
            // A message in a block is long.
            Need::Blocks => u64::MAX,
        };
        (missing / 256).clamp(32, 128) as u32
    }
}

/// `Send`, not `Sync`: one thread at a time sends.
const _: () = {
    const fn is_send<T: Send>() {}
    is_send::<Sender>();
};
