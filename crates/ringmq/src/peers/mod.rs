//! The pipes of a socket, as its pattern uses them.

pub(crate) mod duties;
pub(crate) mod entry;
pub(crate) mod in_place;
pub(crate) mod inlet;
pub(crate) mod late_reader;
pub(crate) mod outbound;
pub(crate) mod outlet;
pub(crate) mod parts;
pub(crate) mod readiness;

use std::time::{Duration, Instant};

use ringmq_message::Frame;
use ringmq_pattern::{Pattern, Peer, Pipes, Ready};
use ringmq_pipe::local::{Company, Post};
use ringmq_pipe::remote::LatePolicy;
use slab::Slab;

use crate::mail::carrier::{Carrier, WhyZmtp};
use crate::mail::commands::{Attachment, Command, Downgrade, Far, Marks, PipeId, Upgrade};
use crate::mail::orders::{Order, Stats};
use crate::peers::entry::Entry;
use crate::peers::inlet::{Inlet, Source};
use crate::peers::outlet::Outlet;

/// Peers that are looked at in turn, beside those that are known to be active, with each call.
const IN_TURN: usize = 8;

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
            Far::Session(_) => Carrier::Zmtp(WhyZmtp::Undecided),
        };
        let number = self.entries.insert(Entry {
            id,
            carrier,
            sender: Outlet::Local(sender),
            receiver: Inlet::local(receiver),
            then: None,
            far,
            far_marks: None,
            in_midst: false,
            gone: false,
            sending_reported: false,
            receiving_reported: false,
            silenced: false,
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
            then,
            far,
            gone,
            ..
        } = entry;
        let late = sender.let_go();
        drop((receiver, then));
        if gone {
            return Some(id);
        }
        far.let_go(id, linger, late);
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

    /// The far end of a peer's pipe is gone.
    pub(crate) fn far_end_is_gone(&mut self, peer: Peer) {
        if let Some(entry) = self.entries.get_mut(peer.0 as usize)
            && !entry.gone
        {
            entry.gone = true;
            entry.receiver.sender_is_gone();
            entry.sender.refuse();
            entry.then = None;
            self.gone.push(peer.0);
            self.has_duties = true;
        }
    }

    /// A peer is no part of the pattern: once its far end is gone, so is what it has sent.
    pub(crate) fn silence(&mut self, peer: Peer) {
        if let Some(entry) = self.entries.get_mut(peer.0 as usize) {
            entry.silenced = true;
        }
    }

    /// The session has ended the connection to this peer by itself.
    pub(crate) fn stop_reading(&mut self, peer: Peer) {
        if let Some(entry) = self.entries.get_mut(peer.0 as usize) {
            entry.receiver.stop();
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

    /// This socket has other marks now.
    pub(crate) fn set_own_marks(&mut self, own: Marks) {
        for (_, entry) in self.entries.iter_mut().filter(|(_, entry)| !entry.gone) {
            match (&entry.far, entry.far_marks) {
                (Far::Socket(post), Some(far)) => {
                    // Whoever is gone need not know.
                    let _ = post.send(Command::Marks(entry.id, own));
                    entry.count(own.between(far));
                }
                (Far::Socket(_), None) => entry.count(own),
                (Far::Session(post), _) => {
                    order_marks(post, entry.id, own);
                    entry.count(own);
                    for outlet in std::iter::once(&mut entry.sender).chain(&mut entry.then) {
                        if let Outlet::Shared(shared) = outlet {
                            shared.set_mark(own.sending);
                        }
                    }
                    entry.receiver.set_shared_mark(own.receiving);
                }
            }
        }
    }

    /// How the messages of each peer travel.
    pub(crate) fn carriers(&self) -> impl Iterator<Item = Carrier> + '_ {
        self.entries.iter().map(|(_, entry)| entry.carrier)
    }

    /// The connection of this pipe stays on ZMTP.
    pub(crate) fn stays(&mut self, id: PipeId, why: WhyZmtp) {
        if let Some(peer) = self.find(id)
            && let Some(entry) = self.entries.get_mut(peer.0 as usize)
        {
            entry.carrier = Carrier::Zmtp(why);
        }
    }

    /// The connection to a peer goes over to shared memory. What is sent does with the next message.
    pub(crate) fn upgrade(&mut self, peer: Peer, upgrade: Upgrade, own: Marks) {
        let Some(entry) = self.entries.get_mut(peer.0 as usize) else {
            return;
        };
        entry.carrier = Carrier::SharedMemory;
        // The session has those that the socket had when it bound or connected.
        if let Some(mut receiver) = upgrade.receiver {
            receiver.set_mark(own.receiving);
            let source = Source::shared(receiver, upgrade.properties, upgrade.bounds);
            entry.receiver.then(source);
        }
        if let Some(mut sender) = upgrade.sender {
            sender.set_mark(own.sending);
            sender.set_late_policy(&self.late_policy);
            entry.then = Some(Outlet::shared(sender));
        }
    }

    /// The pipe of a peer goes on with a session: the peer is gone, or one side has no memory. A message that was
    /// accepted, and that the shared memory had no room for, goes first.
    pub(crate) fn downgrade(&mut self, peer: Peer, ends: Downgrade) {
        let Some(entry) = self.entries.get_mut(peer.0 as usize) else {
            return;
        };
        entry.carrier = Carrier::Zmtp(ends.why);
        if ends.why == WhyZmtp::PeerGone {
            entry.receiver.sender_is_gone();
            entry.sending_reported = false;
        }
        if let Some(receiver) = ends.receiver {
            entry.receiving_reported = false;
            entry.receiver.then(Source::Local(receiver));
        }
        let Some(sender) = ends.sender else {
            return;
        };
        entry.sending_reported = false;
        if matches!(entry.sender, Outlet::Local(_)) && entry.sender.is_in_midst() {
            // The session reads that to its end first.
            entry.then = Some(Outlet::Local(sender));
            return;
        }
        let whole = !entry.is_in_midst();
        let mut next = Outlet::Local(sender);
        next.push_all(entry.sender.take_back(), whole);
        if let Some(mut then) = entry.then.take() {
            next.push_all(then.take_back(), whole);
        }
        entry.sender = next;
        // What is in shared memory is the session's to send now.
        entry.far.activate(entry.id);
    }

    /// Mappings run short: what is sent to a peer goes by ZMTP again, unless a message has begun.
    pub(crate) fn give_back(&mut self, id: PipeId) {
        if let Some(peer) = self.find(id)
            && let Some(entry) = self.entries.get_mut(peer.0 as usize)
        {
            entry.give_back();
        }
    }

    /// Messages received so far.
    pub(crate) fn received(&self) -> u64 {
        self.received
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

    /// As [`set_own_marks`](Peers::set_own_marks), for the pipe of one session.
    pub(crate) fn set_session_marks(&mut self, peer: Peer, own: Marks) {
        if let Some(entry) = self.entries.get_mut(peer.0 as usize)
            && let Far::Session(post) = &entry.far
        {
            order_marks(post, entry.id, own);
            entry.count(own);
        }
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
    fn look_for_room(&mut self, peer: Peer) -> bool {
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
    fn may_look(&mut self, peer: Peer) -> bool {
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

fn order_marks(post: &Post<Order>, id: PipeId, marks: Marks) {
    // A session that has ended says so.
    let _ = post.send(Order::Marks(id, marks));
}

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
            if entry.then.is_some() {
                entry.push_over(frame, last);
            } else {
                entry.sender.push(frame, last);
            }
            self.wrote(peer);
        }
    }

    #[inline]
    fn write_delimiter(&mut self, peer: Peer) {
        match self.entries.get_mut(peer.0 as usize) {
            Some(entry) if entry.then.is_none() => entry.sender.push_delimiter(),
            _ => self.write(peer, Frame::new().with_more(true)),
        }
    }

    #[inline]
    fn read_delimiter(&mut self, peer: Peer) -> bool {
        let Some(entry) = self.entries.get_mut(peer.0 as usize) else {
            return false;
        };
        let taken = entry.receiver.pop_delimiter();
        entry.in_midst |= taken;
        taken
    }

    #[inline]
    fn waits(&mut self, peer: Peer) -> bool {
        let entry = self.entries.get_mut(peer.0 as usize);
        entry.is_none_or(|entry| entry.receiver.is_ready() || entry.has_failed())
    }

    fn rollback(&mut self, peer: Peer) {
        if let Some(entry) = self.entries.get_mut(peer.0 as usize) {
            entry.sender.rollback();
            if let Some(then) = &mut entry.then {
                then.rollback();
            }
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

    #[cold]
    fn put_off(&mut self, peer: Peer) {
        self.mark_unreadable(peer);
    }

    fn terminate(&mut self, peer: Peer) {
        self.ended.push(peer.0);
        self.has_duties = true;
    }
}
