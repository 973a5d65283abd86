//! Whether there is something to read, or room to write: what waits ask.

use crate::peers::Peers;

impl Peers {
    /// Whether any peer that had nothing to read has something, or cannot go on in shared memory.
    #[inline(always)]
    pub(crate) fn any_readable(&mut self) -> bool {
        self.look_at_late();
        // A loop, for `Iterator::any` was a call in each look of a spin.
        for number in &self.unreadable {
            let entry = &mut self.entries[*number as usize];
            if entry.receiver.is_ready() || entry.has_failed() {
                return true;
            }
        }
        false
    }

    /// Whether [`any_readable`](Peers::any_readable) may say something else than when it last was false.
    #[inline(always)]
    pub(crate) fn any_stirs(&mut self) -> bool {
        if !self.late.is_empty() {
            return true;
        }
        for number in &self.unreadable {
            if self.entries[*number as usize].receiver.stirs() {
                return true;
            }
        }
        false
    }

    /// Whether any peer that had no room has some, or cannot go on in shared memory. What it sends is looked at, too: a
    /// socket that only sends would never see that it cannot be read.
    #[inline]
    pub(crate) fn any_writable(&mut self) -> bool {
        self.look_at_late();
        let entries = &mut self.entries;
        let mut full = self.unwritable.iter();
        full.any(|number| {
            let entry = &mut entries[*number as usize];
            let _readable = entry.receiver.is_ready();
            entry.sender.has_room() || entry.has_failed()
        })
    }
}
