//! The frames that one side sends to the other beside shared memory, over the Unix socket of the connection.
//!
//! ```text
//!   application thread                session (an I/O thread)                 session of the peer, its application
//!   Sender: a new segment ─┐                                                  ┌─▶ Receiver: takes it at the jump
//!                          ├─ Courier ─── frame [+ descriptor] ──▶ Courier ───┤
//!   a ring without a bell ─┘   (the session: what had to wait)                └─▶ wakes the socket
//! ```
//!
//! The application thread writes its frame by itself when the session has nothing unwritten, so that the peer has the
//! descriptor before the jump that leads to it is published. Otherwise the frame waits here, the session writes it behind
//! its own bytes, and wakes the socket. The sender waits 10 ms at most for the session; after that, it reports that its
//! peer is full. It does not wait for the peer: if the stream has no room, the peer is full at once.
//! The session of the peer reads the frame, maps the memory, and wakes its socket.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ringmq_sys::{AdoptMemoryError, ForkMark, Ringer, adopt};

use super::control::Slot;
use super::frame::{FRAME, OfferFrame, SegmentNote};
use super::segment;
use crate::blocks::{ArenaSegment, HugePagesError, SEGMENTS_MOST, TellsPeer};
use crate::local::Waker;
use crate::maps::{Map, has_mappings_for_growth};

/// How long a sender waits for its session to hand a segment over, or to find that the stream has no room. That takes
/// microseconds, unless the I/O thread gets no CPU.
const PATIENCE: Duration = Duration::from_millis(10);

/// Sends frames to the session of the peer.
pub trait Carry: Send + fmt::Debug {
    /// Sends a frame, and perhaps a copy of a descriptor with it, at once and whole, or not at all.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if there is no room now, `BrokenPipe` or `ConnectionReset` when the peer is gone, and what sendmsg(2)
    /// answers otherwise.
    fn carry(&mut self, frame: &[u8; FRAME], descriptor: Option<BorrowedFd<'_>>) -> io::Result<()>;
}

/// Carries segments and rings of one connection, in both directions. The session and both ends of the pipe share it.
#[derive(Debug)]
pub struct Courier {
    mark: ForkMark,
    /// The words of this side. The peer may read them for as long as the connection lasts, also when both directions have
    /// left shared memory: no other connection may have them.
    _slot: Arc<Slot>,
    inside: Mutex<Inside>,
    /// A segment that waited has left, or cannot any more.
    left: Condvar,
}

#[derive(Debug)]
struct Inside {
    /// `None` once the stream has ended.
    carry: Option<Box<dyn Carry>>,
    /// The session has bytes that are not written, so that nothing can go between.
    held: bool,
    /// The stream had no room when it was last written to.
    full: bool,
    /// The peer's bell; `None` if this process has no descriptor for it.
    ringer: Option<Arc<Ringer>>,
    leaving: Leaving,
    /// Segments that the sender writes already. The session sends them when the stream has room.
    behind: VecDeque<([u8; FRAME], OwnedFd)>,
    /// The peer is to be woken by a frame, which waits.
    rings: bool,
    came: VecDeque<Result<Map, Missing>>,
    /// The segments of the peer's arena that hold blocks, by their numbers.
    blocks: Vec<(u64, Result<Arc<Map>, Missing>)>,
    /// The receiver reads no more of them.
    gave_up_blocks: bool,
    /// A body was copied for want of memory for a block.
    copied: Noted<()>,
    /// Blocks are in ordinary pages, where huge ones were asked for.
    ordinary: Noted<HugePagesError>,
    /// Segments that came so far.
    count: u64,
    session: Waker,
    socket: Waker,
}

/// A segment of ours on its way. There is one at a time.
#[derive(Debug)]
enum Leaving {
    None,
    /// The session writes it when it can.
    Waits([u8; FRAME], OwnedFd),
    /// The session has written it, or failed to.
    Left(io::Result<()>),
}

/// The outcome of sending a segment.
#[derive(Debug)]
pub(super) enum Sent {
    /// The peer will find it.
    Yes,
    /// It waits for the session, which wakes the socket when it has left.
    Waits,
    /// It was not sent.
    Failed(io::Error),
}

/// Something that the session reports once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Noted<T> {
    None,
    /// The session has not noticed yet.
    Newly(T),
    Noticed,
}

/// What the session of a connection has to report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct News {
    /// A body was copied for want of memory for a block.
    pub is_copied: bool,
    /// Blocks are in ordinary pages, where huge ones were asked for.
    pub ordinary_pages: Option<HugePagesError>,
}

impl<T: Copy> Noted<T> {
    /// Returns true the first time.
    fn note(&mut self, what: T) -> bool {
        let first = matches!(self, Noted::None);
        if first {
            *self = Noted::Newly(what);
        }
        first
    }

    /// What the session has not noticed yet.
    fn take(&mut self) -> Option<T> {
        let Noted::Newly(what) = *self else {
            return None;
        };
        *self = Noted::Noticed;
        Some(what)
    }
}

/// Why the next segment is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Missing {
    /// It can still come.
    Yet,
    /// It is not what it has to be, or it cannot come any more.
    Wrong,
    /// It has come, and this process has no mapping or descriptor for it.
    Short,
}

/// What came with the frame of a segment.
#[derive(Debug)]
pub enum Descriptor {
    /// One descriptor.
    Came(OwnedFd),
    /// None, or more than one.
    None,
    /// The kernel could not hand it over: this process has as many as it may have.
    Lost,
}

/// Why a segment of the peer's ends the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SegmentError {
    /// It is not the next one.
    #[error("segment {got} came, {want} is the next")]
    Number {
        /// Its number.
        got: u64,
        /// The number of the next one.
        want: u64,
    },
    /// The peer has sent too many that the receiver has not taken.
    #[error("{0} segments wait, and another one came")]
    TooMany(usize),
}

impl Courier {
    /// Of a connection that has been agreed upon. The session holds it until its first [flush](Courier::flush).
    pub(super) fn new(
        slot: &Arc<Slot>,
        carry: Box<dyn Carry>,
        ringer: Option<Arc<Ringer>>,
        session: Waker,
        socket: Waker,
    ) -> Courier {
        Courier {
            mark: slot.control().mark().clone(),
            _slot: Arc::clone(slot),
            inside: Mutex::new(Inside {
                carry: Some(carry),
                held: true,
                full: false,
                ringer,
                leaving: Leaving::None,
                behind: VecDeque::new(),
                rings: false,
                came: VecDeque::new(),
                blocks: Vec::new(),
                gave_up_blocks: false,
                copied: Noted::None,
                ordinary: Noted::None,
                count: 0,
                session,
                socket,
            }),
            left: Condvar::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    // --- For the ends of the pipe

    /// Sends a segment. The one before must have left.
    pub(super) fn send(&self, note: SegmentNote, descriptor: OwnedFd) -> Sent {
        let frame = OfferFrame::Segment(note).encode();
        let mut inside = self.lock();
        match inside.carry(&frame, Some(descriptor.as_fd())) {
            Ok(()) => Sent::Yes,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                inside.leaving = Leaving::Waits(frame, descriptor);
                inside.full |= !inside.held;
                inside.wake_session();
                let waits = |inside: &mut Inside| inside.waits() && !inside.full;
                let waited = self.left.wait_timeout_while(inside, PATIENCE, waits);
                drop(waited);
                self.look()
            }
            Err(error) => Sent::Failed(error),
        }
    }

    /// Sends a segment that the sender goes on in at once: the receiver waits for it where it comes to the jump. If the
    /// stream has no room now, the session sends it when it has.
    pub(super) fn send_ahead(&self, note: SegmentNote, descriptor: OwnedFd) -> Sent {
        let frame = OfferFrame::Segment(note).encode();
        let mut inside = self.lock();
        let sent = match inside.behind.is_empty() {
            true => inside.carry(&frame, Some(descriptor.as_fd())),
            false => Err(io::ErrorKind::WouldBlock.into()),
        };
        match sent {
            Ok(()) => Sent::Yes,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                inside.behind.push_back((frame, descriptor));
                inside.wake_session();
                Sent::Waits
            }
            Err(error) => Sent::Failed(error),
        }
    }

    /// Sends a segment of the arena, or says that one is gone, if the stream has room now.
    fn send_now(&self, frame: OfferFrame, descriptor: Option<BorrowedFd<'_>>) -> bool {
        let mut inside = self.lock();
        // Those that wait come first.
        inside.behind.is_empty()
            && !inside.waits()
            && inside.carry(&frame.encode(), descriptor).is_ok()
    }

    /// A segment of the peer's arena. It may still be on its way.
    pub(super) fn blocks(&self, number: u64) -> Result<Arc<Map>, Missing> {
        let inside = self.lock();
        let mut blocks = inside.blocks.iter();
        match blocks.find(|(other, _)| *other == number) {
            Some((_, memory)) => memory.clone(),
            None if inside.carry.is_some() => Err(Missing::Yet),
            None => Err(Missing::Wrong),
        }
    }

    /// The receiver reads nothing more in shared memory: what it had mapped for blocks is free for other use.
    pub(super) fn give_up_blocks(&self) {
        let mut inside = self.lock();
        inside.gave_up_blocks = true;
        // What could not be mapped is still the reason.
        inside.blocks.retain(|(_, memory)| memory.is_err());
    }

    /// What became of the segment that had to wait.
    pub(super) fn look(&self) -> Sent {
        let mut inside = self.lock();
        if inside.waits() {
            return Sent::Waits;
        }
        match std::mem::replace(&mut inside.leaving, Leaving::None) {
            Leaving::Left(Ok(())) => Sent::Yes,
            Leaving::Left(Err(error)) => Sent::Failed(error),
            Leaving::None | Leaving::Waits(..) => Sent::Failed(io::ErrorKind::BrokenPipe.into()),
        }
    }

    /// Takes the next segment of the peer's. One that cannot be used for want of a mapping or descriptor stays: until the
    /// session hears of it from the socket, [`is_short`](Courier::is_short) says so.
    pub(super) fn take(&self) -> Result<Map, Missing> {
        let mut inside = self.lock();
        if let Some(Err(Missing::Short)) = inside.came.front() {
            return Err(Missing::Short);
        }
        match inside.came.pop_front() {
            Some(came) => came,
            None if inside.carry.is_some() => Err(Missing::Yet),
            None => Err(Missing::Wrong),
        }
    }

    /// Wakes the peer, which has announced that it sleeps: by its bell, or by a frame. A peer that cannot be woken is
    /// gone, which shows elsewhere.
    #[cold]
    pub(super) fn ring(&self) {
        let mut inside = self.lock();
        if let Some(ringer) = &inside.ringer {
            let _gone = ringer.ring();
            return;
        }
        inside.rings = true;
        match inside.send_ring() {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => inside.wake_session(),
            // As above.
            Ok(()) | Err(_) => {}
        }
    }

    /// Records that a body is copied for want of memory for a block. The session is woken the first time.
    pub(super) fn note_copied(&self) {
        let mut inside = self.lock();
        if inside.copied.note(()) {
            inside.wake_session();
        }
    }

    // --- For the session

    /// What happened and was not asked for before.
    pub fn news(&self) -> News {
        let mut inside = self.lock();
        News {
            is_copied: inside.copied.take().is_some(),
            ordinary_pages: inside.ordinary.take(),
        }
    }

    /// Records that the session has unwritten bytes: no frame goes between them, until the next [flush](Courier::flush).
    pub fn hold(&self) {
        self.lock().held = true;
    }

    /// Records that the stream has no room for all bytes of the session: a sender does not wait until it has.
    pub fn full(&self) {
        let mut inside = self.lock();
        let first = !std::mem::replace(&mut inside.full, true);
        if first && inside.waits() {
            self.left.notify_all();
        }
    }

    /// Returns true if a frame waits until the session has written its own bytes.
    pub fn wants(&self) -> bool {
        let inside = self.lock();
        inside.rings || !inside.behind.is_empty() || matches!(inside.leaving, Leaving::Waits(..))
    }

    /// Writes the frames that wait. To be called when the session has written all of its own bytes.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if the stream has no room. What else sendmsg(2) answers for a segment that the sender writes already:
    /// the receiver cannot go on without it. The stream's end shows elsewhere.
    pub fn flush(&self) -> io::Result<()> {
        let mut inside = self.lock();
        inside.held = false;
        inside.full = false;
        if let Leaving::Waits(..) = inside.leaving
            && let Leaving::Waits(frame, descriptor) =
                std::mem::replace(&mut inside.leaving, Leaving::None)
        {
            let sent = inside.carry(&frame, Some(descriptor.as_fd()));
            if let Err(error) = &sent
                && error.kind() == io::ErrorKind::WouldBlock
            {
                inside.leaving = Leaving::Waits(frame, descriptor);
                inside.full = true;
                self.left.notify_all();
                return sent;
            }
            inside.leaving = Leaving::Left(sent);
            self.left.notify_all();
            inside.wake_socket();
        }
        while let Some((frame, descriptor)) = inside.behind.pop_front() {
            match inside.carry(&frame, Some(descriptor.as_fd())) {
                Ok(()) => {}
                Err(error) => match error.kind() {
                    io::ErrorKind::WouldBlock => {
                        inside.behind.push_front((frame, descriptor));
                        inside.full = true;
                        return Err(error);
                    }
                    // The peer is gone.
                    io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset => {
                        inside.behind.clear();
                    }
                    _ => return Err(error),
                },
            }
        }
        if inside.rings {
            match inside.send_ring() {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Err(error),
                // A peer that is gone shows elsewhere.
                Ok(()) | Err(_) => {}
            }
        }
        Ok(())
    }

    /// Takes a segment that the peer has sent: checks its memory, maps it, and keeps it for the receiver.
    ///
    /// # Errors
    ///
    /// [`SegmentError`]: the connection ends. Memory that cannot be used is no such error: the receiver finds it.
    pub fn deliver(&self, note: SegmentNote, descriptor: Descriptor) -> Result<(), SegmentError> {
        let (got, want) = (note.number, self.lock().count);
        if got != want {
            return Err(SegmentError::Number { got, want });
        }
        // A mapping was reserved for the first.
        let may_map = note.number == 0 || has_mappings_for_growth();
        let memory = self.map(note.capacity, descriptor, may_map);
        let mut inside = self.lock();
        if inside.came.len() >= segment::MOST {
            return Err(SegmentError::TooMany(inside.came.len()));
        }
        inside.count += 1;
        inside.came.push_back(memory);
        inside.wake_socket();
        Ok(())
    }

    /// Checks memory of the peer's and maps it, if there may be a mapping for it.
    fn map(&self, bytes: usize, descriptor: Descriptor, may_map: bool) -> Result<Map, Missing> {
        match descriptor {
            Descriptor::None => Err(Missing::Wrong),
            Descriptor::Lost => Err(Missing::Short),
            Descriptor::Came(_) if !may_map => Err(Missing::Short),
            Descriptor::Came(fd) => match adopt(fd, bytes, &self.mark) {
                Ok(memory) => Ok(Map::from(memory)),
                Err(AdoptMemoryError::Os { .. }) => Err(Missing::Short),
                Err(_) => Err(Missing::Wrong),
            },
        }
    }

    /// Takes a segment of the peer's arena, as [`deliver`](Courier::deliver) does.
    ///
    /// # Errors
    ///
    /// [`SegmentError::TooMany`]: the connection ends.
    pub fn deliver_blocks(
        &self,
        note: SegmentNote,
        descriptor: Descriptor,
    ) -> Result<(), SegmentError> {
        let memory = self.map(note.capacity, descriptor, has_mappings_for_growth());
        let memory = memory.map(|memory| {
            // Without these advices reading is slower, and a forked child cannot read what it has of it.
            let _ = memory.let_children_read();
            let _ = memory.prefault();
            Arc::new(memory)
        });
        let mut inside = self.lock();
        if inside.gave_up_blocks {
            return Ok(());
        }
        inside.blocks.retain(|(number, _)| *number != note.number);
        if inside.blocks.len() >= SEGMENTS_MOST {
            return Err(SegmentError::TooMany(inside.blocks.len()));
        }
        inside.blocks.push((note.number, memory));
        inside.wake_socket();
        Ok(())
    }

    /// The peer's arena has given a segment back. Blocks that are held keep the memory.
    pub fn blocks_gone(&self, number: u64) {
        self.lock().blocks.retain(|(other, _)| *other != number);
    }

    /// Returns true if a segment waits that this process has no mapping or descriptor for.
    pub fn is_short(&self) -> bool {
        let inside = self.lock();
        let mut came = inside.came.iter();
        let mut blocks = inside.blocks.iter();
        came.any(|came| matches!(came, Err(Missing::Short)))
            || blocks.any(|(_, memory)| matches!(memory, Err(Missing::Short)))
    }

    /// Wakes the socket of this side, if it sleeps: the peer has asked for it.
    pub fn wake_socket(&self) {
        self.lock().wake_socket();
    }

    /// Closes the peer's bell, if there is a descriptor for it. Frames wake the peer from now on.
    pub fn shed(&self) {
        self.lock().ringer = None;
    }

    /// The stream has ended, and everything was read from it: nothing leaves or comes any more.
    pub fn close(&self) {
        let mut inside = self.lock();
        inside.carry = None;
        inside.leaving = Leaving::None;
        inside.behind.clear();
        self.left.notify_all();
    }
}

impl TellsPeer for Courier {
    fn tell(&self, segment: &ArenaSegment) -> bool {
        let note = SegmentNote {
            number: segment.number().into(),
            capacity: segment.capacity(),
        };
        let descriptor = segment.descriptor().map(AsFd::as_fd);
        if let Some(refused) = segment.refused() {
            let mut inside = self.lock();
            if inside.ordinary.note(refused) {
                inside.wake_session();
            }
        }
        descriptor.is_some() && self.send_now(OfferFrame::Blocks(note), descriptor)
    }

    fn tell_gone(&self, number: u32) -> bool {
        // A peer whose stream has ended is not told of anything.
        self.send_now(OfferFrame::BlocksGone(number.into()), None) || self.lock().carry.is_none()
    }
}

impl Inside {
    /// Whether a segment still waits for the session.
    fn waits(&self) -> bool {
        matches!(self.leaving, Leaving::Waits(..)) && self.carry.is_some()
    }

    fn carry(&mut self, frame: &[u8; FRAME], descriptor: Option<BorrowedFd<'_>>) -> io::Result<()> {
        match &mut self.carry {
            None => Err(io::ErrorKind::BrokenPipe.into()),
            Some(_) if self.held => Err(io::ErrorKind::WouldBlock.into()),
            Some(carry) => carry.carry(frame, descriptor),
        }
    }

    fn send_ring(&mut self) -> io::Result<()> {
        self.carry(&OfferFrame::Ring.encode(), None)?;
        self.rings = false;
        Ok(())
    }

    fn wake_session(&mut self) {
        // A session that has ended has written everything that it could.
        let _ = self.session.wake();
    }

    fn wake_socket(&mut self) {
        // A socket that cannot be woken finds it at its next call.
        let _ = self.socket.wake();
    }
}
