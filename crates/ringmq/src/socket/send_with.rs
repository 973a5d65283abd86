//! Sending bytes that the caller writes where they are sent from.

use std::time::Instant;

use ringmq_pattern::Peer;
use ringmq_pipe::remote::LateReader;

use crate::error::SendError;
use crate::peers::outlet::filled;
use crate::socket::Socket;
use crate::socket::in_place::no_memory;
use crate::socket::patience::Patience;

/// A part for which the pattern has chosen the peer. If it is dropped before the part was written, because there was no
/// memory or because the caller panicked, the message needs a last part again.
struct Routed<'a> {
    socket: &'a mut Socket,
    peer: Peer,
    late: Option<LateReader>,
    written: bool,
}

impl Drop for Routed<'_> {
    fn drop(&mut self) {
        let socket = &mut *self.socket;
        socket.peers.take_time(self.late);
        if !self.written && socket.peers.is_mid_message(self.peer) {
            socket.pattern.resume(self.peer);
        }
    }
}

impl Socket {
    /// Sends `len` bytes that `fill` writes, as a message or as its last part. Waits as [`send`](Socket::send) does. `fill`
    /// gets the memory that the bytes are sent from:
    ///
    /// | what sends | to where | `fill` writes to |
    /// | --- | --- | --- |
    /// | PUSH, PAIR, DEALER, REQ, REP | a peer in shared memory that has room | less than 1 MiB: the ring that the peer reads. From 1 MiB on: a [block](crate::BlockMut) |
    /// | all others, to all others | | a frame of zeros, which is in a block if it is long and any peer is in shared memory |
    ///
    /// Bytes that `fill` does not write are zeros, or, in a ring or block, bytes of earlier messages. Peers can see nothing
    /// of the message before `fill` has returned. If `fill` panics, nothing is sent, and the socket can be used as before.
    ///
    /// `fill` is called exactly once if the result is `Ok`. If it is an error, `fill` was called once, or not at all.
    ///
    /// # Errors
    ///
    /// [`SendError`], as [`send_slice`](Socket::send_slice): the message was not sent. If parts of it were sent before, or if
    /// `fill` panics then, the message still needs its last part.
    ///
    /// ```
    /// use ringmq::{Context, Kind};
    ///
    /// let context = Context::new()?;
    /// let (mut pull, mut push) = (context.socket(Kind::Pull)?, context.socket(Kind::Push)?);
    /// pull.bind("inproc://samples")?;
    /// push.connect("inproc://samples")?;
    /// push.send_with(4096, |bytes| {
    ///     for (number, byte) in bytes.iter_mut().enumerate() {
    ///         *byte = number as u8;
    ///     }
    /// })?;
    /// assert_eq!(pull.recv()?[0][..4], [0, 1, 2, 3]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn send_with(&mut self, len: usize, fill: impl FnOnce(&mut [u8])) -> Result<(), SendError> {
        self.send_filled(len, fill, Patience::Timeout)
    }

    /// As [`send_with`](Socket::send_with), but waits until the deadline, whatever the timeout is.
    ///
    /// # Errors
    ///
    /// As [`send_with`](Socket::send_with).
    pub fn send_with_deadline(
        &mut self,
        len: usize,
        fill: impl FnOnce(&mut [u8]),
        deadline: Instant,
    ) -> Result<(), SendError> {
        self.send_filled(len, fill, Patience::Until(Some(deadline)))
    }

    /// As [`send_with`](Socket::send_with), if a peer can take the message now.
    ///
    /// # Errors
    ///
    /// As [`send_with`](Socket::send_with); [`WouldBlock`](SendError::WouldBlock) if no peer can take it.
    ///
    /// ```
    /// use ringmq::{Context, Kind, SendError};
    ///
    /// let context = Context::new()?;
    /// let mut push = context.socket(Kind::Push)?;
    /// // It has no peer.
    /// let refused = push.try_send_with(3, |bytes| bytes.copy_from_slice(b"job"));
    /// assert!(matches!(refused, Err(SendError::WouldBlock)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn try_send_with(
        &mut self,
        len: usize,
        fill: impl FnOnce(&mut [u8]),
    ) -> Result<(), SendError> {
        self.send_filled(len, fill, Patience::None)
    }

    fn send_filled(
        &mut self,
        len: usize,
        fill: impl FnOnce(&mut [u8]),
        patience: Patience,
    ) -> Result<(), SendError> {
        let mut fill = Some(fill);
        self.send_filled_once(
            len,
            &mut |bytes| {
                if let Some(fill) = fill.take() {
                    fill(bytes);
                }
            },
            patience,
        )
    }

    /// Calls `fill` at most once.
    fn send_filled_once(
        &mut self,
        len: usize,
        fill: &mut dyn FnMut(&mut [u8]),
        patience: Patience,
    ) -> Result<(), SendError> {
        if !self.pattern.is_transparent() {
            let own = self.registry.own_arena();
            let frame = filled(len, fill, own).map_err(no_memory)?;
            let sent = self.send_frame(frame, patience);
            return sent.map_err(|(reason, _)| reason);
        }
        let Some(peer) = self.route(false, patience)? else {
            // The peer of this message has gone, and the part is dropped.
            let own = self.registry.own_arena();
            return filled(len, fill, own).map(drop).map_err(no_memory);
        };
        let late = self.peers.hurry(patience.admits_late_reader());
        let mut routed = Routed {
            socket: self,
            peer,
            late,
            written: false,
        };
        let Socket {
            peers, registry, ..
        } = &mut *routed.socket;
        let written = peers.write_with(peer, len, fill, registry.own_arena());
        routed.written = written.is_ok();
        written.map_err(no_memory)
    }
}
