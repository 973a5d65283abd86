//! From shared memory back to ZMTP.

use std::time::{Duration, Instant};

use ringmq_pipe::remote::Witness;

use super::order::{inbound_again, session_pipe};
use super::session::Broken;
use super::work::{Io, WITHOUT, Work, earlier, session_number};
use crate::carrier::{Carrier, WhyZmtp};
use crate::command::{Command, Downgrade};

/// How often it is looked whether a peer has taken what is in shared memory.
pub(super) const LOOK: Duration = Duration::from_millis(1);

impl Work {
    /// The socket cannot use its shared memory any more. If that is for want of memory, the peer is well, and takes what
    /// is there before the connection ends: then nothing is sent twice.
    pub(super) fn break_off(&mut self, slot: usize, short: bool) {
        if short {
            self.short_until = Some(Instant::now() + WITHOUT);
        }
        let session = &mut self.sessions[slot];
        // Whoever broke the protocol is spoken to by ZMTP when it comes again.
        session.shy |= !short;
        if short && session.witness.is_some() {
            session.parting = true;
            self.part_when_drained(slot);
        } else {
            self.broken(slot, &Broken::Handoff);
        }
    }

    /// Ends the connection, if the peer has taken everything, and looks again later if not. It reads in shared memory
    /// once it was sent what came before, and told so: that goes on meanwhile.
    pub(super) fn part_when_drained(&mut self, slot: usize) {
        let Some(session) = self.sessions.get_mut(slot) else {
            return;
        };
        let written = match &session.io {
            Io::Open(open) => open.connection.pending() == 0 && session.ends.outbound.is_at_end(),
            _ => true,
        };
        if written && session.witness.as_ref().is_none_or(Witness::is_drained) {
            self.broken(slot, &Broken::Handoff);
        } else {
            let again = earlier(Some(Instant::now() + LOOK), session.until);
            self.timers.set(session_number(slot), again);
        }
    }

    /// A peer in shared memory is gone, and whoever comes next begins with ZMTP. What it had not taken goes first.
    pub(super) fn go_back(&mut self, slot: usize, witness: Option<Witness>) {
        let post = self.mailbox.post();
        let Some(session) = self.sessions.get_mut(slot) else {
            return;
        };
        tracing::info!(pipe = session.id.0, "back to ZMTP");
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
        if let Some(late) = session.late.take() {
            session.ends.outbound.end_with(late.into_parts());
        } else {
            let told = Command::Downgrade(session.id, Box::new(downgrade));
            // A socket that has closed says so by an order that is under way.
            let _ = session.link.post.send(told);
        }
        if std::mem::take(&mut session.shares) {
            session.tell_carrier(Carrier::Zmtp(WhyZmtp::PeerGone));
        }
        self.rest(slot);
    }
}
