//! Performs the actions of the switch of a session's connection.
//!
//! What has to keep its place among the bytes and messages of the connection is done at once. What socket, monitor and log
//! hear is queued as [`News`]: the session tells it when it has worked.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ringmq_message::{Frame, Properties};
use ringmq_pipe::local::Receiver;
use ringmq_pipe::remote::{self, OfferFrame, RefusalReason, Witness};
use ringmq_transport::Stream;
use ringmq_zmtp::Connection;

use crate::mail::pipes::{inbound, spare};
use crate::mail::{Carrier, Downgrade, Link, Spare, Unsent, Upgrade, ZmtpReason};
use crate::peers::outbound::Outbound;
use crate::peers::shared_outlet::SharedOutlet;
use crate::session::broken::Broken;
use crate::session::carry::COMMAND;
use crate::session::ends::Ends;
use crate::session::handoff::Handoff;
use crate::session::process::Process;
use crate::session::supply::Supplies;
use crate::switch::{self, Action, Input, Switch, Unread, Why};

/// The first pause between two looks, and the longest.
const PAUSE: Duration = Duration::from_millis(1);
const PAUSE_MOST: Duration = Duration::from_millis(64);
/// How long a peer may take to answer a socket that has closed. Its I/O thread answers at once, unless the process is
/// stopped.
const ANSWER: Duration = Duration::from_secs(5);

/// The switch of a session's connection, and what its actions keep.
#[derive(Debug)]
pub(crate) struct Driver {
    /// Each connection has a new one.
    pub(crate) switch: Switch,
    /// Shared memory cannot be used with this peer, which has broken its protocol.
    pub(crate) turned_off: bool,
    /// A connection of the session has had ends in shared memory, where messages are not counted.
    has_met: bool,
    /// The sender in shared memory, until the messages for an older peer are sent: its mark does not count those.
    sender: Option<(remote::Sender, Witness)>,
    /// The receiver in shared memory, until SWITCH. If the peer dies before that, there is a gap between the last message
    /// that came by ZMTP and the first one here: nothing behind the gap is received.
    receiver: Option<remote::Receiver>,
    /// Knows what the peer has not read in shared memory.
    pub(crate) witness: Option<Witness>,
    /// The pipe by which the socket sends once it leaves shared memory, until this session reads it.
    spare: Option<Arc<Spare>>,
    /// The message that was unsent when the socket closed.
    pub(crate) unsent: Option<Retry>,
    /// Between two looks at what the peer has read.
    pub(crate) backoff: PollBackoff,
    /// How long the peer may take to say whether it can read all that a closed socket has sent.
    answer_until: Option<Instant>,
    news: VecDeque<News>,
}

/// What the session tells, in this order.
#[derive(Debug)]
pub(crate) enum News {
    /// The handshake is done.
    Ready,
    /// Socket, monitor and log: the connection stays on ZMTP. `is_logged`: the log says so with the handshake.
    Stays { why: ZmtpReason, is_logged: bool },
    /// The socket gets ends in shared memory.
    Upgrade(Box<Upgrade>),
    /// The socket gets ends of pipes to the session.
    Downgrade(Box<Downgrade>),
    /// The socket is to send by ZMTP again.
    GiveBack,
    /// The monitor: messages go this way from now on.
    Carrier(Carrier),
    /// Monitor and log: messages go this way from now on.
    LoggedCarrier(Carrier),
    /// The event loop is to watch the process at the other end.
    Watch(Process),
    /// The event loop is to make no offers for a while.
    ShortOfMemory,
}

/// The parts of an open stream that actions need.
#[derive(Debug)]
pub(crate) struct Wire<'a> {
    pub(crate) stream: &'a Stream,
    pub(crate) connection: &'a mut Connection,
    pub(crate) handoff: &'a mut Handoff,
    /// What messages tell of the peer.
    pub(crate) properties: Option<&'a Arc<Properties>>,
}

/// The parts of a session, and of its thread, that actions need.
#[derive(Debug)]
pub(crate) struct Site<'a> {
    /// `None` without a stream. Only questions of an earlier connection come then.
    pub(crate) wire: Option<Wire<'a>>,
    pub(crate) ends: &'a mut Ends,
    pub(crate) link: &'a Link,
    pub(crate) supplies: &'a mut Supplies,
}

/// A message that a socket had no room for when it closed, and its end in shared memory. The peer rings the socket when
/// there is room, which is gone: the session tries again and again.
#[derive(Debug)]
pub(crate) struct Retry {
    pub(crate) sender: Box<SharedOutlet>,
    pub(crate) backoff: PollBackoff,
}

/// Pauses between looks at something that changes without a wake-up: short at first, then longer.
#[derive(Debug)]
pub(crate) struct PollBackoff(Duration);

impl PollBackoff {
    fn new() -> PollBackoff {
        PollBackoff(PAUSE)
    }

    /// Returns the time of the next look.
    pub(crate) fn again(&mut self) -> Instant {
        let pause = self.0;
        self.0 = (pause * 2).min(PAUSE_MOST);
        Instant::now() + pause
    }
}

impl Retry {
    /// Takes the message out, for another way. The end in shared memory is dropped.
    fn into_parts(self) -> Vec<Frame> {
        self.sender.into_parts()
    }
}

impl Driver {
    /// Of a session without a connection.
    pub(crate) fn new() -> Driver {
        Driver {
            switch: Switch::new(Err(Why::TurnedOff)),
            turned_off: false,
            has_met: false,
            sender: None,
            receiver: None,
            witness: None,
            spare: None,
            unsent: None,
            backoff: PollBackoff::new(),
            answer_until: None,
            news: VecDeque::new(),
        }
    }

    /// Begins a new connection. `Err` if this side cannot share memory on it.
    pub(crate) fn begin(&mut self, possible: Result<(), Why>) {
        self.switch = Switch::new(possible);
    }

    /// Gives the switch an input, and performs all actions.
    ///
    /// # Errors
    ///
    /// The peer has broken the protocol of shared memory: [`Broken::Handoff`].
    #[cold]
    pub(crate) fn input(&mut self, input: Input, mut site: Site<'_>) -> Result<(), Broken> {
        self.switch.input(input);
        let mut outcome = Ok(());
        while let Some(action) = self.switch.next_action() {
            match action {
                Action::Violation => outcome = Err(Broken::Handoff),
                Action::MakeOffer | Action::Judge | Action::Meet | Action::Say(_) => {
                    if let Some(wire) = &mut site.wire {
                        self.perform_on_wire(action, wire, site.ends, site.link, site.supplies);
                    }
                }
                action => self.perform(action, &mut site),
            }
        }
        if let Some(wire) = site.wire {
            wire.handoff.forget_offer();
        }
        outcome
    }

    fn perform_on_wire(
        &mut self,
        action: Action,
        wire: &mut Wire<'_>,
        ends: &Ends,
        link: &Link,
        supplies: &mut Supplies,
    ) {
        let handoff = &mut *wire.handoff;
        match action {
            Action::MakeOffer => {
                let made = handoff.make_offer(wire.stream, link, supplies);
                self.switch.input(Input::OfferMade(made));
            }
            Action::Judge => {
                let judged = handoff.judge(supplies).map_err(RefusalReason::code);
                self.switch.input(Input::Judged(judged));
            }
            Action::Meet => {
                if let Some(met) = handoff.meet(wire.stream, link, &ends.waker, &ends.row, supplies)
                {
                    self.has_met = true;
                    let (sends, receives) = (met.sender.is_some(), met.receiver.is_some());
                    (self.sender, self.receiver) = (met.sender, met.receiver);
                    self.news.extend(met.process.map(News::Watch));
                    self.switch.input(Input::Met { sends, receives });
                }
            }
            Action::Say(frame) => {
                if let Some(frame) = encoded(frame) {
                    wire.connection.command(COMMAND, &frame);
                }
            }
            _ => {}
        }
    }

    fn perform(&mut self, action: Action, site: &mut Site<'_>) {
        let (ends, link) = (&mut *site.ends, site.link);
        match action {
            Action::Stays(why) => {
                if let Some(wire) = &mut site.wire {
                    wire.handoff.withdraw();
                }
                let is_logged = self.news.iter().any(|news| matches!(news, News::Ready));
                let why = reason(why);
                self.news.push_back(News::Stays { why, is_logged });
            }
            Action::TellAgreed => self.upgrade(Upgrade::agreed()),
            Action::GiveSender => {
                if let Some((sender, witness)) = self.sender.take() {
                    self.witness = Some(witness);
                    let spare = spare(link, &ends.waker, &ends.row);
                    self.spare = Some(Arc::clone(&spare));
                    self.upgrade(Upgrade::sender(sender, spare));
                }
            }
            Action::GiveReceiver => {
                if let Some(receiver) = self.receiver.take() {
                    let wire = site.wire.as_ref();
                    let properties = wire.and_then(|wire| wire.properties.cloned());
                    self.upgrade(Upgrade::receiver(receiver, properties, link.bounds()));
                }
            }
            Action::DropReceiver => self.receiver = None,
            Action::GiveBack => self.news.push_back(News::GiveBack),
            Action::CarrierShared => {
                self.news
                    .push_back(News::LoggedCarrier(Carrier::SharedMemory));
            }
            Action::CloseInbound => ends.inbound = None,
            Action::OpenInbound(why) => {
                let why = reason(why);
                let receiver = open_inbound(ends, link);
                self.downgrade(false, Some(receiver), why);
                self.news.push_back(News::Carrier(Carrier::Zmtp(why)));
            }
            Action::HoldPipe(why) => self.hold_pipe(reason(why), ends),
            Action::AppendHeld => ends.append_held(),
            Action::TakeUnread => {
                if let Some(witness) = self.witness.take() {
                    tracing::info!("back to ZMTP, for the peer has no memory");
                    ends.outbound
                        .then(Outbound::left(witness.into_unread(), true));
                }
            }
            Action::OpenPipe(why) => self.open_pipe(reason(why), ends),
            Action::DropSegments => self.witness = None,
            Action::AppendUnsent => {
                if let Some(unsent) = self.unsent.take() {
                    ends.end_with(unsent.into_parts());
                }
            }
            Action::DropUnsent => self.unsent = None,
            Action::ShortOfMemory => self.news.push_back(News::ShortOfMemory),
            Action::Resume { unread, held, tell } => self.resume(unread, held, tell, ends, link),
            // The session looks whether there is an unsent message. The others are performed elsewhere.
            Action::RetryUnsent
            | Action::MakeOffer
            | Action::Judge
            | Action::Meet
            | Action::Say(_)
            | Action::Violation => {}
        }
    }

    /// The pipe by which the socket sends once it leaves shared memory. It is read once.
    fn take_spare(&mut self) -> Outbound {
        match self.spare.take() {
            Some(spare) => Outbound::new(spare.receiver()),
            None => Outbound::late(Vec::new()),
        }
    }

    fn hold_pipe(&mut self, why: ZmtpReason, ends: &mut Ends) {
        self.backoff = PollBackoff::new();
        ends.held = Some(match self.unsent.take() {
            Some(unsent) => Outbound::late(unsent.into_parts()),
            None => {
                self.downgrade(true, None, why);
                self.take_spare()
            }
        });
        self.news.push_back(News::LoggedCarrier(Carrier::Zmtp(why)));
    }

    fn open_pipe(&mut self, why: ZmtpReason, ends: &mut Ends) {
        let then = self.take_spare();
        ends.outbound.then(then);
        match self.unsent.take() {
            Some(unsent) => ends.end_with(unsent.into_parts()),
            None => self.downgrade(true, None, why),
        }
        self.news.push_back(News::LoggedCarrier(Carrier::Zmtp(why)));
    }

    /// Makes the chain ready for the next connection, which begins with ZMTP.
    fn resume(&mut self, unread: Unread, held: bool, tell: bool, ends: &mut Ends, link: &Link) {
        let receiver = open_inbound(ends, link);
        let mut sends = false;
        let left = match (self.witness.take(), unread) {
            (None, _) | (_, Unread::None | Unread::Pipe) => None,
            (Some(witness), _) => {
                // Of libzmq the peer would have had as many as its mark admits, and they would be gone with it. They go to
                // the next peer, if there is one, but no socket lingers for them: it might be for ever.
                let mark = witness.receiving_mark();
                let owed = mark != 0 && witness.count(mark.saturating_add(1)) > mark;
                Some(Outbound::left(witness.into_unread(), owed))
            }
        };
        if let Some(left) = left {
            match unread {
                // What was sent behind it is reached already.
                Unread::Front => ends.outbound.first(left),
                _ => ends.outbound.then(left),
            }
        }
        if matches!(unread, Unread::Pipe | Unread::BehindThenPipe) {
            let then = self.take_spare();
            ends.outbound.then(then);
            sends = true;
        }
        if held {
            ends.append_held();
        }
        let why = ZmtpReason::PeerGone;
        match self.unsent.take() {
            Some(unsent) => ends.end_with(unsent.into_parts()),
            None => self.downgrade(sends, Some(receiver), why),
        }
        if tell {
            self.news.push_back(News::Carrier(Carrier::Zmtp(why)));
        }
    }

    /// Ends the connection. `survives`: the session reconnects, and keeps its pipe. `letting_go`: the socket has closed.
    /// `given`: the peer may live, and reads on what it has in shared memory.
    pub(crate) fn end(&mut self, survives: bool, letting_go: bool, given: bool, site: Site<'_>) {
        let closing = letting_go && self.unsent.is_none();
        // No frame comes that could be out of turn.
        let ended = Input::Ended {
            survives,
            closing,
            given,
        };
        let _ = self.input(ended, site);
        (self.sender, self.receiver, self.witness) = (None, None, None);
        self.spare = None;
    }

    /// The socket has closed. `unsent`: with a message that shared memory had no room for.
    pub(crate) fn closed(&mut self, unsent: Option<Box<Unsent>>, site: Site<'_>) {
        let Some(unsent) = unsent else {
            return;
        };
        self.unsent = Some(Retry {
            sender: Box::new(SharedOutlet::from(*unsent)),
            backoff: PollBackoff::new(),
        });
        let (unsent, immediate) = (true, site.link.immediate);
        // An order of the socket is never a violation of the peer.
        let _ = self.input(Input::Closed { unsent, immediate }, site);
    }

    /// Returns true if the peer is to be asked, before the end, whether it can read all that is in shared memory.
    pub(crate) fn wants_to_leave(&mut self) -> bool {
        let unread = self
            .witness
            .as_ref()
            .is_some_and(|witness| !witness.is_drained());
        let asks = self.switch.may_leave() && unread;
        if asks {
            self.answer_until = Some(Instant::now() + ANSWER);
        }
        asks
    }

    /// Returns true if the peer has been asked whether it can read all that is in shared memory, and may still ask for it
    /// by ZMTP.
    pub(crate) fn awaits_answer(&self) -> bool {
        self.switch.awaits_answer()
            && self
                .answer_deadline()
                .is_none_or(|until| Instant::now() < until)
    }

    /// The time at which a peer is no longer waited for that has not answered. A peer that has said YIELD is waited for as
    /// long as the socket may linger: it may lack a mapping that its application has not come to.
    pub(crate) fn answer_deadline(&self) -> Option<Instant> {
        self.answer_until
            .filter(|_| self.switch.awaits_answer() && !self.switch.is_asked_to_yield())
    }

    fn upgrade(&mut self, upgrade: Upgrade) {
        self.news.push_back(News::Upgrade(Box::new(upgrade)));
    }

    fn downgrade(&mut self, sends: bool, receiver: Option<Receiver<Frame>>, why: ZmtpReason) {
        self.news.push_back(News::Downgrade(Box::new(Downgrade {
            sends,
            receiver,
            why,
        })));
    }

    /// Returns true if messages may have come in shared memory.
    pub(crate) fn has_met(&self) -> bool {
        self.has_met
    }

    /// Queues that the handshake is done.
    pub(crate) fn ready(&mut self) {
        self.news.push_back(News::Ready);
    }

    /// Takes the next news.
    #[inline]
    pub(crate) fn next_news(&mut self) -> Option<News> {
        self.news.pop_front()
    }

    /// Returns the reason to stay on ZMTP that is known when the handshake is done.
    pub(crate) fn reason_at_ready(&self, peer_can: bool) -> Option<ZmtpReason> {
        self.switch.reason_at_ready(peer_can).map(reason)
    }

    /// Returns the reason to stay on ZMTP that waits to be told.
    pub(crate) fn stays(&self) -> Option<ZmtpReason> {
        self.news.iter().find_map(|news| match news {
            News::Stays { why, .. } => Some(*why),
            _ => None,
        })
    }

    /// Returns true if the session keeps what it has to in this state, once all actions are performed.
    pub(crate) fn fits(&self, ends: &Ends) -> bool {
        let keeps = self.switch.keeps();
        keeps.witness == self.witness.is_some()
            && keeps.sender == self.sender.is_some()
            && keeps.receiver == self.receiver.is_some()
            && keeps.inbound == ends.inbound.is_some()
            && keeps.held == ends.held.is_some()
    }
}

/// Opens a new pipe to the socket.
fn open_inbound(ends: &mut Ends, link: &Link) -> Receiver<Frame> {
    let (to_socket, receiver) = inbound(link, &ends.waker, &ends.row);
    ends.inbound = Some(to_socket);
    ends.tells_properties = true;
    receiver
}

/// The bytes of a frame. An offer is framed by [`Handoff::frame_offer`].
fn encoded(frame: switch::Frame) -> Option<[u8; remote::FRAME]> {
    let frame = match frame {
        switch::Frame::Offer => return None,
        switch::Frame::Accept => OfferFrame::Accept,
        switch::Frame::Refuse(code) => OfferFrame::Refuse(RefusalReason::from_code(code)),
        switch::Frame::Switch => OfferFrame::Switch,
        switch::Frame::Back => OfferFrame::Back,
        switch::Frame::Closing => OfferFrame::Closing,
        switch::Frame::TakeBack => OfferFrame::TakeBack,
        switch::Frame::TakenBack => OfferFrame::TakenBack,
        switch::Frame::BackAccepted => OfferFrame::BackAccepted,
        switch::Frame::Yield => OfferFrame::Yield,
    };
    Some(frame.encode())
}

fn reason(why: Why) -> ZmtpReason {
    match why {
        Why::NotIpc => ZmtpReason::NotIpc,
        Why::Unproven => ZmtpReason::Unproven,
        Why::TurnedOff => ZmtpReason::TurnedOff,
        Why::Resources => ZmtpReason::Resources,
        Why::NotOffered => ZmtpReason::NotOffered,
        Why::Refused(code) => ZmtpReason::Refused(RefusalReason::from_code(code)),
        Why::RefusedByPeer(code) => ZmtpReason::RefusedByPeer(RefusalReason::from_code(code)),
    }
}
