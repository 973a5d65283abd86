//! Which way each direction of a connection goes, as the peers have said: by ZMTP, in shared memory, and by ZMTP again.

use ringmq_pipe::remote::{OfferFrame, Refuse};
use ringmq_zmtp::Connection;

use crate::mail::WhyZmtp;
use crate::session::handoff::{COMMAND, Handoff, OURS, Stage, THEIRS, TooLate, Way};

impl Handoff {
    /// How we send, as the peer was told, once both sides have agreed.
    fn ours(&self) -> Option<Way> {
        match &self.stage {
            Stage::Agreed { ours, .. } => Some(*ours),
            _ => None,
        }
    }

    /// Whether the end of what the socket sends by us is to be told, because the rest comes in shared memory.
    pub(crate) fn may_tell(&self) -> bool {
        self.ours() == Some(Way::Zmtp)
    }

    /// Tells it.
    pub(crate) fn tell(&mut self, connection: &mut Connection) {
        if let Stage::Agreed { ours, .. } = &mut self.stage {
            *ours = Way::Memory;
            connection.command(COMMAND, &OfferFrame::Switch.encode());
        }
    }

    /// Whether the peer can be told that the rest comes by ZMTP after all.
    pub(crate) fn may_tell_back(&self) -> bool {
        self.ours() == Some(Way::Memory)
    }

    /// Tells it.
    pub(crate) fn tell_back(&mut self, connection: &mut Connection) {
        if let Stage::Agreed { ours, .. } = &mut self.stage {
            *ours = Way::Leaving;
            connection.command(COMMAND, &OfferFrame::Back.encode());
        }
    }

    /// Asks the peer to send by ZMTP what we cannot read in shared memory.
    ///
    /// # Errors
    ///
    /// It sends by ZMTP already, and what it would take back is older.
    pub(crate) fn ask_to_take_back(&mut self, connection: &mut Connection) -> Result<(), TooLate> {
        match &mut self.stage {
            Stage::Agreed {
                theirs: Way::Memory,
                asked,
                ..
            } => {
                if !std::mem::replace(asked, true) {
                    connection.command(COMMAND, &OfferFrame::TakeBack.encode());
                }
                Ok(())
            }
            Stage::Agreed {
                theirs: Way::ZmtpAgain,
                ..
            } => Err(TooLate),
            // It was the connection before this one.
            _ => Ok(()),
        }
    }

    /// Whether the peer has asked for what it cannot read, since the last call.
    pub(crate) fn takes_back(&mut self) -> bool {
        std::mem::take(&mut self.takes_back)
    }

    /// Whether the peer has accepted BACK, since the last call: what was to be sent behind it can be.
    pub(crate) fn back_accepted(&mut self) -> bool {
        std::mem::take(&mut self.back_accepted)
    }

    /// Whether the peer has asked this side to say BACK, since the last call.
    pub(crate) fn is_asked_to_yield(&mut self) -> bool {
        std::mem::take(&mut self.yield_asked)
    }

    /// Asks the peer, once, to send by ZMTP: this process has no mappings left.
    pub(crate) fn ask_to_yield(&mut self, connection: &mut Connection) {
        if self.is_agreed() && !std::mem::replace(&mut self.yields[OURS], true) {
            connection.command(COMMAND, &OfferFrame::Yield.encode());
        }
    }

    /// Why what this side sends goes by ZMTP again.
    pub(crate) fn why_gone_back(&self) -> WhyZmtp {
        if self.yields[THEIRS] {
            WhyZmtp::RefusedByPeer(Refuse::Resources)
        } else {
            WhyZmtp::Resources
        }
    }

    /// Why what comes from the peer comes by ZMTP again.
    pub(crate) fn why_back(&self) -> WhyZmtp {
        match &self.stage {
            Stage::Agreed { asked: true, .. } => WhyZmtp::Resources,
            _ if self.yields[OURS] => WhyZmtp::Resources,
            _ => WhyZmtp::RefusedByPeer(Refuse::Resources),
        }
    }

    /// How the peer sends, as it has told us, once both sides have agreed.
    fn theirs(&self) -> Option<Way> {
        match &self.stage {
            Stage::Agreed { theirs, .. } => Some(*theirs),
            _ => None,
        }
    }

    /// Whether what comes from the peer comes in shared memory.
    pub(crate) fn has_heard(&self) -> bool {
        self.theirs() == Some(Way::Memory)
    }

    /// Whether it did, and comes by ZMTP again.
    pub(crate) fn has_heard_back(&self) -> bool {
        self.theirs() == Some(Way::ZmtpAgain)
    }
}
