//! Parts that are sent from where they are, and received to where they are wanted: slices, and frames that stay in their
//! place. Over shared memory, slices go straight to the ring and come straight from it.
//!
//! Where a pattern is [transparent](ringmq_pattern::Pattern::is_transparent), it says whose turn it is, and no frame goes
//! through its hands; none is made where none is needed.

use std::collections::TryReserveError;
use std::io;
use std::mem::{self, MaybeUninit};

use ringmq_message::Frame;
use ringmq_pattern::{Peer, Take, Unrouted};
use ringmq_pipe::remote::Room;

use crate::error::{RecvError, SendRefusal};
use crate::peers::Peers;
use crate::socket::Socket;
use crate::socket::patience::{Patience, Woken, swallow_once};

/// A part that goes to a slice, as much of it as there is room for. And its length, once it was taken.
struct ToSlice<'a>(Room<'a>, usize);

impl Take<Peers> for ToSlice<'_> {
    #[inline(always)]
    fn take(&mut self, peer: Peer, peers: &mut Peers) -> Option<bool> {
        let (len, more) = peers.read_slice(peer, &mut self.0)?;
        self.1 = len;
        Some(more)
    }

    fn keep(&mut self, frame: Frame) {
        self.0.copy_from(&frame);
        self.1 = frame.len();
    }
}

/// A part that goes to a frame.
struct ToFrame<'a>(&'a mut Frame);

impl Take<Peers> for ToFrame<'_> {
    #[inline(always)]
    fn take(&mut self, peer: Peer, peers: &mut Peers) -> Option<bool> {
        peers.read_to(peer, self.0)
    }

    fn keep(&mut self, frame: Frame) {
        *self.0 = frame;
    }
}

impl Socket {
    /// Sends a copy of these bytes, as a message or as the last part of one; waits as [`send`](Socket::send) does. A
    /// PUSH, PAIR, DEALER, REQ or REP whose peer is in shared memory copies them straight to where the peer reads them.
    ///
    /// # Errors
    ///
    /// [`SendRefusal`]; these bytes were not sent. Without memory for the copy, where one is needed, it is
    /// [`SendRefusal::Os`]. Parts of the same message that were sent before wait for the last one all the same.
    #[inline]
    pub fn send_slice(&mut self, bytes: &[u8]) -> Result<(), SendRefusal> {
        self.send_bytes(bytes, Patience::Timeout)
    }

    /// As [`send_slice`](Socket::send_slice), if somebody can take it now.
    ///
    /// # Errors
    ///
    /// As [`send_slice`](Socket::send_slice).
    #[inline]
    pub fn try_send_slice(&mut self, bytes: &[u8]) -> Result<(), SendRefusal> {
        self.send_bytes(bytes, Patience::None)
    }

    /// As [`send_slice`](Socket::send_slice), after a pause: [`Socket::share`].
    ///
    /// # Errors
    ///
    /// As [`send_slice`](Socket::send_slice).
    #[doc(hidden)]
    #[cold]
    pub fn send_slice_again(&mut self, bytes: &[u8], woken: Woken) -> Result<(), SendRefusal> {
        self.send_bytes(bytes, Patience::Again(woken))
    }

    #[inline]
    fn send_bytes(&mut self, bytes: &[u8], patience: Patience) -> Result<(), SendRefusal> {
        if !self.pattern.is_transparent() {
            let frame = Frame::try_copy(bytes).map_err(no_memory)?;
            let sent = self.send_frame(frame, patience);
            return sent.map_err(|(reason, _)| reason);
        }
        match self.route(false, patience)? {
            Some(peer) => {
                let before = self.peers.hurry(patience);
                let written = self.write_slice(peer, bytes);
                self.peers.take_time(before);
                written
            }
            None => Ok(()),
        }
    }

    #[inline(always)]
    fn write_slice(&mut self, peer: Peer, bytes: &[u8]) -> Result<(), SendRefusal> {
        let written = self.peers.write_slice(peer, bytes);
        written.map_err(|error| self.not_written(peer, error))
    }

    /// There was no memory for the last part of a message. What was sent of it before is whole only with a last part, so
    /// that part may be sent again.
    #[cold]
    fn not_written(&mut self, peer: Peer, error: TryReserveError) -> SendRefusal {
        if self.peers.is_in_midst(peer) {
            self.pattern.resume(peer);
        }
        no_memory(error)
    }

    /// As [`send_part`](Socket::send_part), out of a frame that is empty afterwards.
    ///
    /// # Errors
    ///
    /// [`SendRefusal`]; the frame is as it was.
    #[inline]
    pub fn send_part_from(&mut self, frame: &mut Frame) -> Result<(), SendRefusal> {
        self.send_from(frame, Patience::Timeout)
    }

    /// As [`send_part_from`](Socket::send_part_from), if somebody can take it now.
    ///
    /// # Errors
    ///
    /// As [`send_part_from`](Socket::send_part_from).
    #[inline]
    pub fn try_send_part_from(&mut self, frame: &mut Frame) -> Result<(), SendRefusal> {
        self.send_from(frame, Patience::None)
    }

    /// As [`send_part_from`](Socket::send_part_from), after a pause: [`Socket::share`].
    ///
    /// # Errors
    ///
    /// As [`send_part_from`](Socket::send_part_from).
    #[doc(hidden)]
    #[cold]
    pub fn send_part_from_again(
        &mut self,
        frame: &mut Frame,
        woken: Woken,
    ) -> Result<(), SendRefusal> {
        self.send_from(frame, Patience::Again(woken))
    }

    #[inline]
    fn send_from(&mut self, frame: &mut Frame, patience: Patience) -> Result<(), SendRefusal> {
        if !self.pattern.is_transparent() {
            let sent = self.send_frame(mem::take(frame), patience);
            return sent.map_err(|(reason, refused)| {
                *frame = refused;
                reason
            });
        }
        if let Some(peer) = self.route(frame.more(), patience)? {
            let before = self.peers.hurry(patience);
            self.peers.write_from(peer, frame);
            self.peers.take_time(before);
        }
        *frame = Frame::new();
        Ok(())
    }

    /// The peer that gets the next part; `None` if it is what remains of a message whose peer has gone.
    #[inline(always)]
    fn route(&mut self, more: bool, mut patience: Patience) -> Result<Option<Peer>, SendRefusal> {
        self.begin_to_send()?;
        loop {
            match self.pattern.route(more, &mut self.peers) {
                Ok(peer) => return Ok(Some(peer)),
                Err(Unrouted::Swallowed) => return Ok(None),
                Err(Unrouted::NotSupported) => return Err(SendRefusal::NotSupported),
                Err(Unrouted::State) => return Err(SendRefusal::State),
                Err(Unrouted::Broken) => return swallow_once(patience).map(|()| None),
                Err(Unrouted::WouldBlock) => patience = self.wait_for_room(patience)?,
            }
        }
    }

    /// Receives one part of a message, of which as much is copied to `into` as there is room for; the rest is dropped.
    /// Gives the length of the part, as it was. [`has_more`](Socket::has_more) says whether others follow. Waits as
    /// [`recv`](Socket::recv) does. A PULL, PAIR, DEALER, REQ or REP whose peer is in shared memory copies straight from where
    /// the peer has put it.
    ///
    /// # Errors
    ///
    /// [`RecvError`].
    #[inline]
    pub fn recv_slice(&mut self, into: &mut [u8]) -> Result<usize, RecvError> {
        self.recv_bytes(Room::from(into), Patience::Timeout)
    }

    /// As [`recv_slice`](Socket::recv_slice), if a part is there now.
    ///
    /// # Errors
    ///
    /// As [`recv_slice`](Socket::recv_slice).
    #[inline]
    pub fn try_recv_slice(&mut self, into: &mut [u8]) -> Result<usize, RecvError> {
        self.recv_bytes(Room::from(into), Patience::None)
    }

    /// As [`recv_slice`](Socket::recv_slice), to memory that need not be initialised. As many bytes of `into` are
    /// initialised afterwards as the part has, or all of them if it is longer.
    ///
    /// # Errors
    ///
    /// As [`recv_slice`](Socket::recv_slice).
    #[inline]
    pub fn recv_uninit(&mut self, into: &mut [MaybeUninit<u8>]) -> Result<usize, RecvError> {
        self.recv_bytes(Room::from(into), Patience::Timeout)
    }

    /// As [`recv_uninit`](Socket::recv_uninit), if a part is there now.
    ///
    /// # Errors
    ///
    /// As [`recv_slice`](Socket::recv_slice).
    #[inline]
    pub fn try_recv_uninit(&mut self, into: &mut [MaybeUninit<u8>]) -> Result<usize, RecvError> {
        self.recv_bytes(Room::from(into), Patience::None)
    }

    /// As [`recv_uninit`](Socket::recv_uninit), after a pause: [`Socket::share`].
    ///
    /// # Errors
    ///
    /// As [`recv_slice`](Socket::recv_slice).
    #[doc(hidden)]
    #[cold]
    pub fn recv_uninit_again(
        &mut self,
        into: &mut [MaybeUninit<u8>],
        woken: Woken,
    ) -> Result<usize, RecvError> {
        self.recv_bytes(Room::from(into), Patience::Again(woken))
    }

    #[inline(always)]
    fn recv_bytes(&mut self, mut into: Room<'_>, patience: Patience) -> Result<usize, RecvError> {
        if !self.pattern.is_transparent() {
            let frame = self.recv_frame(patience)?;
            into.copy_from(&frame);
            return Ok(frame.len());
        }
        let mut to = ToSlice(into, 0);
        self.take(&mut to, patience)?;
        Ok(to.1)
    }

    /// As [`recv_part`](Socket::recv_part), to a frame, whose memory is used again if it can be.
    ///
    /// # Errors
    ///
    /// [`RecvError`]; the frame is as it was, or empty.
    #[inline]
    pub fn recv_part_into(&mut self, frame: &mut Frame) -> Result<(), RecvError> {
        self.recv_to(frame, Patience::Timeout)
    }

    /// As [`recv_part_into`](Socket::recv_part_into), if a part is there now.
    ///
    /// # Errors
    ///
    /// As [`recv_part_into`](Socket::recv_part_into).
    #[inline]
    pub fn try_recv_part_into(&mut self, frame: &mut Frame) -> Result<(), RecvError> {
        self.recv_to(frame, Patience::None)
    }

    /// As [`recv_part_into`](Socket::recv_part_into), after a pause: [`Socket::share`].
    ///
    /// # Errors
    ///
    /// As [`recv_part_into`](Socket::recv_part_into).
    #[doc(hidden)]
    #[cold]
    pub fn recv_part_into_again(
        &mut self,
        frame: &mut Frame,
        woken: Woken,
    ) -> Result<(), RecvError> {
        self.recv_to(frame, Patience::Again(woken))
    }

    #[inline]
    fn recv_to(&mut self, frame: &mut Frame, patience: Patience) -> Result<(), RecvError> {
        if !self.pattern.is_transparent() {
            *frame = self.recv_frame(patience)?;
            return Ok(());
        }
        self.take(&mut ToFrame(frame), patience)
    }

    /// Has the next part taken to where it is wanted.
    #[inline(always)]
    fn take(&mut self, to: &mut impl Take<Peers>, mut patience: Patience) -> Result<(), RecvError> {
        self.begin_to_recv()?;
        loop {
            match self.pattern.recv_to(&mut self.peers, to) {
                Ok(more) => {
                    self.more = more;
                    return Ok(());
                }
                Err(refused) => self.refused_to_recv(refused, &mut patience)?,
            }
        }
    }
}

fn no_memory(_: TryReserveError) -> SendRefusal {
    SendRefusal::Os(io::ErrorKind::OutOfMemory.into())
}
