//! Work that each call of a socket does first, if there is any.

use crate::peers::Peers;

impl Peers {
    /// Returns true if a peer may be ready to be removed, or a message waits for room in shared memory.
    #[inline(always)]
    pub(crate) fn has_duties(&self) -> bool {
        self.has_duties
    }

    /// Returns true if the pattern wants peers to be removed.
    #[inline]
    pub(crate) fn has_ended(&self) -> bool {
        self.has_duties && !self.ended.is_empty()
    }

    /// Sends the messages that wait for room in shared memory, as far as there is room. The peer rings when it has made
    /// room, so every call has to look, also one that only receives.
    #[cold]
    pub(crate) fn send_unsent(&mut self) {
        let entries = &mut self.entries;
        self.unsent.retain(|number| {
            let Some(entry) = entries.get_mut(*number as usize) else {
                return false;
            };
            // Nothing waits in a pipe that was replaced meanwhile.
            let waits = !entry.sender.try_again();
            if entry.has_failed() {
                entry.report_failures();
            }
            waits
        });
    }

    /// Notes what is left to do. To be called after all of it was tried.
    pub(crate) fn settle_duties(&mut self) {
        self.has_duties =
            !(self.gone.is_empty() && self.ended.is_empty() && self.unsent.is_empty());
    }

    /// Like [`send_unsent`](Peers::send_unsent), for calls that mostly find nothing to send.
    #[inline(always)]
    pub(super) fn look_at_unsent(&mut self) {
        if !self.unsent.is_empty() {
            self.send_unsent();
        }
    }
}
