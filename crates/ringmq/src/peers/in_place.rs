//! Parts that are written from the caller's bytes, and read to the caller's memory.

use std::collections::TryReserveError;
use std::mem;

use ringmq_message::Frame;
use ringmq_pattern::Peer;
use ringmq_pipe::blocks::Arena;
use ringmq_pipe::remote::Room;

use crate::peers::Peers;
use crate::peers::entry::Entry;
use crate::peers::inlet::Inlet;
use crate::peers::outlet::filled;

impl Peers {
    /// Writes the last part of a message to a peer: a copy of these bytes.
    ///
    /// # Errors
    ///
    /// If the bytes have to become a frame, and there is no memory for it. The parts before it are still there.
    #[inline(always)]
    pub(crate) fn write_slice(&mut self, peer: Peer, bytes: &[u8]) -> Result<(), TryReserveError> {
        let Some(entry) = self.entries.get_mut(peer.0 as usize) else {
            return Ok(());
        };
        if entry.next.is_none() {
            let converses = mem::take(&mut entry.converses);
            entry.sender.push_slice(bytes, converses)?;
        } else {
            entry.push_to_next(Frame::try_copy(bytes)?, true);
        }
        self.wrote(peer);
        Ok(())
    }

    /// Writes the last part of a message to a peer: `len` bytes, to which `fill` writes where they are sent from.
    ///
    /// # Errors
    ///
    /// If the bytes have to become a frame, and there is no memory for it. `fill` was not called, and the parts before it
    /// are still there.
    pub(crate) fn write_with(
        &mut self,
        peer: Peer,
        len: usize,
        fill: &mut dyn FnMut(&mut [u8]),
        own: Option<&Arena>,
    ) -> Result<(), TryReserveError> {
        let Some(entry) = self.entries.get_mut(peer.0 as usize) else {
            return filled(len, fill, own).map(drop);
        };
        if entry.next.is_none() {
            entry.sender.push_with(len, fill, own)?;
        } else {
            entry.push_to_next(filled(len, fill, own)?, true);
        }
        self.wrote(peer);
        Ok(())
    }

    /// Returns true if a message to a peer has begun, and not had its last part.
    pub(crate) fn is_mid_message(&self, peer: Peer) -> bool {
        let entry = self.entries.get(peer.0 as usize);
        entry.is_some_and(Entry::is_mid_message)
    }

    /// To be called after a part was written.
    #[inline(always)]
    pub(super) fn wrote(&mut self, peer: Peer) {
        if let Some(entry) = self.entries.get_mut(peer.0 as usize)
            && entry.sender.waits()
        {
            self.note_unsent(peer);
        }
    }

    /// Notes a message that was accepted and waits outside of the shared memory.
    #[cold]
    fn note_unsent(&mut self, peer: Peer) {
        let entry = &mut self.entries[peer.0 as usize];
        if !entry.sender.is_sound() {
            entry.report_failures();
            return;
        }
        if entry.sender.is_newly_full() {
            entry.far.tell_full(entry.id);
        }
        if !self.unsent.contains(&peer.0) {
            self.unsent.push(peer.0);
            self.has_duties = true;
        }
    }

    /// Writes a part to a peer out of a frame. The frame's contents afterwards are not specified.
    #[inline(always)]
    pub(crate) fn write_from(&mut self, peer: Peer, frame: &mut Frame) {
        let Some(entry) = self.entries.get_mut(peer.0 as usize) else {
            return;
        };
        let last = !frame.more();
        if entry.next.is_none() {
            let converses = mem::take(&mut entry.converses);
            entry.sender.push_from(frame, last, converses);
        } else {
            let mut frame = mem::take(frame);
            frame.set_properties(None);
            entry.push_to_next(frame, last);
        }
        self.wrote(peer);
    }

    /// Copies a part from a peer to `into`. Returns the length of the part, and whether more parts follow.
    #[inline(always)]
    pub(crate) fn read_slice(&mut self, peer: Peer, into: &mut Room<'_>) -> Option<(usize, bool)> {
        self.take(peer, |inlet| inlet.pop_slice(into), |(_, more)| *more)
    }

    /// Reads a part from a peer to a frame. Returns whether more parts follow.
    #[inline(always)]
    pub(crate) fn read_to(&mut self, peer: Peer, frame: &mut Frame) -> Option<bool> {
        self.take(peer, |inlet| inlet.pop_to(frame), |more| *more)
    }

    #[inline(always)]
    pub(super) fn take<T>(
        &mut self,
        peer: Peer,
        pop: impl FnOnce(&mut Inlet) -> Option<T>,
        more: impl Fn(&T) -> bool,
    ) -> Option<T> {
        let entry = self.entries.get_mut(peer.0 as usize)?;
        match pop(&mut entry.receiver) {
            Some(part) => {
                entry.mid_message = more(&part);
                entry.converses = true;
                if !entry.mid_message {
                    entry.receiver.done();
                    self.received += 1;
                }
                Some(part)
            }
            None => {
                self.found_nothing(peer);
                None
            }
        }
    }

    #[cold]
    fn found_nothing(&mut self, peer: Peer) {
        let entry = &mut self.entries[peer.0 as usize];
        // The rest of a message that has begun would be there. It does not come any more.
        entry.mid_message = false;
        if entry.has_failed() {
            entry.report_failures();
        }
        self.mark_unreadable(peer);
    }
}
