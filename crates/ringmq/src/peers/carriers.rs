//! How the messages of each peer travel: from ZMTP to shared memory, and back.

use ringmq_message::Frame;
use ringmq_pattern::Peer;
use ringmq_pipe::local::Post;

use crate::mail::{
    Carrier, Command, Connection, Downgrade, Far, Identity, Marks, PipeId, Upgrade, ZmtpReason,
};
use crate::peers::Peers;
use crate::peers::entry::{Next, Reading};
use crate::peers::inlet::Inlet;
use crate::peers::shared_outlet::SharedOutlet;

impl Peers {
    /// Marks the far end of a peer's pipe as gone.
    pub(crate) fn far_end_is_gone(&mut self, peer: Peer) {
        if let Some(entry) = self.entries.get_mut(peer.0 as usize)
            && !entry.gone
        {
            entry.gone = true;
            entry.receiver.sender_is_gone();
            entry.sender.far_end_is_gone();
            if let Some(farewell) = entry.farewell.take() {
                entry.receiver.then(Inlet::message(*farewell));
            }
            entry.next = Next::None;
            self.gone.push(peer.0);
            self.has_duties = true;
        }
    }

    /// Adds a message about the connection of a peer, behind what has come so far.
    pub(crate) fn notice(&mut self, peer: Peer, message: Frame) {
        if let Some(entry) = self.entries.get_mut(peer.0 as usize) {
            entry.receiver.then(Inlet::message(message));
        }
    }

    /// Marks a peer as one that the pattern does not read. What it has sent is dropped once its far end is gone.
    pub(crate) fn ignore(&mut self, peer: Peer) {
        if let Some(entry) = self.entries.get_mut(peer.0 as usize) {
            entry.reading = Reading::Never;
        }
    }

    /// Stops reading from a peer: the session has ended the connection by itself.
    pub(crate) fn stop_reading(&mut self, peer: Peer) {
        if let Some(entry) = self.entries.get_mut(peer.0 as usize) {
            entry.receiver.stop();
        }
    }

    /// Sets the socket that has the far end of a peer's pipe. There was none when the pipe was made.
    pub(crate) fn set_far_socket(
        &mut self,
        peer: Peer,
        post: Post<Command>,
        own: Marks,
        far: Marks,
    ) {
        self.set_far_marks(peer, own, far);
        if let Some(entry) = self.entries.get_mut(peer.0 as usize) {
            // The marks may have changed since the pipe was made.
            let _ = post.send(Command::Marks(entry.id, own));
            entry.far = Far::Socket(post);
        }
    }

    /// The number of peers.
    pub(crate) fn count(&self) -> usize {
        self.entries.len()
    }

    /// The connection to each peer.
    pub(crate) fn connections(&self) -> impl Iterator<Item = Connection> + '_ {
        let entries = self.entries.iter();
        entries.map(|(_, entry)| entry.identity.connection(entry.carrier))
    }

    /// Sets what is known of the peer of this pipe.
    pub(crate) fn identify(&mut self, id: PipeId, identity: Box<Identity>) {
        if let Some(peer) = self.find(id)
            && let Some(entry) = self.entries.get_mut(peer.0 as usize)
        {
            entry.identity = identity;
        }
    }

    /// Marks the connection of this pipe as one that stays on ZMTP.
    pub(crate) fn stays_on_zmtp(&mut self, id: PipeId, why: ZmtpReason) {
        if let Some(peer) = self.find(id)
            && let Some(entry) = self.entries.get_mut(peer.0 as usize)
        {
            entry.carrier = Carrier::Zmtp(why);
        }
    }

    /// Moves the connection to a peer to shared memory. What is sent goes there with the next message.
    pub(crate) fn upgrade(&mut self, peer: Peer, upgrade: Upgrade, own: Marks) {
        let Some(entry) = self.entries.get_mut(peer.0 as usize) else {
            return;
        };
        entry.carrier = Carrier::SharedMemory;
        self.by_stream = None;
        // The session knows the marks that the socket had when it bound or connected.
        if let Some(mut receiver) = upgrade.receiver {
            receiver.set_mark(own.receiving);
            receiver.show_in(entry.row.as_ref());
            let inlet = Inlet::shared(receiver, upgrade.properties, upgrade.bounds, self.vow);
            entry.receiver.then(inlet);
        }
        if let Some(mut sender) = upgrade.sender {
            sender.set_mark(own.sending);
            sender.show_in(entry.row.as_ref());
            sender.set_late_policy(&self.late_policy);
            entry.next = Next::Shared(SharedOutlet::new(sender));
            entry.spare = upgrade.spare;
        }
    }

    /// Moves the pipe of a peer back to the session: the peer is gone, or one side has no memory. A message that was
    /// accepted and had no room in shared memory goes first.
    pub(crate) fn downgrade(&mut self, peer: Peer, ends: Downgrade) {
        let Some(entry) = self.entries.get_mut(peer.0 as usize) else {
            return;
        };
        entry.carrier = Carrier::Zmtp(ends.why);
        self.by_stream = None;
        if ends.why == ZmtpReason::PeerGone {
            entry.receiver.sender_is_gone();
        }
        if let Some(receiver) = ends.receiver {
            entry.receiver.report_again();
            entry.receiver.then(Inlet::local(receiver));
        }
        if ends.sends {
            entry.go_back();
        }
    }

    /// Sends by ZMTP again because mappings run short, unless a message has begun.
    pub(crate) fn give_back(&mut self, id: PipeId) {
        if let Some(peer) = self.find(id)
            && let Some(entry) = self.entries.get_mut(peer.0 as usize)
        {
            entry.give_back();
        }
    }
}
