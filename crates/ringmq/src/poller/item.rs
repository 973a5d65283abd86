//! What a poller waits for.

use std::ops::{BitOr, BitOrAssign};
use std::os::fd::BorrowedFd;

use ringmq_sys::poll::Conditions;

use crate::error::RecvError;
use crate::socket::Socket;

/// What to look for at a socket or a descriptor; `|` joins several.
///
/// ```
/// use ringmq::Interest;
///
/// let both = Interest::READABLE | Interest::WRITABLE;
/// assert!(both.contains(Interest::READABLE));
/// assert!(!both.contains(Interest::URGENT));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Interest(u8);

impl Interest {
    /// Nothing. A socket is passed over; a descriptor is looked at for errors.
    pub const NONE: Interest = Interest(0);
    /// A message can be received without waiting; there is something to read from the descriptor.
    pub const READABLE: Interest = Interest(1);
    /// A message can be sent without waiting; the descriptor can be written to.
    pub const WRITABLE: Interest = Interest(2);
    /// The descriptor has out-of-band data; sockets have none.
    pub const URGENT: Interest = Interest(4);

    /// Whether all of `other` is part of this.
    pub const fn contains(self, other: Interest) -> bool {
        self.0 & other.0 == other.0
    }

    /// What poll(2) is to look for at a descriptor.
    pub(super) fn conditions(self) -> Conditions {
        Conditions {
            readable: self.contains(Interest::READABLE),
            writable: self.contains(Interest::WRITABLE),
            urgent: self.contains(Interest::URGENT),
            broken: false,
        }
    }

    /// Whether anything is looked for that sockets have.
    fn of_sockets(self) -> bool {
        self.0 & (Interest::READABLE.0 | Interest::WRITABLE.0) != 0
    }
}

impl BitOr for Interest {
    type Output = Interest;

    fn bitor(self, other: Interest) -> Interest {
        Interest(self.0 | other.0)
    }
}

impl BitOrAssign for Interest {
    fn bitor_assign(&mut self, other: Interest) {
        self.0 |= other.0;
    }
}

/// What was found, among that which was looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Readiness {
    /// A message can be received, or something read, without waiting.
    pub readable: bool,
    /// A message can be sent, or something written, without waiting.
    pub writable: bool,
    /// The descriptor has out-of-band data.
    pub urgent: bool,
    /// The descriptor is hung up, in error, or not open. It is told without being looked for.
    pub broken: bool,
}

impl Readiness {
    /// Whether anything was found.
    pub fn any(self) -> bool {
        self != Readiness::default()
    }
}

/// One socket or descriptor, what to look for there, and what was found.
#[derive(Debug)]
pub struct Item<'a> {
    target: Target<'a>,
    interest: Interest,
    ready: Readiness,
}

#[derive(Debug)]
enum Target<'a> {
    Socket(&'a mut Socket),
    Descriptor(BorrowedFd<'a>),
}

impl<'a> Item<'a> {
    /// A socket.
    pub fn socket(socket: &'a mut Socket, interest: Interest) -> Item<'a> {
        Item {
            target: Target::Socket(socket),
            interest,
            ready: Readiness::default(),
        }
    }

    /// Any other descriptor that poll(2) knows.
    pub fn descriptor(descriptor: BorrowedFd<'a>, interest: Interest) -> Item<'a> {
        Item {
            target: Target::Descriptor(descriptor),
            interest,
            ready: Readiness::default(),
        }
    }

    /// What the last wait found.
    pub fn ready(&self) -> Readiness {
        self.ready
    }

    /// The socket, to be used while the item lives.
    pub fn as_socket(&mut self) -> Option<&mut Socket> {
        match &mut self.target {
            Target::Socket(socket) => Some(socket),
            Target::Descriptor(_) => None,
        }
    }

    /// The descriptor, if it is no socket's, and what to look for there.
    pub(super) fn other(&self) -> Option<(BorrowedFd<'a>, Interest)> {
        match self.target {
            Target::Socket(_) => None,
            Target::Descriptor(descriptor) => Some((descriptor, self.interest)),
        }
    }

    /// The socket, if it is looked at.
    #[inline]
    pub(super) fn waiting(&mut self) -> Option<&mut Socket> {
        match &mut self.target {
            Target::Socket(socket) if self.interest.of_sockets() => Some(socket),
            _ => None,
        }
    }

    /// Whether it is worth looking at a socket again.
    #[inline]
    pub(super) fn has_news(&mut self) -> bool {
        let readable = self.interest.contains(Interest::READABLE);
        let writable = self.interest.contains(Interest::WRITABLE);
        match self.waiting() {
            Some(socket) => socket.has_news(readable, writable),
            None => false,
        }
    }

    /// Whether another thread waits for the lock of a socket that is looked at.
    pub(super) fn is_wanted(&self) -> bool {
        match &self.target {
            Target::Socket(socket) => socket.is_wanted(),
            Target::Descriptor(_) => false,
        }
    }

    /// Looks at a socket. At the end of a wait, those who poll its descriptor are served, too.
    pub(super) fn look(&mut self, last: bool) -> Result<(), RecvError> {
        let interest = self.interest;
        let Some(socket) = self.waiting() else {
            return Ok(());
        };
        let events = if last {
            socket.events()?
        } else {
            socket.events_now()?
        };
        self.ready = Readiness {
            readable: events.readable && interest.contains(Interest::READABLE),
            writable: events.writable && interest.contains(Interest::WRITABLE),
            ..Readiness::default()
        };
        Ok(())
    }

    /// Takes what poll(2) has found at a descriptor.
    pub(super) fn found(&mut self, found: Conditions) {
        self.ready = Readiness {
            readable: found.readable,
            writable: found.writable,
            urgent: found.urgent,
            broken: found.broken,
        };
    }
}
