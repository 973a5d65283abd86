//! From shared memory back to ZMTP.

use ringmq_pipe::remote::Witness;

use super::order::session_pipe;
use super::session::Ends;
use super::work::Work;
use crate::command::{Command, Downgrade};

impl Work {
    /// A peer in shared memory is gone, and whoever comes next begins with ZMTP. What it had not taken goes first.
    pub(super) fn go_back(&mut self, slot: usize, witness: Witness) {
        let post = self.mailbox.post();
        let Some(session) = self.sessions.get_mut(slot) else {
            return;
        };
        tracing::info!(pipe = session.id.0, "back to ZMTP: the peer is gone");
        let (near, ends) = session_pipe(&session.link, session.id, &post);
        let Ends {
            inbound,
            outbound,
            announcement,
            ..
        } = ends;
        session.ends.inbound = inbound;
        session.ends.announcement = announcement;
        session
            .ends
            .outbound
            .go_back(witness.into_unread(), outbound);
        let downgrade = Downgrade {
            sender: near.sender,
            receiver: near.receiver,
        };
        let told = Command::Downgrade(session.id, Box::new(downgrade));
        // A socket that has closed says so by an order that is under way.
        let _ = session.link.post.send(told);
        self.rest(slot);
    }
}
