//! What the I/O thread does.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use mio::{Events, Poll, Token};
use ringmq_pipe::local::{Announcement, Mailbox};
use ringmq_transport::{Connecting, Named, Stream};
use slab::Slab;

use crate::mail::{Addresses, Attachment, Link, Marks, Order, PipeId};
use crate::reactor::dialing::Dialed;
use crate::reactor::listening::Listening;
use crate::reactor::processes::Processes;
use crate::reactor::resolver::Resolver;
use crate::reactor::timers::{Timers, earlier};
use crate::reactor::{Beginning, Crew, Lingering, WAKE};
use crate::session::broken::Broken;
use crate::session::driver::{Driver, PollBackoff};
use crate::session::ends::Ends;
use crate::session::handoff::possible;
use crate::session::stream::{Open, Turn, Worked};
use crate::session::supply::{Supplies, Supply};
use crate::switch::Input;

/// Events that one poll tells of.
const EVENTS: usize = 256;
/// Room to read into.
const SCRATCH: usize = 64 << 10;
/// How long to wait before descriptors are asked for again.
pub(crate) const SHORTAGE: Duration = Duration::from_millis(100);
/// How long new connections share no memory after there was none.
pub(crate) const WITHOUT: Duration = Duration::from_secs(10);
/// How long a peer that was told the end has to close.
pub(crate) const FAREWELL: Duration = Duration::from_secs(1);

/// A peer that is connected, or is to be.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) id: PipeId,
    pub(crate) link: Arc<Link>,
    pub(crate) ends: Ends,
    pub(crate) origin: Origin,
    /// For a dialer, where it dials; both ends once a stream stands.
    pub(crate) addresses: Addresses,
    pub(crate) io: Io,
    /// The socket's ends, until there is somebody for it.
    pub(crate) near: Option<Box<Attachment>>,
    /// Whether the handshake was done once.
    pub(crate) met: bool,
    pub(crate) driver: Driver,
    /// The socket has let go.
    pub(crate) letting_go: bool,
    /// Until when what is left is sent.
    pub(crate) until: Option<Instant>,
    /// Everything was sent, and the peer told so.
    pub(crate) told: bool,
    pub(crate) queued: bool,
}

#[derive(Debug)]
pub(crate) enum Origin {
    /// By the listener of this number.
    Accepted(u64),
    Dialed(Box<Dialed>),
}

#[derive(Debug)]
pub(crate) enum Io {
    /// Until its time comes.
    Resting,
    /// Until the name of the host was looked up.
    Resolving(Box<Named>),
    Dialing(Box<Connecting>),
    Open(Box<Open>),
}

/// The I/O thread's state.
pub(crate) struct Work {
    pub(crate) poll: Poll,
    pub(crate) announcement: Announcement,
    pub(crate) mailbox: Mailbox<Order>,
    /// Which of the crew this one is.
    pub(crate) number: usize,
    pub(crate) crew: Arc<Crew>,
    pub(crate) lingering: Arc<Lingering>,
    pub(crate) resolver: Arc<Resolver>,
    pub(crate) sessions: Slab<Session>,
    pub(crate) listeners: Slab<Listening>,
    pub(crate) by_id: HashMap<PipeId, usize>,
    pub(crate) timers: Timers,
    /// Sessions that have something to do.
    pub(crate) queue: VecDeque<usize>,
    pub(crate) begin: Instant,
    pub(crate) next_id: u64,
    pub(crate) scratch: Vec<u8>,
    pub(crate) supplies: Supplies,
    pub(crate) processes: Processes,
    pub(crate) stopping: bool,
    /// Memory or descriptors have run short: until then, new connections stay on ZMTP.
    pub(crate) short_until: Option<Instant>,
    /// When connections were last asked to go back to ZMTP.
    pub(crate) relieved: Option<Instant>,
}

/// Numbers of one slot.
const NUMBERS: usize = 3;

/// Of a session, among events and timers.
pub(crate) fn session_number(slot: usize) -> usize {
    slot * NUMBERS
}

/// Of a listener, among events and timers.
pub(crate) fn listener_number(slot: usize) -> usize {
    slot * NUMBERS + 1
}

/// Of a process at the other end of sessions, among events.
pub(crate) fn process_number(slot: usize) -> usize {
    slot * NUMBERS + 2
}

impl Work {
    pub(super) fn new(
        beginning: Beginning,
        number: usize,
        crew: Arc<Crew>,
        lingering: Arc<Lingering>,
        resolver: Arc<Resolver>,
    ) -> Work {
        Work {
            supplies: Supplies::default(),
            processes: Processes::default(),
            poll: beginning.poll,
            announcement: beginning.announcement,
            mailbox: beginning.mailbox,
            number,
            crew,
            lingering,
            resolver,
            sessions: Slab::new(),
            listeners: Slab::new(),
            by_id: HashMap::new(),
            timers: Timers::default(),
            queue: VecDeque::new(),
            begin: Instant::now(),
            next_id: 0,
            scratch: vec![0; SCRATCH],
            stopping: false,
            short_until: None,
            relieved: None,
        }
    }

    /// Works until it is told to stop.
    pub(crate) fn run(mut self) {
        let mut events = Events::with_capacity(EVENTS);
        while !self.stopping {
            self.take_orders();
            self.work_on_queue();
            let wait = self.wait();
            if let Err(error) = self.poll.poll(&mut events, wait)
                && error.kind() != std::io::ErrorKind::Interrupted
            {
                // Nothing that the kernel can say here is expected; it is not asked again at once.
                ringmq_sys::rest(SHORTAGE);
            }
            self.announcement.disarm();
            for event in &events {
                self.happened(event);
            }
            let now = Instant::now();
            while let Some(number) = self.timers.due(now) {
                self.due(number);
            }
        }
        for slot in self.slots() {
            self.end(slot);
        }
    }

    /// How long to sleep. Announces it, if at all.
    fn wait(&mut self) -> Option<Duration> {
        if !self.queue.is_empty() || self.stopping {
            return Some(Duration::ZERO);
        }
        self.announcement.arm();
        if self.mailbox.has_mail() {
            self.announcement.disarm();
            return Some(Duration::ZERO);
        }
        self.timers.left(Instant::now())
    }

    pub(crate) fn slots(&self) -> Vec<usize> {
        self.sessions.iter().map(|(slot, _)| slot).collect()
    }

    fn take_orders(&mut self) {
        while let Some(order) = self.mailbox.take() {
            match order {
                Order::Listen(listen) => self.listen(*listen),
                Order::Unlisten(number, done) => {
                    self.unlisten(number);
                    // Whoever asked waits, or is gone.
                    let _ = done.send(());
                }
                Order::Leave(number) => self.leave(number),
                Order::Welcome(newcomer) => self.welcome(*newcomer),
                Order::Connect(connect) => self.connect(*connect),
                Order::Resolved(id, answer) => self.resolved(id, &answer),
                Order::Activate(id) => {
                    if let Some(slot) = self.by_id.get(&id) {
                        self.enqueue(*slot);
                    }
                }
                Order::BreakOff(id, why) => {
                    if let Some(slot) = self.by_id.get(&id).copied() {
                        self.break_off(slot, why);
                    }
                }
                Order::Marks(id, marks) => self.set_marks(id, marks),
                Order::TellStats(id, stats) => {
                    if let Some(slot) = self.by_id.get(&id) {
                        self.sessions[*slot].tell_stats(stats);
                    }
                }
                Order::TellFull(id) => {
                    if let Some(slot) = self.by_id.get(&id) {
                        self.sessions[*slot].tell_full();
                    }
                }
                Order::Disconnected(id) => self.disconnected(id),
                Order::Finish(id, linger, late) => self.finish(id, linger, late),
                Order::Stop => self.stopping = true,
            }
        }
    }

    pub(crate) fn enqueue(&mut self, slot: usize) {
        if let Some(session) = self.sessions.get_mut(slot)
            && !session.queued
        {
            session.queued = true;
            self.queue.push_back(slot);
        }
    }

    fn work_on_queue(&mut self) {
        for _ in 0..self.queue.len() {
            let Some(slot) = self.queue.pop_front() else {
                break;
            };
            if let Some(session) = self.sessions.get_mut(slot) {
                session.queued = false;
                self.work_on(slot);
            }
        }
    }

    fn happened(&mut self, event: &mio::event::Event) {
        let token = event.token();
        if token == WAKE {
            return;
        }
        let slot = token.0 / NUMBERS;
        if token.0 == listener_number(slot) {
            self.accept(slot);
            return;
        }
        if token.0 == process_number(slot) {
            for session in self.processes.sessions(slot) {
                self.process_ended(session);
            }
            return;
        }
        let Some(session) = self.sessions.get_mut(slot) else {
            return;
        };
        match &mut session.io {
            Io::Open(open) => {
                if event.is_readable() && !session.ends.has_room() {
                    // It cannot be read before the socket has read more; it may be a ring.
                    open.handoff
                        .courier()
                        .inspect(|courier| courier.wake_socket());
                }
                open.readable |= event.is_readable() || event.is_read_closed() || event.is_error();
                open.writable |= event.is_writable() || event.is_error();
                self.enqueue(slot);
            }
            Io::Dialing(_) => self.go_on_dialing(slot),
            Io::Resting | Io::Resolving(_) => {}
        }
    }

    fn due(&mut self, number: usize) {
        let slot = number / NUMBERS;
        if number == listener_number(slot) {
            self.accept(slot);
            return;
        }
        let now = self.now();
        let Some(session) = self.sessions.get_mut(slot) else {
            return;
        };
        if session.until.is_some_and(|until| until <= Instant::now()) {
            self.end(slot);
            return;
        }
        match &mut session.io {
            Io::Resting => self.begin_dialing(slot),
            Io::Dialing(_) => self.go_on_dialing(slot),
            // Nothing but the end of the session is due then.
            Io::Resolving(_) => {}
            Io::Open(open) => {
                // What was read first may be the sign of life that the time is about.
                match open.connection.tick(now) {
                    Ok(_) => self.enqueue(slot),
                    Err(error) => self.broken(slot, &Broken::Protocol(error)),
                }
            }
        }
    }

    /// Since the thread began.
    fn now(&self) -> Duration {
        self.begin.elapsed()
    }

    // --- Sessions

    pub(crate) fn open(&mut self, slot: usize, stream: Stream) {
        let now = self.now();
        let Some(session) = self.sessions.get_mut(slot) else {
            return;
        };
        let connected = matches!(session.origin, Origin::Dialed(_));
        if Supply::at(&stream) == Supply::Short {
            self.short_until = Some(Instant::now() + WITHOUT);
            self.shed();
        }
        let Some(session) = self.sessions.get_mut(slot) else {
            return;
        };
        let short = self.short_until.is_some_and(|until| Instant::now() < until);
        let sharing = session.link.sharing.as_ref();
        let sharing = sharing.filter(|_| !session.driver.turned_off);
        session.driver.begin(possible(sharing, &stream, short));
        let offers = session.driver.switch.offers_property();
        let mut open = Box::new(Open::new(stream, &session.link, connected, offers, now));
        let token = Token(session_number(slot));
        if open.register(self.poll.registry(), token).is_err() {
            self.rest(slot);
            return;
        }
        session.tell_open(&open.stream);
        session.io = Io::Open(open);
        self.timers.set(token.0, None);
        self.enqueue(slot);
    }

    fn work_on(&mut self, slot: usize) {
        let now = self.now();
        self.look_again(slot);
        let Some(session) = self.sessions.get_mut(slot) else {
            return;
        };
        let Io::Open(open) = &mut session.io else {
            // This also lets go of the memory of a peer that is gone, once nothing unread is left in it.
            let at_end = session.ends.outbound.is_at_end();
            if session.letting_go && at_end {
                self.end(slot);
            }
            return;
        };
        session.ends.announcement.disarm();
        let letting_go = session.letting_go && session.driver.unsent.is_none();
        let worked = if session.told {
            open.wait_for_end(&mut self.scratch)
        } else {
            let mut turn = Turn {
                driver: &mut session.driver,
                link: &session.link,
                supplies: &mut self.supplies,
                now,
            };
            open.work(&mut session.ends, &mut turn, letting_go, &mut self.scratch)
        };
        let token = Token(session_number(slot));
        let asked = open.ask_for_room(self.poll.registry(), token);
        let worked = worked.and_then(|worked| asked.map(|()| worked));
        // While messages are left that a peer before this one has not read, the mark counts no others in shared memory.
        if session.driver.switch.wants_fresh() && session.ends.outbound.is_fresh() {
            // It is no frame of the peer, which could be out of turn.
            let _ = session.input(Input::Fresh, &mut self.supplies);
        }
        self.tell_news(slot);
        debug_assert!(self.is_consistent(slot), "what the session keeps");
        match worked {
            Err(broken) => self.broken(slot, &broken),
            Ok(Worked::More) => self.enqueue(slot),
            Ok(Worked::Idle) => self.set_time(slot),
            Ok(Worked::Finished) => self.farewell(slot),
        }
    }

    /// Returns true if a session with a stream keeps what it has to.
    fn is_consistent(&self, slot: usize) -> bool {
        match self.sessions.get(slot) {
            Some(session) if matches!(session.io, Io::Open(_)) => {
                session.driver.fits(&session.ends)
            }
            _ => true,
        }
    }

    fn set_time(&mut self, slot: usize) {
        let begin = self.begin;
        let Some(session) = self.sessions.get_mut(slot) else {
            return;
        };
        if let Io::Open(open) = &session.io {
            let driver = &mut session.driver;
            let deadlines = [open.connection.deadline(), driver.switch.deadline()];
            let deadline = deadlines.into_iter().flatten().min();
            let at = deadline.map(|deadline| begin + deadline);
            let backoff = match &mut driver.unsent {
                Some(unsent) => Some(&mut unsent.backoff),
                None if driver.switch.polls_segments() => Some(&mut driver.backoff),
                None => None,
            };
            let look = backoff.map(PollBackoff::again);
            let at = earlier(at, look);
            self.timers
                .set(session_number(slot), earlier(at, session.until));
        }
    }

    /// Counts by other marks. A session that waits for room, or to give credit back, looks again.
    fn set_marks(&mut self, id: PipeId, marks: Marks) {
        let Some(slot) = self.by_id.get(&id).copied() else {
            return;
        };
        if let Some(session) = self.sessions.get_mut(slot) {
            if let Some(inbound) = &mut session.ends.inbound {
                inbound.set_mark(marks.receiving);
            }
            for outbound in
                std::iter::once(&mut session.ends.outbound).chain(&mut session.ends.held)
            {
                outbound.set_mark(marks.sending);
            }
            self.enqueue(slot);
        }
    }
}
