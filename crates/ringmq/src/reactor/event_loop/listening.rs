//! A listener in the I/O thread.

use std::io::ErrorKind;
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::time::Instant;

use mio::{Interest, Token};
use ringmq_sys::ErrorNumber;
use ringmq_transport::{AcceptError, Listener, Stream};

use crate::mail::pipes::{session_pipe, session_row};
use crate::mail::row::{self, Side};
use crate::mail::{
    Addresses, Carrier, EventKind, Link, Listen, MonitorEvent, Newcomer, Order, PipeId, RowOrNone,
    ZmtpReason,
};
use crate::reactor::event_loop::{EventLoop, SHORTAGE};
use crate::reactor::numbers::listener_number;
use crate::session::Session;
use crate::session::origin::Origin;

/// Connections that are accepted before others have their turn: peers can connect as fast as they are accepted.
const TURN: usize = 64;

/// A listener that is polled.
#[derive(Debug)]
pub(crate) struct Listening {
    pub(crate) number: u64,
    pub(crate) listener: Listener,
    pub(crate) link: Arc<Link>,
    /// Its row in the status page, which shows that it listens.
    pub(crate) _row: RowOrNone,
}

/// The result of accepting the waiting connections.
pub(crate) enum Accepted {
    /// All waiting connections were accepted. An event reports the next one.
    All,
    /// [`TURN`] connections were accepted; more may wait.
    Some,
    /// Descriptors or memory are short. The listener tries again later.
    Later,
}

impl Listening {
    /// Accepts those that wait, up to a turn's worth, and hands each to `take`.
    pub(crate) fn accept(&self, mut take: impl FnMut(Stream)) -> Accepted {
        for _ in 0..TURN {
            match self.listener.accept() {
                Ok(Some(stream)) => take(stream),
                Ok(None) => return Accepted::All,
                Err(error) => {
                    self.tell_refused(&error);
                    match error.setback() {
                        ringmq_transport::Setback::Passing => {}
                        ringmq_transport::Setback::Shortage | ringmq_transport::Setback::Broken => {
                            return Accepted::Later;
                        }
                    }
                }
            }
        }
        Accepted::Some
    }

    fn tell_refused(&self, error: &AcceptError) {
        let number = ErrorNumber::among(error).unwrap_or(ErrorKind::PermissionDenied.into());
        self.tell(EventKind::AcceptFailed { error: number });
    }

    fn tell(&self, kind: EventKind) {
        let endpoint = self.listener.endpoint();
        self.link
            .watch
            .tell(|| MonitorEvent::at(&endpoint.to_string(), kind));
    }
}

impl EventLoop {
    pub(crate) fn listen(&mut self, listen: Listen) {
        let slot = self.listeners.insert(Listening {
            number: listen.number,
            listener: listen.listener,
            link: Arc::new(listen.link),
            _row: listen.row,
        });
        let token = Token(listener_number(slot));
        let registry = &self.registry;
        if let Some(listening) = self.listeners.get_mut(slot)
            && registry
                .register(&mut listening.listener, token, Interest::READABLE)
                .is_err()
        {
            // No memory in the kernel to watch it: then it is looked at now and then.
            self.timers.set(token.0, Some(Instant::now() + SHORTAGE));
        }
        self.accept(slot);
    }

    /// Stops to listen, and lets go of the connections.
    pub(crate) fn unlisten(&mut self, number: u64) {
        self.stop_accepting(number);
        self.leave(number);
        for post in self.crew.others(self.number) {
            // One that has ended has no connections.
            let _ = post.send(Order::Leave(number));
        }
    }

    /// Closes a listener, if it is open.
    pub(crate) fn stop_accepting(&mut self, number: u64) {
        let mut listeners = self.listeners.iter();
        if let Some((slot, _)) = listeners.find(|(_, listening)| listening.number == number) {
            self.timers.set(listener_number(slot), None);
            self.close_listener(slot);
            self.crew.relieve(self.number);
        }
    }

    /// Lets go of the connections of a listener. As in libzmq, what they have not sent is not sent any more.
    pub(crate) fn leave(&mut self, number: u64) {
        for slot in self.slots() {
            let session = &self.sessions[slot];
            let ours = matches!(session.origin, Origin::Accepted(by) if by == number);
            // A socket that closes lets what it has sent linger.
            if ours && !session.letting_go {
                session.stop_reading();
                self.end(slot);
            }
        }
    }

    fn close_listener(&mut self, slot: usize) {
        let Listening { listener, link, .. } = self.listeners.remove(slot);
        let fd = Some(listener.as_raw_fd());
        let endpoint = listener.endpoint().to_string();
        drop(listener);
        link.watch
            .tell(|| MonitorEvent::at(&endpoint, EventKind::Closed { fd }));
    }

    pub(crate) fn accept(&mut self, slot: usize) {
        let Some(listening) = self.listeners.get(slot) else {
            return;
        };
        let (link, number) = (Arc::clone(&listening.link), listening.number);
        let mut streams = Vec::new();
        let accepted = listening.accept(|stream| streams.push(stream));
        let again = match accepted {
            Accepted::All => None,
            Accepted::Some => Some(Instant::now()),
            Accepted::Later => {
                // Those of handoffs that were under way may be what is missing.
                row::shed_page(&link.row);
                self.shed();
                Some(Instant::now() + SHORTAGE)
            }
        };
        if again.is_some() {
            self.timers.set(listener_number(slot), again);
        }
        for stream in streams {
            // There is at least this thread: the listener came here by the same choice.
            let Some(place) = self.crew.choose(link.affinity) else {
                return;
            };
            self.lingering.begin();
            let newcomer = Newcomer {
                stream,
                listener: number,
                link: Arc::clone(&link),
            };
            if place.number() == self.number {
                self.welcome(newcomer);
            } else if place
                .post()
                .send(Order::Welcome(Box::new(newcomer)))
                .is_err()
            {
                // It has ended: so will this one.
                self.lingering.end();
                continue;
            }
            place.taken();
        }
    }

    pub(crate) fn welcome(&mut self, newcomer: Newcomer) {
        let Newcomer {
            stream,
            listener,
            link,
        } = newcomer;
        self.next_id += 1;
        // Sockets count from below, and each thread for itself.
        let id = PipeId(1 << 63 | (self.number as u64) << 40 | self.next_id);
        let carrier = Carrier::Zmtp(ZmtpReason::Undecided);
        let row = session_row(&link, Side::Bound, carrier, "");
        let (near, ends) = session_pipe(&link, id, (&self.mailbox.post(), self.host()), row);
        let slot = self.add(Session::new(
            id,
            link,
            ends,
            Origin::Accepted(listener),
            Addresses::default(),
            Some(Box::new(near)),
        ));
        self.open(slot, stream);
    }
}
