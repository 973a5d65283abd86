//! How a session ends.

use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use crate::mail::{Command, EventKind, PipeId, Unsent};
use crate::reactor::event_loop::{FAREWELL, Io, Origin, Session, Work, session_number};
use crate::reactor::timers::earlier;
use crate::session::broken::Broken;
use crate::session::session_events::Next;

impl Work {
    /// Everything was sent, and the socket has let go: the peer is told, and closes.
    pub(crate) fn farewell(&mut self, slot: usize) {
        let Some(session) = self.sessions.get_mut(slot) else {
            return;
        };
        let first = !std::mem::replace(&mut session.told, true);
        if let Io::Open(open) = &session.io
            && first
            && open.stream.shutdown(std::net::Shutdown::Write).is_ok()
        {
            let until = Instant::now() + FAREWELL;
            session.until = earlier(session.until, Some(until));
            self.timers.set(session_number(slot), session.until);
        } else if first {
            self.end(slot);
        }
    }

    /// The socket has let go, perhaps with a message that shared memory had no room for (`unsent`).
    pub(crate) fn finish(
        &mut self,
        id: PipeId,
        linger: Option<Duration>,
        unsent: Option<Box<Unsent>>,
    ) {
        let Some(slot) = self.by_id.get(&id).copied() else {
            return;
        };
        let Some(session) = self.sessions.get_mut(slot) else {
            return;
        };
        session.letting_go = true;
        // A socket that is to get its ends later does not want them any more, and has sent nothing.
        session.near = None;
        let (driver, site) = session.driver_and_site(&mut self.supplies);
        driver.closed(unsent, site);
        let nothing_left = session.ends.is_at_end();
        let stands = matches!(&session.io, Io::Open(open) if open.connection.is_ready());
        if linger == Some(Duration::ZERO) || (nothing_left && !stands) {
            // libzmq's next attempt would report it. Here there is none.
            if session.is_disconnected() && matches!(session.io, Io::Resting | Io::Resolving(_)) {
                session.tell(EventKind::Closed { fd: None });
            }
            self.end(slot);
            return;
        }
        let lingers = linger.and_then(|linger| Instant::now().checked_add(linger));
        // The peer may have been told the end already: the pipe's end can be seen before this order.
        session.until = earlier(lingers, session.until);
        let timer = match session.io {
            Io::Open(_) => None,
            _ => session.until,
        };
        if let Some(until) = timer {
            // What was planned comes sooner, or not at all.
            self.timers.set(session_number(slot), Some(until));
        }
        self.enqueue(slot);
    }

    /// Tries again to send what shared memory had no room for when the socket let go.
    pub(crate) fn retry_unsent(&mut self, slot: usize) {
        let Some(session) = self.sessions.get_mut(slot) else {
            return;
        };
        let Some(unsent) = &mut session.driver.unsent else {
            return;
        };
        if unsent.sender.try_again() {
            session.driver.unsent = None;
        } else if let Some(why) = unsent.sender.failure() {
            self.break_off(slot, why);
        }
    }

    /// This side ends a connection whose peer may live, and may send again what was not read.
    pub(crate) fn stop_reading(&self, slot: usize) {
        if let Some(session) = self.sessions.get(slot) {
            session.post(Command::Stop(session.id));
        }
    }

    /// A stream has ended.
    pub(crate) fn broken(&mut self, slot: usize, why: &Broken) {
        if !matches!(why, Broken::Closed | Broken::Io(_)) {
            self.stop_reading(slot);
        }
        let Some(session) = self.sessions.get_mut(slot) else {
            return;
        };
        if let Io::Open(open) = &session.io {
            open.handoff.close();
        }
        if let Some(inbound) = &mut session.ends.inbound {
            inbound.rollback();
        }
        // The rest of a message of which the peer has got a part.
        while session.ends.out_midst
            && let Some(frame) = session.ends.outbound.pop()
        {
            session.ends.out_midst = frame.more();
            if !session.ends.out_midst {
                session.ends.outbound.done();
            }
        }
        let never = !session.told && session.tell_broken(why) == Next::Never;
        let survives = matches!(session.origin, Origin::Dialed(_))
            && !never
            && !session.told
            && !session.link.immediate;
        let (letting_go, told) = (session.letting_go, session.told);
        let (driver, site) = session.driver_and_site(&mut self.supplies);
        driver.end(survives, letting_go, site);
        self.tell_news(slot);
        if told || never {
            self.end(slot);
        } else {
            self.rest(slot);
        }
    }

    /// Nothing more is done for this session.
    pub(crate) fn end(&mut self, slot: usize) {
        let Some(session) = self.sessions.try_remove(slot) else {
            return;
        };
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
        let _ = link.post.send(Command::Gone(id));
        self.crew.relieve(self.number);
        self.lingering.end();
    }
}
