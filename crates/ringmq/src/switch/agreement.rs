//! Whether the two sides share memory.

use std::time::Duration;

use super::{Action, Frame, RESOURCES, Receiving, Sending, Short, Switch, Why};

/// The age of a connection at which this side offers shared memory, as soon as something happens on it. Two offers take
/// about 0.1 ms, and the first one makes the socket's page: a peer that asks once and goes would pay for that
/// (docs/performance.md).
pub(crate) const RIPE: Duration = Duration::from_millis(1);
/// The age at which it offers although nothing happens. A timer of 1 ms would be the CPU's next event each time.
pub(crate) const OVERRIPE: Duration = Duration::from_millis(20);
/// Descriptors that come with an offer, at most, and with a segment.
const OF_OFFER: usize = 3;
const OF_SEGMENT: usize = 1;

/// How far the sides are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Agreement {
    /// This side cannot. Socket and monitor hear of it after the handshake.
    Impossible(Why),
    /// This side can, and its READY says so.
    Possible,
    /// Both sides can. The connection is too young for an offer.
    Ripening { since: Duration },
    /// The peer has offered first. This side makes its own offer before it judges that one.
    Answering,
    /// Offers are under way.
    Offering { ours: Ours, theirs: Theirs },
    /// Both sides have accepted.
    Agreed,
    /// The connection stays on ZMTP, and the socket knows.
    Off(Said),
}

/// The offer of this side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Ours {
    /// It is made.
    Unframed,
    /// Its frame is in the output of ZMTP.
    Framed,
    /// Its frame was written.
    Sent,
}

/// What the peer has said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Theirs {
    Nothing,
    /// OFFER, which this side has accepted.
    Judged,
    /// ACCEPT.
    Accepted,
    /// OFFER and ACCEPT.
    Both,
}

/// What this side has said about it. It sends one REFUSE for a connection at most: a peer that does not read could
/// otherwise have any number of them written to our memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Said {
    Nothing,
    Refuse,
}

impl Agreement {
    #[inline]
    pub(super) fn descriptors(self) -> usize {
        match self {
            Agreement::Agreed
            | Agreement::Offering {
                theirs: Theirs::Judged | Theirs::Both,
                ..
            } => OF_SEGMENT,
            _ => OF_OFFER,
        }
    }

    #[inline]
    pub(super) fn deadline(self) -> Option<Duration> {
        match self {
            Agreement::Ripening { since } => Some(since + OVERRIPE),
            _ => None,
        }
    }
}

impl Switch {
    /// Returns the reason to stay on ZMTP that is known when the handshake is done. `peer_can`: the peer's READY has the
    /// property of shared memory.
    pub(crate) fn reason_at_ready(&self, peer_can: bool) -> Option<Why> {
        match self.agreement {
            Agreement::Impossible(why) => Some(why),
            Agreement::Possible if !peer_can => Some(Why::NotOffered),
            _ => None,
        }
    }

    pub(super) fn ready(&mut self, peer_can: bool, now: Duration) {
        if let Some(why) = self.reason_at_ready(peer_can) {
            self.stay(Said::Nothing, why);
        } else if self.agreement == Agreement::Possible {
            self.agreement = Agreement::Ripening { since: now };
        }
    }

    pub(super) fn time(&mut self, now: Duration) {
        if let Agreement::Ripening { since } = self.agreement
            && since + RIPE <= now
        {
            self.act(Action::MakeOffer);
        }
    }

    pub(super) fn offer_made(&mut self, made: Result<(), Short>) {
        let offering = Agreement::Offering {
            ours: Ours::Unframed,
            theirs: Theirs::Nothing,
        };
        match (self.agreement, made) {
            (Agreement::Ripening { .. }, Ok(())) => self.agreement = offering,
            // The peer's offer is refused when it comes.
            (Agreement::Ripening { .. }, Err(Short)) => self.stay(Said::Nothing, Why::Resources),
            (Agreement::Answering, Ok(())) => {
                self.agreement = offering;
                self.act(Action::Judge);
            }
            (Agreement::Answering, Err(Short)) => self.refuse(RESOURCES),
            _ => {}
        }
    }

    pub(super) fn offer_is(&mut self, now: Ours) {
        if let Agreement::Offering { ours, .. } = &mut self.agreement
            && *ours != Ours::Sent
        {
            *ours = now;
        }
    }

    pub(super) fn offer_came(&mut self) {
        match self.agreement {
            Agreement::Ripening { .. } => {
                // A peer that offers has waited for long enough.
                self.agreement = Agreement::Answering;
                self.act(Action::MakeOffer);
            }
            Agreement::Offering { .. } => self.act(Action::Judge),
            Agreement::Off(Said::Nothing) => {
                self.agreement = Agreement::Off(Said::Refuse);
                self.say(Frame::Refuse(RESOURCES));
            }
            Agreement::Off(Said::Refuse) => {}
            _ => self.violation(),
        }
    }

    pub(super) fn judged(&mut self, judged: Result<(), u32>) {
        let Agreement::Offering { theirs, .. } = &mut self.agreement else {
            return;
        };
        match judged {
            Ok(()) => {
                *theirs = match theirs {
                    Theirs::Nothing | Theirs::Judged => Theirs::Judged,
                    Theirs::Accepted | Theirs::Both => Theirs::Both,
                };
                self.say(Frame::Accept);
                self.complete();
            }
            Err(code) => self.refuse(code),
        }
    }

    pub(super) fn accept_came(&mut self) {
        match &mut self.agreement {
            Agreement::Offering { theirs, .. } => {
                *theirs = match theirs {
                    Theirs::Nothing | Theirs::Accepted => Theirs::Accepted,
                    Theirs::Judged | Theirs::Both => Theirs::Both,
                };
                self.complete();
            }
            Agreement::Off(_) => {}
            _ => self.violation(),
        }
    }

    pub(super) fn refuse_came(&mut self, code: u32) {
        match self.agreement {
            Agreement::Offering { .. } => self.stay(Said::Nothing, Why::RefusedByPeer(code)),
            Agreement::Off(_) => {}
            _ => self.violation(),
        }
    }

    pub(super) fn undecodable(&mut self, code: u32) {
        match self.agreement {
            // Messages may be in shared memory: nothing can be refused any more.
            Agreement::Agreed => self.violation(),
            Agreement::Off(Said::Refuse) => {}
            Agreement::Off(Said::Nothing) => {
                self.agreement = Agreement::Off(Said::Refuse);
                self.say(Frame::Refuse(code));
            }
            _ => self.refuse(code),
        }
    }

    pub(super) fn met(&mut self, sends: bool, receives: bool) {
        if !self.is_complete() {
            return;
        }
        self.agreement = Agreement::Agreed;
        self.sending = if sends { Sending::Held } else { Sending::Idle };
        self.receiving = if receives {
            Receiving::Agreed
        } else {
            Receiving::Idle
        };
        if !sends {
            self.act(Action::TellAgreed);
            self.tell_shared();
        }
    }

    /// Makes the ends in shared memory, once both sides have accepted and both offers were written. Only a frame of the
    /// peer leads here: it answers an offer that was written.
    fn complete(&mut self) {
        if self.is_complete() {
            self.act(Action::Meet);
        }
    }

    fn is_complete(&self) -> bool {
        self.agreement
            == Agreement::Offering {
                ours: Ours::Sent,
                theirs: Theirs::Both,
            }
    }

    fn refuse(&mut self, code: u32) {
        self.say(Frame::Refuse(code));
        let why = if code == RESOURCES {
            Why::Resources
        } else {
            Why::Refused(code)
        };
        self.stay(Said::Refuse, why);
    }

    fn stay(&mut self, said: Said, why: Why) {
        self.agreement = Agreement::Off(said);
        self.act(Action::Stays(why));
    }
}
