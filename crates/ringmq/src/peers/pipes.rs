//! The pipes of a socket, as its pattern uses them.

use ringmq_message::Frame;
use ringmq_pattern::{Peer, Pipes};

use crate::peers::Peers;
use crate::peers::inlet::Inlet;

impl Pipes for Peers {
    #[inline]
    fn can_write(&mut self, peer: Peer) -> bool {
        let Some(entry) = self.entries.get_mut(peer.0 as usize) else {
            return false;
        };
        entry.sender.is_sure() || self.look_for_room(peer)
    }

    fn can_exceed(&mut self, peer: Peer, by: usize) -> bool {
        let entry = self.entries.get(peer.0 as usize);
        entry.is_some_and(|entry| !entry.gone && entry.sender.has_room_beyond(by as u64))
            || self.can_write(peer)
    }

    #[inline]
    fn is_spent(&mut self, peer: Peer) -> bool {
        let entry = self.entries.get(peer.0 as usize);
        entry.is_some_and(|entry| entry.sender.is_spent()) && !self.may_look(peer)
    }

    #[inline]
    fn can_read(&mut self, peer: Peer) -> bool {
        let Some(entry) = self.entries.get_mut(peer.0 as usize) else {
            return false;
        };
        if entry.receiver.is_ready() {
            return true;
        }
        if entry.has_failed() {
            entry.report_failures();
        }
        self.mark_unreadable(peer);
        false
    }

    #[inline]
    fn write(&mut self, peer: Peer, frame: Frame) {
        if let Some(entry) = self.entries.get_mut(peer.0 as usize) {
            let last = !frame.more();
            if entry.next.is_none() {
                entry.sender.push(frame, last);
            } else {
                entry.push_to_next(frame, last);
            }
            self.wrote(peer);
        }
    }

    #[inline]
    fn write_delimiter(&mut self, peer: Peer) {
        match self.entries.get_mut(peer.0 as usize) {
            Some(entry) if entry.next.is_none() => entry.sender.push_delimiter(),
            _ => self.write(peer, Frame::new().with_more(true)),
        }
    }

    #[inline]
    fn read_delimiter(&mut self, peer: Peer) -> bool {
        let Some(entry) = self.entries.get_mut(peer.0 as usize) else {
            return false;
        };
        let taken = entry.receiver.pop_delimiter();
        entry.mid_message |= taken;
        taken
    }

    #[inline]
    fn waits(&mut self, peer: Peer) -> bool {
        let entry = self.entries.get_mut(peer.0 as usize);
        entry.is_none_or(|entry| entry.receiver.is_ready() || entry.has_failed())
    }

    fn rollback(&mut self, peer: Peer) {
        if let Some(entry) = self.entries.get_mut(peer.0 as usize) {
            entry.rollback();
        }
    }

    #[inline]
    fn read(&mut self, peer: Peer) -> Option<Frame> {
        self.take(peer, Inlet::pop, Frame::more)
    }

    fn is_gone(&mut self, peer: Peer) -> bool {
        let entry = self.entries.get(peer.0 as usize);
        entry.is_none_or(|entry| entry.gone)
    }

    fn dropped(&mut self, peer: Peer) {
        self.show_dropped(peer);
    }

    #[cold]
    fn put_off(&mut self, peer: Peer) {
        self.mark_unreadable(peer);
    }

    fn terminate(&mut self, peer: Peer) {
        self.ended.push(peer.0);
        self.has_duties = true;
    }
}
