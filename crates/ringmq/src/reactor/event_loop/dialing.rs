//! Connecting, again and again.

use std::os::fd::{AsRawFd, RawFd};
use std::sync::Arc;
use std::time::Instant;

use mio::{Interest, Token};
use ringmq_pipe::local::Post;
use ringmq_sys::{ErrorNumber, Setback};
use ringmq_transport::{Answer, Dial, DialError, Named, dial};

use crate::mail::pipes::session_pipe;
use crate::mail::row::{self, Phase};
use crate::mail::{Addresses, Command, Connect, EventKind, Host, Order, PipeId};
use crate::reactor::event_loop::EventLoop;
use crate::reactor::numbers::session_number;
use crate::reactor::timers::earlier;
use crate::session::origin::{Dialed, Origin};
use crate::session::{Io, Session};

impl EventLoop {
    pub(crate) fn connect(&mut self, connect: Connect) {
        let addresses = Addresses {
            remote: connect.endpoint.to_string(),
            connects: true,
            ..Addresses::default()
        };
        let origin = Origin::Dialed(Box::new(Dialed {
            endpoint: connect.endpoint,
            options: connect.options,
            backoff: connect.backoff,
            stop: connect.stop,
            disconnected: false,
        }));
        let link = Arc::new(connect.link);
        let slot = self.add(Session::new(
            connect.id,
            link,
            connect.ends,
            origin,
            addresses,
            connect.near,
        ));
        self.begin_dialing(slot);
    }

    pub(crate) fn add(&mut self, session: Session) -> usize {
        let id = session.id;
        let slot = self.sessions.insert(session);
        self.by_id.insert(id, slot);
        slot
    }

    pub(crate) fn begin_dialing(&mut self, slot: usize) {
        let Some(session) = self.sessions.get_mut(slot) else {
            return;
        };
        let Origin::Dialed(dialed) = &session.origin else {
            return;
        };
        match dial(&dialed.endpoint, &dialed.options, Instant::now()) {
            Ok(dial) => self.dialed(slot, dial),
            Err(error) => self.not_dialed(slot, &error, None),
        }
    }

    /// Has the name of the host looked up.
    fn resolve(&mut self, slot: usize, named: Named) {
        let Some(session) = self.sessions.get_mut(slot) else {
            return;
        };
        let post = self.mailbox.post();
        self.resolver.ask(named.host(), session.id, post);
        session.io = Io::Resolving(Box::new(named));
        self.timers.set(session_number(slot), session.until);
    }

    /// The name of a host was looked up. A session that has ended meanwhile has no use for the answer.
    pub(crate) fn resolved(&mut self, id: PipeId, answer: &Answer) {
        let Some(slot) = self.by_id.get(&id).copied() else {
            return;
        };
        let Some(session) = self.sessions.get_mut(slot) else {
            return;
        };
        match std::mem::replace(&mut session.io, Io::Resting) {
            Io::Resolving(named) => match named.go_on(answer, Instant::now()) {
                Ok(dial) => self.dialed(slot, dial),
                Err(error) => self.not_dialed(slot, &error, None),
            },
            io => session.io = io,
        }
    }

    pub(crate) fn go_on_dialing(&mut self, slot: usize) {
        let Some(session) = self.sessions.get_mut(slot) else {
            return;
        };
        let Io::Dialing(connecting) = std::mem::replace(&mut session.io, Io::Resting) else {
            return;
        };
        let fd = connecting.as_raw_fd();
        match connecting.poll(Instant::now()) {
            Ok(dial) => {
                // The next address has another socket.
                if let Dial::Begun(_) = dial {
                    session.tell(EventKind::Closed { fd: Some(fd) });
                }
                self.dialed(slot, dial);
            }
            Err(error) => self.not_dialed(slot, &error, Some(fd)),
        }
    }

    /// An attempt has failed; `fd` is what it had, if the error does not say so.
    fn not_dialed(&mut self, slot: usize, error: &DialError, fd: Option<RawFd>) {
        let number = ErrorNumber::among(error);
        if number.is_some_and(|number| Setback::of(&number.into()) == Setback::Shortage) {
            // The next attempt needs what other connections can do without.
            if let Some(session) = self.sessions.get(slot) {
                row::shed_page(&session.link.row);
            }
            self.shed();
        }
        let Some(session) = self.sessions.get_mut(slot) else {
            return;
        };
        if let DialError::Os { .. } | DialError::Proxy { .. } | DialError::TimedOut { .. } = error {
            let fd = error.fd().or(fd);
            session.tell(EventKind::Closed { fd });
        }
        match &session.origin {
            Origin::Dialed(dialed) if dialed.ends_after(error) => self.end(slot),
            Origin::Dialed(dialed) if dialed.backoff.is_never() => self.park(slot),
            _ => self.rest(slot),
        }
    }

    /// The only attempt has failed. As in libzmq the pipe stays, and takes messages, until the application disconnects
    /// or closes the socket.
    fn park(&mut self, slot: usize) {
        let Some(session) = self.sessions.get_mut(slot) else {
            return;
        };
        if session.letting_go && (session.link.immediate || session.ends.owes_nothing()) {
            return self.end(slot);
        }
        self.timers.set(session_number(slot), session.until);
    }

    /// The application has disconnected.
    pub(crate) fn disconnected(&mut self, id: PipeId) {
        if let Some(slot) = self.by_id.get(&id)
            && let Some(session) = self.sessions.get_mut(*slot)
            && let Origin::Dialed(dialed) = &mut session.origin
        {
            dialed.disconnected = true;
        }
    }

    fn dialed(&mut self, slot: usize, dial: Dial) {
        let token = Token(session_number(slot));
        let (connecting, begun) = match dial {
            Dial::Connected(stream) => return self.open(slot, stream),
            Dial::Named(named) => return self.resolve(slot, named),
            Dial::Begun(connecting) => (connecting, true),
            Dial::Waiting(connecting) => (connecting, false),
        };
        let mut connecting = connecting;
        if begun
            && self
                .registry
                .register(
                    &mut connecting,
                    token,
                    Interest::READABLE | Interest::WRITABLE,
                )
                .is_err()
        {
            self.rest(slot);
            return;
        }
        let deadline = connecting.deadline();
        if let Some(session) = self.sessions.get_mut(slot) {
            if begun {
                session.tell(EventKind::ConnectDelayed);
            }
            session.io = Io::Dialing(Box::new(connecting));
            let until = earlier(deadline, session.until);
            self.timers.set(token.0, until);
        }
    }

    /// Ends the pipe, and makes another one for the next connection.
    fn part(session: &mut Session, post: &Post<Order>, host: Arc<dyn Host>) {
        let unseen = session.link.takes_back(session.id, session.gave_nothing());
        let (near, ends) = session_pipe(
            &session.link,
            session.id,
            (post, host),
            session.ends.row.clone(),
        );
        session.near = Some(Box::new(near));
        // What was in it is lost, but for what the socket may still receive.
        session.ends = ends.into();
        if !unseen {
            // A socket that has closed says so by an order that is under way.
            let _ = session.link.post.send(Command::Parted(session.id));
        }
    }

    /// Tries again later, if it is to be tried again.
    pub(crate) fn rest(&mut self, slot: usize) {
        let Some(session) = self.sessions.get_mut(slot) else {
            return;
        };
        if let Io::Open(mut open) = std::mem::replace(&mut session.io, Io::Resting) {
            self.unwatch(slot, &mut open);
        }
        let Some(session) = self.sessions.get_mut(slot) else {
            return;
        };
        let immediate = session.link.immediate;
        let nothing_left = session.letting_go && (immediate || session.ends.owes_nothing());
        let dialed = matches!(session.origin, Origin::Dialed(_));
        if dialed && immediate && session.near.is_none() && !session.letting_go {
            EventLoop::part(session, &self.mailbox.post(), Arc::clone(&self.host));
        }
        let Origin::Dialed(dialed) = &mut session.origin else {
            return self.end(slot);
        };
        match dialed.backoff.next(fastrand::u32(..)) {
            Some(pause) if !nothing_left => {
                session.show_phase(Phase::Connecting);
                let again = earlier(Some(Instant::now() + pause), session.until);
                self.timers.set(session_number(slot), again);
                session.tell(EventKind::ConnectRetried { after: pause });
            }
            _ => self.end(slot),
        }
    }
}
