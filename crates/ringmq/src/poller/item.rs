//! The sockets and descriptors that a poller waits for.

use std::ops::{BitOr, BitOrAssign};
use std::os::fd::BorrowedFd;

use ringmq_sys::poll::Conditions;

use crate::error::RecvError;
use crate::socket::Socket;

/// The conditions that a poller waits for at a socket or a descriptor; `|` joins them.
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
    /// No condition. The poller passes over a socket, and checks a descriptor for errors.
    pub const NONE: Interest = Interest(0);
    /// A message can be received without waiting; there is something to read from the descriptor.
    pub const READABLE: Interest = Interest(1);
    /// A message can be sent without waiting; the descriptor can be written to.
    pub const WRITABLE: Interest = Interest(2);
    /// The descriptor has out-of-band data; sockets have none.
    pub const URGENT: Interest = Interest(4);

    /// Returns true if this has all conditions of `other`.
    pub const fn contains(self, other: Interest) -> bool {
        self.0 & other.0 == other.0
    }

    /// The same for poll(2).
    pub(super) fn conditions(self) -> Conditions {
        Conditions {
            readable: self.contains(Interest::READABLE),
            writable: self.contains(Interest::WRITABLE),
            urgent: self.contains(Interest::URGENT),
            broken: false,
        }
    }

    /// Whether this has a condition of sockets.
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

/// The conditions that a wait has found, of those that it waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Readiness {
    /// A message can be received, or something read, without waiting.
    pub readable: bool,
    /// A message can be sent, or something written, without waiting.
    pub writable: bool,
    /// The descriptor has out-of-band data.
    pub urgent: bool,
    /// The descriptor is hung up, in error, or not open. A wait always ends with this.
    pub broken: bool,
}

impl Readiness {
    /// Returns true if a condition was found.
    pub fn any(self) -> bool {
        self != Readiness::default()
    }
}

/// A socket or descriptor, the conditions to wait for, and those that were found.
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
    /// Makes an item for a socket.
    pub fn socket(socket: &'a mut Socket, interest: Interest) -> Item<'a> {
        Item {
            target: Target::Socket(socket),
            interest,
            ready: Readiness::default(),
        }
    }

    /// Makes an item for any other descriptor that poll(2) accepts.
    pub fn descriptor(descriptor: BorrowedFd<'a>, interest: Interest) -> Item<'a> {
        Item {
            target: Target::Descriptor(descriptor),
            interest,
            ready: Readiness::default(),
        }
    }

    /// The conditions that the last wait has found.
    pub fn ready(&self) -> Readiness {
        self.ready
    }

    /// The socket, for use while the item lives; `None` for a descriptor.
    pub fn as_socket(&mut self) -> Option<&mut Socket> {
        match &mut self.target {
            Target::Socket(socket) => Some(socket),
            Target::Descriptor(_) => None,
        }
    }

    /// The descriptor and its conditions; `None` for a socket.
    pub(super) fn other(&self) -> Option<(BorrowedFd<'a>, Interest)> {
        match self.target {
            Target::Socket(_) => None,
            Target::Descriptor(descriptor) => Some((descriptor, self.interest)),
        }
    }

    /// The socket, if the poller waits for it.
    #[inline]
    pub(super) fn waiting(&mut self) -> Option<&mut Socket> {
        match &mut self.target {
            Target::Socket(socket) if self.interest.of_sockets() => Some(socket),
            _ => None,
        }
    }

    /// Whether the events of a socket may have changed.
    #[inline]
    pub(super) fn has_news(&mut self) -> bool {
        let readable = self.interest.contains(Interest::READABLE);
        let writable = self.interest.contains(Interest::WRITABLE);
        match self.waiting() {
            Some(socket) => socket.has_news(readable, writable),
            None => false,
        }
    }

    /// Whether another thread waits for the lock of the socket.
    pub(super) fn is_wanted(&self) -> bool {
        match &self.target {
            Target::Socket(socket) => socket.is_wanted(),
            Target::Descriptor(_) => false,
        }
    }

    /// Updates the readiness of a socket. At the end of a wait (`last`) this also arms its descriptor.
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

    /// Sets the readiness of a descriptor from the result of poll(2).
    pub(super) fn found(&mut self, found: Conditions) {
        self.ready = Readiness {
            readable: found.readable,
            writable: found.writable,
            urgent: found.urgent,
            broken: found.broken,
        };
    }
}
