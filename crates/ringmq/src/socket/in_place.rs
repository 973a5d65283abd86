//! Sending out of slices and frames of the caller, and receiving into them. Over shared memory, a slice is copied straight
//! to the ring, and straight from it.
//!
//! A [transparent](ringmq_pattern::Pattern::is_transparent) pattern only chooses the peer: no frame is moved through it, and
//! none is made for a slice.

use std::collections::TryReserveError;
use std::io;
use std::mem::{self, MaybeUninit};

use ringmq_message::Frame;
use ringmq_pattern::{Peer, RouteError, Take};
use ringmq_pipe::remote::Room;

use crate::error::{RecvError, SendError};
use crate::peers::Peers;
use crate::socket::Socket;
use crate::socket::patience::{Patience, Woken, swallow_once};

/// Room for a part, and the length of the part that was taken, which may be greater.
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

/// The frame that a part is received into.
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
    /// Sends a copy of these bytes, as a message or as its last part. Waits as [`send`](Socket::send) does. A PUSH, PAIR,
    /// DEALER, REQ or REP whose peer is in shared memory copies them straight to where the peer reads them.
    ///
    /// # Errors
    ///
    /// [`SendError`]; these bytes were not sent. Without memory for the copy, where one is needed, it is
    /// [`SendError::Os`]. If parts of the message were sent before, the message still needs its last part.
    ///
    /// ```
    /// use ringmq::{Context, Kind};
    ///
    /// let context = Context::new()?;
    /// let (mut pull, mut push) = (context.socket(Kind::Pull)?, context.socket(Kind::Push)?);
    /// pull.bind("inproc://jobs")?;
    /// push.connect("inproc://jobs")?;
    /// push.send_slice(b"job")?;
    /// let mut room = [0; 64];
    /// let len = pull.recv_slice(&mut room)?;
    /// assert_eq!(&room[..len], b"job");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn send_slice(&mut self, bytes: &[u8]) -> Result<(), SendError> {
        self.send_bytes(bytes, Patience::Timeout)
    }

    /// As [`send_slice`](Socket::send_slice), if a peer can take it now.
    ///
    /// # Errors
    ///
    /// As [`send_slice`](Socket::send_slice).
    #[inline]
    pub fn try_send_slice(&mut self, bytes: &[u8]) -> Result<(), SendError> {
        self.send_bytes(bytes, Patience::None)
    }

    /// As [`send_slice`](Socket::send_slice), after a pause: [`Socket::share`].
    ///
    /// # Errors
    ///
    /// As [`send_slice`](Socket::send_slice).
    #[doc(hidden)]
    #[cold]
    pub fn send_slice_again(&mut self, bytes: &[u8], woken: Woken) -> Result<(), SendError> {
        self.send_bytes(bytes, Patience::Again(woken))
    }

    #[inline]
    fn send_bytes(&mut self, bytes: &[u8], patience: Patience) -> Result<(), SendError> {
        if !self.pattern.is_transparent() {
            let frame = Frame::try_copy(bytes).map_err(no_memory)?;
            let sent = self.send_frame(frame, patience);
            return sent.map_err(|(reason, _)| reason);
        }
        match self.route(false, patience)? {
            Some(peer) => {
                let before = self.peers.hurry(patience.admits_late_reader());
                let written = self.write_slice(peer, bytes);
                self.peers.take_time(before);
                written
            }
            None => Ok(()),
        }
    }

    #[inline(always)]
    fn write_slice(&mut self, peer: Peer, bytes: &[u8]) -> Result<(), SendError> {
        let written = self.peers.write_slice(peer, bytes);
        written.map_err(|error| self.not_written(peer, error))
    }

    /// Handles a last part that there was no memory for. The peer waits for a last part, so the pattern lets it be sent
    /// again.
    #[cold]
    fn not_written(&mut self, peer: Peer, error: TryReserveError) -> SendError {
        if self.peers.is_mid_message(peer) {
            self.pattern.resume(peer);
        }
        no_memory(error)
    }

    /// As [`send_part`](Socket::send_part), out of a frame of the caller, which is empty afterwards.
    ///
    /// # Errors
    ///
    /// [`SendError`]; the frame is unchanged.
    ///
    /// ```
    /// use ringmq::{Context, Frame, Kind};
    ///
    /// let context = Context::new()?;
    /// let (mut pull, mut push) = (context.socket(Kind::Pull)?, context.socket(Kind::Push)?);
    /// pull.bind("inproc://jobs")?;
    /// push.connect("inproc://jobs")?;
    /// let mut frame = Frame::from("job");
    /// push.send_part_from(&mut frame)?;
    /// assert!(frame.is_empty());
    /// pull.recv_part_into(&mut frame)?;
    /// assert_eq!(frame.as_slice(), b"job");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn send_part_from(&mut self, frame: &mut Frame) -> Result<(), SendError> {
        self.send_from(frame, Patience::Timeout)
    }

    /// As [`send_part_from`](Socket::send_part_from), if a peer can take it now.
    ///
    /// # Errors
    ///
    /// As [`send_part_from`](Socket::send_part_from).
    #[inline]
    pub fn try_send_part_from(&mut self, frame: &mut Frame) -> Result<(), SendError> {
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
    ) -> Result<(), SendError> {
        self.send_from(frame, Patience::Again(woken))
    }

    #[inline]
    fn send_from(&mut self, frame: &mut Frame, patience: Patience) -> Result<(), SendError> {
        if !self.pattern.is_transparent() {
            let sent = self.send_frame(mem::take(frame), patience);
            return sent.map_err(|(reason, refused)| {
                *frame = refused;
                reason
            });
        }
        if let Some(peer) = self.route(frame.more(), patience)? {
            let before = self.peers.hurry(patience.admits_late_reader());
            self.peers.write_from(peer, frame);
            self.peers.take_time(before);
        }
        *frame = Frame::new();
        Ok(())
    }

    /// The peer that gets the next part; `None` if the peer of this message has gone and the part is dropped.
    #[inline(always)]
    pub(super) fn route(
        &mut self,
        more: bool,
        mut patience: Patience,
    ) -> Result<Option<Peer>, SendError> {
        self.begin_to_send()?;
        loop {
            match self.pattern.route(more, &mut self.peers) {
                Ok(peer) => return Ok(Some(peer)),
                Err(RouteError::Swallowed) => return Ok(None),
                Err(RouteError::NotSupported) => return Err(SendError::NotSupported),
                Err(RouteError::State) => return Err(SendError::State),
                Err(RouteError::Multipart) => return Err(SendError::Multipart),
                Err(RouteError::Broken) => return swallow_once(patience).map(|()| None),
                Err(RouteError::WouldBlock) => patience = self.wait_for_room(patience)?,
            }
        }
    }

    /// Receives one part of a message into `into`; what there is no room for is dropped. Returns the length of the whole
    /// part, which may be greater than that of `into`. [`has_more`](Socket::has_more) says whether more parts follow. Waits
    /// as [`recv`](Socket::recv) does. A PULL, PAIR, DEALER, REQ or REP whose peer is in shared memory copies straight from
    /// where the peer has put it.
    ///
    /// # Errors
    ///
    /// [`RecvError`].
    ///
    /// ```
    /// use ringmq::{Context, Kind};
    ///
    /// let context = Context::new()?;
    /// let (mut pull, mut push) = (context.socket(Kind::Pull)?, context.socket(Kind::Push)?);
    /// pull.bind("inproc://jobs")?;
    /// push.connect("inproc://jobs")?;
    /// push.send("a long job")?;
    /// let mut room = [0; 6];
    /// assert_eq!(pull.recv_slice(&mut room)?, 10);
    /// assert_eq!(&room, b"a long");
    /// assert!(!pull.has_more());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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

    /// As [`recv_slice`](Socket::recv_slice), into memory that need not be initialised. Afterwards the bytes of the part are
    /// initialised in `into`, or all of `into` if the part is longer.
    ///
    /// # Errors
    ///
    /// As [`recv_slice`](Socket::recv_slice).
    ///
    /// ```
    /// use std::mem::MaybeUninit;
    ///
    /// use ringmq::{Context, Kind};
    ///
    /// let context = Context::new()?;
    /// let (mut pull, mut push) = (context.socket(Kind::Pull)?, context.socket(Kind::Push)?);
    /// pull.bind("inproc://jobs")?;
    /// push.connect("inproc://jobs")?;
    /// push.send("job")?;
    /// let mut room = [MaybeUninit::uninit(); 64];
    /// let len = pull.recv_uninit(&mut room)?;
    /// // SAFETY: the part has `len` bytes, of which the first 64 are in `room`.
    /// let bytes = room[..len.min(64)].iter().map(|byte| unsafe { byte.assume_init() });
    /// assert!(bytes.eq(*b"job"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
        self.mark_woken(woken);
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

    /// As [`recv_part`](Socket::recv_part), into a frame of the caller, whose memory is used again if it can be.
    ///
    /// # Errors
    ///
    /// [`RecvError`]; the frame is unchanged, or empty.
    ///
    /// ```
    /// use ringmq::{Context, Frame, Kind};
    ///
    /// let context = Context::new()?;
    /// let (mut pull, mut push) = (context.socket(Kind::Pull)?, context.socket(Kind::Push)?);
    /// pull.bind("inproc://jobs")?;
    /// push.connect("inproc://jobs")?;
    /// push.send("job")?;
    /// let mut frame = Frame::new();
    /// pull.recv_part_into(&mut frame)?;
    /// assert_eq!(frame.as_slice(), b"job");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
        self.mark_woken(woken);
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

    /// Receives the next part into `to`.
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

pub(super) fn no_memory(_: TryReserveError) -> SendError {
    SendError::Os(io::ErrorKind::OutOfMemory.into())
}
