//! One interface to all socket types.

use std::num::NonZeroU32;

use ringmq_message::{Frame, Kind};

use crate::route::{
    AttachError, OptionError, Peer, Pipes, Ready, RecvPartError, Remote, Route, RouteError,
    SendPartError, SetOption, Take,
};
use crate::types::{
    Dealer, Dgram, Dish, Pair, Pull, Push, Radio, Rep, Req, Router, Server, Single, Xpub, Xsub,
};

/// The routing of one socket. See the [crate](crate) for how it is used.
#[derive(Debug)]
pub struct Pattern {
    kind: Kind,
    state: State,
}

#[derive(Debug)]
enum State {
    Pair(Pair),
    Push(Push),
    Pull(Pull),
    Dealer(Dealer),
    Req(Req),
    Router(Router),
    Dgram(Dgram),
    Rep(Rep),
    Single(Single),
    Server(Box<Server>),
    Radio(Box<Radio>),
    Dish(Box<Dish>),
    Xpub(Box<Xpub>),
    Xsub(Box<Xsub>),
}

/// Calls a method of whatever the state is.
macro_rules! route {
    ($pattern:expr, $method:ident ( $($argument:expr),* )) => {
        match &mut $pattern.state {
            State::Pair(state) => state.$method($($argument),*),
            State::Push(state) => state.$method($($argument),*),
            State::Pull(state) => state.$method($($argument),*),
            State::Dealer(state) => state.$method($($argument),*),
            State::Req(state) => state.$method($($argument),*),
            State::Router(state) => state.$method($($argument),*),
            State::Dgram(state) => state.$method($($argument),*),
            State::Rep(state) => state.$method($($argument),*),
            State::Single(state) => state.$method($($argument),*),
            State::Server(state) => state.$method($($argument),*),
            State::Radio(state) => state.$method($($argument),*),
            State::Dish(state) => state.$method($($argument),*),
            State::Xpub(state) => state.$method($($argument),*),
            State::Xsub(state) => state.$method($($argument),*),
        }
    };
}

impl Pattern {
    /// The routing of a socket without peers. Routing ids that ROUTER and SERVER make, and numbers that REQ gives its requests,
    /// count from `start`, which should be random.
    pub fn new(kind: Kind, start: u32) -> Pattern {
        let state = match kind {
            Kind::Pair => State::Pair(Pair::new()),
            Kind::Push => State::Push(Push::new()),
            Kind::Pull => State::Pull(Pull::new()),
            Kind::Dealer => State::Dealer(Dealer::new()),
            Kind::Req => State::Req(Req::new(start)),
            Kind::Router => State::Router(Router::new(start)),
            Kind::Stream => State::Router(Router::stream(start)),
            Kind::Dgram => State::Dgram(Dgram::new()),
            Kind::Rep => State::Rep(Rep::new(start)),
            Kind::Scatter | Kind::Gather | Kind::Client | Kind::Channel => {
                State::Single(Single::new(kind))
            }
            Kind::Server | Kind::Peer => State::Server(Box::new(Server::new(start))),
            Kind::Radio => State::Radio(Box::new(Radio::new())),
            Kind::Dish => State::Dish(Box::new(Dish::new())),
            Kind::Pub | Kind::Xpub => State::Xpub(Box::new(Xpub::new(kind))),
            Kind::Sub | Kind::Xsub => State::Xsub(Box::new(Xsub::new(kind))),
            // The compiler asks for this arm because programs may not list all types. A test makes a pattern of each.
            _ => unreachable!("{kind} has no routing"),
        };
        Pattern { kind, state }
    }

    /// The socket type.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Adds a peer, whose pipe is ready. Writes what it gets before all else: a probe, a welcome, subscriptions. A
    /// probe or a welcome that there is no room for is dropped; subscriptions are [sent later](Pattern::is_behind). Reads the subscriptions that wait.
    ///
    /// # Errors
    ///
    /// If the peer is not part of the pattern. It need not be detached then, but may be.
    pub fn attach<P: Pipes>(
        &mut self,
        peer: Peer,
        remote: Remote<'_>,
        pipes: &mut P,
    ) -> Result<(), AttachError> {
        route!(self, attach(peer, remote, pipes))
    }

    /// Removes a peer. Its pipe still stands: what remains of a message that is being received is read, what was sent
    /// of an unfinished one is rolled back. Afterwards its number may be used again.
    pub fn detach<P: Pipes>(&mut self, peer: Peer, pipes: &mut P) {
        route!(self, detach(peer, pipes));
    }

    /// A peer that was connected to has been connected to again: SUB and XSUB send it their subscriptions.
    pub fn hiccup<P: Pipes>(&mut self, peer: Peer, pipes: &mut P) {
        route!(self, hiccup(peer, pipes));
    }

    /// A pipe that was found without a message, or without room, has it again. Has to be said before the next call
    /// that could make use of it; said too often it does no harm. PUB and XPUB read subscriptions now.
    pub fn activated<P: Pipes>(&mut self, peer: Peer, ready: Ready, pipes: &mut P) {
        route!(self, activated(peer, ready, pipes));
    }

    /// Sends one part. With the first part of a message it is settled who gets the others.
    ///
    /// # Errors
    ///
    /// The part is handed back: nothing of it was sent. The state is as before, but that a REQ that is
    /// [relaxed](SetOption::ReqRelaxed) gives up the reply that it waits for.
    #[inline]
    pub fn send<P: Pipes>(&mut self, frame: Frame, pipes: &mut P) -> Result<(), SendPartError> {
        route!(self, send(frame, pipes))
    }

    /// Receives one part.
    ///
    /// # Errors
    ///
    /// If nothing waits, or not now, or never.
    #[inline]
    pub fn recv<P: Pipes>(&mut self, pipes: &mut P) -> Result<Frame, RecvPartError> {
        route!(self, recv(pipes))
    }

    /// Who gets the next part, if parts [pass unseen](Pattern::is_transparent). The caller writes it at once, and says
    /// with `more` whether others follow.
    ///
    /// # Errors
    ///
    /// No peer can take the part: [`RouteError`] says why.
    #[inline(always)]
    pub fn route<P: Pipes>(&mut self, more: bool, pipes: &mut P) -> Result<Peer, RouteError> {
        route!(self, route(more, pipes))
    }

    /// The last part of a message, which was to go to the peer that [`route`](Pattern::route) named, was not written. The
    /// message is still under way then, and the next part belongs to it.
    pub fn resume(&mut self, peer: Peer) {
        route!(self, resume(peer));
    }

    /// Has the next part taken to where it is wanted, if parts [pass unseen](Pattern::is_transparent). Says whether others
    /// follow.
    ///
    /// # Errors
    ///
    /// As [`recv`](Pattern::recv).
    #[inline(always)]
    pub fn recv_to<P: Pipes>(
        &mut self,
        pipes: &mut P,
        to: &mut impl Take<P>,
    ) -> Result<bool, RecvPartError> {
        route!(self, recv_to(pipes, to))
    }

    /// What poll says of sending. As in libzmq, sockets that drop what they cannot deliver are always ready.
    pub fn can_send<P: Pipes>(&mut self, pipes: &mut P) -> bool {
        route!(self, can_send(pipes))
    }

    /// What poll says of receiving. As in libzmq, a REQ is ready if there is something, even if that turns out to be
    /// no reply.
    pub fn can_recv<P: Pipes>(&mut self, pipes: &mut P) -> bool {
        route!(self, can_recv(pipes))
    }

    /// Sets an option, for peers that are attached as well.
    ///
    /// # Errors
    ///
    /// If the socket type does not know it.
    pub fn set<P: Pipes>(
        &mut self,
        option: SetOption<'_>,
        pipes: &mut P,
    ) -> Result<(), OptionError> {
        route!(self, set(option, pipes))
    }

    /// Returns true if the pattern never looks into the application's parts. Then the caller need not make a frame of a
    /// part: see [`route`](Pattern::route) and [`recv_to`](Pattern::recv_to).
    #[inline]
    pub fn is_transparent(&self) -> bool {
        matches!(
            &self.state,
            State::Pair(_)
                | State::Push(_)
                | State::Pull(_)
                | State::Dealer(_)
                | State::Req(_)
                | State::Rep(_)
                | State::Single(_)
                | State::Dgram(_)
        )
    }

    /// Whether a ROUTER writes a probe for each peer. The pipe of one that it has yet to know may have it before; see
    /// [`Remote::probed`].
    pub fn probes(&self) -> bool {
        matches!(&self.state, State::Router(router) if router.probes())
    }

    /// Whether connections carry bytes without a protocol: those of a STREAM, and of a ROUTER that was
    /// [told so](SetOption::RouterRaw). No peer of theirs has a routing id of its own.
    pub fn is_raw(&self) -> bool {
        matches!(&self.state, State::Router(router) if router.is_raw())
    }

    /// Whether its messages have two parts: those of [raw](Pattern::is_raw) connections, and those of a DGRAM.
    pub fn has_two_parts(&self) -> bool {
        match &self.state {
            State::Router(router) => router.is_raw(),
            State::Dgram(_) => true,
            _ => false,
        }
    }

    /// The peer that a ROUTER or STREAM sends to under a routing id.
    pub fn peer_by_id(&self, id: &[u8]) -> Option<Peer> {
        match &self.state {
            State::Router(router) => router.peer_by_id(id),
            _ => None,
        }
    }

    /// The peer that a SERVER or PEER sends to under a number.
    pub fn peer_by_number(&self, id: NonZeroU32) -> Option<Peer> {
        match &self.state {
            State::Server(server) => server.peer(id),
            _ => None,
        }
    }

    /// The number of the peer that a SERVER or PEER has attached last.
    pub fn last_number(&self) -> Option<NonZeroU32> {
        match &self.state {
            State::Server(server) => server.last(),
            _ => None,
        }
    }

    /// The routing id of a peer of a ROUTER or STREAM.
    pub fn routing_id(&self, peer: Peer) -> Option<&[u8]> {
        match &self.state {
            State::Router(router) => router.routing_id(peer),
            _ => None,
        }
    }

    /// Returns true if a SUB, XSUB or DISH has subscriptions that wait until a pipe has room. It has to be told of that room by
    /// [`activated`](Pattern::activated), whatever the application does.
    #[inline]
    pub fn is_behind(&self) -> bool {
        match &self.state {
            State::Xsub(subscriber) => subscriber.is_behind(),
            State::Dish(dish) => dish.is_behind(),
            _ => false,
        }
    }

    /// How many topics there are subscriptions to: those of the peers of PUB and XPUB, those that SUB and XSUB have
    /// sent.
    pub fn topics(&self) -> Option<usize> {
        match &self.state {
            State::Xpub(publisher) => Some(publisher.topics()),
            State::Xsub(subscriber) => Some(subscriber.topics()),
            State::Dish(dish) => Some(dish.groups()),
            _ => None,
        }
    }
}
