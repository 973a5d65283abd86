//! Where the messages of this side go.

use super::{Action, Frame, RESOURCES, Switch, Why};

/// How this side sends, as the peer was told, and what it keeps for that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Sending {
    /// By ZMTP. The sides have not agreed on shared memory.
    Zmtp,
    /// By ZMTP. The sides have agreed, and this socket sends nothing in shared memory: its type does not, or it has
    /// dropped the sender.
    Idle,
    /// By ZMTP. The session keeps the sender while messages for an older peer are unsent: those are not counted by the
    /// mark of shared memory.
    Held,
    /// The socket has the sender. The session sends the rest of the chain by ZMTP.
    Draining,
    /// SWITCH was said.
    Shared,
    /// SWITCH was said for a socket that sends nothing in shared memory, and has closed.
    IdleSwitched,
    /// The socket has no memory. The rest of the chain goes by ZMTP, then SWITCH and BACK.
    Retreating,
    /// The socket has no memory, SWITCH was said, and BACK follows.
    FallingBack,
    /// BACK was said, and not answered. Nothing is sent before the answer, which may be TAKE BACK.
    Leaving,
    /// BACK was accepted. Messages go by ZMTP; the peer still reads segments.
    Reading,
    /// BACK was accepted, or TAKEN BACK was said. Messages go by ZMTP; no segment is needed.
    Back,
    /// The socket has closed, and BACK was said. The peer has not said whether it can read all that is in shared memory.
    Closing,
    /// The connection has ended.
    Lost,
}

impl Sending {
    /// Returns true if segments exist that the peer may still read.
    #[inline]
    pub(super) fn has_segments(self) -> bool {
        matches!(
            self,
            Sending::Draining
                | Sending::Shared
                | Sending::Retreating
                | Sending::FallingBack
                | Sending::Leaving
                | Sending::Reading
                | Sending::Closing
        )
    }

    /// Returns true if the socket sends by ZMTP after it has sent in shared memory.
    #[inline]
    pub(super) fn has_fallen_back(self) -> bool {
        matches!(
            self,
            Sending::Retreating
                | Sending::FallingBack
                | Sending::Leaving
                | Sending::Reading
                | Sending::Back
        )
    }

    /// Returns true if what the socket sends now is held back until BACK was answered.
    #[inline]
    pub(super) fn holds(self) -> bool {
        matches!(
            self,
            Sending::Retreating | Sending::FallingBack | Sending::Leaving
        )
    }

    /// Returns true if SWITCH was said, so that the peer may read segments.
    #[inline]
    pub(super) fn is_switched(self) -> bool {
        !matches!(
            self,
            Sending::Zmtp | Sending::Idle | Sending::Held | Sending::Draining | Sending::Retreating
        )
    }

    /// Returns true if the end of the chain is to be told to the peer.
    #[inline]
    pub(super) fn wants_end(self) -> bool {
        matches!(
            self,
            Sending::Idle | Sending::Held | Sending::Draining | Sending::Retreating
        )
    }
}

impl Switch {
    pub(super) fn fresh(&mut self) {
        if self.sending == Sending::Held {
            self.sending = Sending::Draining;
            self.give_sender();
        }
    }

    fn give_sender(&mut self) {
        self.act(Action::GiveSender);
        self.tell_shared();
    }

    pub(super) fn output(&mut self, at_end: bool) {
        match self.sending {
            Sending::Idle if at_end => {
                self.say(Frame::Switch);
                self.sending = Sending::IdleSwitched;
            }
            Sending::Held if at_end => {
                // The socket has closed, or sent its last message on another connection.
                self.say(Frame::Switch);
                self.sending = Sending::Shared;
                self.give_sender();
            }
            Sending::Draining if at_end => {
                self.say(Frame::Switch);
                self.sending = Sending::Shared;
            }
            Sending::Retreating if at_end => {
                self.say(Frame::Switch);
                self.go_back();
            }
            Sending::FallingBack => self.go_back(),
            _ => {}
        }
    }

    fn go_back(&mut self) {
        self.say(Frame::Back);
        self.sending = Sending::Leaving;
    }

    /// Sends by ZMTP from here on. The peer's application first reads what is in shared memory.
    pub(super) fn back_accepted_came(&mut self) {
        match self.sending {
            Sending::Leaving => {
                self.act(Action::AppendHeld);
                self.sending = Sending::Reading;
            }
            Sending::Closing => {
                self.act(Action::DropSegments);
                self.sending = Sending::Back;
            }
            _ => self.violation(),
        }
    }

    pub(super) fn cannot_send(&mut self, let_go: bool) {
        let why = if self.is_asked_to_yield() {
            Why::RefusedByPeer(RESOURCES)
        } else {
            self.act(Action::ShortOfMemory);
            Why::Resources
        };
        self.sending = match self.sending {
            Sending::Draining if let_go => Sending::Retreating,
            Sending::Shared => Sending::FallingBack,
            // The order is about an earlier connection, or the second one about this.
            _ => return,
        };
        self.act(Action::HoldPipe(why));
    }

    pub(super) fn take_back_came(&mut self) {
        // SWITCH came behind everything that went by ZMTP: this is between two messages.
        match self.sending {
            Sending::Shared => {
                self.say(Frame::TakenBack);
                self.act(Action::TakeUnread);
                self.act(Action::OpenPipe(Why::RefusedByPeer(RESOURCES)));
            }
            Sending::FallingBack | Sending::Leaving => {
                self.say(Frame::TakenBack);
                self.act(Action::TakeUnread);
                self.act(Action::AppendHeld);
            }
            Sending::Closing => {
                self.say(Frame::TakenBack);
                self.act(Action::TakeUnread);
            }
            Sending::IdleSwitched => self.say(Frame::TakenBack),
            _ => return self.violation(),
        }
        self.sending = Sending::Back;
    }

    pub(super) fn peer_drained(&mut self) {
        if self.sending == Sending::Reading {
            self.sending = Sending::Back;
            self.act(Action::DropSegments);
        }
    }

    /// The socket has gone on by ZMTP, or closed, before its first message in shared memory.
    pub(super) fn unused(&mut self) {
        self.sending = match self.sending {
            Sending::Draining => Sending::Idle,
            Sending::Shared => Sending::IdleSwitched,
            _ => return,
        };
        self.act(Action::DropSegments);
    }

    /// Asks a peer that has not read everything whether it can. It may ask for the rest by ZMTP.
    pub(super) fn leave(&mut self) {
        if self.sending == Sending::Shared {
            self.say(Frame::Closing);
            self.sending = Sending::Closing;
        }
    }

    pub(super) fn closed(&mut self, unsent: bool, immediate: bool) {
        if !unsent {
            return;
        }
        self.act(match self.sending {
            Sending::Draining | Sending::Shared => Action::RetryUnsent,
            // The socket had not heard that it sends by ZMTP again.
            sending if sending.has_fallen_back() => Action::AppendUnsent,
            // The message is of an earlier connection, of whose end the socket had not heard.
            _ if immediate => Action::DropUnsent,
            _ => Action::AppendUnsent,
        });
    }
}
