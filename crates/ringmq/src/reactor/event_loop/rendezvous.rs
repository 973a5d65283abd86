//! The Unix socket of an I/O thread to which the other ends of its tcp connections come, to go over from tcp.

use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::time::{Duration, Instant};

use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use ringmq_sys::{ListenOptions, Setback, UnixListener};
use ringmq_transport::Stream;
use slab::Slab;

use crate::reactor::RENDEZVOUS;
use crate::reactor::event_loop::EventLoop;
use crate::reactor::numbers::{guest_number, session_number};
use crate::session::Io;
use crate::session::introduction::{Hello, Place};
use crate::session::strangers::{Heard, is_of_our_user, receive};
use crate::session::supply::Supply;

/// Those that are waited for to say HELLO, at most. It is sent with the connection.
const GUESTS: usize = 64;
/// How long each of them has for it.
const PATIENCE: Duration = Duration::from_secs(1);
/// Those that are accepted before others have their turn.
const TURN: usize = 64;

/// Where other processes of this user come to. Made for the first connection that may go over.
#[derive(Debug, Default)]
pub(super) struct Rendezvous {
    open: Option<(UnixListener, Place)>,
    /// Those that have not said HELLO.
    guests: Slab<Stream>,
}

impl Rendezvous {
    /// Returns the name of the socket. `None` if there is none, for want of descriptors or memory.
    pub(super) fn place(&mut self, registry: &Registry) -> Option<Place> {
        if self.open.is_none() {
            let place = Place::new()?;
            let options = ListenOptions::default();
            let listener = UnixListener::bind(&place.address(), &options).ok()?;
            let descriptor = listener.as_fd().as_raw_fd();
            let registered =
                registry.register(&mut SourceFd(&descriptor), RENDEZVOUS, Interest::READABLE);
            registered.ok()?;
            self.open = Some((listener, place));
        }
        self.open.as_ref().map(|(_, place)| place.clone())
    }

    /// Gives the descriptors back. Connections that have not gone over stay on tcp.
    pub(super) fn shed(&mut self) {
        *self = Rendezvous::default();
    }

    /// Accepts those in line that are processes of this user, up to a turn's worth. No other gets an answer.
    fn accept(&self, registry: &Registry) -> Vec<ringmq_sys::Stream> {
        let mut came = Vec::new();
        let Some((listener, _)) = &self.open else {
            return came;
        };
        for _ in 0..TURN {
            match listener.try_accept() {
                Ok(unix) if is_of_our_user(unix.peer_cred().ok()) => came.push(unix),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return came,
                Err(error) if Setback::of(&error) == Setback::Passing => {}
                // Those in line stay on tcp.
                Err(_) => return came,
            }
        }
        // The kernel tells again of those that are left. Without memory for that, they stay on tcp.
        let descriptor = listener.as_fd().as_raw_fd();
        let _ = registry.reregister(&mut SourceFd(&descriptor), RENDEZVOUS, Interest::READABLE);
        came
    }
}

impl EventLoop {
    /// Takes those who have come to the Unix socket.
    #[cold]
    pub(super) fn receive_guests(&mut self) {
        for unix in self.rendezvous.accept(&self.registry) {
            match receive(&unix) {
                Heard::Hello(hello) => self.introduce(&hello, unix.into()),
                Heard::Nothing => self.let_wait(unix.into()),
                Heard::Wrong => {}
            }
        }
    }

    fn let_wait(&mut self, mut unix: Stream) {
        if self.rendezvous.guests.len() >= GUESTS {
            return;
        }
        let entry = self.rendezvous.guests.vacant_entry();
        let number = guest_number(entry.key());
        let registry = &self.registry;
        let registered = registry.register(&mut unix, Token(number), Interest::READABLE);
        if registered.is_ok() {
            entry.insert(unix);
            self.timers.set(number, Some(Instant::now() + PATIENCE));
        }
    }

    /// Something came from a guest, or its end.
    #[cold]
    pub(super) fn guest_happened(&mut self, slot: usize) {
        let guest = self.rendezvous.guests.get(slot).and_then(Stream::unix);
        match guest.map(receive) {
            None | Some(Heard::Nothing) => {}
            Some(Heard::Wrong) => self.dismiss(slot),
            Some(Heard::Hello(hello)) => {
                self.timers.set(guest_number(slot), None);
                let mut unix = self.rendezvous.guests.remove(slot);
                // It gets the number of its session.
                let _ = &self.registry.deregister(&mut unix);
                self.introduce(&hello, unix);
            }
        }
    }

    /// Closes the socket of a guest.
    pub(super) fn dismiss(&mut self, slot: usize) {
        self.timers.set(guest_number(slot), None);
        drop(self.rendezvous.guests.try_remove(slot));
    }

    /// Gives a Unix socket to the session that the guest names. If it is not expected there, it is closed without an answer.
    fn introduce(&mut self, hello: &Hello, mut unix: Stream) {
        let Ok(slot) = usize::try_from(hello.ticket) else {
            return;
        };
        let Some(session) = self.sessions.get_mut(slot) else {
            return;
        };
        let Io::Open(open) = &mut session.io else {
            return;
        };
        if self.supplies.at_all([&unix]) == Supply::Short {
            // What else is waited for finds as little.
            return self.shed();
        }
        let token = Token(session_number(slot));
        let registry = &self.registry;
        let registered = registry.register(&mut unix, token, Interest::READABLE);
        if registered.is_ok() {
            open.passage.hello_came(hello, unix);
            self.enqueue(slot);
        }
    }

    /// Something has happened to the tcp socket of a session that has gone over.
    #[cold]
    pub(super) fn tcp_happened(&mut self, slot: usize) {
        if let Some(session) = self.sessions.get_mut(slot)
            && let Io::Open(open) = &mut session.io
        {
            open.passage.look_at_tcp();
            open.readable = true;
            self.enqueue(slot);
        }
    }
}
