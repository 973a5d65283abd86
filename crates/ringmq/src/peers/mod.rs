//! The peers of a socket, and its ends of their pipes.

pub(crate) mod blocks;
pub(crate) mod carriers;
pub(crate) mod chain;
pub(crate) mod duties;
pub(crate) mod entry;
pub(crate) mod health;
pub(crate) mod in_place;
pub(crate) mod inlet;
pub(crate) mod late_reader;
mod local_source;
pub(crate) mod outbound;
pub(crate) mod outlet;
pub(crate) mod parts;
pub(crate) mod pipes;
pub(crate) mod readiness;
pub(crate) mod shared_outlet;
pub(crate) mod shared_source;
pub(crate) mod showing;
pub(crate) mod unread_source;

use std::time::Duration;

use ringmq_pattern::Peer;
use ringmq_pipe::Vow;
use ringmq_pipe::local::Post;
use ringmq_pipe::remote::LatePolicy;
use slab::Slab;

use crate::block;
use crate::mail::{Attachment, Carrier, Command, Far, Marks, Order, PipeId, Stats, ZmtpReason};
use crate::peers::entry::{Entry, Next, Reading};
use crate::peers::inlet::Inlet;
use crate::peers::outlet::Outlet;

/// The time between two looks for room of a pattern that refuses or drops messages. libzmq looks as often.
pub(crate) const LOOK: Duration = Duration::from_millis(1);

/// All peers of a socket.
#[derive(Debug, Default)]
pub(crate) struct Peers {
    entries: Slab<Entry>,
    /// Peers that the pattern does not read before it hears that they are readable.
    unreadable: Vec<u32>,
    /// Peers that the pattern does not write to before it hears that they are writable.
    unwritable: Vec<u32>,
    /// Where the next check in turn begins.
    turn: usize,
    /// Peers whose far end is gone. There may still be something to read from them.
    gone: Vec<u32>,
    /// Peers that the pattern wants to be removed.
    ended: Vec<u32>,
    /// Peers with a message that was accepted and waits for room in shared memory.
    unsent: Vec<u32>,
    /// Set if `gone`, `ended` or `unsent` may hold a peer. Each call checks this first.
    has_duties: bool,
    /// The number of messages received from all peers.
    received: u64,
    /// What a send does for a late reader before a ring grows.
    late_policy: LatePolicy,
    /// With it, long bodies are received where the peer has put them.
    vow: Option<Vow>,
    /// The peer whose counts were shown last.
    next_shown: usize,
    /// Whether messages of a peer come by a stream, or `None` if that may have changed.
    by_stream: Option<bool>,
}

impl Peers {
    /// Sets whether long bodies are received where the peers have put them.
    pub(crate) fn set_vow(&mut self, vow: Option<Vow>) {
        self.vow = vow;
        if vow.is_some() {
            block::reads_in_place();
        }
        for (_, entry) in &mut self.entries {
            entry.receiver.set_vow(vow);
        }
    }

    /// Returns true if a peer's messages come by a stream, or there is no peer yet.
    #[inline(always)]
    pub(crate) fn come_by_stream(&mut self) -> bool {
        match self.by_stream {
            Some(known) => known,
            None => self.look_for_streams(),
        }
    }

    #[cold]
    fn look_for_streams(&mut self) -> bool {
        let mut entries = self.entries.iter();
        let is_stream = |carrier| matches!(carrier, Carrier::Zmtp(_) | Carrier::Datagrams);
        let found = self.entries.is_empty() || entries.any(|(_, entry)| is_stream(entry.carrier));
        self.by_stream = Some(found);
        found
    }

    /// Asks the sessions to report how many messages wait. Returns the number of sessions.
    pub(crate) fn ask_for_stats(&self) -> usize {
        // A peer that is gone stays while there is something to read. A new connection has the same id.
        let entries = self.entries.iter().filter(|(_, entry)| !entry.gone);
        let sessions = entries.filter_map(|(_, entry)| match &entry.far {
            Far::Session(post) if entry.carrier != Carrier::Datagrams => {
                let stats = Stats {
                    sent: entry.sender.waiting(),
                    received: entry.receiver.waiting_shared(),
                };
                Some((post, Order::TellStats(entry.id, stats)))
            }
            Far::Session(_) | Far::Socket(_) | Far::Handshake => None,
        });
        // A session that has ended has nothing to report.
        sessions.map(|(post, order)| drop(post.send(order))).count()
    }

    /// Adds a peer.
    pub(crate) fn add(&mut self, attachment: Attachment) -> Peer {
        let Attachment {
            id,
            sender,
            receiver,
            identity,
            farewell,
            far,
            datagrams,
            row,
            ..
        } = attachment;
        let carrier = match &far {
            Far::Socket(_) | Far::Handshake => Carrier::Inproc,
            Far::Session(_) if datagrams => Carrier::Datagrams,
            Far::Session(_) => Carrier::Zmtp(ZmtpReason::Undecided),
        };
        self.by_stream = None;
        let number = self.entries.insert(Entry {
            id,
            carrier,
            identity,
            farewell: farewell.map(Box::new),
            sender: Outlet::Local(sender),
            receiver: Inlet::local(receiver),
            next: Next::None,
            spare: None,
            far,
            far_marks: None,
            mid_message: false,
            converses: true,
            gone: false,
            reading: Reading::ByPattern,
            unreadable: false,
            unwritable: false,
            looked: None,
            row,
        });
        Peer(number as u32)
    }

    /// Removes a peer that has left the pattern, and closes the pipe. Returns the pipe if its far end was gone before.
    pub(crate) fn remove(&mut self, peer: Peer, linger: Option<Duration>) -> Option<PipeId> {
        let entry = self.entries.try_remove(peer.0 as usize)?;
        self.by_stream = None;
        for list in [
            &mut self.unreadable,
            &mut self.unwritable,
            &mut self.gone,
            &mut self.ended,
            &mut self.unsent,
        ] {
            list.retain(|number| *number != peer.0);
        }
        let Entry {
            id,
            sender,
            receiver,
            next,
            far,
            gone,
            ..
        } = entry;
        let unsent = sender.close();
        drop((receiver, next));
        if gone {
            return Some(id);
        }
        far.close(id, linger, unsent);
        None
    }

    /// The peer at the end of this pipe, if the far end is not known to be gone.
    pub(crate) fn find(&self, id: PipeId) -> Option<Peer> {
        let mut entries = self.entries.iter();
        entries
            .find(|(_, entry)| entry.id == id && !entry.gone)
            .map(|(number, _)| Peer(number as u32))
    }

    /// The peers of this pipe, and of the pipes that the connection had before.
    pub(crate) fn all(&self, id: PipeId) -> Vec<Peer> {
        let entries = self.entries.iter().filter(|(_, entry)| entry.id == id);
        entries.map(|(number, _)| Peer(number as u32)).collect()
    }

    /// All peers.
    pub(crate) fn numbers(&self) -> Vec<Peer> {
        let numbers = self.entries.iter();
        numbers.map(|(number, _)| Peer(number as u32)).collect()
    }

    /// A peer that is to leave the pattern: its far end is gone and everything was read, or the pattern wants it.
    pub(crate) fn leaving(&mut self) -> Option<Peer> {
        if let Some(number) = self.ended.pop() {
            return Some(Peer(number));
        }
        let entries = &mut self.entries;
        let done = self.gone.iter().position(|number| {
            let entry = entries.get_mut(*number as usize);
            entry.is_none_or(|entry| {
                entry.reading == Reading::Never
                    || (!entry.mid_message && !entry.receiver.is_ready())
            })
        })?;
        Some(Peer(self.gone.swap_remove(done)))
    }

    /// Sets the high-water marks of the socket at the far end.
    pub(crate) fn set_far_marks(&mut self, peer: Peer, own: Marks, far: Marks) {
        if let Some(entry) = self.entries.get_mut(peer.0 as usize) {
            entry.far_marks = Some(far);
            entry.set_marks(own.between(far));
        }
    }

    /// Sets the high-water marks of this socket.
    pub(crate) fn set_own_marks(&mut self, own: Marks) {
        for (_, entry) in self.entries.iter_mut().filter(|(_, entry)| !entry.gone) {
            match (&entry.far, entry.far_marks) {
                (Far::Socket(post), Some(far)) => {
                    // A socket that is gone needs no marks.
                    let _ = post.send(Command::Marks(entry.id, own));
                    entry.set_marks(own.between(far));
                }
                (Far::Socket(_), None) | (Far::Handshake, _) => entry.set_marks(own),
                (Far::Session(post), _) => {
                    order_marks(post, entry.id, own);
                    entry.set_marks(own);
                    entry.set_shared_marks(own);
                }
            }
        }
    }

    /// The number of messages received so far.
    pub(crate) fn received(&self) -> u64 {
        self.received
    }

    /// Sets the high-water marks of this socket for one pipe, which was made with others.
    pub(crate) fn change_marks(&mut self, peer: Peer, own: Marks) {
        let Some(entry) = self.entries.get_mut(peer.0 as usize) else {
            return;
        };
        match &entry.far {
            Far::Session(post) => {
                order_marks(post, entry.id, own);
                entry.set_marks(own);
            }
            // Both ends must count by the same marks: a receiver that gives credit in steps of larger ones gives none.
            Far::Socket(post) => {
                let _ = post.send(Command::Marks(entry.id, own));
            }
            Far::Handshake => {}
        }
    }
}

fn order_marks(post: &Post<Order>, id: PipeId, marks: Marks) {
    // A session that has ended reports that itself.
    let _ = post.send(Order::Marks(id, marks));
}
