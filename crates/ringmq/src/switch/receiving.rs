//! Where the messages of the peer come from.

use super::{Action, Frame, RESOURCES, Switch, Why};

/// How the peer sends, as it has said, and what this side has asked of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Receiving {
    /// By ZMTP. The sides have not agreed on shared memory.
    Zmtp,
    /// By ZMTP. The sides have agreed, and this type of socket receives nothing in shared memory.
    Idle,
    /// By ZMTP. The session keeps the receiver until SWITCH.
    Agreed,
    /// By ZMTP. The receiver was dropped to give mappings back: TAKE BACK follows SWITCH.
    Dropped,
    /// SWITCH came.
    Shared,
    /// SWITCH came, and this side has said TAKE BACK.
    Asked,
    /// BACK was accepted, or TAKEN BACK came: by ZMTP again.
    Back,
    /// The peer's socket has closed, and this side has accepted that: everything left is in shared memory.
    Ending,
    /// The connection has ended.
    Lost,
}

impl Receiving {
    /// Returns true if nothing may come by ZMTP.
    #[inline]
    pub(super) fn is_shared(self) -> bool {
        matches!(
            self,
            Receiving::Shared | Receiving::Asked | Receiving::Ending
        )
    }
}

impl Switch {
    pub(super) fn switch_came(&mut self, in_midst: bool) {
        match self.receiving {
            Receiving::Idle | Receiving::Agreed | Receiving::Dropped if in_midst => {
                self.violation();
            }
            Receiving::Idle => {
                self.act(Action::CloseInbound);
                self.receiving = Receiving::Shared;
            }
            Receiving::Agreed => {
                self.act(Action::CloseInbound);
                self.act(Action::GiveReceiver);
                self.tell_shared();
                self.receiving = Receiving::Shared;
            }
            Receiving::Dropped => {
                self.act(Action::CloseInbound);
                self.say(Frame::TakeBack);
                self.receiving = Receiving::Asked;
            }
            _ => self.violation(),
        }
    }

    pub(super) fn drop_receiver(&mut self) {
        if self.receiving == Receiving::Agreed {
            self.receiving = Receiving::Dropped;
            self.act(Action::DropReceiver);
        }
    }

    pub(super) fn back_came(&mut self, short: bool) {
        match self.receiving {
            Receiving::Shared if !short => {
                self.receiving = Receiving::Back;
                self.say(Frame::BackAccepted);
                self.act(Action::OpenInbound(if self.has_yielded() {
                    Why::Resources
                } else {
                    Why::RefusedByPeer(RESOURCES)
                }));
            }
            // TAKE BACK is the answer, or will be: the peer first sends what cannot be read.
            Receiving::Shared | Receiving::Asked => {}
            _ => self.violation(),
        }
    }

    /// The peer's socket has closed. Its session ends once this side has said that it can read everything.
    pub(super) fn closing_came(&mut self, short: bool) {
        match self.receiving {
            Receiving::Shared if short => {
                // TAKE BACK follows when the application comes to what cannot be read. YIELD says that it may.
                self.say_yield();
            }
            Receiving::Shared => {
                self.receiving = Receiving::Ending;
                self.say(Frame::BackAccepted);
            }
            Receiving::Asked => {}
            _ => self.violation(),
        }
    }

    pub(super) fn taken_back_came(&mut self) {
        match self.receiving {
            Receiving::Asked => {
                self.receiving = Receiving::Back;
                self.act(Action::OpenInbound(Why::Resources));
            }
            _ => self.violation(),
        }
    }

    pub(super) fn cannot_receive(&mut self) {
        self.act(Action::ShortOfMemory);
        match self.receiving {
            Receiving::Shared => {
                self.receiving = Receiving::Asked;
                self.say(Frame::TakeBack);
            }
            // This side has accepted BACK: what the peer sends since is newer than what it would take back.
            Receiving::Back | Receiving::Ending => self.violation(),
            // The order is about an earlier connection, or the second one about this.
            _ => {}
        }
    }

    pub(super) fn message_came(&mut self) {
        if self.receiving.is_shared() {
            self.violation();
        }
    }
}
