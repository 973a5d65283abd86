//! How a session ends.

use std::time::{Duration, Instant};

use ringmq_message::Frame;

use crate::mail::{Command, EventKind, Unsent};
use crate::session::broken::Broken;
use crate::session::origin::Origin;
use crate::session::session_events::Retry;
use crate::session::stream::Liveness;
use crate::session::supply::Supplies;
use crate::session::{Io, Next, Session};

/// How long a peer may take to close, once this side has closed its stream for writing.
const FAREWELL: Duration = Duration::from_secs(1);

impl Session {
    /// Everything was sent, and the socket has closed: closes the stream for writing, whereupon the peer closes it.
    ///
    /// The end of a pipe can be seen before orders that were given earlier, such as to send to this very socket. They are
    /// taken, and done, in the next turn of the event loop; the stream is closed in the one after.
    pub(crate) fn farewell(&mut self, turn: u64) -> Next {
        let since = *self.end_seen.get_or_insert(turn);
        if !self.told && turn < since + 2 {
            return Next::Turn;
        }
        if std::mem::replace(&mut self.told, true) {
            return Next::Nothing;
        }
        match &self.io {
            Io::Open(open)
                if open
                    .passage
                    .writer()
                    .shutdown(std::net::Shutdown::Write)
                    .is_ok() =>
            {
                let until = Instant::now() + FAREWELL;
                self.until = Some(self.until.map_or(until, |other| other.min(until)));
                Next::Timer(self.until)
            }
            _ => Next::End,
        }
    }

    /// The socket has closed its end, perhaps with a message that shared memory had no room for (`unsent`).
    pub(crate) fn finish(
        &mut self,
        linger: Option<Duration>,
        unsent: Option<Box<Unsent>>,
        supplies: &mut Supplies,
    ) -> Next {
        self.letting_go = true;
        // A socket that is to get its ends later does not want them any more, and has sent nothing.
        self.near = None;
        let (driver, site) = self.driver_and_site(supplies);
        driver.closed(unsent, site);
        let nothing_left = match self.io {
            Io::Open(_) => self.ends.is_at_end(),
            _ => self.ends.owes_nothing(),
        };
        let is_ready = matches!(&self.io, Io::Open(open) if open.connection.is_ready());
        if linger == Some(Duration::ZERO) || (nothing_left && !is_ready) {
            // libzmq's next attempt would report it. Here there is none.
            if self.is_disconnected() && matches!(self.io, Io::Resting | Io::Resolving(_)) {
                self.tell(EventKind::Closed { fd: None });
            }
            return Next::End;
        }
        let lingers = linger.and_then(|linger| Instant::now().checked_add(linger));
        // The stream may be closed for writing already: the pipe's end can be seen before this order.
        self.until = [lingers, self.until].into_iter().flatten().min();
        match (&self.io, self.until) {
            (Io::Open(_), _) => Next::Enqueue,
            // What was planned comes sooner, or not at all.
            (_, Some(until)) => Next::Timer(Some(until)),
            (_, None) => Next::Nothing,
        }
    }

    /// This side ends a connection whose peer may live, and may send again what was not read.
    pub(crate) fn stop_reading(&self) {
        self.post(Command::Stop(self.id));
    }

    /// Gives the socket the messages about the end of a connection whose handshake was done.
    fn tell_lost(&mut self) {
        let Some(notices) = &self.link.notices else {
            return;
        };
        let was_ready = matches!(&self.io, Io::Open(open) if open.is_handshake_done());
        // A socket that has let go receives nothing.
        if !was_ready || self.letting_go {
            return;
        }
        for message in notices.at_end(matches!(self.origin, Origin::Dialed(_))) {
            if self.ends.inbound.is_some() {
                self.ends.give(message, true);
            } else {
                // What is before it is in shared memory.
                self.post(Command::Notice(self.id, message));
            }
        }
        self.ends.flush();
    }

    /// The stream has ended.
    pub(crate) fn broken(&mut self, why: &Broken, supplies: &mut Supplies) -> Next {
        let ours = why.is_ours();
        if ours {
            self.stop_reading();
        }
        let mut given = ours;
        if let Io::Open(open) = &self.io {
            open.handoff.close();
            given &= !matches!(open.liveness, Liveness::Dead(_));
        }
        if let Some(inbound) = &mut self.ends.inbound {
            inbound.rollback();
        }
        if self.link.notifies()
            && let Io::Open(open) = &self.io
            && open.connection.is_ready()
        {
            let mut end = Frame::new();
            end.set_properties(open.properties.clone());
            self.ends.give(end, true);
            self.ends.flush();
        }
        self.tell_lost();
        // The rest of a message of which the peer has got a part.
        while self.ends.out_midst
            && let Some(frame) = self.ends.outbound.pop()
        {
            self.ends.out_midst = frame.more();
            if !self.ends.out_midst {
                self.ends.outbound.done();
            }
        }
        let ends = self.told || self.tell_broken(why) == Retry::Never;
        let dialed = matches!(self.origin, Origin::Dialed(_));
        let survives = dialed && !ends && !self.link.immediate;
        let letting_go = self.letting_go;
        let (driver, site) = self.driver_and_site(supplies);
        driver.end(survives, letting_go, given, site);
        if ends { Next::End } else { Next::Rest }
    }
}
