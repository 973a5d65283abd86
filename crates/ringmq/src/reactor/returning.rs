//! From shared memory back to ZMTP.

use ringmq_pipe::remote::Witness;

use super::order::{inbound_again, session_pipe};
use super::work::Work;
use crate::command::{Command, Downgrade};

impl Work {
    /// A peer in shared memory is gone, and whoever comes next begins with ZMTP. What it had not taken goes first.
    pub(super) fn go_back(&mut self, slot: usize, witness: Option<Witness>) {
        let post = self.mailbox.post();
        let Some(session) = self.sessions.get_mut(slot) else {
            return;
        };
        tracing::info!(pipe = session.id.0, "back to ZMTP: the peer is gone");
        let downgrade = if let Some(witness) = witness {
            let (near, ends) = session_pipe(&session.link, session.id, &post);
            let unread = witness.into_unread();
            session.ends.outbound.go_back(unread, ends.outbound);
            session.ends.inbound = ends.inbound;
            session.ends.announcement = ends.announcement;
            Downgrade {
                sender: Some(near.sender),
                receiver: near.receiver,
            }
        } else {
            let announcement = &session.ends.announcement;
            let (inbound, receiver) = inbound_again(&session.link, session.id, &post, announcement);
            session.ends.inbound = Some(inbound);
            let sender = None;
            Downgrade { sender, receiver }
        };
        let told = Command::Downgrade(session.id, Box::new(downgrade));
        // A socket that has closed says so by an order that is under way.
        let _ = session.link.post.send(told);
        self.rest(slot);
    }
}
