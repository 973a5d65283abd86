//! The state of one connection between ZMTP and shared memory. docs/handoff.md, sections 6 to 10, specifies the frames.
//!
//! ```text
//!   agreement   Possible ─▶ Ripening ─▶ Offering ─▶ Agreed
//!                   └──────────┴───────────┴─────▶ Off: the connection stays on ZMTP
//!
//!   sending     Zmtp ─▶ Held ─▶ Draining ── SWITCH ─▶ Shared ── TAKEN BACK ──────────▶ Back
//!                                  │                    │                              ▲
//!                        no memory ▼                    ▼ no memory                    │ all was read
//!                             Retreating           FallingBack                         │
//!                                  └── SWITCH, BACK ──▶ │ BACK                           │
//!                                                       ▼                              │
//!                                                    Leaving ── BACK ACCEPTED ─▶ Reading
//!                                                       └────── TAKEN BACK ────▶ Back
//!                                  Shared ── the socket has closed, BACK ─▶ Closing ── the answer ─▶ Back
//!
//!   receiving   Zmtp ─▶ Agreed ── SWITCH ─▶ Shared ── TAKE BACK ─▶ Asked
//!                                             ├── BACK ACCEPTED ─▶ Back ◀─── TAKEN BACK came
//!                                             └── BACK of a closed socket, BACK ACCEPTED ─▶ Ending
//! ```
//!
//! [`Switch::input`] takes one [`Input`]: a frame of the peer, an order of the socket, an answer to an action. It changes
//! the state and queues [`Action`]s, which the session takes by [`Switch::next_action`] and performs in that order. There
//! is no clock, no stream and no memory here: a time is an argument, and a lack of memory is an input.
//!
//! A switch belongs to one connection. Each connection of a session has a new one.

mod agreement;
mod receiving;
mod sending;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::time::Duration;

use agreement::Ours;
pub(crate) use agreement::{Agreement, OVERRIPE, RIPE};
pub(crate) use receiving::Receiving;
pub(crate) use sending::Sending;

/// The code of a refusal for want of memory, descriptors or mappings (docs/handoff.md, section 3).
pub(crate) const RESOURCES: u32 = 5;

/// The two directions of one connection, and whether the sides share memory.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Switch {
    agreement: Agreement,
    sending: Sending,
    receiving: Receiving,
    yields: Yields,
    told: Told,
    actions: VecDeque<Action>,
}

/// The carrier that the monitor heard of last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Told {
    Zmtp,
    Shared,
}

/// The sides that have said YIELD. Each may once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Yields {
    Neither,
    Ours,
    Theirs,
    Both,
}

/// Why messages go by ZMTP. The numbers are codes of refusals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Why {
    /// The peer may be on another machine.
    NotIpc,
    /// A tcp peer has not shown that it is on this machine, and that nothing is between.
    Unproven,
    /// The application has turned shared memory off, or the peer has broken its protocol before.
    TurnedOff,
    /// This side is short of memory, descriptors or mappings.
    Resources,
    /// The peer does not offer shared memory.
    NotOffered,
    /// This side has refused the peer's offer.
    Refused(u32),
    /// The peer has refused this side's offer, or has no memory.
    RefusedByPeer(u32),
}

/// A frame that changes the state. RING and SEGMENT do not: they are legal while [`Switch::is_agreed`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Frame {
    Offer,
    Accept,
    Refuse(u32),
    Switch,
    Back,
    /// BACK of a socket that has closed: nothing follows.
    Closing,
    TakeBack,
    TakenBack,
    BackAccepted,
    Yield,
}

/// No memory or descriptors for an offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Short;

/// What happens to a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Input {
    /// The ZMTP handshake is done. `peer_can`: the peer's READY has the property of shared memory.
    Ready { peer_can: bool, now: Duration },
    /// The session works at this time.
    Time(Duration),
    /// The answer to [`Action::MakeOffer`].
    OfferMade(Result<(), Short>),
    /// The OFFER frame is in the output of ZMTP.
    OfferFramed,
    /// The OFFER frame was written, with its descriptors if the kernel took them.
    OfferSent,
    /// The answer to [`Action::Judge`]: a code if this side refuses the offer.
    Judged(Result<(), u32>),
    /// A frame was not understood and is refused with this code.
    Undecodable(u32),
    /// The answer to [`Action::Meet`]: the directions in which this type of socket uses shared memory.
    Met { sends: bool, receives: bool },
    /// A frame of the peer. `in_midst`: the last message part before it has more to follow. `short`: a segment waits
    /// that this side could not map.
    Frame {
        frame: Frame,
        in_midst: bool,
        short: bool,
    },
    /// A message part or a subscription came by ZMTP.
    Message,
    /// The socket has no memory for a message. `let_go`: it has left the pipe that is the last of the session's chain.
    CannotSend { let_go: bool },
    /// The socket has no memory, mapping or descriptor for what it receives.
    CannotReceive,
    /// The session has encoded all that it can. `at_end`: its chain is at its end.
    Output { at_end: bool },
    /// The session's chain consists of the socket's present pipe only.
    Fresh,
    /// The peer has read all segments of this side.
    PeerDrained,
    /// The socket has dropped the sender without a segment.
    Unused,
    /// This process has no mapping left: its connections are to go back to ZMTP.
    GiveBack,
    /// The socket has closed. `unsent`: with a message that shared memory had no room for. `immediate`: a pipe lasts no
    /// longer than its connection (`ZMQ_IMMEDIATE`).
    Closed { unsent: bool, immediate: bool },
    /// The socket has closed, everything but what is in shared memory was sent, and the peer has not read all of that.
    Leave,
    /// The stream has ended. `survives`: the session dialed, reconnects, and keeps its pipe. `closing`: the socket has
    /// closed and no unsent message is being retried. `given`: this side has ended the connection, and the peer's process
    /// may live. It reads on what it has in shared memory.
    Ended {
        survives: bool,
        closing: bool,
        given: bool,
    },
}

/// What the session does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Action {
    /// Make this side's offer. Answer at once: [`Input::OfferMade`].
    MakeOffer,
    /// Judge the peer's offer, which came last. Answer at once: [`Input::Judged`].
    Judge,
    /// Make the two ends in shared memory and keep them. Answer at once: [`Input::Met`].
    Meet,
    /// Write this frame behind what is in the output of ZMTP.
    Say(Frame),
    /// Tell socket, monitor and log that the connection stays on ZMTP. At most once for a connection.
    Stays(Why),
    /// Tell the socket that the sides share memory, without an end.
    TellAgreed,
    /// Give the socket the kept sender, and keep the witness of its segments.
    GiveSender,
    /// Give the socket the kept receiver.
    GiveReceiver,
    /// Drop the kept receiver, which gives mappings back.
    DropReceiver,
    /// Ask the socket to send by ZMTP again as soon as it is between two messages.
    GiveBack,
    /// Tell monitor and log that messages go by shared memory. At most once for a connection.
    CarrierShared,
    /// Close the pipe to the socket. What was in it is received before what is in shared memory.
    CloseInbound,
    /// Open a new pipe to the socket, and tell socket and monitor.
    OpenInbound(Why),
    /// Open a new pipe from the socket, tell socket and monitor, and hold the pipe back. If a message is unsent at
    /// close, hold that instead and tell the monitor only.
    HoldPipe(Why),
    /// Append to the chain what was held back.
    AppendHeld,
    /// Append to the chain what the peer has not read in shared memory. The witness is used up.
    TakeUnread,
    /// Append a new pipe from the socket to the chain, tell socket and monitor. If a message is unsent at close, append
    /// that instead and tell the monitor only.
    OpenPipe(Why),
    /// Drop the witness: the peer has read everything, or there was nothing.
    DropSegments,
    /// Retry the message that was unsent at close, in shared memory.
    RetryUnsent,
    /// Send the unsent message instead of what the socket would have given to its last pipe: the held one, if there is one.
    AppendUnsent,
    /// Drop the unsent message.
    DropUnsent,
    /// Make no offers on new connections for a while.
    ShortOfMemory,
    /// After the end: make the chain ready for the next connection, open a new pipe to the socket, and tell the socket
    /// that the peer is gone. `held`: append what was held back, behind `unread`. `tell`: tell the monitor.
    Resume {
        unread: Unread,
        held: bool,
        tell: bool,
    },
    /// End the connection: the peer has broken the protocol of shared memory.
    Violation,
}

/// Where unread messages go in the chain of the next connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Unread {
    /// There are none.
    None,
    /// There are none: the peer reads on. A new pipe from the socket goes behind the chain.
    Pipe,
    /// Behind the chain, and a new pipe from the socket behind them.
    BehindThenPipe,
    /// Behind the chain.
    Behind,
    /// Before the chain: what is in it was sent after them.
    Front,
}

/// What the session keeps in a state, once it has performed all actions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Keeps {
    /// The witness of segments that the peer reads.
    pub(crate) witness: bool,
    /// The sender in shared memory, with its witness, until the chain is fresh.
    pub(crate) sender: bool,
    /// The receiver in shared memory, until SWITCH.
    pub(crate) receiver: bool,
    /// A pipe to the socket.
    pub(crate) inbound: bool,
    /// A pipe from the socket, or an unsent message, until BACK ACCEPTED or TAKEN BACK.
    pub(crate) held: bool,
}

impl Switch {
    /// Returns the switch of a new connection. `Err` if this side cannot share memory on it.
    pub(crate) fn new(possible: Result<(), Why>) -> Switch {
        Switch {
            agreement: match possible {
                Ok(()) => Agreement::Possible,
                Err(why) => Agreement::Impossible(why),
            },
            sending: Sending::Zmtp,
            receiving: Receiving::Zmtp,
            yields: Yields::Neither,
            told: Told::Zmtp,
            actions: VecDeque::new(),
        }
    }

    /// Changes the state and queues actions. An input without a meaning in this state does nothing, but for a frame out
    /// of turn, which is a [violation](Action::Violation).
    pub(crate) fn input(&mut self, input: Input) {
        match input {
            Input::Ready { peer_can, now } => self.ready(peer_can, now),
            Input::Time(now) => self.time(now),
            Input::OfferMade(made) => self.offer_made(made),
            Input::OfferFramed => self.offer_is(Ours::Framed),
            Input::OfferSent => self.offer_is(Ours::Sent),
            Input::Judged(judged) => self.judged(judged),
            Input::Undecodable(code) => self.undecodable(code),
            Input::Met { sends, receives } => self.met(sends, receives),
            Input::Frame {
                frame,
                in_midst,
                short,
            } => match frame {
                Frame::Offer => self.offer_came(),
                Frame::Accept => self.accept_came(),
                Frame::Refuse(code) => self.refuse_came(code),
                Frame::Switch => self.switch_came(in_midst),
                Frame::Back => self.back_came(short),
                Frame::Closing => self.closing_came(short),
                Frame::TakeBack => self.take_back_came(),
                Frame::TakenBack => self.taken_back_came(),
                Frame::BackAccepted => self.back_accepted_came(),
                Frame::Yield => self.yield_came(),
            },
            Input::Message => self.message_came(),
            Input::CannotSend { let_go } => self.cannot_send(let_go),
            Input::CannotReceive => self.cannot_receive(),
            Input::Output { at_end } => self.output(at_end),
            Input::Fresh => self.fresh(),
            Input::PeerDrained => self.peer_drained(),
            Input::Unused => self.unused(),
            Input::GiveBack => self.give_back(),
            Input::Closed { unsent, immediate } => self.closed(unsent, immediate),
            Input::Leave => self.leave(),
            Input::Ended {
                survives,
                closing,
                given,
            } => self.ended(survives, closing, given),
        }
    }

    /// Takes the next action.
    #[inline]
    pub(crate) fn next_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    fn act(&mut self, action: Action) {
        self.actions.push_back(action);
    }

    fn say(&mut self, frame: Frame) {
        self.act(Action::Say(frame));
    }

    fn violation(&mut self) {
        self.act(Action::Violation);
    }

    /// Tells the monitor once that messages go by shared memory.
    fn tell_shared(&mut self) {
        if self.told == Told::Zmtp {
            self.told = Told::Shared;
            self.act(Action::CarrierShared);
        }
    }

    /// This process has no mapping left. The socket sends by ZMTP again, and the peer is asked to, once.
    fn give_back(&mut self) {
        if !self.is_agreed() || self.sending == Sending::Lost {
            return;
        }
        self.say_yield();
        self.drop_receiver();
        self.act(Action::GiveBack);
    }

    /// Says YIELD, once.
    fn say_yield(&mut self) {
        let after = match self.yields {
            Yields::Neither => Yields::Ours,
            Yields::Theirs => Yields::Both,
            after => after,
        };
        if std::mem::replace(&mut self.yields, after) != after {
            self.say(Frame::Yield);
        }
    }

    fn yield_came(&mut self) {
        self.yields = match self.yields {
            Yields::Neither if self.is_agreed() => Yields::Theirs,
            Yields::Ours if self.is_agreed() => Yields::Both,
            _ => return self.violation(),
        };
        self.act(Action::GiveBack);
    }

    /// Returns true if this side has asked the peer to send by ZMTP.
    fn has_yielded(&self) -> bool {
        matches!(self.yields, Yields::Ours | Yields::Both)
    }

    /// Returns true if the peer has asked this side to send by ZMTP.
    pub(crate) fn is_asked_to_yield(&self) -> bool {
        matches!(self.yields, Yields::Theirs | Yields::Both)
    }

    /// The stream has ended. A session that dialed sends to its next peer what this one has not read.
    fn ended(&mut self, survives: bool, closing: bool, given: bool) {
        let sending = std::mem::replace(&mut self.sending, Sending::Lost);
        let receiving = std::mem::replace(&mut self.receiving, Receiving::Lost);
        let tell = std::mem::replace(&mut self.told, Told::Zmtp) == Told::Shared;
        self.yields = Yields::Neither;
        let gone_over = tell || sending.has_segments() || receiving.is_shared();
        if !gone_over || !survives {
            return;
        }
        let unread = if !sending.has_segments() {
            Unread::None
        } else if !sending.has_fallen_back() {
            // A socket that has closed has sent all of it, as libzmq does when it has written to its connection.
            if closing {
                Unread::None
            } else if given && sending.is_switched() {
                Unread::Pipe
            } else {
                Unread::BehindThenPipe
            }
        } else if given && sending.is_switched() {
            Unread::None
        } else if sending.holds() {
            Unread::Behind
        } else {
            Unread::Front
        };
        let held = sending.holds();
        self.act(Action::Resume { unread, held, tell });
    }

    // --- Questions, for the paths that run with every message.

    /// Returns true if the READY of this side has the property of shared memory.
    #[inline]
    pub(crate) fn offers_property(&self) -> bool {
        matches!(self.agreement, Agreement::Possible)
    }

    /// Returns true if descriptors that come with the next bytes may have a meaning.
    #[inline]
    pub(crate) fn reads_descriptors(&self) -> bool {
        !matches!(self.agreement, Agreement::Impossible(_) | Agreement::Off(_))
    }

    /// Returns the greatest number of descriptors that may come with the next bytes: those of an offer, or of a segment.
    #[inline]
    pub(crate) fn descriptors(&self) -> usize {
        self.agreement.descriptors()
    }

    /// Returns true if the session has to give [`Input::Time`] whenever it works.
    #[inline]
    pub(crate) fn wants_time(&self) -> bool {
        matches!(self.agreement, Agreement::Ripening { .. })
    }

    /// Returns the time at which [`Input::Time`] is due although nothing else happens.
    #[inline]
    pub(crate) fn deadline(&self) -> Option<Duration> {
        self.agreement.deadline()
    }

    /// Returns true if the OFFER has to be written before anything else.
    #[inline]
    pub(crate) fn has_offer(&self) -> bool {
        matches!(
            self.agreement,
            Agreement::Offering {
                ours: Ours::Unframed | Ours::Framed,
                ..
            }
        )
    }

    /// Returns true if the OFFER is in the output of ZMTP, and not written.
    #[inline]
    pub(crate) fn is_framed(&self) -> bool {
        matches!(
            self.agreement,
            Agreement::Offering {
                ours: Ours::Framed,
                ..
            }
        )
    }

    /// Returns true if both sides have accepted: RING and SEGMENT are legal, and the session's end waits for the order
    /// of the socket.
    #[inline]
    pub(crate) fn is_agreed(&self) -> bool {
        matches!(self.agreement, Agreement::Agreed)
    }

    /// Returns true if the session has to give [`Input::Output`] when its chain is at its end, and must not sleep then.
    #[inline]
    pub(crate) fn wants_end(&self) -> bool {
        self.sending.wants_end()
    }

    /// Returns true if the session has to give [`Input::Output`] in any case.
    #[inline]
    pub(crate) fn wants_output(&self) -> bool {
        matches!(self.sending, Sending::FallingBack)
    }

    /// Returns true if the session has to give [`Input::Fresh`] when its chain is fresh.
    #[inline]
    pub(crate) fn wants_fresh(&self) -> bool {
        matches!(self.sending, Sending::Held)
    }

    /// Returns true if the session has to look from time to time at what the peer has read.
    #[inline]
    pub(crate) fn polls_segments(&self) -> bool {
        self.sending.has_segments() && self.sending.has_fallen_back()
    }

    /// Returns true if the session has to give [`Input::PeerDrained`] when the peer has read all segments.
    #[inline]
    pub(crate) fn wants_drained(&self) -> bool {
        matches!(self.sending, Sending::Reading)
    }

    /// Returns true if the session has to give [`Input::Unused`] when the socket has dropped the sender without a segment.
    #[inline]
    pub(crate) fn wants_unused(&self) -> bool {
        matches!(self.sending, Sending::Draining | Sending::Shared)
    }

    /// Returns true if the session has to give [`Input::Leave`] before a closed socket's connection ends.
    #[inline]
    pub(crate) fn may_leave(&self) -> bool {
        matches!(self.sending, Sending::Shared)
    }

    /// Returns true if the peer was asked whether it can read all that a closed socket has sent, and has not answered.
    #[inline]
    pub(crate) fn awaits_answer(&self) -> bool {
        matches!(self.sending, Sending::Closing)
    }

    /// Returns what the session keeps, once it has performed all actions. Before a connection and after it, that follows
    /// from the actions only.
    pub(crate) fn keeps(&self) -> Keeps {
        Keeps {
            witness: self.sending.has_segments(),
            sender: self.sending == Sending::Held,
            receiver: self.receiving == Receiving::Agreed,
            inbound: !self.receiving.is_shared(),
            held: self.sending.holds(),
        }
    }

    /// The ways of both directions.
    #[cfg(test)]
    fn ways(&self) -> (Sending, Receiving) {
        (self.sending, self.receiving)
    }
}
