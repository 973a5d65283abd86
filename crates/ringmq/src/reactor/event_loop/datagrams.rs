//! The udp sockets of an I/O thread.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use mio::Token;
use slab::Slab;

use crate::mail::{Marks, OpenUdp, PipeId};
use crate::reactor::event_loop::{EventLoop, SHORTAGE};
use crate::reactor::numbers::udp_number;
use crate::reactor::timers::earlier;
use crate::udp::{UdpSession, Worked};

/// The udp sessions of an I/O thread, by their slots.
#[derive(Debug, Default)]
pub(crate) struct UdpSessions {
    sessions: Slab<UdpSession>,
    by_id: HashMap<PipeId, usize>,
}

impl UdpSessions {
    fn slot(&self, id: PipeId) -> Option<usize> {
        self.by_id.get(&id).copied()
    }
}

impl EventLoop {
    /// Begins with a udp socket.
    pub(super) fn open_udp(&mut self, open: OpenUdp) {
        let id = open.id;
        let slot = self.udp.sessions.insert(UdpSession::new(open));
        self.udp.by_id.insert(id, slot);
        self.register_udp(slot);
        self.work_on_udp(slot);
    }

    /// Has the events of a udp socket told. If there is no memory in the kernel to watch it, it is tried again.
    fn register_udp(&mut self, slot: usize) {
        let token = Token(udp_number(slot));
        let registry = &self.registry;
        if let Some(session) = self.udp.sessions.get_mut(slot) {
            session.is_watched = session.register(registry, token).is_ok();
        }
    }

    /// A udp session has something to do.
    pub(super) fn activate_udp(&mut self, id: PipeId) {
        if let Some(slot) = self.udp.slot(id) {
            self.work_on_udp(slot);
        }
    }

    /// A udp socket can be read or written.
    pub(super) fn udp_happened(&mut self, slot: usize, event: &mio::event::Event) {
        if let Some(session) = self.udp.sessions.get_mut(slot) {
            let error = event.is_error();
            session.happened(event.is_readable() || error, event.is_writable() || error);
            self.work_on_udp(slot);
        }
    }

    /// The time of a udp session has come.
    pub(super) fn udp_due(&mut self, slot: usize) {
        let Some(session) = self.udp.sessions.get_mut(slot) else {
            return;
        };
        if session.until.is_some_and(|until| until <= Instant::now()) {
            return self.end_udp(slot);
        }
        if !session.is_watched {
            self.register_udp(slot);
        }
        self.work_on_udp(slot);
    }

    fn work_on_udp(&mut self, slot: usize) {
        let Some(session) = self.udp.sessions.get_mut(slot) else {
            return;
        };
        let worked = session.work(&mut self.scratch);
        let now = Instant::now();
        let again = match worked {
            Worked::Finished => return self.end_udp(slot),
            Worked::More => Some(now),
            Worked::Idle if session.is_watched => None,
            Worked::Idle | Worked::Later => {
                session.look_again();
                Some(now + SHORTAGE)
            }
        };
        let at = earlier(again, session.until);
        self.timers.set(udp_number(slot), at);
    }

    /// Counts by other marks.
    pub(super) fn set_udp_marks(&mut self, id: PipeId, marks: Marks) {
        if let Some(slot) = self.udp.slot(id)
            && let Some(session) = self.udp.sessions.get_mut(slot)
        {
            session.set_marks(marks);
            self.work_on_udp(slot);
        }
    }

    /// The program has closed its end of the pipe.
    pub(super) fn finish_udp(&mut self, id: PipeId, linger: Option<Duration>) {
        let Some(slot) = self.udp.slot(id) else {
            return;
        };
        if linger == Some(Duration::ZERO) {
            return self.end_udp(slot);
        }
        if let Some(session) = self.udp.sessions.get_mut(slot) {
            session.letting_go = true;
            session.until = linger.and_then(|linger| Instant::now().checked_add(linger));
            self.work_on_udp(slot);
        }
    }

    pub(super) fn end_all_udp(&mut self) {
        let slots: Vec<usize> = self.udp.by_id.values().copied().collect();
        for slot in slots {
            self.end_udp(slot);
        }
    }

    fn end_udp(&mut self, slot: usize) {
        let Some(session) = self.udp.sessions.try_remove(slot) else {
            return;
        };
        self.timers.set(udp_number(slot), None);
        self.udp.by_id.remove(&session.id);
        session.end();
        self.crew.relieve(self.number);
        self.lingering.end();
    }
}
