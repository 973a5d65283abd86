//! The event loop of an I/O thread: orders, events of the kernel, timers, and the sessions that have work.

mod block_care;
mod datagrams;
mod dialing;
mod listening;
mod rendezvous;
mod sessions;
mod watching;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use datagrams::UdpSessions;
use listening::Listening;
use mio::{Events, Registry};
use ringmq_pipe::local::{Announcement, Mailbox};
use slab::Slab;

use crate::mail::{Host, Order, PipeId};
use crate::names::SharedNames;
use crate::reactor::event_loop::block_care::BlockCare;
use crate::reactor::event_loop::rendezvous::Rendezvous;
use crate::reactor::numbers::{
    NUMBERS, guest_number, listener_number, process_number, session_number, tcp_number, udp_number,
};
use crate::reactor::processes::Processes;
use crate::reactor::resolver::Resolver;
use crate::reactor::timers::Timers;
use crate::reactor::{Beginning, Crew, Lingering, RENDEZVOUS, WAKE};
use crate::session::broken::Broken;
use crate::session::help::Helped;
use crate::session::supply::Supplies;
use crate::session::{Io, Session};

/// Room to read into.
const SCRATCH: usize = 64 << 10;
/// How long to wait before descriptors are asked for again.
pub(crate) const SHORTAGE: Duration = Duration::from_millis(100);

/// What a thread of the application leaves to the thread that polls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Left {
    Nothing,
    /// There is more to do now.
    Work,
    /// Something is due sooner than before.
    Timer,
}

/// The I/O thread's state.
pub(crate) struct EventLoop {
    pub(crate) registry: Registry,
    /// This work, as other threads see it.
    host: Arc<dyn Host>,
    /// What threads of the application have done for the sessions.
    helped: Helped,
    pub(crate) announcement: Announcement,
    pub(crate) mailbox: Mailbox<Order>,
    /// Which of the crew this one is.
    pub(crate) number: usize,
    pub(crate) crew: Arc<Crew>,
    pub(crate) lingering: Arc<Lingering>,
    pub(crate) resolver: Arc<Resolver>,
    pub(crate) names: Arc<SharedNames>,
    pub(crate) sessions: Slab<Session>,
    pub(crate) listeners: Slab<Listening>,
    pub(crate) udp: UdpSessions,
    pub(crate) by_id: HashMap<PipeId, usize>,
    pub(crate) timers: Timers,
    /// Sessions that have something to do.
    pub(crate) queue: VecDeque<usize>,
    /// Sessions that go into the queue for the next turn.
    pub(crate) later: Vec<usize>,
    pub(crate) begin: Instant,
    /// How often all orders were taken, and the sessions worked that they are for.
    pub(crate) turn: u64,
    /// A thread of the application was sent away since the last sleep, because it sends in haste.
    hastened: bool,
    pub(crate) next_id: u64,
    pub(crate) scratch: Vec<u8>,
    pub(crate) supplies: Supplies,
    pub(crate) processes: Processes,
    pub(crate) stopping: bool,
    /// When connections were last asked to go back to ZMTP.
    pub(crate) relieved: Option<Instant>,
    blocks: BlockCare,
    rendezvous: Rendezvous,
}

impl EventLoop {
    pub(super) fn new(
        beginning: Beginning,
        number: usize,
        crew: Arc<Crew>,
        lingering: Arc<Lingering>,
        resolver: Arc<Resolver>,
        names: Arc<SharedNames>,
    ) -> EventLoop {
        EventLoop {
            supplies: Supplies::default(),
            processes: Processes::default(),
            registry: beginning.registry,
            host: beginning.host,
            helped: Helped::default(),
            announcement: beginning.announcement,
            mailbox: beginning.mailbox,
            number,
            crew,
            lingering,
            resolver,
            names,
            sessions: Slab::new(),
            listeners: Slab::new(),
            udp: UdpSessions::default(),
            by_id: HashMap::new(),
            timers: Timers::default(),
            queue: VecDeque::new(),
            later: Vec::new(),
            begin: Instant::now(),
            turn: 0,
            hastened: false,
            next_id: 0,
            scratch: vec![0; SCRATCH],
            stopping: false,
            relieved: None,
            blocks: BlockCare::new(beginning.waker),
            rendezvous: Rendezvous::default(),
        }
    }

    /// Takes the orders, and works on the sessions that have something to do. Returns how long to sleep, which it has
    /// announced.
    pub(super) fn turn(&mut self) -> Option<Duration> {
        self.take_orders();
        self.work_on_queue();
        self.turn += 1;
        while let Some(slot) = self.later.pop() {
            self.enqueue(slot);
        }
        self.wait()
    }

    /// The sleep is over: takes what the kernel has told.
    pub(super) fn take_events(&mut self, events: &Events) {
        self.announcement.disarm();
        for event in events {
            self.happened(event);
        }
    }

    /// The sleep is over: does what is due by the clock.
    pub(super) fn take_due(&mut self) {
        self.announcement.disarm();
        let now = Instant::now();
        while let Some(number) = self.timers.due(now) {
            self.due(number);
        }
    }

    /// Before a sleep of a thread of the application. Returns when there is work in any case.
    pub(super) fn prepare(&mut self) -> Option<Instant> {
        self.helped.waits += 1;
        let now = Instant::now();
        let wait = match self.is_busy() {
            true => self.turn(),
            false => self.time_left(now),
        };
        wait.map(|wait| now + wait)
    }

    /// Whether there is work now.
    pub(super) fn is_busy(&self) -> bool {
        self.mailbox.has_mail() || !self.queue.is_empty()
    }

    /// Works on a session for a thread of the application, if that pays or is `forced`. Returns what is left to the thread
    /// that polls; `None` if all is.
    pub(super) fn activate_here(&mut self, id: PipeId, forced: bool) -> Option<Left> {
        if self.is_busy() || self.stopping {
            return None;
        }
        let slot = *self.by_id.get(&id)?;
        let began = Instant::now();
        let session = self.sessions.get_mut(slot)?;
        if !session.may_be_helped(began, self.helped, forced) {
            self.hastened = true;
            return None;
        }
        let before = self.timers.next();
        self.work_on(slot);
        if let Some(session) = self.sessions.get_mut(slot) {
            session.was_helped(began, &mut self.helped);
        }
        let after = self.timers.next();
        let is_sooner = after.is_some_and(|after| before.is_none_or(|before| after < before));
        Some(if !self.queue.is_empty() || !self.later.is_empty() {
            Left::Work
        } else if is_sooner {
            Left::Timer
        } else {
            Left::Nothing
        })
    }

    /// The thread ends.
    pub(super) fn end_all(mut self) {
        for slot in self.slots() {
            self.end(slot);
        }
        self.end_all_udp();
    }

    /// How long to sleep. Announces it, if at all.
    fn wait(&mut self) -> Option<Duration> {
        if !self.queue.is_empty() || self.stopping {
            return Some(Duration::ZERO);
        }
        if std::mem::take(&mut self.hastened) {
            // A sender in haste has more to send, and pays for each time that this thread has to be woken. If both are on one
            // CPU, it sends until it has to wait, and if they are not, for a moment (docs/performance.md).
            std::thread::yield_now();
            if self.mailbox.has_mail() {
                return Some(Duration::ZERO);
            }
        }
        self.announcement.arm();
        if self.mailbox.has_mail() {
            self.announcement.disarm();
            return Some(Duration::ZERO);
        }
        self.time_left(Instant::now())
    }

    /// How long until something is due.
    fn time_left(&mut self, now: Instant) -> Option<Duration> {
        let care = self.blocks.left(now);
        let left = self.timers.left(now);
        left.into_iter().chain(care).min()
    }

    /// How other threads reach this work.
    pub(super) fn host(&self) -> Arc<dyn Host> {
        Arc::clone(&self.host)
    }

    pub(crate) fn slots(&self) -> Vec<usize> {
        self.sessions.iter().map(|(slot, _)| slot).collect()
    }

    fn take_orders(&mut self) {
        // Orders that sessions work for were taken, and the sessions have not worked since.
        let mut owes_work = true;
        while let Some(order) = self.mailbox.take() {
            // What was sent before leaves first. Its receiver may be the socket that closes, and its sender would connect to
            // it for ever. Once for all orders of one end: a socket may have thousands of connections.
            if !order.ends_sessions() {
                owes_work = true;
            } else if std::mem::take(&mut owes_work) {
                self.work_on_queue();
            }
            match order {
                Order::Listen(listen) => self.listen(*listen),
                Order::StopAccepting(number) => self.stop_accepting(number),
                Order::Unlisten(number, done) => {
                    self.unlisten(number);
                    // The caller waits for this answer, or has gone.
                    let _ = done.send(());
                }
                Order::Leave(number) => self.leave(number),
                Order::Welcome(newcomer) => self.welcome(*newcomer),
                Order::Connect(connect) => self.connect(*connect),
                Order::OpenUdp(open) => self.open_udp(*open),
                Order::Resolved(id, answer) => self.resolved(id, &answer),
                Order::Activate(id) => {
                    if let Some(slot) = self.by_id.get(&id) {
                        self.enqueue(*slot);
                    } else {
                        self.activate_udp(id);
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
                Order::Finish(id, linger, unsent) => self.finish(id, linger, unsent),
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
        if token == RENDEZVOUS {
            self.receive_guests();
            return;
        }
        let slot = token.0 / NUMBERS;
        if token.0 != session_number(slot) {
            self.happened_elsewhere(token.0, event);
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
                open.may_have_ended |= event.is_read_closed() || event.is_error();
                open.readable |= event.is_readable() || event.is_read_closed() || event.is_error();
                open.writable |= event.is_writable() || event.is_error();
                self.enqueue(slot);
            }
            Io::Dialing(_) => self.go_on_dialing(slot),
            Io::Resting | Io::Resolving(_) => {}
        }
    }

    /// An event of something that is no session.
    fn happened_elsewhere(&mut self, number: usize, event: &mio::event::Event) {
        let slot = number / NUMBERS;
        if number == listener_number(slot) {
            self.accept(slot);
        } else if number == process_number(slot) {
            for session in self.processes.sessions(slot) {
                self.process_ended(session);
            }
        } else if number == udp_number(slot) {
            self.udp_happened(slot, event);
        } else if number == tcp_number(slot) {
            self.tcp_happened(slot);
        } else if number == guest_number(slot) {
            self.guest_happened(slot);
        }
    }

    fn due(&mut self, number: usize) {
        let slot = number / NUMBERS;
        if number == listener_number(slot) {
            self.accept(slot);
            return;
        }
        if number == udp_number(slot) {
            self.udp_due(slot);
            return;
        }
        if number == guest_number(slot) {
            self.dismiss(slot);
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
                    Err(error) => {
                        let broken = Broken::Protocol(error);
                        let next = session.broken(&broken, &mut self.supplies);
                        self.apply(slot, next);
                    }
                }
            }
        }
    }

    /// Since the thread began.
    fn now(&self) -> Duration {
        self.begin.elapsed()
    }
}
