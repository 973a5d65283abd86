//! What the event loop does for its sessions, and with them when they have worked.

use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use mio::Token;
use ringmq_transport::Stream;

use crate::mail::{Command, EventKind, Failure, Marks, PipeId, Unsent};
use crate::reactor::event_loop::EventLoop;
use crate::reactor::numbers::{session_number, tcp_number};
use crate::session::fallback::Need;
use crate::session::origin::Origin;
use crate::session::stream::Worked;
use crate::session::supply::Supply;
use crate::session::{Context, Io, Next, Session};

/// Between two times that connections are asked to go back to ZMTP.
const RELIEF: Duration = Duration::from_secs(1);

impl EventLoop {
    /// Begins with the stream of a session.
    pub(super) fn open(&mut self, slot: usize, stream: Stream) {
        let now = self.now();
        if Supply::at(&stream) == Supply::Short {
            self.shed();
        }
        self.supplies.connections = self.sessions.len();
        let Some(session) = self.sessions.get_mut(slot) else {
            return;
        };
        let short = self.supplies.are_short();
        let token = Token(session_number(slot));
        let registry = &self.registry;
        let place = || self.rendezvous.place(registry);
        let next = session.open(stream, short, (slot as u64, place), registry, token, now);
        if next == Next::Enqueue {
            self.timers.set(token.0, None);
        }
        self.apply(slot, next);
    }

    pub(super) fn work_on(&mut self, slot: usize) {
        let now = self.now();
        let failure = self.sessions.get_mut(slot).and_then(Session::retry_unsent);
        if let Some(why) = failure {
            self.break_off(slot, why);
        }
        let Some(session) = self.sessions.get_mut(slot) else {
            return;
        };
        session.look_at_segments(&mut self.supplies);
        if !matches!(session.io, Io::Open(_)) {
            // This also lets go of the memory of a peer that is gone, once nothing unread is left in it.
            let nothing_left = session.ends.owes_nothing();
            if session.letting_go && nothing_left {
                self.end(slot);
            }
            return;
        }
        let worked = session.work(Context {
            registry: &self.registry,
            token: Token(session_number(slot)),
            tcp_token: Token(tcp_number(slot)),
            scratch: &mut self.scratch,
            supplies: &mut self.supplies,
            names: &self.names,
            now,
        });
        self.tell_news(slot);
        let Some(session) = self.sessions.get_mut(slot) else {
            return;
        };
        let next = match worked {
            Err(broken) => session.broken(&broken, &mut self.supplies),
            Ok(Worked::More) => Next::Enqueue,
            Ok(Worked::Idle) => session.next_time(self.begin),
            Ok(Worked::Finished) => session.farewell(self.turn),
        };
        self.apply(slot, next);
    }

    /// Does with a session what comes next.
    pub(super) fn apply(&mut self, slot: usize, next: Next) {
        self.tell_news(slot);
        match next {
            Next::Nothing => {}
            Next::Enqueue => self.enqueue(slot),
            Next::Turn => self.later.push(slot),
            Next::Timer(at) => self.timers.set(session_number(slot), at),
            Next::Rest => self.rest(slot),
            Next::End => self.end(slot),
        }
    }

    /// Has a session tell its news, and does what it needs of the thread.
    fn tell_news(&mut self, slot: usize) {
        while let Some(need) = self.sessions.get_mut(slot).and_then(Session::tell_news) {
            match need {
                Need::Watch(process) => self.watch(slot, process),
                Need::ShortOfMemory => self.supplies.run_short(),
                Need::Relief => self.relieve(),
            }
        }
    }

    /// One direction of a session's connection cannot go on in shared memory.
    pub(super) fn break_off(&mut self, slot: usize, why: Failure) {
        if matches!(why, Failure::CannotSend | Failure::CannotReceive) {
            self.relieve();
        }
        if let Some(session) = self.sessions.get_mut(slot) {
            let next = session.break_off(why, &mut self.supplies);
            self.apply(slot, next);
        }
    }

    /// Has the connections of this thread go back to ZMTP, once a second at most, if this process has no mapping left:
    /// shared memory must not take those that the program needs.
    #[cold]
    fn relieve(&mut self) {
        if ringmq_sys::can_map() {
            return;
        }
        let now = Instant::now();
        self.supplies.run_short();
        if self.relieved.is_some_and(|last| now - last < RELIEF) {
            return;
        }
        self.relieved = Some(now);
        for slot in self.slots() {
            if let Some(session) = self.sessions.get_mut(slot) {
                let next = session.give_back(&mut self.supplies);
                self.apply(slot, next);
            }
        }
    }

    /// Counts by other marks. A session that waits for room, or to give credit back, looks again.
    pub(super) fn set_marks(&mut self, id: PipeId, marks: Marks) {
        if let Some(slot) = self.by_id.get(&id).copied()
            && let Some(session) = self.sessions.get_mut(slot)
        {
            session.set_marks(marks);
            self.enqueue(slot);
        } else {
            self.set_udp_marks(id, marks);
        }
    }

    /// The socket has closed its end, perhaps with a message that shared memory had no room for (`unsent`).
    pub(super) fn finish(
        &mut self,
        id: PipeId,
        linger: Option<Duration>,
        unsent: Option<Box<Unsent>>,
    ) {
        if let Some(slot) = self.by_id.get(&id).copied()
            && let Some(session) = self.sessions.get_mut(slot)
        {
            let next = session.finish(linger, unsent, &mut self.supplies);
            self.apply(slot, next);
        } else {
            self.finish_udp(id, linger);
        }
    }

    /// Nothing more is done for this session.
    pub(super) fn end(&mut self, slot: usize) {
        let Some(session) = self.sessions.try_remove(slot) else {
            return;
        };
        let gave_nothing = session.gave_nothing();
        self.timers.set(session_number(slot), None);
        self.by_id.remove(&session.id);
        if self.sessions.is_empty() {
            self.supplies.reserve.give_up();
        }
        let Session {
            id,
            link,
            ends,
            io,
            near,
            addresses,
            origin,
            ..
        } = session;
        let dialing = match io {
            Io::Dialing(connecting) => Some(connecting.as_raw_fd()),
            Io::Open(mut open) => {
                self.unwatch(slot, &mut open);
                None
            }
            Io::Resting | Io::Resolving(_) => None,
        };
        drop((ends, near));
        if dialing.is_some() {
            link.watch
                .tell(|| addresses.event(EventKind::Closed { fd: dialing }));
        }
        // The socket forgets the endpoint of a dialer when it hears of the end.
        let accepted = matches!(origin, Origin::Accepted(_));
        if !(accepted && link.takes_back(id, gave_nothing)) {
            let _ = link.post.send(Command::Gone(id));
        }
        self.crew.relieve(self.number);
        self.lingering.end();
    }
}
