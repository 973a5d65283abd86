//! What holds in every world. docs/handoff.md is the source of these rules.

use super::world::{Item, Number, Side, Step, Verdict, World};
use super::{Action, Frame, Why};

/// What was said, written and read: of the present connection, and by each process.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Record {
    /// The second side lies.
    pub(crate) liar: bool,
    /// Both sides can share memory.
    capable: bool,
    said: [Said; 2],
    heard: [Heard; 2],
    violations: [u8; 2],
    /// The socket had no memory for what it receives.
    pub(crate) short: [bool; 2],
    lives: [u8; 2],
    /// Messages of each side that were written to a wire, that were read in shared memory, and those of both kinds
    /// before the present connection. One bit for each message.
    wrote: [u64; 2],
    read: [u64; 2],
    settled: [u64; 2],
    /// Messages that were in the memory of a peer that lives when the sender's side ended the connection, and since. Each
    /// is read once, or lost.
    given: [u64; 2],
    /// Messages of a side that listens, which ended with the connection that they were sent on.
    forgotten: [u64; 2],
    /// The side that dialed has ended the present connection.
    pub(crate) severed: bool,
}

/// The frames that a side has said.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
struct Said {
    offer: bool,
    accept: bool,
    refuse: bool,
    switch: bool,
    back: bool,
    take_back: bool,
    taken_back: bool,
    back_accepted: bool,
    yields: bool,
}

/// What the application of a side has heard.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
struct Heard {
    stays: bool,
    met: bool,
    shared: bool,
}

fn bit(message: Number) -> u64 {
    1 << message.count
}

/// All messages that a socket has sent.
fn all(side: &Side) -> u64 {
    (1 << side.socket.sent) - 1
}

fn once(what: &mut bool, name: &str) -> Verdict<()> {
    if std::mem::replace(what, true) {
        return Err(format!("{name} twice on one connection"));
    }
    Ok(())
}

fn demand(holds: bool, otherwise: impl FnOnce() -> String) -> Verdict<()> {
    if holds { Ok(()) } else { Err(otherwise()) }
}

impl Record {
    pub(crate) fn new(liar: bool, possible: [Result<(), Why>; 2]) -> Record {
        Record {
            liar,
            capable: possible.iter().all(Result::is_ok),
            said: Default::default(),
            heard: Default::default(),
            violations: [0; 2],
            short: [false; 2],
            lives: [0; 2],
            wrote: [0; 2],
            read: [0; 2],
            settled: [0; 2],
            given: [0; 2],
            forgotten: [0; 2],
            severed: false,
        }
    }

    /// A connection begins between these processes.
    pub(crate) fn connected(&mut self, lives: [u8; 2]) {
        for (number, life) in lives.into_iter().enumerate() {
            if self.lives[number] != life {
                (self.wrote[number], self.read[number]) = (0, 0);
                (self.given[number], self.forgotten[number]) = (0, 0);
                self.short[number] = false;
            }
            self.settled[number] = self.arrived(number) | self.forgotten[number];
        }
        self.lives = lives;
        self.severed = false;
        self.said = Default::default();
        self.heard = Default::default();
        self.violations = [0; 2];
    }

    /// Returns true if this side has said SWITCH.
    pub(crate) fn has_switched(&self, number: usize) -> bool {
        self.said[number].switch
    }

    /// A side that listens gets another pipe: what it has sent so far goes no further.
    pub(crate) fn forgets(&mut self, number: usize, sent: u8) {
        self.forgotten[number] = (1 << sent) - 1;
        self.settled[number] |= self.forgotten[number];
    }

    /// The peer reads on by itself.
    pub(crate) fn gave(&mut self, number: usize, messages: &[Number]) {
        let given = messages.iter().copied().map(bit);
        self.given[number] |= given.fold(0, std::ops::BitOr::bitor);
    }

    /// Messages of a side that were written to a wire or read in shared memory.
    fn arrived(&self, number: usize) -> u64 {
        self.wrote[number] | self.read[number]
    }

    /// The order and the number of frames (I4).
    pub(crate) fn said(&mut self, number: usize, frame: Frame) -> Verdict<()> {
        let other = self.said[1 - number];
        let said = &mut self.said[number];
        demand(self.capable || self.liar, || {
            format!("{frame:?}, which the peer does not know")
        })?;
        match frame {
            Frame::Offer => once(&mut said.offer, "OFFER"),
            Frame::Accept => once(&mut said.accept, "ACCEPT"),
            Frame::Refuse(_) => once(&mut said.refuse, "REFUSE"),
            Frame::Switch => {
                demand(said.accept && said.offer, || {
                    "SWITCH before an agreement".to_owned()
                })?;
                once(&mut said.switch, "SWITCH")
            }
            Frame::TakeBack => once(&mut said.take_back, "TAKE BACK"),
            Frame::Back | Frame::Closing => {
                let first = said.switch && !said.taken_back;
                demand(first, || format!("{frame:?} out of turn: {said:?}"))?;
                once(&mut said.back, "BACK")
            }
            Frame::TakenBack => {
                let asked = said.switch && (other.take_back || self.liar) && !other.back_accepted;
                demand(asked, || format!("{frame:?} out of turn: {said:?}"))?;
                once(&mut said.taken_back, "TAKEN BACK")
            }
            Frame::BackAccepted => {
                let asked = (other.back || self.liar) && !said.take_back;
                demand(asked, || format!("{frame:?} out of turn: {said:?}"))?;
                once(&mut said.back_accepted, "BACK ACCEPTED")
            }
            Frame::Yield => {
                demand(said.accept && said.offer, || {
                    "YIELD before an agreement".to_owned()
                })?;
                once(&mut said.yields, "YIELD")
            }
        }
    }

    /// A side writes a message to its wire.
    pub(crate) fn wrote(&mut self, number: usize, message: Number) -> Verdict<()> {
        let said = &self.said[number];
        let accepted = self.said[1 - number].back_accepted || self.liar;
        let by_zmtp = !said.switch || said.back && accepted || said.taken_back;
        demand(by_zmtp, || format!("{message:?} by ZMTP after SWITCH"))?;
        self.arrives(number, message)?;
        self.wrote[number] |= bit(message);
        Ok(())
    }

    /// A message of this side is read in shared memory.
    pub(crate) fn read(&mut self, number: usize, message: Number) -> Verdict<()> {
        if message.life == self.lives[number] {
            self.arrives(number, message)?;
            self.read[number] |= bit(message);
        }
        Ok(())
    }

    /// Each message goes one way, once (I3).
    fn arrives(&self, number: usize, message: Number) -> Verdict<()> {
        demand(self.arrived(number) & bit(message) == 0, || {
            format!("{message:?} goes a second way")
        })
    }

    /// A socket has received one more message (I1): the numbers rise, and none is left out but those that went to a
    /// process before this one.
    pub(crate) fn received(&self, number: usize, got: &[Number]) -> Verdict<()> {
        let (Some(last), false) = (got.last().copied(), self.liar) else {
            return Ok(());
        };
        let before = got.len().checked_sub(2).and_then(|at| got.get(at)).copied();
        demand(before.is_none_or(|before| before < last), || {
            format!("received {last:?} behind {before:?}")
        })?;
        // A socket that has no memory after its session has accepted BACK goes on to what came behind that, until its
        // session ends the connection.
        if last.life != self.lives[1 - number] || self.crosses(1 - number) {
            return Ok(());
        }
        let from = before.filter(|before| before.life == last.life);
        let from = from.map_or(0, |before| before.count + 1);
        let left_out = self.settled[1 - number] | self.given[1 - number];
        let missing = (from..last.count).find(|count| left_out >> count & 1 == 0);
        demand(missing.is_none(), || {
            format!("received {last:?} behind {before:?}: {missing:?} is missing")
        })
    }

    /// What the application hears (I8).
    pub(crate) fn acts(&mut self, number: usize, action: &Action) -> Verdict<()> {
        let heard = &mut self.heard[number];
        match action {
            Action::Stays(_) => {
                demand(!heard.met, || "stays on ZMTP after an agreement".to_owned())?;
                once(&mut heard.stays, "stays")
            }
            Action::Meet => {
                demand(!heard.stays, || "an agreement after it stays".to_owned())?;
                once(&mut heard.met, "meets")
            }
            Action::CarrierShared => {
                demand(heard.met, || {
                    "shared memory without an agreement".to_owned()
                })?;
                once(&mut heard.shared, "shared memory")
            }
            _ => Ok(()),
        }
    }

    /// Honest sides violate nothing, but a receiver that has accepted BACK and then has no memory (I5).
    pub(crate) fn violated(&mut self, number: usize) -> Verdict<()> {
        self.violations[number] += 1;
        demand(self.violations[number] == 1, || "two violations".to_owned())?;
        demand(self.liar || self.crossed(), || {
            format!("a violation between honest sides: {:?}", self.said)
        })
    }

    fn crossed(&self) -> bool {
        (0..2).any(|sender| self.crosses(sender))
    }

    fn crosses(&self, sender: usize) -> bool {
        self.said[1 - sender].back_accepted && self.short[1 - sender]
    }

    pub(crate) fn has_violation(&self) -> bool {
        self.violations != [0; 2]
    }
}

/// Checks a world between two steps.
pub(crate) fn check(world: &World) -> Verdict<()> {
    for (number, side) in world.sides.iter().enumerate() {
        let session = &side.session;
        if side.alive && !session.is_over() && !(world.record.liar && number == 1) {
            let keeps = session.switch.keeps();
            let fits = keeps.witness == session.witness
                && keeps.sender == session.sender
                && keeps.receiver == session.receiver
                && keeps.inbound == session.inbound.is_some()
                && keeps.held == session.held.is_some();
            demand(fits, || {
                format!("side {number} keeps what it should not: {keeps:?}")
            })?;
        }
    }
    check_end(world)
}

/// What would come if the peer died now (I3): the next peer gets all messages that were not written to the wire and not
/// read in shared memory, once, in order.
fn check_end(world: &World) -> Verdict<()> {
    let number = world.dialer();
    let side = &world.sides[number];
    if !side.alive || side.session.is_done() {
        return Ok(());
    }
    let mut then = world.clone();
    if then.sides[1 - number].alive {
        then.kill(1 - number);
    }
    settle(
        &mut then,
        &[
            Step::Take(number),
            Step::Order(number),
            Step::Command(number),
        ],
    )?;
    if then.sides[number].session.is_done() {
        return Ok(());
    }
    let mut left = Vec::new();
    while let Some(message) = then.pop(number) {
        left.push(message);
    }
    let side = &then.sides[number];
    let arrived = then.record.arrived(number) | then.record.given[number];
    let rises = left.is_sorted_by(|one, two| one < two);
    let next = left
        .iter()
        .copied()
        .map(bit)
        .fold(0, std::ops::BitOr::bitor);
    demand(rises && next & arrived == 0, || {
        format!("the next peer would get {left:?}; {arrived:b} have gone another way")
    })?;
    // A socket that has closed leaves its messages to the peer that has them in its memory.
    demand(side.socket.closed || next | arrived == all(side), || {
        format!("the next peer would get no more than {left:?}; {arrived:b} have gone another way")
    })
}

/// The steps that are made as soon as they can be.
fn progress() -> impl Iterator<Item = Step> {
    let of_side = |side| {
        [
            Step::Order(side),
            Step::Command(side),
            Step::Take(side),
            Step::Output(side),
            Step::Receive(side),
            Step::Retry(side),
            Step::Drained(side),
        ]
    };
    (0..2).flat_map(of_side).chain([Step::Tick])
}

/// Makes these steps until none has anything to do.
fn settle(world: &mut World, steps: &[Step]) -> Verdict<()> {
    loop {
        let mut moved = false;
        for step in steps {
            moved |= world.step(*step)?;
        }
        if !moved {
            return Ok(());
        }
    }
}

/// Returns true if this step is one that is made as soon as it can be.
pub(crate) fn is_progress(step: Step) -> bool {
    progress().any(|other| other == step)
}

/// Runs a world until nothing is left to do, and checks that.
pub(crate) fn finish(mut world: World) -> Verdict<World> {
    loop {
        let mut moved = false;
        for step in progress() {
            moved |= world.step(step)?;
            if world.record.has_violation() {
                // The connection has ended at one side. The other one may live, and read on.
                check(&world)?;
                return Ok(world);
            }
        }
        if !moved {
            break;
        }
    }
    let checked = check(&world).and_then(|()| check_quiet(&mut world));
    checked.map_err(|why| format!("{why}\n{world:?}"))?;
    Ok(world)
}

/// Checks a world in which nothing is left to do: no side waits for what it will not hear of (I9), and what was sent was
/// received (I2).
pub(crate) fn check_quiet(world: &mut World) -> Verdict<()> {
    for number in 0..2 {
        let at_end = world.chain_at_end(number);
        let side = &world.sides[number];
        let switch = &side.session.switch;
        if side.alive && !side.session.is_over() && !(world.record.liar && number == 1) {
            let waits = switch.wants_end() && at_end
                || switch.wants_output()
                || switch.wants_fresh() && side.session.chain.len() == 1
                || switch.has_offer()
                || switch.wants_time();
            demand(!waits, || {
                format!("side {number} waits for nothing: {switch:?}")
            })?;
        }
    }
    if world.record.liar || world.record.has_violation() {
        return Ok(());
    }
    for number in 0..2 {
        let (sender, receiver) = (&world.sides[number], &world.sides[1 - number]);
        let kept_apart = !sender.alive
            || !receiver.alive
            || receiver.socket.closed
            || sender.session.rests()
            || world.record.severed
            // A sender that has closed leaves its messages to a peer that has said that it can read them, even if that
            // finds no memory, or dies.
            || sender.socket.closed && (world.record.crosses(number) || receiver.life > 1);
        if kept_apart {
            continue;
        }
        let mine = receiver
            .socket
            .got
            .iter()
            .filter(|got| got.life == sender.life);
        let got = mine.copied().map(bit).fold(0, std::ops::BitOr::bitor);
        let elsewhere = world.record.settled[number] | world.record.given[number];
        let expected = all(sender) & !elsewhere;
        demand(got | elsewhere == all(sender), || {
            format!("side {number} has sent {expected:b}, of which {got:b} were received")
        })?;
        demand(!sender.socket.waits(), || {
            format!("a message of side {number} waits")
        })?;
    }
    let ends = world.wires.iter().flatten();
    let left = ends.filter(|item| matches!(item, Item::Frame(_) | Item::Ready(_)));
    let over = world.sides.iter().any(|side| side.session.is_over());
    demand(over || left.count() == 0, || {
        "a frame is not read".to_owned()
    })
}
