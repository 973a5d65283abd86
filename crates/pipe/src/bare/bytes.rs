//! The byte face: `write()` and `read()`, as on a socket.
//!
//! A write becomes one record, or as much of it as an eighth of the ring holds; a read takes what is
//! there, from one record or several, and never waits once it has something. Boundaries between writes
//! are not kept.

use std::io::{self, IoSlice, IoSliceMut, Read, Write};

use ringmq_ring::{ClaimError, Kind, Room};

use super::error::{RecvError, SendError};
use super::patience::Patience;
use super::receiver::Receiver;
use super::sender::Sender;

impl Sender {
    /// Writes some of `bytes` now, and returns how many.
    ///
    /// # Errors
    ///
    /// [`SendError::WouldBlock`] if there is no room; others as [`send`](Sender::send).
    pub fn try_write(&mut self, bytes: &[u8]) -> Result<usize, SendError> {
        self.write_some(&[IoSlice::new(bytes)], Patience::None)
    }

    fn write_some(
        &mut self,
        bytes: &[IoSlice<'_>],
        patience: Patience,
    ) -> Result<usize, SendError> {
        self.peer.check()?;
        let total = bytes
            .iter()
            .fold(0usize, |sum, slice| sum.saturating_add(slice.len()));
        let take = total.min(self.piece);
        if take == 0 {
            return Ok(0);
        }
        loop {
            match self.writer.claim(take) {
                Ok(mut claim) => {
                    if let [one] = bytes {
                        claim.copy_from(&one[..take]);
                    } else {
                        gather(claim.as_mut_slice(), bytes);
                    }
                    claim.publish(Kind::Last, take);
                    self.peer.count(1, take);
                    self.peer.wake()?;
                    return Ok(take);
                }
                Err(ClaimError::Full { wanted }) => self.await_room(wanted, patience)?,
                Err(error) => return Err(self.refuse(error)),
            }
        }
    }
}

/// Fills `room` from one slice after the other.
fn gather(mut room: &mut [u8], bytes: &[IoSlice<'_>]) {
    for slice in bytes {
        let take = slice.len().min(room.len());
        let (now, later) = room.split_at_mut(take);
        now.copy_from_slice(&slice[..take]);
        room = later;
    }
}

/// Blocks while the ring is full. `BrokenPipe` once the peer has closed its receiver or is gone; the
/// source of the error is the [`SendError`].
impl Write for Sender {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(self.write_some(&[IoSlice::new(bytes)], Patience::Until(None))?)
    }

    fn write_vectored(&mut self, bytes: &[IoSlice<'_>]) -> io::Result<usize> {
        Ok(self.write_some(bytes, Patience::Until(None))?)
    }

    /// Nothing to do: what was written is published.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Receiver {
    /// Reads what is there now, at most as much as `into` holds, and returns how many bytes; 0 is the
    /// end of the stream (or an empty `into`).
    ///
    /// # Errors
    ///
    /// [`RecvError::WouldBlock`] if there is nothing; others as [`recv`](Receiver::recv).
    pub fn try_read(&mut self, into: &mut [u8]) -> Result<usize, RecvError> {
        self.read_some(into, Patience::None)
    }

    fn read_some(&mut self, into: &mut [u8], patience: Patience) -> Result<usize, RecvError> {
        if into.is_empty() || !self.gathered().is_empty() {
            return self.read_gathered(into);
        }
        let mut read = 0;
        let mut lap = self.lap();
        while read < into.len() {
            let patience = if read == 0 { patience } else { Patience::Never };
            let record = match self.next(patience) {
                Ok(record) => record,
                // What was read comes first; whatever this is, the next call finds it again.
                Err(_) if read > 0 => break,
                Err(RecvError::Closed) => return Ok(0),
                Err(error) => return Err(error),
            };
            let mut rest = Room::from(&mut into[read..]);
            let copied = if record.kind() == Kind::Blocks {
                match self.read_block(record, rest.bytes()) {
                    // As above.
                    Err(_) if read > 0 => break,
                    copied => copied?,
                }
            } else {
                let copied = self.reader().copy_to(&record, self.taken, &mut rest);
                self.taken += copied;
                if self.taken >= record.len() {
                    self.taken = 0;
                    self.release(record)?;
                }
                copied
            };
            read += copied;
            if copied == 0 {
                match self.go_round(&mut lap, patience) {
                    Err(_) if read > 0 => break,
                    outcome => outcome?,
                }
            }
        }
        if read > 0 {
            self.count(1, read);
        }
        Ok(read)
    }
}

impl Receiver {
    /// Reads the pieces of a message that the message face did not wait for.
    #[cold]
    fn read_gathered(&mut self, into: &mut [u8]) -> Result<usize, RecvError> {
        if !self.is_here() {
            return Err(RecvError::Forked);
        }
        let take = into.len().min(self.gathered().len());
        into[..take].copy_from_slice(&self.gathered()[..take]);
        self.gathered().drain(..take);
        if take > 0 {
            self.count(1, take);
        }
        Ok(take)
    }
}

/// Blocks while there is nothing. `Ok(0)` once the peer has closed its sender and everything was read;
/// `ConnectionReset` if it died without closing. The source of an error is the [`RecvError`].
impl Read for Receiver {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        Ok(self.read_some(into, Patience::Until(None))?)
    }

    fn read_vectored(&mut self, into: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        let mut read = 0;
        for slice in into {
            let patience = if read == 0 {
                Patience::Until(None)
            } else {
                Patience::Never
            };
            match self.read_some(slice, patience) {
                Ok(more) => read += more,
                Err(_) if read > 0 => break,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(read)
    }
}
