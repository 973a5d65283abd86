//! One connection, on its I/O thread.

pub(crate) mod broken;
pub(crate) mod carry;
pub(crate) mod closing;
pub(crate) mod driver;
pub(crate) mod ends;
pub(crate) mod fallback;
pub(crate) mod handoff;
pub(crate) mod help;
pub(crate) mod introduction;
pub(crate) mod kinds;
pub(crate) mod origin;
pub(crate) mod passage;
pub(crate) mod process;
pub(crate) mod readiness;
pub(crate) mod session_events;
pub(crate) mod strangers;
pub(crate) mod stream;
pub(crate) mod supply;
pub(crate) mod zap;

use std::sync::Arc;
use std::time::{Duration, Instant};

use mio::{Registry, Token};
use ringmq_transport::{Connecting, Named, Stream, is_within_machine};

use crate::mail::row;
use crate::mail::{Addresses, Attachment, Link, Marks, PipeId, SessionPipe};
use crate::names::SharedNames;
use crate::session::broken::Broken;
use crate::session::driver::{Driver, PollBackoff};
use crate::session::ends::Ends;
use crate::session::handoff::possible;
use crate::session::help::{Help, Helped};
use crate::session::introduction::{Introduction, Place, Secret};
use crate::session::origin::Origin;
use crate::session::stream::{Open, Turn, Worked};
use crate::session::supply::Supplies;
use crate::switch::{Input, Why};

/// A peer that is connected, or is to be.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) id: PipeId,
    pub(crate) link: Arc<Link>,
    pub(crate) ends: Ends,
    pub(crate) origin: Origin,
    /// For a dialer, where it dials; both ends once a stream is open.
    pub(crate) addresses: Addresses,
    pub(crate) io: Io,
    /// The socket's ends, until a peer is there for them.
    pub(crate) near: Option<Box<Attachment>>,
    /// The handshake was done once.
    pub(crate) met: bool,
    pub(crate) driver: Driver,
    /// The socket has closed its end.
    pub(crate) letting_go: bool,
    /// The time at which the session ends, whatever is unsent.
    pub(crate) until: Option<Instant>,
    /// Everything was sent, and the stream is closed for writing.
    pub(crate) told: bool,
    /// The turn of the event loop in which everything was sent, and the socket had closed.
    pub(crate) end_seen: Option<u64>,
    /// It is in the queue of the event loop.
    pub(crate) queued: bool,
    help: Help,
    /// Bytes that the work on the stream wrote last.
    wrote: u64,
}

/// What a session has of a stream.
#[derive(Debug)]
pub(crate) enum Io {
    /// None. A dialer waits for the time of its next attempt.
    Resting,
    /// None: the name of the host is looked up.
    Resolving(Box<Named>),
    Dialing(Box<Connecting>),
    Open(Box<Open>),
}

/// What the event loop does next with a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    Nothing,
    /// Works on it again in its turn.
    Enqueue,
    /// Works on it again in the next turn of the event loop.
    Turn,
    /// Sets or clears its timer.
    Timer(Option<Instant>),
    /// Closes its stream. Connects again later, or ends it.
    Rest,
    /// Ends it.
    End,
}

/// What the thread lends a session for its work.
#[derive(Debug)]
pub(crate) struct Context<'a> {
    pub(crate) registry: &'a Registry,
    pub(crate) token: Token,
    /// Of a tcp socket whose connection has gone over to a Unix socket.
    pub(crate) tcp_token: Token,
    /// Room to read into.
    pub(crate) scratch: &'a mut [u8],
    pub(crate) supplies: &'a mut Supplies,
    pub(crate) names: &'a SharedNames,
    /// Since the thread began.
    pub(crate) now: Duration,
}

impl Session {
    /// A session without a connection. `near` is what its socket gets once a peer is there.
    pub(crate) fn new(
        id: PipeId,
        link: Arc<Link>,
        pipe: SessionPipe,
        origin: Origin,
        addresses: Addresses,
        near: Option<Box<Attachment>>,
    ) -> Session {
        Session {
            id,
            link,
            ends: pipe.into(),
            origin,
            addresses,
            io: Io::Resting,
            near,
            met: false,
            driver: Driver::new(),
            letting_go: false,
            until: None,
            told: false,
            end_seen: None,
            queued: false,
            help: Help::default(),
            wrote: 0,
        }
    }

    /// Returns true if a thread of the application may work on it now. `forced`: also if that does not pay.
    pub(crate) fn may_be_helped(&mut self, now: Instant, all: Helped, forced: bool) -> bool {
        let is_ready = matches!(&self.io, Io::Open(open) if open.connection.is_ready());
        is_ready && !self.letting_go && (self.help.is_wanted(now, all) || forced)
    }

    /// A thread of the application has worked on it since `began`.
    pub(crate) fn was_helped(&mut self, began: Instant, all: &mut Helped) {
        let now = Instant::now();
        self.help.ended(now - began, now, self.wrote, all);
    }

    /// Returns true if the application has disconnected from the peer.
    pub(crate) fn is_disconnected(&self) -> bool {
        matches!(&self.origin, Origin::Dialed(dialed) if dialed.disconnected)
    }

    /// Returns true if nothing that the peer has sent waits to be received.
    pub(crate) fn gave_nothing(&self) -> bool {
        self.ends.gave_nothing() && !self.driver.has_met()
    }

    /// Begins with a stream. `short`: memory or descriptors have run short lately. `ticket`: the number of this session, for
    /// peers that come to `place`, which is asked for if such a peer may come.
    pub(crate) fn open(
        &mut self,
        stream: Stream,
        short: bool,
        (ticket, place): (u64, impl FnOnce() -> Option<Place>),
        registry: &Registry,
        token: Token,
        now: Duration,
    ) -> Next {
        let connected = matches!(self.origin, Origin::Dialed(_));
        let mut possible = self.possible(&stream, short);
        let mut introduction = None;
        if possible.is_ok() && stream.unix().is_none() {
            introduction = introduce(ticket, connected, place);
            if introduction.is_none() {
                possible = Err(Why::Resources);
            }
        }
        self.driver.begin(possible);
        let offers = self.driver.switch.offers_property();
        let introduction = introduction.as_ref();
        let mut open = Box::new(Open::new(
            stream,
            &self.link,
            connected,
            offers,
            introduction,
            now,
        ));
        if open.register(registry, token).is_err() {
            return Next::Rest;
        }
        self.tell_open(open.passage.known());
        self.io = Io::Open(open);
        Next::Enqueue
    }

    /// Returns the reason if this side cannot share memory on a new connection.
    fn possible(&self, stream: &Stream, short: bool) -> Result<(), Why> {
        let offer = self.link.sharing.as_ref();
        let offer = offer.filter(|_| !self.driver.turned_off);
        if stream.unix().is_none() {
            let ends = stream.tcp_ends();
            // A proxy may be of this machine, and the peer is behind it.
            let proxied = matches!(&self.origin, Origin::Dialed(dialed) if dialed.is_proxied());
            if self.link.is_raw() || proxied || !ends.is_some_and(is_within_machine) {
                return Err(Why::NotIpc);
            }
        }
        possible(offer, stream, short)
    }

    /// Works on the stream, up to a turn's worth.
    pub(crate) fn work(&mut self, context: Context<'_>) -> Result<Worked, Broken> {
        let Context {
            registry,
            token,
            tcp_token,
            scratch,
            supplies,
            names,
            now,
        } = context;
        let Io::Open(open) = &mut self.io else {
            return Ok(Worked::Idle);
        };
        self.ends.announcement.disarm();
        let letting_go = self.letting_go && self.driver.unsent.is_none();
        let worked = if self.told {
            open.wait_for_end(scratch)
        } else {
            let mut turn = Turn {
                driver: &mut self.driver,
                link: &self.link,
                supplies: &mut *supplies,
                names,
                now,
            };
            open.work(&mut self.ends, &mut turn, letting_go, scratch)
        };
        self.ends.show();
        self.wrote = open.show(&self.ends.row);
        let asked = open.ask_for_room(registry, token);
        open.watch_streams(registry, token, tcp_token);
        let courier = open.handoff.courier();
        if let Some(news) = courier.map(ringmq_pipe::remote::Courier::news) {
            self.tell_of_bodies(news);
        }
        // While messages are left that a peer before this one has not read, the mark counts no others in shared memory.
        if self.driver.switch.wants_fresh() && self.ends.outbound.is_fresh() {
            // It is no frame of the peer, which could be out of turn.
            let _ = self.input(Input::Fresh, supplies);
        }
        debug_assert!(
            self.driver.fits(&self.ends),
            "what the session keeps differs from {:?}",
            self.driver.switch
        );
        worked.and_then(|worked| asked.map(|()| worked))
    }

    /// Returns the time at which the session has work although nothing happens. `begin`: when the thread began.
    pub(crate) fn next_time(&mut self, begin: Instant) -> Next {
        let Io::Open(open) = &self.io else {
            return Next::Nothing;
        };
        let driver = &mut self.driver;
        // Nothing is offered once the stream is closed for writing.
        let offer = driver.switch.deadline().filter(|_| !self.told);
        let step = open.passage.deadline().filter(|_| !self.told);
        let deadlines = [open.connection.deadline(), offer, step];
        let deadline = deadlines.into_iter().flatten().min();
        let backoff = match &mut driver.unsent {
            Some(unsent) => Some(&mut unsent.backoff),
            None if driver.switch.polls_segments() => Some(&mut driver.backoff),
            None => None,
        };
        let look = backoff.map(PollBackoff::again);
        let answer = driver.answer_deadline().filter(|_| !self.told);
        let deadline = deadline.map(|deadline| begin + deadline);
        let times = [deadline, look, answer, self.until];
        Next::Timer(times.into_iter().flatten().min())
    }

    /// Counts by other marks.
    pub(crate) fn set_marks(&mut self, marks: Marks) {
        row::set_marks(&self.ends.row, marks);
        if let Some(inbound) = &mut self.ends.inbound {
            inbound.set_mark(marks.receiving);
        }
        for outbound in std::iter::once(&mut self.ends.outbound).chain(&mut self.ends.held) {
            outbound.set_mark(marks.sending);
        }
    }
}

/// What READY of this side says, so that the connection may go over from tcp; `None` if it cannot, for want of descriptors or
/// random bytes.
fn introduce(
    ticket: u64,
    connected: bool,
    place: impl FnOnce() -> Option<Place>,
) -> Option<Introduction> {
    Some(Introduction {
        place: match connected {
            true => None,
            false => Some(place()?),
        },
        ticket,
        secret: Secret::new()?,
    })
}
