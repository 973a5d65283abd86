//! What leads a session to shared memory and back to ZMTP beside the frames of its peer: orders of the socket, looks at
//! the segments, and mappings that run short.

use std::time::{Duration, Instant};

use ringmq_zmtp::Error as ZmtpError;

use crate::mail::{Command, Failure, ZmtpReason};
use crate::reactor::event_loop::{Io, Session, WITHOUT, Work};
use crate::session::broken::Broken;
use crate::session::driver::{Driver, News, Site};
use crate::session::supply::Supplies;
use crate::switch::Input;

/// Between two times that connections are asked to go back to ZMTP.
const RELIEF: Duration = Duration::from_secs(1);

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
                self.sessions[slot].driver.turned_off = true;
                self.broken(slot, &Broken::Handoff);
            }
            // The peer reads what is in shared memory to its end, and then what comes by ZMTP.
            Failure::CannotSend => {
                let let_go = self.sessions[slot].ends.outbound.is_let_go();
                self.give_order(slot, Input::CannotSend { let_go });
            }
            // The peer takes back what was not received, and sends it by ZMTP.
            Failure::CannotReceive => self.give_order(slot, Input::CannotReceive),
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
            if matches!(session.io, Io::Open(_)) && session.driver.switch.is_agreed() {
                self.give_order(slot, Input::GiveBack);
            }
        }
    }

    /// Gives the switch of a session an order of its socket or of this thread.
    fn give_order(&mut self, slot: usize, order: Input) {
        let given = self.sessions[slot].input(order, &mut self.supplies);
        self.tell_news(slot);
        match given {
            Ok(()) => self.enqueue(slot),
            Err(broken) => self.broken(slot, &broken),
        }
    }

    /// Looks at what changes without a wake-up: whether there is room for what a socket has left behind, and whether the
    /// peer has read what was in shared memory, so that it can go.
    pub(crate) fn look_again(&mut self, slot: usize) {
        self.retry_unsent(slot);
        let Some(session) = self.sessions.get_mut(slot) else {
            return;
        };
        let Some(witness) = &session.driver.witness else {
            return;
        };
        let switch = &session.driver.switch;
        let seen = if switch.wants_drained() && witness.is_drained() {
            Input::PeerDrained
        } else if switch.wants_unused() && witness.is_unused() {
            Input::Unused
        } else {
            return;
        };
        // What the peer has read is never a violation.
        let _ = session.input(seen, &mut self.supplies);
    }

    /// Tells what the driver of a session has queued.
    pub(crate) fn tell_news(&mut self, slot: usize) {
        let mut is_new = false;
        let mut relieves = false;
        while let Some(session) = self.sessions.get_mut(slot)
            && let Some(news) = session.driver.next_news()
        {
            match news {
                News::Ready => {
                    is_new = true;
                    session.tell_ready();
                }
                News::Stays(why) => {
                    relieves |= why == ZmtpReason::Resources;
                    session.tell_stays(why, is_new);
                }
                News::Watch(process) => self.watch(slot, process),
                News::ShortOfMemory => self.short_until = Some(Instant::now() + WITHOUT),
                News::Upgrade(upgrade) => session.post(Command::Upgrade(session.id, upgrade)),
                News::Downgrade(downgrade) => {
                    session.post(Command::Downgrade(session.id, downgrade));
                }
                News::GiveBack => session.post(Command::GiveBack(session.id)),
                News::Carrier(carrier) => session.tell_carrier(carrier),
                News::LoggedCarrier(carrier) => {
                    session.tell_carrier(carrier);
                    session.log_changed(carrier);
                }
            }
        }
        if relieves {
            self.relieve();
        }
    }
}

impl Session {
    /// Gives the switch an input, and performs its actions.
    ///
    /// # Errors
    ///
    /// The peer has broken the protocol of shared memory.
    pub(crate) fn input(&mut self, input: Input, supplies: &mut Supplies) -> Result<(), Broken> {
        let (driver, site) = self.driver_and_site(supplies);
        driver.input(input, site)
    }

    /// The driver, and what its actions need.
    pub(crate) fn driver_and_site<'a>(
        &'a mut self,
        supplies: &'a mut Supplies,
    ) -> (&'a mut Driver, Site<'a>) {
        let wire = match &mut self.io {
            Io::Open(open) => Some(open.wire()),
            _ => None,
        };
        let site = Site {
            wire,
            ends: &mut self.ends,
            link: &self.link,
            supplies,
        };
        (&mut self.driver, site)
    }
}
