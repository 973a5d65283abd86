//! Whether there is something to read, or room to write: what waits ask.

use std::time::Instant;

use ringmq_pattern::{Pattern, Peer, Ready};
use ringmq_pipe::waiting::Company;

use crate::peers::outlet::Outlet;
use crate::peers::{LOOK, Peers};

/// Peers that are looked at in turn, beside those that are known to be active, with each call.
const IN_TURN: usize = 8;

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

    /// Where the peers run, seen from this CPU.
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

    /// Tells the pattern of peers that have something again: of all, or of a few in turn.
    pub(crate) fn tell(&mut self, pattern: &mut Pattern, ready: Ready, all: bool) -> bool {
        let count = match ready {
            Ready::Readable => self.unreadable.len(),
            Ready::Writable => self.unwritable.len(),
        };
        let looks = if all { count } else { count.min(IN_TURN) };
        let mut told = false;
        for _ in 0..looks {
            told |= self.tell_next(pattern, ready);
        }
        told
    }

    /// After a wait for something to read: tells of all that have something. If there is but one, it is most likely that
    /// one, and whoever takes its word for it is told soon enough.
    #[inline]
    pub(crate) fn tell_awaited(&mut self, pattern: &mut Pattern) {
        let [number] = self.unreadable[..] else {
            self.tell(pattern, Ready::Readable, true);
            return;
        };
        self.unreadable.clear();
        self.entries[number as usize].unreadable = false;
        pattern.activated(Peer(number), Ready::Readable, self);
    }

    fn tell_next(&mut self, pattern: &mut Pattern, ready: Ready) -> bool {
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
            // A direction is looked at here that the caller may never ask for.
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

    /// Looks at the mark of a peer. Comes here after each ring of the peer's doorbell and after some hundred messages, so
    /// that a socket that only sends sees soon enough that a peer cannot be read.
    #[cold]
    pub(super) fn look_for_room(&mut self, peer: Peer) -> bool {
        let entry = &mut self.entries[peer.0 as usize];
        let has_room = entry.sender.has_room();
        let _readable = entry.receiver.is_ready();
        if entry.has_failed() {
            entry.report_failures();
        }
        if !has_room {
            self.mark_unwritable(peer);
        }
        has_room
    }

    /// Whether it is time to look for room again.
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

    /// Whether there are peers that the pattern does not ask by itself.
    #[inline(always)]
    pub(crate) fn has_unreadable(&self) -> bool {
        !self.unreadable.is_empty()
    }

    /// As [`has_unreadable`](Peers::has_unreadable), for room.
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
