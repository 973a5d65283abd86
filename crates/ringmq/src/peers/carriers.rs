//! How the messages of each peer travel: from ZMTP to shared memory, and back.

use ringmq_pattern::Peer;
use ringmq_pipe::local::Post;

use crate::mail::{Carrier, Command, Downgrade, Far, Marks, PipeId, Upgrade, ZmtpReason};
use crate::peers::Peers;
use crate::peers::entry::{Next, Reading};
use crate::peers::inlet::Inlet;
use crate::peers::shared_outlet::SharedOutlet;

impl Peers {
    /// The far end of a peer's pipe is gone.
    pub(crate) fn far_end_is_gone(&mut self, peer: Peer) {
        if let Some(entry) = self.entries.get_mut(peer.0 as usize)
            && !entry.gone
        {
            entry.gone = true;
            entry.receiver.sender_is_gone();
            entry.sender.refuse();
            entry.next = Next::None;
            self.gone.push(peer.0);
            self.has_duties = true;
        }
    }

    /// A peer is no part of the pattern: once its far end is gone, so is what it has sent.
    pub(crate) fn silence(&mut self, peer: Peer) {
        if let Some(entry) = self.entries.get_mut(peer.0 as usize) {
            entry.reading = Reading::Never;
        }
    }

    /// The session has ended the connection to this peer by itself.
    pub(crate) fn stop_reading(&mut self, peer: Peer) {
        if let Some(entry) = self.entries.get_mut(peer.0 as usize) {
            entry.receiver.stop();
        }
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

    /// How the messages of each peer travel.
    pub(crate) fn carriers(&self) -> impl Iterator<Item = Carrier> + '_ {
        self.entries.iter().map(|(_, entry)| entry.carrier)
    }

    /// The connection of this pipe stays on ZMTP.
    pub(crate) fn stays(&mut self, id: PipeId, why: ZmtpReason) {
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
            let inlet = Inlet::shared(receiver, upgrade.properties, upgrade.bounds);
            entry.receiver.then(inlet);
        }
        if let Some(mut sender) = upgrade.sender {
            sender.set_mark(own.sending);
            sender.set_late_policy(&self.late_policy);
            entry.next = Next::Shared(SharedOutlet::new(sender));
        }
    }

    /// The pipe of a peer goes on with a session: the peer is gone, or one side has no memory. A message that was
    /// accepted, and that the shared memory had no room for, goes first.
    pub(crate) fn downgrade(&mut self, peer: Peer, ends: Downgrade) {
        let Some(entry) = self.entries.get_mut(peer.0 as usize) else {
            return;
        };
        entry.carrier = Carrier::Zmtp(ends.why);
        if ends.why == ZmtpReason::PeerGone {
            entry.receiver.sender_is_gone();
        }
        if let Some(receiver) = ends.receiver {
            entry.receiver.report_again();
            entry.receiver.then(Inlet::local(receiver));
        }
        if let Some(sender) = ends.sender {
            entry.go_back(sender);
        }
    }

    /// Mappings run short: what is sent to a peer goes by ZMTP again, unless a message has begun.
    pub(crate) fn give_back(&mut self, id: PipeId) {
        if let Some(peer) = self.find(id)
            && let Some(entry) = self.entries.get_mut(peer.0 as usize)
        {
            entry.give_back();
        }
    }
}
