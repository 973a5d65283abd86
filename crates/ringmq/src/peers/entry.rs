//! One peer of a socket.

use std::mem;
use std::sync::Arc;
use std::time::Instant;

use ringmq_message::Frame;
use ringmq_pipe::local;

use crate::mail::row;
use crate::mail::{Carrier, Failure, Far, Identity, Marks, PipeId, RowOrNone, Spare, ZmtpReason};
use crate::peers::inlet::Inlet;
use crate::peers::outlet::Outlet;
use crate::peers::shared_outlet::SharedOutlet;

/// One peer, and this socket's ends of the pipe to it.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) id: PipeId,
    pub(super) sender: Outlet,
    pub(super) receiver: Inlet,
    pub(super) next: Next,
    /// The way back from shared memory.
    pub(super) spare: Option<Arc<Spare>>,
    pub(super) carrier: Carrier,
    pub(super) identity: Box<Identity>,
    /// The message that comes behind all others, if the peer has connected within the process.
    pub(super) farewell: Option<Box<Frame>>,
    pub(super) far: Far,
    /// The high-water marks of the socket at the far end, if one is known there.
    pub(super) far_marks: Option<Marks>,
    /// A part with more to follow was read.
    pub(super) mid_message: bool,
    /// A part was read since the last one was written, or none was written yet.
    pub(super) converses: bool,
    /// The far end is gone.
    pub(super) gone: bool,
    pub(super) reading: Reading,
    /// The pattern knows that there was nothing to read.
    pub(super) unreadable: bool,
    /// The pattern knows that there was no room.
    pub(super) unwritable: bool,
    /// When a pattern that would refuse a message last looked for room.
    pub(super) looked: Option<Instant>,
    /// The row of the connection in the status page.
    pub(super) row: RowOrNone,
}

/// The sending end that takes the place of the present one.
#[derive(Debug)]
#[allow(
    clippy::large_enum_variant,
    reason = "it becomes the outlet, which has no box"
)]
pub(super) enum Next {
    /// None does.
    None,
    /// Shared memory does, with the next message for which there is memory. It holds the parts of a message that has
    /// begun since.
    Shared(Box<SharedOutlet>),
    /// A pipe to the session does, after the message that has begun.
    Local(local::Sender<Frame>),
}

/// Whether the pattern reads what a peer sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reading {
    /// The pattern reads it.
    ByPattern,
    /// Nothing does: the peer came with the routing id of another one.
    Never,
}

impl Next {
    #[inline(always)]
    pub(super) fn is_none(&self) -> bool {
        matches!(self, Next::None)
    }

    fn take(&mut self) -> Next {
        mem::replace(self, Next::None)
    }
}

impl Entry {
    /// Sets the high-water marks of the pipes of this process.
    pub(super) fn set_marks(&mut self, marks: Marks) {
        row::set_marks(&self.row, marks);
        if let Outlet::Local(sender) = &mut self.sender {
            sender.set_mark(marks.sending);
        }
        if let Next::Local(sender) = &mut self.next {
            sender.set_mark(marks.sending);
        }
        self.receiver.set_mark(marks.receiving);
    }

    /// Sets this side's part of the high-water marks of shared memory.
    pub(super) fn set_shared_marks(&mut self, marks: Marks) {
        if let Outlet::Shared(sender) = &mut self.sender {
            sender.set_mark(marks.sending);
        }
        if let Next::Shared(sender) = &mut self.next {
            sender.set_mark(marks.sending);
        }
        self.receiver.set_shared_mark(marks.receiving);
    }

    /// Adds a part while another sending end is to take the place of the present one.
    #[cold]
    pub(super) fn push_to_next(&mut self, frame: Frame, last: bool) {
        let goes_to_next = match &mut self.next {
            Next::Shared(shared) if !self.sender.is_mid_message() => {
                shared.push(frame, last);
                true
            }
            next => {
                self.sender.push(frame, last);
                matches!(next, Next::Local(_))
            }
        };
        if last && goes_to_next {
            self.go_to_next();
        }
    }

    /// Replaces the sending end. The session sees the end of what was sent before. If the first message finds no shared
    /// memory, that message and all others go the way of those before: the peer notices nothing. If the memory is on
    /// its way to the peer, only this message does, and the next one tries again.
    pub(super) fn go_to_next(&mut self) {
        match self.next.take() {
            Next::None => {}
            Next::Local(sender) => self.sender = Outlet::Local(sender),
            Next::Shared(mut shared) => {
                let unsent = shared.drain_unsent();
                if unsent.len() == 0 {
                    drop(unsent);
                    self.sender = Outlet::Shared(shared);
                    return;
                }
                self.sender.push_all(unsent, true);
                if shared.waits_for_memory() {
                    self.next = Next::Shared(shared);
                } else {
                    self.carrier = Carrier::Zmtp(ZmtpReason::Resources);
                }
            }
        }
    }

    /// Sends by the spare pipe to the session, unless it does already. What could not be sent in shared memory goes first.
    pub(super) fn go_back(&mut self) {
        let Some(spare) = self.spare.take() else {
            return;
        };
        let sender = spare.sender();
        if matches!(self.sender, Outlet::Local(_)) && self.sender.is_mid_message() {
            // The session reads that message to its end first.
            self.next = Next::Local(sender);
            return;
        }
        let whole = !self.is_mid_message();
        let mut local = Outlet::Local(sender);
        self.sender.hand_unsent(&mut local, whole);
        if let Next::Shared(mut shared) = self.next.take() {
            local.push_all(shared.drain_unsent(), whole);
        }
        self.sender = local;
        // The session sends what is left in shared memory.
        self.far.activate(self.id);
    }

    /// Sends by ZMTP again because mappings run short, unless a message has begun. A sending end that has not gone over
    /// to shared memory stays.
    #[cold]
    pub(super) fn give_back(&mut self) {
        if self.is_mid_message() {
            return;
        }
        if matches!(self.next, Next::Shared(_)) {
            self.next = Next::None;
            self.carrier = Carrier::Zmtp(ZmtpReason::Resources);
            // The session unmaps what only this end needed.
            self.far.activate(self.id);
        }
        self.sender.give_back();
        if self.has_failed() {
            self.report_failures();
        }
    }

    /// Returns true if a direction cannot go on in shared memory, and the session does not know it.
    #[inline]
    pub(super) fn has_failed(&self) -> bool {
        self.sender.has_failed() || self.receiver.has_failed()
    }

    /// Tells the session of the directions that cannot go on in shared memory, once for each.
    #[cold]
    pub(super) fn report_failures(&mut self) {
        let failures = [self.sender.report(), self.receiver.report()];
        if failures[0] == Some(Failure::CannotSend) && !self.gone {
            // The session finds what is sent from now on in the spare pipe, whether this socket calls again or not.
            self.go_back();
        }
        // A connection that is gone needs no end, and another one may have its name.
        if !self.gone {
            for why in failures.into_iter().flatten() {
                self.far.break_off(self.id, why);
            }
        }
    }

    /// Takes back the parts of a message that has had no last one.
    pub(super) fn rollback(&mut self) {
        self.sender.rollback();
        if let Next::Shared(shared) = &mut self.next {
            shared.rollback();
        }
    }

    /// Returns true if a message has begun, and not had its last part.
    pub(super) fn is_mid_message(&self) -> bool {
        self.sender.is_mid_message()
            || matches!(&self.next, Next::Shared(shared) if shared.is_mid_message())
    }
}
