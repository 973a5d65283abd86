//! A session: the chain of what it sends, and the inputs that it gives to its switch.

use std::collections::VecDeque;

use super::super::{Frame, Input, Switch, Why};
use super::socket::Command;
use super::{Item, Number, Offer, Verdict, World};

/// One end of a connection, and what outlives it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Session {
    pub(crate) switch: Switch,
    pub(crate) stream: Stream,
    pub(crate) ready: bool,
    pub(crate) chain: VecDeque<Source>,
    pub(crate) held: Option<Source>,
    /// The pipe to the socket.
    pub(crate) inbound: Option<usize>,
    pub(crate) witness: bool,
    pub(crate) sender: bool,
    pub(crate) receiver: bool,
    /// The order `Finish` came.
    pub(crate) closed: bool,
    /// A message that had no room when the socket closed.
    pub(crate) unsent: Option<Unsent>,
    /// The code with which it answers to offers.
    pub(crate) refuses: Option<u32>,
    /// The descriptors that came with the last offer.
    pub(super) came: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Stream {
    Open,
    /// Everything was sent, and the stream is closed for writing. What comes is ignored.
    Farewell,
    /// It has ended, and the session may make another one.
    Gone,
    /// It has ended with the session.
    Over,
}

/// What a session sends.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Source {
    /// What the socket gives to this pipe.
    Pipe(usize),
    /// What is in the shared memory of this connection, from this position on.
    Unread { connection: usize, at: usize },
    /// A message of a socket that has closed.
    Unsent(Option<Number>),
}

/// An order of the socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Order {
    CannotSend,
    CannotReceive,
    /// The socket has left shared memory: what it has left there can come to its end.
    Activate,
    Finish(Option<Unsent>),
}

/// A message of a socket that has closed, and the connection in whose shared memory it was to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Unsent {
    pub(crate) connection: usize,
    pub(crate) message: Number,
}

/// A deliberate fault of a session, to show that the oracle finds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Fault {
    /// Tells the switch that the chain is at its end when it is not.
    EarlyEnd,
    /// Appends what is held back before it appends what is unread.
    HeldFirst,
    /// Puts what is unread behind the chain, where it belongs before it.
    FrontBehind,
    /// Drops what is unread when the peer takes it back.
    DropsUnread,
    /// Does not tell the switch that the chain is at its end.
    Sleeps,
    /// Does not append what was held.
    ForgetsHeld,
    /// Answers TAKE BACK twice.
    SaysTwice,
    /// Ends the connection of a socket that has closed without asking whether the peer can read everything.
    DoesNotAsk,
    /// Sends again what a peer that lives has in its memory.
    SendsAgain,
}

impl Fault {
    pub(crate) const ALL: [Fault; 9] = [
        Fault::EarlyEnd,
        Fault::HeldFirst,
        Fault::FrontBehind,
        Fault::DropsUnread,
        Fault::Sleeps,
        Fault::ForgetsHeld,
        Fault::SaysTwice,
        Fault::DoesNotAsk,
        Fault::SendsAgain,
    ];
}

impl Session {
    pub(super) fn new() -> Session {
        Session::of(0, 0)
    }

    /// The session at the other end of these pipes.
    pub(super) fn of(outbound: usize, inbound: usize) -> Session {
        Session {
            switch: Switch::new(Ok(())),
            stream: Stream::Gone,
            ready: false,
            chain: VecDeque::from([Source::Pipe(outbound)]),
            held: None,
            inbound: Some(inbound),
            witness: false,
            sender: false,
            receiver: false,
            closed: false,
            unsent: None,
            refuses: None,
            came: false,
        }
    }

    pub(super) fn connected(&mut self, possible: Result<(), Why>) {
        self.switch = Switch::new(possible);
        self.stream = Stream::Open;
        self.ready = false;
        (self.sender, self.receiver) = (false, false);
        self.refuses = None;
    }

    /// The session has ended with its stream.
    pub(crate) fn is_done(&self) -> bool {
        matches!(self.stream, Stream::Over | Stream::Farewell)
    }

    pub(crate) fn is_over(&self) -> bool {
        matches!(self.stream, Stream::Gone | Stream::Over)
    }

    pub(crate) fn rests(&self) -> bool {
        self.stream == Stream::Gone
    }
}

impl World {
    pub(super) fn connection(&self) -> usize {
        self.memories.len() - 1
    }

    fn is_at_end(&self, number: usize, source: &Source) -> bool {
        match source {
            Source::Pipe(pipe) => {
                let pipe = &self.sides[number].outbound[*pipe];
                pipe.ended && pipe.messages.is_empty()
            }
            Source::Unread { connection, at } => {
                let memory = &self.memories[*connection][number];
                memory.ended && *at >= memory.published.len()
            }
            Source::Unsent(message) => message.is_none(),
        }
    }

    /// Leaves the sources that are at their end. Returns whether the last one is, too.
    pub(crate) fn chain_at_end(&mut self, number: usize) -> bool {
        loop {
            let chain = &self.sides[number].session.chain;
            let at_end = chain
                .front()
                .is_none_or(|front| self.is_at_end(number, front));
            if !at_end || chain.len() <= 1 {
                return at_end;
            }
            self.sides[number].session.chain.pop_front();
        }
    }

    pub(crate) fn pop(&mut self, number: usize) -> Option<Number> {
        self.chain_at_end(number);
        let side = &mut self.sides[number];
        match side.session.chain.front_mut()? {
            Source::Pipe(pipe) => side.outbound[*pipe].messages.pop_front(),
            Source::Unread { connection, at } => {
                let message = *self.memories[*connection][number].published.get(*at)?;
                *at += 1;
                Some(message)
            }
            Source::Unsent(message) => message.take(),
        }
    }

    fn input(&mut self, number: usize, input: Input) -> Verdict<()> {
        self.sides[number].session.switch.input(input);
        self.perform(number)
    }

    /// What a session does whenever it works.
    pub(super) fn work(&mut self, number: usize) -> Verdict<()> {
        let session = &self.sides[number].session;
        if !self.sides[number].alive || session.stream != Stream::Open {
            return Ok(());
        }
        if session.switch.wants_time() && !self.is_liar(number) {
            self.input(number, Input::Time(self.time()))?;
        }
        self.chain_at_end(number);
        let session = &self.sides[number].session;
        if session.switch.wants_fresh() && session.chain.len() == 1 {
            self.input(number, Input::Fresh)?;
        }
        let has_offer = self.sides[number].session.switch.has_offer();
        for item in &mut self.wires[number] {
            if *item == Item::Offer(Offer::Unsent) && !has_offer {
                *item = Item::Offer(Offer::Bare);
            }
        }
        Ok(())
    }

    fn is_liar(&self, number: usize) -> bool {
        self.record.liar && number == 1
    }

    pub(super) fn take_item(&mut self, number: usize) -> Verdict<bool> {
        let stream = self.sides[number].session.stream;
        if !self.sides[number].alive || !matches!(stream, Stream::Open | Stream::Farewell) {
            return Ok(false);
        }
        let Some(item) = self.wires[1 - number].front().copied() else {
            return Ok(false);
        };
        if item == Item::Offer(Offer::Unsent) {
            return Ok(false);
        }
        self.wires[1 - number].pop_front();
        if item == Item::End {
            self.end(number, false)?;
            return Ok(true);
        }
        // ZMTP knows the command of the handoff only where this side has said the property.
        let unknown = self.possible[number].is_err()
            && matches!(item, Item::Offer(_) | Item::Frame(_) | Item::Garbage);
        if stream == Stream::Farewell || self.is_liar(number) || unknown {
            return Ok(true);
        }
        let (in_midst, short) = (false, self.misses(number));
        match item {
            Item::Ready(peer_can) => {
                self.sides[number].session.ready = true;
                let now = self.time();
                self.input(number, Input::Ready { peer_can, now })?;
            }
            Item::Garbage => self.input(number, Input::Undecodable(3))?,
            Item::Offer(offer) => {
                self.sides[number].session.came = offer == Offer::WithDescriptors;
                let frame = Frame::Offer;
                self.input(
                    number,
                    Input::Frame {
                        frame,
                        in_midst,
                        short,
                    },
                )?;
            }
            Item::Frame(frame) => self.input(
                number,
                Input::Frame {
                    frame,
                    in_midst,
                    short,
                },
            )?,
            Item::Message(message) => {
                self.input(number, Input::Message)?;
                let side = &mut self.sides[number];
                if let (Stream::Open, Some(pipe)) = (side.session.stream, side.session.inbound) {
                    side.inbound[pipe].messages.push_back(message);
                }
            }
            Item::End => {}
        }
        self.work(number)?;
        Ok(true)
    }

    pub(super) fn take_order(&mut self, number: usize) -> Verdict<bool> {
        let Some(order) = self.sides[number].orders.pop_front() else {
            return Ok(false);
        };
        if self.sides[number].session.stream == Stream::Over {
            return Ok(true);
        }
        match order {
            Order::CannotSend => self.cannot_send(number)?,
            Order::Activate => {}
            Order::CannotReceive => self.input(number, Input::CannotReceive)?,
            Order::Finish(message) => {
                self.sides[number].session.closed = true;
                self.sides[number].session.unsent = message;
                let (unsent, immediate) = (message.is_some(), false);
                self.input(number, Input::Closed { unsent, immediate })?;
            }
        }
        self.work(number)?;
        Ok(true)
    }

    fn cannot_send(&mut self, number: usize) -> Verdict<()> {
        let side = &self.sides[number];
        let let_go = match side.session.chain.back() {
            Some(Source::Pipe(pipe)) => side.outbound[*pipe].ended,
            _ => true,
        };
        self.input(number, Input::CannotSend { let_go })
    }

    /// A message without room is tried again, by the socket, or after its close by the session.
    pub(super) fn retry(&mut self, number: usize, ample: bool) -> Verdict<bool> {
        let side = &mut self.sides[number];
        if !side.alive || !ample && self.budget.send_short[number] == 0 {
            return Ok(false);
        }
        let Some(unsent) = side.session.unsent else {
            let tried = self.retry_waiting(number, ample);
            self.budget.send_short[number] -= u8::from(tried && !ample);
            return Ok(tried);
        };
        if ample {
            side.session.unsent = None;
            let memory = &mut self.memories[unsent.connection][number];
            memory.published.push(unsent.message);
            memory.ended = true;
        } else {
            self.budget.send_short[number] -= 1;
            self.cannot_send(number)?;
        }
        Ok(true)
    }

    pub(super) fn output(&mut self, number: usize) -> Verdict<bool> {
        let side = &self.sides[number];
        if !side.alive || side.session.stream != Stream::Open || self.is_liar(number) {
            return Ok(false);
        }
        if side.session.switch.has_offer() {
            if side.session.switch.is_framed() {
                for item in &mut self.wires[number] {
                    if *item == Item::Offer(Offer::Unsent) {
                        *item = Item::Offer(Offer::WithDescriptors);
                    }
                }
                self.input(number, Input::OfferSent)?;
            } else {
                self.record.said(number, Frame::Offer)?;
                self.write(number, Item::Offer(Offer::Unsent));
                self.input(number, Input::OfferFramed)?;
            }
            return Ok(true);
        }
        if !side.session.ready || self.wires[number].len() >= self.wire {
            return Ok(false);
        }
        if let Some(message) = self.pop(number) {
            self.record.wrote(number, message)?;
            self.write(number, Item::Message(message));
            self.work(number)?;
            return Ok(true);
        }
        let at_end = self.chain_at_end(number);
        let session = &self.sides[number].session;
        let early = self.fault == Some(Fault::EarlyEnd) && session.switch.keeps().witness;
        let asks = session.switch.wants_end() && (at_end || early) || session.switch.wants_output();
        if asks && self.fault != Some(Fault::Sleeps) {
            let at_end = at_end || early;
            self.input(number, Input::Output { at_end })?;
            self.work(number)?;
            return Ok(true);
        }
        let closed = session.closed && session.unsent.is_none();
        if at_end && session.held.is_none() && (closed || !session.switch.is_agreed()) {
            if session.switch.awaits_answer() {
                return Ok(false);
            }
            let memory = &self.memories[self.connection()][number];
            let unread = session.witness && memory.read < memory.published.len();
            if session.switch.may_leave() && unread && self.fault != Some(Fault::DoesNotAsk) {
                self.input(number, Input::Leave)?;
                return Ok(true);
            }
            self.sides[number].session.stream = Stream::Farewell;
            self.write(number, Item::End);
            return Ok(true);
        }
        Ok(false)
    }

    pub(super) fn drained(&mut self, number: usize) -> Verdict<bool> {
        let side = &self.sides[number];
        let memory = &self.memories[self.connection()][number];
        let switch = &side.session.switch;
        let unused = switch.wants_unused() && memory.ended && memory.published.is_empty();
        let drained = switch.wants_drained() && memory.read == memory.published.len();
        if !side.alive || !unused && !drained {
            return Ok(false);
        }
        let seen = if drained {
            Input::PeerDrained
        } else {
            Input::Unused
        };
        self.input(number, seen)?;
        self.work(number)?;
        Ok(true)
    }

    /// A segment waits that this side could not map.
    fn misses(&self, number: usize) -> bool {
        let memory = &self.memories[self.connection()][1 - number];
        let missing = memory.missing;
        missing.is_some_and(|from| from < memory.published.len())
    }

    pub(super) fn give_back(&mut self, number: usize) -> Verdict<bool> {
        let session = &self.sides[number].session;
        let open = self.sides[number].alive && session.stream == Stream::Open;
        if !open || !session.switch.is_agreed() || self.budget.give_backs[number] == 0 {
            return Ok(false);
        }
        self.budget.give_backs[number] -= 1;
        self.input(number, Input::GiveBack)?;
        Ok(true)
    }

    pub(super) fn write(&mut self, number: usize, item: Item) {
        let other = &self.sides[1 - number];
        if other.alive && !other.session.is_over() {
            self.wires[number].push_back(item);
        }
    }

    /// The side that has dialed ends the connection by itself: a time is over in which the peer had to answer.
    pub(super) fn sever(&mut self, number: usize) -> Verdict<bool> {
        let session = &self.sides[number].session;
        let open = self.sides[number].alive && session.stream == Stream::Open && session.ready;
        if !open || number != self.dialer() || self.budget.severs == 0 {
            return Ok(false);
        }
        self.budget.severs -= 1;
        self.record.severed = true;
        self.sides[number].commands.push_back(Command::Stop);
        self.end(number, true)?;
        Ok(true)
    }

    /// The stream has ended. `ours`: this side has ended it.
    pub(super) fn end(&mut self, number: usize, ours: bool) -> Verdict<()> {
        let dialed = number == self.dialer();
        let session = &mut self.sides[number].session;
        let told = session.stream == Stream::Farewell;
        let survives = dialed && !told;
        let closing = session.closed && session.unsent.is_none();
        session.stream = if survives { Stream::Gone } else { Stream::Over };
        self.wires[number].retain(|item| *item != Item::Offer(Offer::Unsent));
        self.write(number, Item::End);
        let given = ours && self.sides[1 - number].alive;
        if given && self.record.has_switched(number) && self.sides[number].session.witness {
            let connection = self.connection();
            let memory = &mut self.memories[connection][number];
            memory.given = true;
            self.record.gave(number, &memory.published[memory.read..]);
        }
        let ended = Input::Ended {
            survives,
            closing,
            given: given && self.fault != Some(Fault::SendsAgain),
        };
        self.input(number, ended)?;
        let side = &mut self.sides[number];
        let session = &mut side.session;
        (session.witness, session.sender, session.receiver) = (false, false, false);
        if !survives {
            side.commands.push_back(Command::Gone);
        }
        Ok(())
    }
}
