//! The pipes of a socket, as its pattern uses them.

use std::time::Duration;

use ringmq_message::Frame;
use ringmq_pattern::{Pattern, Peer, Pipes, Ready};
use ringmq_pipe::local::{Post, Receiver, Sender};
use slab::Slab;

use crate::command::{Attachment, Command, Far, Marks, PipeId};
use crate::reactor::Order;

/// Peers that are looked at in turn, beside those that are known to be active, with each call.
const IN_TURN: usize = 8;

/// One peer, and our ends of its pipe.
#[derive(Debug)]
struct Entry {
    id: PipeId,
    sender: Sender<Frame>,
    receiver: Receiver<Frame>,
    far: Far,
    /// Of the socket at the far end, if there is one.
    far_marks: Option<Marks>,
    /// A part with more to follow was read.
    in_midst: bool,
    /// The far end is gone.
    gone: bool,
    /// Nobody reads what it sends.
    silenced: bool,
    /// What the pattern knows: this peer had nothing to read, or no room.
    unreadable: bool,
    unwritable: bool,
}

impl Entry {
    /// Counts by other marks.
    fn count(&mut self, marks: Marks) {
        self.sender.set_mark(marks.sending);
        self.receiver.set_mark(marks.receiving);
    }
}

/// All peers of a socket.
#[derive(Debug, Default)]
pub(crate) struct Peers {
    entries: Slab<Entry>,
    /// Those that the pattern does not ask before it is told.
    unreadable: Vec<u32>,
    unwritable: Vec<u32>,
    /// Where the next look in turn begins.
    turn: usize,
    /// Those whose far end is gone, and that may still have something to read.
    gone: Vec<u32>,
    /// Those that the pattern wants to be ended.
    ended: Vec<u32>,
}

impl Peers {
    /// Asks the sessions to tell how many messages wait; says how many there are.
    pub(crate) fn ask_for_stats(&self) -> usize {
        let sessions = self
            .entries
            .iter()
            .filter_map(|(_, entry)| match &entry.far {
                Far::Session(post) => {
                    Some((post, Order::TellStats(entry.id, entry.sender.waiting())))
                }
                Far::Socket(_) => None,
            });
        // A session that has ended has nothing to tell.
        sessions.map(|(post, order)| drop(post.send(order))).count()
    }

    /// Adds a peer.
    pub(crate) fn add(&mut self, attachment: Attachment) -> Peer {
        let Attachment {
            id,
            sender,
            receiver,
            far,
            ..
        } = attachment;
        let number = self.entries.insert(Entry {
            id,
            sender,
            receiver,
            far,
            far_marks: None,
            in_midst: false,
            gone: false,
            silenced: false,
            unreadable: false,
            unwritable: false,
        });
        Peer(number as u32)
    }

    /// Removes a peer, which has left the pattern, and tells the far end.
    pub(crate) fn remove(&mut self, peer: Peer, linger: Option<Duration>) {
        let Some(entry) = self.entries.try_remove(peer.0 as usize) else {
            return;
        };
        for list in [
            &mut self.unreadable,
            &mut self.unwritable,
            &mut self.gone,
            &mut self.ended,
        ] {
            list.retain(|number| *number != peer.0);
        }
        let (id, far) = (entry.id, entry.far.clone());
        drop(entry);
        far.let_go(id, linger);
    }

    /// The peer at the end of this pipe.
    pub(crate) fn find(&self, id: PipeId) -> Option<Peer> {
        let mut entries = self.entries.iter();
        entries
            .find(|(_, entry)| entry.id == id)
            .map(|(number, _)| Peer(number as u32))
    }

    /// All peers.
    pub(crate) fn numbers(&self) -> Vec<Peer> {
        let numbers = self.entries.iter();
        numbers.map(|(number, _)| Peer(number as u32)).collect()
    }

    /// The far end of a peer's pipe is gone.
    pub(crate) fn far_end_is_gone(&mut self, peer: Peer) {
        if let Some(entry) = self.entries.get_mut(peer.0 as usize)
            && !entry.gone
        {
            entry.gone = true;
            self.gone.push(peer.0);
        }
    }

    /// A peer is no part of the pattern: once its far end is gone, so is what it has sent.
    pub(crate) fn silence(&mut self, peer: Peer) {
        if let Some(entry) = self.entries.get_mut(peer.0 as usize) {
            entry.silenced = true;
        }
    }

    /// A peer that is to leave the pattern: its far end is gone, and everything was read, or the pattern wants it.
    pub(crate) fn leaving(&mut self) -> Option<Peer> {
        if let Some(number) = self.ended.pop() {
            return Some(Peer(number));
        }
        let entries = &mut self.entries;
        let done = self.gone.iter().position(|number| {
            let entry = entries.get_mut(*number as usize);
            entry.is_none_or(|entry| {
                entry.silenced || (!entry.in_midst && !entry.receiver.is_ready())
            })
        })?;
        Some(Peer(self.gone.swap_remove(done)))
    }

    /// Whether anybody is leaving, perhaps.
    #[inline(always)]
    pub(crate) fn may_leave(&self) -> bool {
        !self.gone.is_empty() || !self.ended.is_empty()
    }

    /// Who has the far end of a peer's pipe, to whom nobody was there when it was made.
    pub(crate) fn found(&mut self, peer: Peer, post: Post<Command>, own: Marks, far: Marks) {
        self.set_far_marks(peer, own, far);
        if let Some(entry) = self.entries.get_mut(peer.0 as usize) {
            // They may have changed since.
            let _ = post.send(Command::Marks(entry.id, own));
            entry.far = Far::Socket(post);
        }
    }

    /// The socket at the far end has these marks.
    pub(crate) fn set_far_marks(&mut self, peer: Peer, own: Marks, far: Marks) {
        if let Some(entry) = self.entries.get_mut(peer.0 as usize) {
            entry.far_marks = Some(far);
            entry.count(own.between(far));
        }
    }

    /// This socket has other marks now. A session keeps those that it began with.
    pub(crate) fn set_own_marks(&mut self, own: Marks) {
        for (_, entry) in &mut self.entries {
            match (&entry.far, entry.far_marks) {
                (Far::Socket(post), Some(far)) => {
                    // Whoever is gone need not know.
                    let _ = post.send(Command::Marks(entry.id, own));
                    entry.count(own.between(far));
                }
                (Far::Socket(_), None) => entry.count(own),
                (Far::Session(_), _) => {}
            }
        }
    }

    /// Whether any peer that had nothing to read has something.
    #[inline]
    pub(crate) fn any_readable(&mut self) -> bool {
        let entries = &mut self.entries;
        let mut idle = self.unreadable.iter();
        idle.any(|number| entries[*number as usize].receiver.is_ready())
    }

    /// Whether any peer that had no room has some.
    #[inline]
    pub(crate) fn any_writable(&mut self) -> bool {
        let entries = &mut self.entries;
        let mut full = self.unwritable.iter();
        full.any(|number| entries[*number as usize].sender.has_room())
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

    fn mark_unreadable(&mut self, peer: Peer) {
        let entry = &mut self.entries[peer.0 as usize];
        if !entry.unreadable {
            entry.unreadable = true;
            self.unreadable.push(peer.0);
        }
    }

    fn mark_unwritable(&mut self, peer: Peer) {
        let entry = &mut self.entries[peer.0 as usize];
        if !entry.unwritable {
            entry.unwritable = true;
            self.unwritable.push(peer.0);
        }
    }
}

impl Pipes for Peers {
    #[inline]
    fn can_write(&mut self, peer: Peer) -> bool {
        let Some(entry) = self.entries.get_mut(peer.0 as usize) else {
            return false;
        };
        if entry.sender.has_room() {
            return true;
        }
        self.mark_unwritable(peer);
        false
    }

    #[inline]
    fn can_read(&mut self, peer: Peer) -> bool {
        let Some(entry) = self.entries.get_mut(peer.0 as usize) else {
            return false;
        };
        if entry.receiver.is_ready() {
            return true;
        }
        self.mark_unreadable(peer);
        false
    }

    #[inline]
    fn write(&mut self, peer: Peer, mut frame: Frame) {
        if let Some(entry) = self.entries.get_mut(peer.0 as usize) {
            frame.share();
            let last = !frame.more();
            // The message is there; whoever cannot be woken finds it at its next call.
            let _ = entry.sender.push(frame, last);
        }
    }

    fn rollback(&mut self, peer: Peer) {
        if let Some(entry) = self.entries.get_mut(peer.0 as usize) {
            entry.sender.rollback();
        }
    }

    #[inline]
    fn read(&mut self, peer: Peer) -> Option<Frame> {
        let entry = self.entries.get_mut(peer.0 as usize)?;
        match entry.receiver.pop() {
            Some(frame) => {
                entry.in_midst = frame.more();
                if !entry.in_midst {
                    // The credit is there; a sender that cannot be woken finds it at its next call.
                    let _ = entry.receiver.done();
                }
                Some(frame)
            }
            None => {
                self.mark_unreadable(peer);
                None
            }
        }
    }

    fn terminate(&mut self, peer: Peer) {
        self.ended.push(peer.0);
    }
}
