//! The ends of a pipe within the process.

use ringmq_message::Frame;
use ringmq_pattern::Kind;
use ringmq_pipe::local::{Announcement, Receiver, Sender, Waker, conflating, pipe, pipe_of_bytes};
use ringmq_pipe::status::layout;

use crate::mail::row::{RowOrNone, shown};

/// The session's ends of the pipe to its socket.
#[derive(Debug)]
pub(crate) struct SessionPipe {
    /// Takes the messages that come from the peer.
    pub(crate) inbound: Sender<Frame>,
    /// Has the messages that the socket sends.
    pub(crate) outbound: Receiver<Frame>,
    pub(crate) announcement: Announcement,
    /// Wakes the session.
    pub(crate) waker: Waker,
    /// The row of the connection in the status page.
    pub(crate) row: RowOrNone,
}

/// The directions of a pipe that keep only the last message, as the socket of this end sees them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Conflates {
    pub(crate) sending: bool,
    pub(crate) receiving: bool,
}

impl Conflates {
    /// The directions of a conflating socket of this type that carry messages. Subscriptions are never conflated.
    pub(crate) fn of(kind: Kind) -> Conflates {
        Conflates {
            sending: matches!(kind, Kind::Push | Kind::Pub | Kind::Dealer),
            receiving: matches!(kind, Kind::Pull | Kind::Sub | Kind::Dealer),
        }
    }
}

/// One direction of a pipe. `to` wakes its receiver, `from` its sender.
pub(crate) fn direction(
    conflates: bool,
    mark: u64,
    to: Waker,
    from: Waker,
) -> (Sender<Frame>, Receiver<Frame>) {
    if conflates {
        conflating(to, from)
    } else {
        pipe(mark, to, from)
    }
}

/// The longest body that travels as bytes between a socket and a session. A process may have thousands of sessions, and the
/// pipes of each keep room for a few dozen.
pub(crate) const BYTES_OF_SESSION: usize = 1024;

/// As [`direction`]; but bodies of up to `most` bytes travel as bytes, if the ring has room: a frame that one thread makes
/// and another drops keeps the allocator busy.
pub(crate) fn direction_of_bytes(
    conflates: bool,
    mark: u64,
    to: Waker,
    from: Waker,
    most: usize,
) -> (Sender<Frame>, Receiver<Frame>) {
    if conflates {
        conflating(to, from)
    } else {
        pipe_of_bytes(mark, to, from, most, owned)
    }
}

/// A frame that has a copy of these bytes for itself.
fn owned(bytes: &[u8]) -> Frame {
    Frame::try_copy(bytes).unwrap_or_else(|_| Frame::copy_from_slice(bytes))
}

/// The direction from a socket to its session, which the row of the connection shows.
pub(crate) fn outward(
    conflates: bool,
    mark: u64,
    session: Waker,
    socket: Waker,
    row: &RowOrNone,
) -> (Sender<Frame>, Receiver<Frame>) {
    let (mut sender, mut receiver) =
        direction_of_bytes(conflates, mark, session, socket, BYTES_OF_SESSION);
    sender.show_in(shown(row, layout::LOCAL_SENT));
    receiver.show_in(shown(row, layout::STREAM_SENT));
    (sender, receiver)
}
