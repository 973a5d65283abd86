//! How a session ends.

use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use super::work::{FAREWELL, Io, Session, Work, earlier, session_number};
use crate::command::{Command, PipeId};
use crate::monitor::Occurrence;

impl Work {
    /// Everything was sent, and the socket has let go: the peer is told, and closes.
    pub(super) fn farewell(&mut self, slot: usize) {
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

    /// The socket has let go.
    pub(super) fn finish(&mut self, id: PipeId, linger: Option<Duration>) {
        let Some(slot) = self.by_id.get(&id).copied() else {
            return;
        };
        let Some(session) = self.sessions.get_mut(slot) else {
            return;
        };
        session.letting_go = true;
        // A socket that is to get its ends later does not want them any more, and has sent nothing.
        session.near = None;
        let nothing_left = session.ends.outbound.is_at_end();
        let stands = matches!(&session.io, Io::Open(open) if open.connection.is_ready());
        if linger == Some(Duration::ZERO) || (nothing_left && !stands) {
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

    /// Nothing more is done for this session.
    pub(super) fn end(&mut self, slot: usize) {
        let Some(session) = self.sessions.try_remove(slot) else {
            return;
        };
        self.timers.set(session_number(slot), None);
        self.by_id.remove(&session.id);
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
                open.unwatch(self.poll.registry());
                None
            }
            Io::Resting => None,
        };
        drop((ends, near));
        if dialing.is_some() {
            link.watch
                .tell(|| addresses.event(Occurrence::Closed { fd: dialing }));
        }
        let _ = link.post.send(Command::Gone(id));
        self.crew.relieve(self.number);
        self.lingering.end();
    }
}
