//! The slot face: messages that are written and read where they lie in the ring.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::time::Instant;

use ringmq_ring::{self as ring, ClaimError, Kind, Mapped, MappedMut, Record};

use super::error::{RecvError, SendError};
use super::patience::Patience;
use super::receiver::Receiver;
use super::sender::{Peer, Sender};
use crate::vow::Vow;

/// Room for one message in the ring: write it in place, then [commit](Claim::commit) it. Dropped
/// without a commit, it was never there.
///
/// What the bytes hold before is unspecified: zeros, or older messages of this pipe. They are aligned to 8.
///
/// A child that is forked while there is a claim can drop it, but does not have its bytes: to touch them is a fault.
#[must_use = "a claim that is dropped is aborted"]
pub struct Claim<'a> {
    room: ring::Claim<'a, MappedMut, Mapped>,
    peer: &'a mut Peer,
}

impl Sender {
    /// The longest message that can be [claimed](Sender::claim), in bytes: three eighths of the ring,
    /// less a little.
    pub fn max_claim(&self) -> usize {
        self.writer.longest()
    }

    /// Claims room for a message of up to `len` bytes in one piece; waits for room if there is none.
    ///
    /// ```
    /// # use ringmq_pipe::Options;
    /// # let (mut left, mut right) = Options::new().pair()?;
    /// let mut slot = left.sender().claim(64)?;
    /// slot[..5].copy_from_slice(b"hello");
    /// slot.commit_len(5)?;
    /// # let mut message = Vec::new();
    /// # right.receiver().recv(&mut message)?;
    /// # assert_eq!(message, b"hello");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`SendError::TooLarge`] if `len` is more than [`max_claim`](Sender::max_claim) or than the peer
    /// accepts; others as [`send`](Sender::send).
    pub fn claim(&mut self, len: usize) -> Result<Claim<'_>, SendError> {
        self.claim_within(len, Patience::Until(None))
    }

    /// As [`claim`](Sender::claim), until the deadline.
    ///
    /// # Errors
    ///
    /// As [`claim`](Sender::claim), and `TimedOut`.
    pub fn claim_deadline(
        &mut self,
        len: usize,
        deadline: Instant,
    ) -> Result<Claim<'_>, SendError> {
        self.claim_within(len, Patience::Until(Some(deadline)))
    }

    /// Claims room if there is room now.
    ///
    /// # Errors
    ///
    /// As [`claim`](Sender::claim), and `WouldBlock`.
    pub fn try_claim(&mut self, len: usize) -> Result<Claim<'_>, SendError> {
        self.claim_within(len, Patience::None)
    }

    fn claim_within(&mut self, len: usize, patience: Patience) -> Result<Claim<'_>, SendError> {
        self.peer.check()?;
        let (len64, most) = (len as u64, self.max_message());
        if len64 > most {
            return Err(SendError::TooLarge { len: len64, most });
        }
        loop {
            // First without keeping the claim: a borrow that is returned cannot be given up in a loop.
            match self.writer.claim(len).map(drop) {
                Ok(()) => break,
                Err(ClaimError::Full { wanted }) => self.await_room(wanted, patience)?,
                Err(error) => return Err(self.refuse(error)),
            }
        }
        match self.writer.claim(len) {
            Ok(room) => Ok(Claim {
                room,
                peer: &mut self.peer,
            }),
            Err(_) => Err(SendError::WouldBlock),
        }
    }
}

impl Claim<'_> {
    /// Sends the whole claim.
    ///
    /// # Errors
    ///
    /// [`SendError::Closed`] if the peer has closed its receiver; `Os` if its doorbell cannot be rung.
    #[inline]
    pub fn commit(self) -> Result<(), SendError> {
        let len = self.room.len();
        self.commit_len(len)
    }

    /// Sends the first `len` bytes; more than were claimed means all of them.
    ///
    /// # Errors
    ///
    /// As [`commit`](Claim::commit).
    #[inline]
    pub fn commit_len(self, len: usize) -> Result<(), SendError> {
        self.peer.check()?;
        let len = len.min(self.room.len());
        self.room.publish(Kind::Last, len);
        self.peer.count(1, len);
        self.peer.wake()
    }
}

impl Deref for Claim<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.room.as_slice()
    }
}

impl DerefMut for Claim<'_> {
    fn deref_mut(&mut self) -> &mut [u8] {
        self.room.as_mut_slice()
    }
}

impl fmt::Debug for Claim<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Claim")
            .field("len", &self.room.len())
            .finish_non_exhaustive()
    }
}

/// A message that is lent where it lies in the peer's ring. Dropping it gives the room back.
///
/// A child that is forked while a message is lent can drop it, but does not have its bytes: to touch them is a fault.
#[derive(Debug)]
pub struct Lent<'a> {
    receiver: &'a mut Receiver,
    /// `None` if the message is not in the ring: then the receiver knows where it is, in a block or gathered from pieces.
    record: Option<Record>,
}

impl Receiver {
    /// Receives one message where it lies; waits until there is one. A message that came in pieces is
    /// gathered first.
    ///
    /// ```
    /// # use ringmq_pipe::{Options, Vow};
    /// # let (mut left, mut right) = Options::new().pair()?;
    /// # left.sender().send(b"hello")?;
    /// // SAFETY: both ends are in this process.
    /// let vow = unsafe { Vow::new() };
    /// let message = right.receiver().recv_in_place(vow)?;
    /// assert_eq!(&*message, b"hello");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`recv`](Receiver::recv).
    pub fn recv_in_place(&mut self, vow: Vow) -> Result<Lent<'_>, RecvError> {
        self.lend(vow, Patience::Until(None))
    }

    /// As [`recv_in_place`](Receiver::recv_in_place), until the deadline.
    ///
    /// # Errors
    ///
    /// As [`recv_deadline`](Receiver::recv_deadline).
    pub fn recv_in_place_deadline(
        &mut self,
        vow: Vow,
        deadline: Instant,
    ) -> Result<Lent<'_>, RecvError> {
        self.lend(vow, Patience::Until(Some(deadline)))
    }

    /// Receives one message where it lies, if there is one now.
    ///
    /// # Errors
    ///
    /// As [`try_recv`](Receiver::try_recv).
    pub fn try_recv_in_place(&mut self, vow: Vow) -> Result<Lent<'_>, RecvError> {
        self.lend(vow, Patience::None)
    }

    fn lend(&mut self, _vow: Vow, patience: Patience) -> Result<Lent<'_>, RecvError> {
        let record = self.next(patience)?;
        if record.kind() == Kind::Last && !self.in_midst() {
            self.check_length(record.len() as u64)?;
            return Ok(Lent {
                receiver: self,
                record: Some(record),
            });
        }
        if record.kind() == Kind::Blocks && !self.in_midst() {
            self.lend_block(record)?;
        } else {
            self.forget_lent();
            self.fill(patience)?;
        }
        Ok(Lent {
            receiver: self,
            record: None,
        })
    }
}

impl Deref for Lent<'_> {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        match &self.record {
            // SAFETY: a `Lent` is made for a vow, which says that the peer does not write here.
            Some(record) => unsafe { self.receiver.reader().in_place(record) },
            // SAFETY: as above.
            None => unsafe { self.receiver.lent() },
        }
    }
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        if !self.receiver.is_here() {
            return;
        }
        self.receiver.count(1, self.len());
        match self.record.take() {
            // A doorbell that cannot be rung belongs to a peer that is gone; the next call says so.
            Some(record) => drop(self.receiver.release(record)),
            None => self.receiver.end_lending(),
        }
    }
}
