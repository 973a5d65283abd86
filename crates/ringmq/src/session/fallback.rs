//! What leads a session to shared memory and back to ZMTP beside the frames of its peer: orders of the socket, looks at
//! the segments, and mappings that run short.

use ringmq_zmtp::Error as ZmtpError;

use crate::mail::{Carrier, Command, Failure, ZmtpReason};
use crate::session::broken::Broken;
use crate::session::driver::{Driver, News, Site};
use crate::session::process::Process;
use crate::session::supply::Supplies;
use crate::session::{Io, Next, Session};
use crate::switch::Input;

/// What a session needs of its thread.
#[derive(Debug)]
pub(crate) enum Need {
    /// Watch the process at the other end.
    Watch(Process),
    /// Make no offers for a while.
    ShortOfMemory,
    /// Have connections go back to ZMTP, if no mapping is left.
    Relief,
}

impl Session {
    /// One direction cannot go on in shared memory. If that is for want of memory, both sides stay on the same
    /// connection, and what is left of that direction goes by ZMTP.
    pub(crate) fn break_off(&mut self, why: Failure, supplies: &mut Supplies) -> Next {
        let broken = match why {
            Failure::Corrupt => {
                // A peer that broke the protocol gets ZMTP when it connects again.
                self.driver.turned_off = true;
                Broken::Handoff
            }
            // The peer reads what is in shared memory to its end, and then what comes by ZMTP.
            Failure::CannotSend => {
                let let_go = self.ends.outbound.is_let_go();
                return self.order(Input::CannotSend { let_go }, supplies);
            }
            // The peer takes back what was not received, and sends it by ZMTP.
            Failure::CannotReceive => return self.order(Input::CannotReceive, supplies),
            // As the session ends a connection on which such a message comes by ZMTP.
            Failure::TooLong { size, limit } => {
                Broken::Protocol(ZmtpError::TooLong { size, limit })
            }
            Failure::NoReply => Broken::NoReply,
        };
        self.broken(&broken, supplies)
    }

    /// Has the connection go back to ZMTP, if it has agreed on shared memory: mappings run short.
    pub(crate) fn give_back(&mut self, supplies: &mut Supplies) -> Next {
        if matches!(self.io, Io::Open(_)) && self.driver.switch.is_agreed() {
            self.order(Input::GiveBack, supplies)
        } else {
            Next::Nothing
        }
    }

    /// Gives the switch an order of the socket or of the thread.
    fn order(&mut self, order: Input, supplies: &mut Supplies) -> Next {
        match self.input(order, supplies) {
            Ok(()) => Next::Enqueue,
            Err(broken) => self.broken(&broken, supplies),
        }
    }

    /// Tries again to send what shared memory had no room for when the socket closed. Returns why that can never be sent
    /// there, if so.
    pub(crate) fn retry_unsent(&mut self) -> Option<Failure> {
        let unsent = self.driver.unsent.as_mut()?;
        if unsent.sender.try_again() {
            self.driver.unsent = None;
            return None;
        }
        unsent.sender.failure()
    }

    /// Looks whether the peer has read what was in shared memory, so that it can go: that changes without a wake-up.
    pub(crate) fn look_at_segments(&mut self, supplies: &mut Supplies) {
        let Some(witness) = &self.driver.witness else {
            return;
        };
        let switch = &self.driver.switch;
        let seen = if switch.wants_drained() && witness.is_drained() {
            Input::PeerDrained
        } else if switch.wants_unused() && witness.is_unused() {
            Input::Unused
        } else {
            return;
        };
        // What the peer has read is never a violation.
        let _ = self.input(seen, supplies);
    }

    /// Tells what the driver has queued. Returns the next need of the thread that is among it; the rest waits then.
    pub(crate) fn tell_news(&mut self) -> Option<Need> {
        while let Some(news) = self.driver.next_news() {
            match news {
                News::Ready => self.tell_ready(),
                News::Stays { why, is_logged } => {
                    self.tell_stays(why, is_logged);
                    if why == ZmtpReason::Resources {
                        return Some(Need::Relief);
                    }
                }
                News::Upgrade(upgrade) => self.post(Command::Upgrade(self.id, upgrade)),
                News::Downgrade(downgrade) => self.post(Command::Downgrade(self.id, downgrade)),
                News::GiveBack => self.post(Command::GiveBack(self.id)),
                News::Carrier(carrier) => self.tell_carrier(carrier),
                News::LoggedCarrier(carrier) => {
                    self.tell_carrier(carrier);
                    self.log_changed(carrier);
                    if let Carrier::Zmtp(why) = carrier
                        && self.link.requires_sharing().is_some()
                    {
                        self.warn(why, "back to ZMTP, although shared memory is required");
                    }
                }
                News::Watch(process) => return Some(Need::Watch(process)),
                News::ShortOfMemory => return Some(Need::ShortOfMemory),
            }
        }
        None
    }

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
