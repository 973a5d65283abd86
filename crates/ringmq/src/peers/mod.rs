//! The peers of a socket, and its ends of their pipes.

pub(crate) mod carriers;
pub(crate) mod chain;
pub(crate) mod duties;
pub(crate) mod entry;
pub(crate) mod health;
pub(crate) mod in_place;
pub(crate) mod inlet;
pub(crate) mod late_reader;
pub(crate) mod outbound;
pub(crate) mod outlet;
pub(crate) mod parts;
pub(crate) mod pipes;
pub(crate) mod readiness;
pub(crate) mod shared_outlet;
pub(crate) mod shared_source;
pub(crate) mod unread_source;

use std::time::Duration;

use ringmq_pattern::Peer;
use ringmq_pipe::local::Post;
use ringmq_pipe::remote::LatePolicy;
use slab::Slab;

use crate::mail::{Attachment, Carrier, Command, Far, Marks, Order, PipeId, Stats, ZmtpReason};
use crate::peers::entry::{Entry, Next, Reading};
use crate::peers::inlet::Inlet;
use crate::peers::outlet::Outlet;

/// Whoever refuses messages looks for room as often as libzmq does, and so do those who only send for subscriptions.
pub(crate) const LOOK: Duration = Duration::from_millis(1);

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
    /// Those with a message that was accepted and waits for room in shared memory.
    late: Vec<u32>,
    /// Whether one of these three lists may have something in it: what the next call looks at first.
    has_duties: bool,
    /// Messages received from all of them.
    received: u64,
    /// What is done for a late reader before a ring grows.
    late_policy: LatePolicy,
}

impl Peers {
    /// Asks the sessions to tell how many messages wait; says how many there are.
    pub(crate) fn ask_for_stats(&self) -> usize {
        // One that is gone may have left something to read, and a connection made anew has the same name.
        let entries = self.entries.iter().filter(|(_, entry)| !entry.gone);
        let sessions = entries.filter_map(|(_, entry)| match &entry.far {
            Far::Session(post) => {
                let stats = Stats {
                    sent: entry.sender.waiting(),
                    received: entry.receiver.waiting_shared(),
                };
                Some((post, Order::TellStats(entry.id, stats)))
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
        let carrier = match &far {
            Far::Socket(_) => Carrier::Inproc,
            Far::Session(_) => Carrier::Zmtp(ZmtpReason::Undecided),
        };
        let number = self.entries.insert(Entry {
            id,
            carrier,
            sender: Outlet::Local(sender),
            receiver: Inlet::local(receiver),
            next: Next::None,
            far,
            far_marks: None,
            in_midst: false,
            gone: false,
            reading: Reading::ByPattern,
            unreadable: false,
            unwritable: false,
            looked: None,
        });
        Peer(number as u32)
    }

    /// Removes a peer, which has left the pattern, and tells the far end. Gives the pipe, if that was gone by itself.
    pub(crate) fn remove(&mut self, peer: Peer, linger: Option<Duration>) -> Option<PipeId> {
        let entry = self.entries.try_remove(peer.0 as usize)?;
        for list in [
            &mut self.unreadable,
            &mut self.unwritable,
            &mut self.gone,
            &mut self.ended,
            &mut self.late,
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
        let unsent = sender.let_go();
        drop((receiver, next));
        if gone {
            return Some(id);
        }
        far.close(id, linger, unsent);
        None
    }

    /// The peer at the end of this pipe, if its far end is not known to be gone.
    pub(crate) fn find(&self, id: PipeId) -> Option<Peer> {
        let mut entries = self.entries.iter();
        entries
            .find(|(_, entry)| entry.id == id && !entry.gone)
            .map(|(number, _)| Peer(number as u32))
    }

    /// The peers at the ends of this pipe, and of those that the connection had before.
    pub(crate) fn all(&self, id: PipeId) -> Vec<Peer> {
        let entries = self.entries.iter().filter(|(_, entry)| entry.id == id);
        entries.map(|(number, _)| Peer(number as u32)).collect()
    }

    /// All peers.
    pub(crate) fn numbers(&self) -> Vec<Peer> {
        let numbers = self.entries.iter();
        numbers.map(|(number, _)| Peer(number as u32)).collect()
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
                entry.reading == Reading::Never || (!entry.in_midst && !entry.receiver.is_ready())
            })
        })?;
        Some(Peer(self.gone.swap_remove(done)))
    }

    /// The socket at the far end has these marks.
    pub(crate) fn set_far_marks(&mut self, peer: Peer, own: Marks, far: Marks) {
        if let Some(entry) = self.entries.get_mut(peer.0 as usize) {
            entry.far_marks = Some(far);
            entry.set_marks(own.between(far));
        }
    }

    /// This socket has other marks now.
    pub(crate) fn set_own_marks(&mut self, own: Marks) {
        for (_, entry) in self.entries.iter_mut().filter(|(_, entry)| !entry.gone) {
            match (&entry.far, entry.far_marks) {
                (Far::Socket(post), Some(far)) => {
                    // Whoever is gone need not know.
                    let _ = post.send(Command::Marks(entry.id, own));
                    entry.set_marks(own.between(far));
                }
                (Far::Socket(_), None) => entry.set_marks(own),
                (Far::Session(post), _) => {
                    order_marks(post, entry.id, own);
                    entry.set_marks(own);
                    entry.set_shared_marks(own);
                }
            }
        }
    }

    /// Messages received so far.
    pub(crate) fn received(&self) -> u64 {
        self.received
    }

    /// As [`set_own_marks`](Peers::set_own_marks), for the pipe of one session.
    pub(crate) fn set_session_marks(&mut self, peer: Peer, own: Marks) {
        if let Some(entry) = self.entries.get_mut(peer.0 as usize)
            && let Far::Session(post) = &entry.far
        {
            order_marks(post, entry.id, own);
            entry.set_marks(own);
        }
    }
}

fn order_marks(post: &Post<Order>, id: PipeId, marks: Marks) {
    // A session that has ended says so.
    let _ = post.send(Order::Marks(id, marks));
}
