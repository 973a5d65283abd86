//! Peers that became readable or writable, for the pattern and for waits.

use std::time::Instant;

use ringmq_pattern::{Pattern, Peer, Ready};
use ringmq_pipe::waiting::Company;

use crate::peers::outlet::Outlet;
use crate::peers::{LOOK, Peers};

/// The number of peers that a call checks in turn, beside those that are known to be active.
const IN_TURN: usize = 8;

impl Peers {
    /// Returns true if a peer that had nothing to read has something, or cannot go on in shared memory.
    #[inline(always)]
    pub(crate) fn any_readable(&mut self) -> bool {
        self.look_at_unsent();
        // A loop: `Iterator::any` was not inlined into the looks of a spin.
        for number in &self.unreadable {
            let entry = &mut self.entries[*number as usize];
            if entry.receiver.is_ready() || entry.has_failed() {
                return true;
            }
        }
        false
    }

    /// Returns false if [`any_readable`](Peers::any_readable) would say the same as when it last was false.
    #[inline(always)]
    pub(crate) fn any_may_be_readable(&mut self) -> bool {
        if !self.unsent.is_empty() {
            return true;
        }
        for number in &self.unreadable {
            if self.entries[*number as usize].receiver.may_be_ready() {
                return true;
            }
        }
        false
    }

    /// Returns true if a peer that had no room has some, or cannot go on in shared memory. What the peer sends is
    /// checked, too: otherwise a socket that only sends would never find that the peer cannot be read.
    #[inline]
    pub(crate) fn any_writable(&mut self) -> bool {
        self.look_at_unsent();
        let entries = &mut self.entries;
        let mut full = self.unwritable.iter();
        full.any(|number| {
            let entry = &mut entries[*number as usize];
            let _readable = entry.receiver.is_ready();
            entry.sender.has_room() || entry.has_failed()
        })
    }

    /// Whether the peers run on this CPU.
    pub(crate) fn company(&self, here: u32) -> Company {
        let mut company = Company::Here;
        for (_, entry) in self.entries.iter().take(IN_TURN) {
            let cpu = match &entry.sender {
                Outlet::Shared(shared) => shared.cpu(),
                _ => entry.receiver.cpu(),
            };
            match Company::of(cpu, here) {
                Company::Elsewhere => return Company::Elsewhere,
                Company::Unknown => company = Company::Unknown,
                Company::Here => {}
            }
        }
        company
    }

    /// Marks peers as readable or writable in the pattern. Checks all of them, or at most `IN_TURN`. Returns true if it
    /// marked one.
    pub(crate) fn mark_ready(&mut self, pattern: &mut Pattern, ready: Ready, all: bool) -> bool {
        let count = match ready {
            Ready::Readable => self.unreadable.len(),
            Ready::Writable => self.unwritable.len(),
        };
        let looks = if all { count } else { count.min(IN_TURN) };
        let mut marked = false;
        for _ in 0..looks {
            marked |= self.mark_next(pattern, ready);
        }
        marked
    }

    /// Marks peers as readable in the pattern after a wait for something to read. A single peer is not checked: it most
    /// likely is the one that ended the wait, and the pattern finds out if it is not.
    #[inline]
    pub(crate) fn mark_awaited(&mut self, pattern: &mut Pattern) {
        let [number] = self.unreadable[..] else {
            self.mark_ready(pattern, Ready::Readable, true);
            return;
        };
        self.unreadable.clear();
        self.entries[number as usize].unreadable = false;
        pattern.activated(Peer(number), Ready::Readable, self);
    }

    fn mark_next(&mut self, pattern: &mut Pattern, ready: Ready) -> bool {
        let entries = &mut self.entries;
        let list = match ready {
            Ready::Readable => &mut self.unreadable,
            Ready::Writable => &mut self.unwritable,
        };
        if list.is_empty() {
            return false;
        }
        self.turn = if self.turn + 1 < list.len() {
            self.turn + 1
        } else {
            0
        };
        let number = list[self.turn];
        let entry = &mut entries[number as usize];
        let is_ready = match ready {
            Ready::Readable => entry.receiver.is_ready(),
            Ready::Writable => entry.sender.has_room(),
        };
        if !is_ready {
            // The caller may never read. A failure of that direction is found here.
            if ready == Ready::Writable {
                let _readable = entry.receiver.is_ready();
            }
            if entry.has_failed() {
                entry.report_failures();
            }
            return false;
        }
        list.swap_remove(self.turn);
        match ready {
            Ready::Readable => entry.unreadable = false,
            Ready::Writable => entry.unwritable = false,
        }
        pattern.activated(Peer(number), ready, self);
        true
    }

    /// Checks the mark of a peer. Runs after each ring of the peer's doorbell and after some hundred messages, so that
    /// a socket that only sends soon finds that a peer cannot be read.
    #[cold]
    pub(super) fn look_for_room(&mut self, peer: Peer) -> bool {
        let entry = &mut self.entries[peer.0 as usize];
        let mut has_room = entry.sender.has_room();
        let _readable = entry.receiver.is_ready();
        if entry.has_failed() {
            entry.report_failures();
            // The pipe has changed, perhaps.
            has_room = entry.sender.has_room();
        }
        if !has_room {
            self.mark_unwritable(peer);
        }
        has_room
    }

    /// Returns true if it is time to look for room again.
    #[cold]
    pub(super) fn may_look(&mut self, peer: Peer) -> bool {
        let entry = &mut self.entries[peer.0 as usize];
        let now = Instant::now();
        let soon = entry.looked.is_some_and(|looked| now - looked < LOOK);
        if soon {
            self.mark_unwritable(peer);
        } else {
            entry.looked = Some(now);
        }
        !soon
    }

    /// Returns true if there are peers that the pattern does not read.
    #[inline(always)]
    pub(crate) fn has_unreadable(&self) -> bool {
        !self.unreadable.is_empty()
    }

    /// Returns true if there are peers that the pattern does not write to.
    #[inline(always)]
    pub(crate) fn has_unwritable(&self) -> bool {
        !self.unwritable.is_empty()
    }

    pub(super) fn mark_unreadable(&mut self, peer: Peer) {
        let entry = &mut self.entries[peer.0 as usize];
        if !entry.unreadable {
            entry.unreadable = true;
            self.unreadable.push(peer.0);
        }
    }

    pub(super) fn mark_unwritable(&mut self, peer: Peer) {
        let entry = &mut self.entries[peer.0 as usize];
        if !entry.unwritable {
            entry.unwritable = true;
            self.unwritable.push(peer.0);
        }
    }
}
