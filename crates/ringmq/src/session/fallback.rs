//! The socket is told to go over to shared memory; and from there back to ZMTP.

use std::mem;
use std::time::{Duration, Instant};

use ringmq_message::Frame;
use ringmq_pipe::local::{Receiver, Sender};
use ringmq_pipe::remote::{Refuse, Witness};
use ringmq_zmtp::Error as ZmtpError;

use crate::mail::pipes::{inbound, outbound};
use crate::mail::{Carrier, Command, Downgrade, Failure, Upgrade, WhyZmtp};
use crate::peers::outbound::Outbound;
use crate::reactor::event_loop::{Io, Session, WITHOUT, Work};
use crate::session::broken::Broken;
use crate::session::handoff::TooLate;

/// The first pause between two looks, and the longest.
const PAUSE: Duration = Duration::from_millis(1);
const PAUSE_MOST: Duration = Duration::from_millis(64);

/// Between two times that connections are asked to go back to ZMTP.
const RELIEF: Duration = Duration::from_secs(1);

/// Between looks at something of which nobody tells: short at first, and then not so short.
#[derive(Debug)]
pub(crate) struct Pause(Duration);

impl Pause {
    pub(crate) fn new() -> Pause {
        Pause(PAUSE)
    }

    /// When to look again.
    pub(crate) fn again(&mut self) -> Instant {
        let pause = self.0;
        self.0 = (pause * 2).min(PAUSE_MOST);
        Instant::now() + pause
    }
}

impl Work {
    /// One direction cannot go on in shared memory. If that is for want of memory, both sides stay on the same
    /// connection, and what is left of that direction goes by ZMTP.
    pub(crate) fn break_off(&mut self, slot: usize, why: Failure) {
        if matches!(why, Failure::CannotSend | Failure::CannotReceive) {
            self.relieve();
        }
        match why {
            Failure::Corrupt => {
                // A peer that broke the protocol gets ZMTP when it connects again.
                self.sessions[slot].shy = true;
                self.broken(slot, &Broken::Handoff);
            }
            Failure::CannotSend => self.send_by_zmtp(slot),
            Failure::CannotReceive => self.receive_by_zmtp(slot),
            // As the session ends a connection on which such a message comes by ZMTP.
            Failure::TooLong { size, limit } => {
                let error = ZmtpError::TooLong { size, limit };
                self.broken(slot, &Broken::Protocol(error));
            }
            Failure::NoReply => self.broken(slot, &Broken::NoReply),
        }
    }

    /// Has the connections of this thread go back to ZMTP, once a second at most, if this process has no mapping left:
    /// shared memory must not take those that the program needs.
    #[cold]
    pub(crate) fn relieve(&mut self) {
        if ringmq_sys::can_map() {
            return;
        }
        let now = Instant::now();
        self.short_until = Some(now + WITHOUT);
        if self.relieved.is_some_and(|last| now - last < RELIEF) {
            return;
        }
        self.relieved = Some(now);
        for slot in self.slots() {
            let session = &mut self.sessions[slot];
            if let Io::Open(open) = &mut session.io
                && open.handoff.is_agreed()
            {
                open.give_back();
                // A socket that has closed sends nothing more.
                let _ = session.link.post.send(Command::GiveBack(session.id));
                self.enqueue(slot);
            }
        }
    }

    /// There is no memory for what the socket sends. The peer reads what is there to its end, and then what comes by
    /// ZMTP.
    fn send_by_zmtp(&mut self, slot: usize) {
        let session = &mut self.sessions[slot];
        let why = match &session.io {
            Io::Open(open) => open.handoff.why_gone_back(),
            _ => WhyZmtp::Resources,
        };
        if why == WhyZmtp::Resources {
            self.short_until = Some(Instant::now() + WITHOUT);
        }
        // Without a witness the connection is gone, and the socket hears of another way. Has it not gone over, it is the
        // connection before this one that was meant.
        let has_gone_over = session.witness.is_some() && session.ends.outbound.is_let_go();
        if has_gone_over && session.returned.is_none() {
            session.go_back(why);
            self.enqueue(slot);
        }
    }

    /// There is no memory or descriptor for what the socket receives. The peer takes back what was not received, and
    /// sends it by ZMTP.
    fn receive_by_zmtp(&mut self, slot: usize) {
        self.short_until = Some(Instant::now() + WITHOUT);
        let session = &mut self.sessions[slot];
        // Without a connection the socket hears of its end.
        let Io::Open(open) = &mut session.io else {
            return;
        };
        match open.handoff.ask_to_take_back(&mut open.connection) {
            Ok(()) => self.enqueue(slot),
            // The peer has no memory, either, and has sent by ZMTP what comes behind.
            Err(TooLate) => self.broken(slot, &Broken::Handoff),
        }
    }

    /// Looks at what nobody tells of: whether there is room for what a socket has left behind, and whether the peer has
    /// taken what was in shared memory, so that it can go.
    pub(crate) fn look_again(&mut self, slot: usize) {
        self.send_late(slot);
        let Some(session) = self.sessions.get_mut(slot) else {
            return;
        };
        let Some(witness) = &session.witness else {
            return;
        };
        let has_returned = session.returned.is_some() && session.ends.back.is_none();
        if has_returned && witness.is_drained() || witness.is_unused() {
            session.witness = None;
        }
    }

    /// A peer in shared memory is gone, and whoever comes next begins with ZMTP. What it had not taken goes first; but
    /// for what had come back from there before, in which case nothing else does (`returned`).
    pub(crate) fn go_back(&mut self, slot: usize, witness: Option<Witness>, returned: bool) {
        let Some(session) = self.sessions.get_mut(slot) else {
            return;
        };
        let ends = &mut session.ends;
        let (to_socket, receiver) = inbound(&session.link, &ends.waker);
        ends.inbound = Some(to_socket);
        let mut sender = None;
        if let Some(witness) = witness {
            let left = Outbound::left(witness.into_unread());
            if returned && ends.back.is_none() {
                // What comes behind it has been reached.
                ends.outbound.first(left);
            } else {
                ends.outbound.then(left);
            }
            if !returned {
                let (from_socket, then) = outbound(&session.link, &ends.waker);
                ends.outbound.then(Outbound::new(then));
                sender = Some(from_socket);
            }
        }
        ends.go_back();
        if let Some(late) = session.late.take() {
            ends.end_with(late.into_parts());
        } else {
            session.downgrade(sender, Some(receiver), WhyZmtp::PeerGone);
        }
        if mem::take(&mut session.shares) {
            session.tell_carrier(Carrier::Zmtp(WhyZmtp::PeerGone));
        }
        self.rest(slot);
    }
}

impl Session {
    /// Messages go by shared memory.
    pub(crate) fn upgrade(&self, upgrade: Upgrade) {
        let told = Command::Upgrade(self.id, Box::new(upgrade));
        // A socket that has closed says so by an order that is under way.
        let _ = self.link.post.send(told);
    }

    /// What is sent goes by ZMTP again, for want of memory.
    fn go_back(&mut self, why: WhyZmtp) {
        self.returned = Some(Pause::new());
        if let Some(late) = self.late.take() {
            self.ends.back = Some(Outbound::late(late.into_parts()));
        } else {
            let (sender, back) = outbound(&self.link, &self.ends.waker);
            self.ends.back = Some(Outbound::new(back));
            self.downgrade(Some(sender), None, why);
        }
        self.tell_carrier(Carrier::Zmtp(why));
        self.log_changed(Carrier::Zmtp(why));
    }

    /// The peer cannot read what is in shared memory. What it has not read goes by ZMTP, and then all that the socket
    /// sends.
    pub(crate) fn take_back(&mut self) {
        // Without a witness it has read everything, or nothing was ever sent.
        let Some(witness) = self.witness.take() else {
            self.ends.go_back();
            return;
        };
        tracing::info!(pipe = self.id.0, "back to ZMTP, for the peer has no memory");
        let why = WhyZmtp::RefusedByPeer(Refuse::Resources);
        self.returned = Some(Pause::new());
        let ends = &mut self.ends;
        ends.outbound.then(Outbound::left(witness.into_unread()));
        if ends.back.is_some() {
            // The socket has found no memory at the same time, and knows where it sends.
            ends.go_back();
            return;
        }
        let (sender, then) = outbound(&self.link, &ends.waker);
        ends.outbound.then(Outbound::new(then));
        if let Some(late) = self.late.take() {
            ends.end_with(late.into_parts());
        } else {
            self.downgrade(Some(sender), None, why);
        }
        self.tell_carrier(Carrier::Zmtp(why));
        self.log_changed(Carrier::Zmtp(why));
    }

    /// What is received comes by ZMTP again, for want of memory on either side.
    pub(crate) fn comes_back(&mut self, receiver: Receiver<Frame>, why: WhyZmtp) {
        self.downgrade(None, Some(receiver), why);
        self.tell_carrier(Carrier::Zmtp(why));
    }

    fn downgrade(
        &self,
        sender: Option<Sender<Frame>>,
        receiver: Option<Receiver<Frame>>,
        why: WhyZmtp,
    ) {
        let downgrade = Downgrade {
            sender,
            receiver,
            why,
        };
        let told = Command::Downgrade(self.id, Box::new(downgrade));
        // As above.
        let _ = self.link.post.send(told);
    }
}
