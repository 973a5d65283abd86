//! Peers, and what their pipes can do.

use ringmq_message::Frame;

/// A peer as a pattern sees it: the number of its pipe in the socket. Numbers are small and dense, for tables are
/// indexed by them; one may be used again once its peer is detached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Peer(pub u32);

impl Peer {
    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }
}

/// What a socket knows of a peer that it attaches.
#[derive(Debug, Clone, Copy, Default)]
pub struct Remote<'a> {
    /// The routing id that the peer calls itself, by the handshake or by the inproc connector; empty if it has none.
    pub routing_id: &'a [u8],
    /// The routing id that the application gave it, with `CONNECT_ROUTING_ID`. Counts before the peer's own.
    pub assigned_id: Option<&'a [u8]>,
    /// Whether it is to be treated as subscribed to everything, for it cannot subscribe.
    pub subscribe_to_all: bool,
    /// Whether the probe for a ROUTER was written before the peer was known, so that it is not to be written again.
    pub probed: bool,
}

/// What the pipes of a socket can do now.
///
/// A pattern holds no pipes; it names the peers whose pipes are to do something. None of these calls comes back into
/// the pattern.
pub trait Pipes {
    /// Whether there is room, by the high-water mark, for one more whole message.
    fn can_write(&mut self, peer: Peer) -> bool;

    /// Returns true if fewer than the high-water mark and `by` whole messages wait, and the peer has not gone. For
    /// subscriptions. If not, the peer is one without room.
    fn can_exceed(&mut self, peer: Peer, _by: usize) -> bool {
        self.can_write(peer)
    }

    /// Whether the room that was there at the last look is used up so soon that there is to be no other look. Then the
    /// peer is one without room, until the pattern is told otherwise. For patterns that refuse, and drop nothing: libzmq
    /// learns of room with a delay, and programs that fill a pipe at once rely on the answer that it is full.
    fn is_spent(&mut self, _peer: Peer) -> bool {
        false
    }

    /// Whether a whole message waits to be read.
    fn can_read(&mut self, peer: Peer) -> bool;

    /// Whether the peer has gone, so that there will never be room again.
    fn is_gone(&mut self, _peer: Peer) -> bool {
        false
    }

    /// Takes one part of a message, and publishes the message with its last part. Called for a first part only after
    /// [`can_write`](Pipes::can_write) or [`can_exceed`](Pipes::can_exceed) has said yes; never refuses.
    fn write(&mut self, peer: Peer, frame: Frame);

    /// As [`write`](Pipes::write) of an empty part that others follow.
    #[inline]
    fn write_delimiter(&mut self, peer: Peer) {
        self.write(peer, Frame::new().with_more(true));
    }

    /// Takes back the parts of a message that has no last part yet.
    fn rollback(&mut self, peer: Peer);

    /// The next part. `None` at the beginning of a message says that no whole message waits; once it has given a first
    /// part, it gives the others at once.
    fn read(&mut self, peer: Peer) -> Option<Frame>;

    /// Takes the first part of a message if it is empty and others follow, and this can be told without reading it. Says
    /// whether it did; if not, [`read`](Pipes::read) gives whatever there is.
    #[inline]
    fn read_delimiter(&mut self, _peer: Peer) -> bool {
        false
    }

    /// As [`can_read`](Pipes::can_read), of a peer that is asked again in any case.
    #[inline]
    fn waits(&mut self, peer: Peer) -> bool {
        self.can_read(peer)
    }

    /// A message for this peer is dropped: the peer has no room.
    fn dropped(&mut self, _peer: Peer) {}

    /// Gives this peer up for the present call, though it may have more to read: the pattern has dropped many messages
    /// in a row, and its caller looks at the time and at other things first. The pattern is told that the peer is
    /// [readable](Ready::Readable) as it is of any other.
    fn put_off(&mut self, peer: Peer);

    /// Asks to end this peer. The socket detaches it later, when it has left the pattern, and may let what it has
    /// sent be read before.
    fn terminate(&mut self, peer: Peer);
}

/// Where a part goes that is received, if not through the hands of the pattern.
pub trait Take<P> {
    /// Takes the next part of this peer, as [`Pipes::read`] does, and says whether others follow.
    fn take(&mut self, peer: Peer, pipes: &mut P) -> Option<bool>;

    /// Takes a part that was read before its peer has gone.
    fn keep(&mut self, frame: Frame);
}

/// A part as a frame.
impl<P: Pipes> Take<P> for Option<Frame> {
    #[inline(always)]
    fn take(&mut self, peer: Peer, pipes: &mut P) -> Option<bool> {
        // Nothing is stored where nothing was read, which is as often as a message is.
        let frame = pipes.read(peer)?;
        let more = frame.more();
        *self = Some(frame);
        Some(more)
    }

    fn keep(&mut self, frame: Frame) {
        *self = Some(frame);
    }
}

/// What a pipe that had run out of something has again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ready {
    /// A whole message to read.
    Readable,
    /// Room to write one.
    Writable,
}

/// Something for every peer, by its number. What was never set is the default.
#[derive(Debug)]
pub(crate) struct Table<T> {
    entries: Vec<T>,
}

impl<T: Default> Table<T> {
    pub(crate) const fn new() -> Table<T> {
        let entries = Vec::new();
        Table { entries }
    }

    pub(crate) fn get(&self, peer: Peer) -> Option<&T> {
        self.entries.get(peer.index())
    }

    pub(crate) fn entry(&mut self, peer: Peer) -> &mut T {
        let index = peer.index();
        if index >= self.entries.len() {
            self.entries.resize_with(index + 1, T::default);
        }
        &mut self.entries[index]
    }

    pub(crate) fn take(&mut self, peer: Peer) -> T {
        let entry = self.entries.get_mut(peer.index());
        entry.map(std::mem::take).unwrap_or_default()
    }
}
