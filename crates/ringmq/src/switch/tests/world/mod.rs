//! Two sides of a connection in virtual time: a socket, a session and a switch each, and two wires between them.
//!
//! Every source of order is a [`Step`]: which side works, what it takes next, when memory runs short, who closes or dies.
//! A step that has nothing to do changes nothing. [`super::oracle`] looks at the world after each step.

mod actions;
mod session;
mod socket;

use std::collections::VecDeque;
use std::time::Duration;

use super::oracle::Record;
use super::{Frame, Why};
pub(crate) use session::{Fault, Session};
pub(crate) use socket::Socket;

/// A number that a socket has sent: the life of its process, and the count of its messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Number {
    pub(crate) life: u8,
    pub(crate) count: u8,
}

/// What is on a wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Item {
    /// READY, with the property of shared memory or without.
    Ready(bool),
    Offer(Offer),
    Frame(Frame),
    Message(Number),
    /// A frame of the handoff that is not understood.
    Garbage,
    /// The stream is closed.
    End,
}

/// An OFFER frame and its descriptors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Offer {
    /// The frame is in the output of ZMTP. Nothing behind it can be read.
    Unsent,
    WithDescriptors,
    /// It went without, because this side has changed its mind.
    Bare,
}

/// A pipe within a process.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct Pipe {
    pub(crate) messages: VecDeque<Number>,
    /// The sender has let go.
    pub(crate) ended: bool,
}

/// The segments of one direction of one connection.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct Memory {
    pub(crate) published: Vec<Number>,
    /// The position that the receiver has reported.
    pub(crate) read: usize,
    /// *end* was published.
    pub(crate) ended: bool,
    /// The pipe by which the socket sends when it leaves this memory. The first side that needs it opens it.
    pub(crate) spare: Option<usize>,
    /// The sender's side has ended the connection to a peer that lives.
    pub(crate) given: bool,
    /// The receiver has no mapping for what is published from here on.
    pub(crate) missing: Option<usize>,
}

/// What may happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Step {
    /// The socket sends a message.
    Send(usize),
    /// It finds no memory for a message, or no room.
    SendShort(usize),
    SendFull(usize),
    /// A message that had no room is tried again: there is room, or no memory.
    Retry(usize),
    RetryShort(usize),
    /// The socket receives a message, or finds no memory for that.
    Receive(usize),
    ReceiveShort(usize),
    /// The session cannot map the next segment.
    Miss(usize),
    /// The process has no mapping left.
    GiveBack(usize),
    /// The socket takes a command of its session.
    Command(usize),
    /// The session takes an order of its socket.
    Order(usize),
    /// The session takes an item from the wire.
    Take(usize),
    /// The session writes one item, or finds that it has none.
    Output(usize),
    /// The session sees that all segments were read, or that there are none.
    Drained(usize),
    /// A millisecond passes, and both sessions work.
    Tick,
    /// The side is short of memory for offers from now on, or refuses the peer's offers.
    RunShort(usize),
    Distrust(usize),
    /// The socket closes. The process dies.
    Close(usize),
    Die(usize),
    /// The session ends its connection, and the peer lives.
    Sever(usize),
    /// The side that dialed connects to a new process, or to the one that it has left.
    Reconnect,
    /// The side that lies writes this, or reports that it has read a message.
    Foreign(Frame),
    ForeignMessage,
    ForeignGarbage,
    ForeignRead,
}

/// How often what is optional may happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Budget {
    pub(crate) messages: [u8; 2],
    pub(crate) send_short: [u8; 2],
    pub(crate) send_full: [u8; 2],
    pub(crate) receive_short: [u8; 2],
    pub(crate) misses: [u8; 2],
    pub(crate) give_backs: [u8; 2],
    pub(crate) closes: [u8; 2],
    pub(crate) deaths: [u8; 2],
    /// Times that the side that dialed ends a connection.
    pub(crate) severs: u8,
    pub(crate) reconnects: u8,
    /// Times that a side runs short of memory for offers or refuses one, before both have agreed.
    pub(crate) refusals: u8,
    /// Items of a side that lies. With any, the second side lies.
    pub(crate) lies: u8,
}

impl Budget {
    /// Nothing but what has to happen.
    pub(crate) const NONE: Budget = Budget {
        messages: [0; 2],
        send_short: [0; 2],
        send_full: [0; 2],
        receive_short: [0; 2],
        misses: [0; 2],
        give_backs: [0; 2],
        closes: [0; 2],
        deaths: [0; 2],
        severs: 0,
        reconnects: 0,
        refusals: 0,
        lies: 0,
    };
}

/// What a world begins with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setup {
    /// Whether the sockets of each side send, and receive, in shared memory.
    pub(crate) uses: [Uses; 2],
    pub(crate) possible: [Result<(), Why>; 2],
    /// The side that dialed.
    pub(crate) dialer: usize,
    pub(crate) budget: Budget,
    /// Items that a wire holds.
    pub(crate) wire: usize,
    /// Both sides have agreed.
    pub(crate) agreed: bool,
    pub(crate) fault: Option<Fault>,
}

/// The directions in which a type of socket uses shared memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Uses {
    pub(crate) sends: bool,
    pub(crate) receives: bool,
}

impl Uses {
    pub(crate) const BOTH: Uses = Uses {
        sends: true,
        receives: true,
    };
    pub(crate) const SENDS: Uses = Uses {
        sends: true,
        receives: false,
    };
    pub(crate) const RECEIVES: Uses = Uses {
        sends: false,
        receives: true,
    };
}

/// One process.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Side {
    pub(crate) life: u8,
    pub(crate) alive: bool,
    pub(crate) uses: Uses,
    pub(crate) session: Session,
    pub(crate) socket: Socket,
    /// From the socket to the session, and back. A pipe is never used again.
    pub(crate) outbound: Vec<Pipe>,
    pub(crate) inbound: Vec<Pipe>,
    pub(crate) commands: VecDeque<socket::Command>,
    pub(crate) orders: VecDeque<session::Order>,
}

/// Everything.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct World {
    pub(crate) sides: [Side; 2],
    /// What each side has written and the other has not read.
    pub(crate) wires: [VecDeque<Item>; 2],
    /// The segments of each connection, by the side that sends.
    pub(crate) memories: Vec<[Memory; 2]>,
    pub(crate) budget: Budget,
    pub(crate) now: u8,
    pub(crate) record: Record,
    dialer: usize,
    possible: [Result<(), Why>; 2],
    wire: usize,
    fault: Option<Fault>,
}

/// What the oracle holds against a world.
pub(crate) type Verdict<T> = Result<T, String>;

impl World {
    pub(crate) fn new(setup: &Setup) -> World {
        let side = |number: usize| Side::new(1, setup.uses[number]);
        let record = Record::new(setup.budget.lies > 0, setup.possible);
        let mut world = World {
            sides: [side(0), side(1)],
            wires: [VecDeque::new(), VecDeque::new()],
            memories: Vec::new(),
            budget: setup.budget,
            now: 0,
            record,
            dialer: setup.dialer,
            possible: setup.possible,
            wire: setup.wire,
            fault: setup.fault,
        };
        world.connect();
        world
    }

    fn connect(&mut self) {
        self.memories.push(Default::default());
        self.record
            .connected([self.sides[0].life, self.sides[1].life]);
        for number in 0..2 {
            self.sides[number].session.connected(self.possible[number]);
            self.wires[number].clear();
            let can = self.sides[number].session.switch.offers_property();
            self.wires[number].push_back(Item::Ready(can));
        }
    }

    pub(crate) fn dialer(&self) -> usize {
        self.dialer
    }

    fn time(&self) -> Duration {
        Duration::from_millis(u64::from(self.now))
    }

    /// Returns false if this step has nothing to do. That is not all that it takes.
    pub(crate) fn may(&self, step: Step) -> bool {
        let works = |number: usize| {
            let stream = self.sides[number].session.stream;
            matches!(stream, session::Stream::Open | session::Stream::Farewell)
        };
        match step {
            Step::Send(side) => self.budget.messages[side] > 0,
            Step::SendShort(side) => {
                self.budget.messages[side] > 0 && self.budget.send_short[side] > 0
            }
            Step::SendFull(side) => {
                self.budget.messages[side] > 0 && self.budget.send_full[side] > 0
            }
            Step::Retry(side) => self.unsent(side),
            Step::RetryShort(side) => self.budget.send_short[side] > 0 && self.unsent(side),
            Step::Receive(side) => !self.sides[side].socket.closed,
            Step::ReceiveShort(side) => self.budget.receive_short[side] > 0,
            Step::Miss(side) => self.budget.misses[side] > 0,
            Step::GiveBack(side) => works(side) && self.budget.give_backs[side] > 0,
            Step::Command(side) => !self.sides[side].commands.is_empty(),
            Step::Order(side) => !self.sides[side].orders.is_empty(),
            Step::Take(side) => works(side) && !self.wires[1 - side].is_empty(),
            Step::Output(side) => works(side) && self.wires[side].len() < self.wire,
            Step::Drained(side) => {
                let switch = &self.sides[side].session.switch;
                switch.wants_drained() || switch.wants_unused()
            }
            Step::RunShort(_) | Step::Distrust(_) => self.budget.refusals > 0,
            Step::Close(side) => self.budget.closes[side] > 0,
            Step::Die(side) => self.budget.deaths[side] > 0,
            Step::Sever(side) => works(side) && self.budget.severs > 0,
            Step::Reconnect => self.budget.reconnects > 0,
            Step::Foreign(_) | Step::ForeignMessage | Step::ForeignGarbage => self.budget.lies > 0,
            Step::Tick | Step::ForeignRead => true,
        }
    }

    fn unsent(&self, number: usize) -> bool {
        self.sides[number].socket.waits() || self.sides[number].session.unsent.is_some()
    }

    /// Makes a step. Returns false if there was nothing to do.
    pub(crate) fn step(&mut self, step: Step) -> Verdict<bool> {
        match step {
            Step::Send(side) => self.send(side, socket::Way::Ample),
            Step::SendShort(side) => self.send(side, socket::Way::Short),
            Step::SendFull(side) => self.send(side, socket::Way::Full),
            Step::Retry(side) => self.retry(side, true),
            Step::RetryShort(side) => self.retry(side, false),
            Step::Receive(side) => self.receive(side, true),
            Step::ReceiveShort(side) => self.receive(side, false),
            Step::Miss(side) => Ok(self.miss(side)),
            Step::GiveBack(side) => self.give_back(side),
            Step::Command(side) => Ok(self.take_command(side)),
            Step::Order(side) => self.take_order(side),
            Step::Take(side) => self.take_item(side),
            Step::Output(side) => self.output(side),
            Step::Drained(side) => self.drained(side),
            Step::Tick => self.tick(),
            Step::RunShort(side) => Ok(self.refuses(side, super::RESOURCES)),
            Step::Distrust(side) => Ok(self.refuses(side, 2)),
            Step::Close(side) => Ok(self.close(side)),
            Step::Die(side) => Ok(self.die(side)),
            Step::Sever(side) => self.sever(side),
            Step::Reconnect => Ok(self.reconnect()),
            Step::Foreign(frame) => Ok(self.lie(match frame {
                Frame::Offer => Item::Offer(Offer::WithDescriptors),
                frame => Item::Frame(frame),
            })),
            Step::ForeignMessage => Ok(self.lie(Item::Message(Number { life: 0, count: 0 }))),
            Step::ForeignGarbage => Ok(self.lie(Item::Garbage)),
            Step::ForeignRead => self.read_by_liar(),
        }
    }

    fn tick(&mut self) -> Verdict<bool> {
        let young = |side: &Side| side.session.switch.wants_time();
        if !self.sides.iter().any(young) || self.now == u8::MAX {
            return Ok(false);
        }
        self.now += 1;
        for side in 0..2 {
            self.work(side)?;
        }
        Ok(true)
    }

    /// The first side to run short changes how it answers to offers.
    fn refuses(&mut self, side: usize, code: u32) -> bool {
        let session = &mut self.sides[side].session;
        if self.budget.refusals == 0 || session.refuses.is_some() || session.switch.is_agreed() {
            return false;
        }
        self.budget.refusals -= 1;
        session.refuses = Some(code);
        true
    }

    /// A process dies. What it has written can be read, and what is in its memory.
    fn die(&mut self, number: usize) -> bool {
        if self.budget.deaths[number] == 0 || !self.sides[number].alive {
            return false;
        }
        self.budget.deaths[number] -= 1;
        self.kill(number);
        true
    }

    pub(crate) fn kill(&mut self, number: usize) {
        let side = &mut self.sides[number];
        side.alive = false;
        side.commands.clear();
        side.orders.clear();
        if side.session.is_over() {
            return;
        }
        side.session.stream = session::Stream::Gone;
        self.wires[number].retain(|item| *item != Item::Offer(Offer::Unsent));
        self.wires[number].push_back(Item::End);
        self.wires[1 - number].clear();
    }

    fn reconnect(&mut self) -> bool {
        let (dialer, other) = (self.dialer, 1 - self.dialer);
        let listens = !self.sides[other].alive
            || self.sides[other].session.is_over() && !self.sides[other].socket.closed;
        if self.budget.reconnects == 0
            || !listens
            || !self.sides[dialer].alive
            || !self.sides[dialer].session.rests()
        {
            return false;
        }
        self.budget.reconnects -= 1;
        let Side {
            life, uses, alive, ..
        } = self.sides[other];
        if alive {
            self.sides[other].attach();
        } else {
            self.sides[other] = Side::new(life + 1, uses);
        }
        self.now = 0;
        self.connect();
        true
    }

    fn lie(&mut self, item: Item) -> bool {
        if self.budget.lies == 0 || self.wires[1].len() >= self.wire {
            return false;
        }
        self.budget.lies -= 1;
        self.wires[1].push_back(item);
        true
    }

    /// The second side lies until the first one has agreed.
    pub(crate) fn agree_with_liar(&mut self) -> Verdict<()> {
        self.budget.lies += 2;
        let write = [Step::Output(0); 2];
        let lies = [Frame::Offer, Frame::Accept].map(|frame| [Step::Foreign(frame), Step::Take(0)]);
        let [offer, accept] = lies;
        for step in [Step::Take(0)]
            .into_iter()
            .chain(offer)
            .chain(write)
            .chain(accept)
        {
            self.step(step)?;
        }
        Ok(())
    }

    fn read_by_liar(&mut self) -> Verdict<bool> {
        let Some([memory, _]) = self.memories.last_mut() else {
            return Ok(false);
        };
        let Some(message) = memory.published.get(memory.read).copied() else {
            return Ok(false);
        };
        // A receiver that has said TAKE BACK and reads on gets its messages twice.
        let keeps = self.sides[0].session.switch.keeps();
        if !self.record.liar || !self.sides[1].alive || !keeps.witness {
            return Ok(false);
        }
        memory.read += 1;
        self.record.read(0, message)?;
        Ok(true)
    }
}

impl Side {
    fn new(life: u8, uses: Uses) -> Side {
        Side {
            life,
            alive: true,
            uses,
            session: Session::new(),
            socket: Socket::new(),
            outbound: vec![Pipe::default()],
            inbound: vec![Pipe::default()],
            commands: VecDeque::new(),
            orders: VecDeque::new(),
        }
    }

    /// Another connection of the same process: a new session, and a new pipe to the socket.
    fn attach(&mut self) {
        if let Some(pipe) = self.session.inbound {
            self.inbound[pipe].ended = true;
        }
        self.outbound.push(Pipe::default());
        self.inbound.push(Pipe::default());
        let (sender, receiver) = (self.outbound.len() - 1, self.inbound.len() - 1);
        self.session = Session::of(sender, receiver);
        // No order about the connection before is about this one.
        self.orders.clear();
        let attach = socket::Command::Attach { sender, receiver };
        self.commands.push_back(attach);
    }
}
