//! One peer of a socket.

use std::time::Instant;

use ringmq_message::Frame;

use crate::mail::{Carrier, Far, Marks, PipeId, WhyZmtp};
use crate::peers::inlet::Inlet;
use crate::peers::outlet::Outlet;

/// One peer, and our ends of its pipe.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) id: PipeId,
    pub(super) sender: Outlet,
    pub(super) receiver: Inlet,
    /// Where messages go from the next one on: if that is shared memory, once there is memory for it; and until then, a
    /// message that has begun.
    pub(super) then: Option<Outlet>,
    pub(super) carrier: Carrier,
    pub(super) far: Far,
    /// Of the socket at the far end, if there is one.
    pub(super) far_marks: Option<Marks>,
    /// A part with more to follow was read.
    pub(super) in_midst: bool,
    /// The far end is gone.
    pub(super) gone: bool,
    /// The session knows that what is sent cannot go on in shared memory; and that what is received cannot.
    pub(super) sending_reported: bool,
    pub(super) receiving_reported: bool,
    /// Nobody reads what it sends.
    pub(super) silenced: bool,
    /// What the pattern knows: this peer had nothing to read, or no room.
    pub(super) unreadable: bool,
    pub(super) unwritable: bool,
    /// When room was looked for last, by a pattern that would refuse.
    pub(super) looked: Option<Instant>,
}

impl Entry {
    /// Counts by other marks.
    pub(super) fn count(&mut self, marks: Marks) {
        for outlet in std::iter::once(&mut self.sender).chain(&mut self.then) {
            if let Outlet::Local(sender) = outlet {
                sender.set_mark(marks.sending);
            }
        }
        self.receiver.set_mark(marks.receiving);
    }

    /// Adds a part while there is another way to go.
    #[cold]
    pub(super) fn push_over(&mut self, frame: Frame, last: bool) {
        match &mut self.then {
            Some(shared @ Outlet::Shared(_)) if !self.sender.is_in_midst() => {
                shared.push(frame, last);
                if last {
                    self.go_over();
                }
            }
            _ => {
                self.sender.push(frame, last);
                if last && matches!(self.then, Some(Outlet::Local(_))) {
                    self.go_over();
                }
            }
        }
    }

    /// Goes over to shared memory, or on with a session. The session sees the end of what was sent before. If the first
    /// message has found no memory, it goes where those before it went, and so do all others: the peer knows of nothing.
    /// If the memory is on its way to the peer, only this message does, and the next one looks again.
    pub(super) fn go_over(&mut self) {
        let Some(mut then) = self.then.take() else {
            return;
        };
        let unsent = then.take_back();
        if unsent.is_empty() {
            self.sender = then;
        } else if then.waits_for_memory() {
            self.sender.push_all(unsent, true);
            self.then = Some(then);
        } else {
            self.carrier = Carrier::Zmtp(WhyZmtp::Resources);
            self.sender.push_all(unsent, true);
        }
    }

    /// Sends by ZMTP again, for mappings run short, unless a message has begun. A socket that has not gone over stays.
    #[cold]
    pub(super) fn give_back(&mut self) {
        if self.is_in_midst() {
            return;
        }
        if matches!(self.then, Some(Outlet::Shared(_))) {
            self.then = None;
            self.carrier = Carrier::Zmtp(WhyZmtp::Resources);
            // The session unmaps what only this end needed.
            self.far.activate(self.id);
        }
        self.sender.give_back();
        if self.has_failed() {
            self.report_failures();
        }
    }

    /// Whether a direction cannot go on in shared memory, and the session does not know it.
    #[inline]
    pub(super) fn has_failed(&self) -> bool {
        self.sender.failure().is_some() && !self.sending_reported
            || self.receiver.failure().is_some() && !self.receiving_reported
    }

    /// Tells the session of directions that cannot go on in shared memory, once for each.
    #[cold]
    pub(super) fn report_failures(&mut self) {
        let sending = self.sender.failure();
        let receiving = self.receiver.failure();
        for (failure, reported) in [
            (sending, &mut self.sending_reported),
            (receiving, &mut self.receiving_reported),
        ] {
            // A connection that is gone has nothing to end, and another one may have its name.
            if let Some(why) = failure
                && !std::mem::replace(reported, true)
                && !self.gone
            {
                self.far.break_off(self.id, why);
            }
        }
    }

    /// Whether a message has begun, and not had its last part.
    pub(super) fn is_in_midst(&self) -> bool {
        self.sender.is_in_midst() || self.then.as_ref().is_some_and(Outlet::is_in_midst)
    }
}
