//! Pipes within a process, of any kind of element: between two sockets, or a socket and its session.
//!
//! ```text
//!    owner (a socket)                                       owner (another, or a session)
//!    +----------------+    Sender ==== elements ====> Receiver    +----------------+
//!    |     Sleeper    |    Receiver <=== elements === Sender      |     Sleeper    |
//!    +----------------+                                           +----------------+
//!           ^ one bell for all of its pipes and its mailbox              ^
//! ```
//!
//! The marks count whole messages, which may have several elements; the ring under them has room without end. A
//! [`Sender`] publishes a message with its last element, and wakes the owner of the receiver if it sleeps, once for each
//! sleep. A [`Receiver`] gives credit back in steps. A pipe may also be [conflating], and keep the last message only.

mod announcement;
mod latest;
mod mailbox;
mod receiver;
mod sender;
mod waker;

pub use announcement::Announcement;
pub use mailbox::{Mailbox, Post};
pub use receiver::Receiver;
pub use sender::Sender;
pub use waker::{Bell, Bellpull, Waker};

use ringmq_ring::{elements, words};

/// What a receiver says: how many messages it took, and whether it is gone.
const RECEIVED: usize = 0;
const RECEIVER_GONE: usize = 1;

/// A pipe in one direction. `mark` is the number of whole messages that may wait in it, 0 for no limit. `to` wakes the
/// owner of the receiver, `from` that of the sender.
pub fn pipe<T: Send>(mark: u64, to: Waker, from: Waker) -> (Sender<T>, Receiver<T>) {
    let (producer, consumer) = elements(0);
    let (reports, reported) = words();
    let (ended, end) = words();
    let (wants, wanted) = words();
    (
        Sender::new(producer, mark, reported, ended, wants, to),
        Receiver::new(consumer, mark, reports, end, wanted, from),
    )
}

/// As [`pipe`], but up to `most` [bytes](Sender::push_bytes) can be sent as they are. `make` makes an element of those that
/// are received as one. An end that has sent so many keeps room for a few dozen such messages.
///
/// ```
/// use ringmq_pipe::local::{Waker, pipe_of_bytes};
///
/// let (mut sender, mut receiver) = pipe_of_bytes(0, Waker::unset(), Waker::unset(), 100, <[u8]>::to_vec);
/// assert!(sender.push_bytes(b"job")?);
/// assert_eq!(receiver.pop(), Some(b"job".to_vec()));
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn pipe_of_bytes<T: Send>(
    mark: u64,
    to: Waker,
    from: Waker,
    most: usize,
    make: fn(&[u8]) -> T,
) -> (Sender<T>, Receiver<T>) {
    let (mut sender, mut receiver) = pipe(mark, to, from);
    sender.carry_bytes(most);
    receiver.carry_bytes(make);
    (sender, receiver)
}

/// As [`pipe`], but each message takes the place of the one before, if that was not received: there is one message at
/// most, and always room. Messages are of one element; of others, the last element stays.
///
/// ```
/// use ringmq_pipe::local::{Waker, conflating};
///
/// let (mut sender, mut receiver) = conflating(Waker::unset(), Waker::unset());
/// for reading in 0..1000 {
///     assert!(sender.has_room());
///     sender.push(reading, true)?;
/// }
/// assert_eq!((receiver.pop(), receiver.pop()), (Some(999), None));
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn conflating<T: Send>(to: Waker, from: Waker) -> (Sender<T>, Receiver<T>) {
    let (mut sender, mut receiver) = pipe(0, to, from);
    let (putter, taker) = latest::latest();
    sender.conflate(putter);
    receiver.conflate(taker);
    (sender, receiver)
}
