//! Sending messages and parts.

use std::mem;
use std::time::Instant;

use ringmq_message::{Frame, Message};
use ringmq_pattern::{Kind, Ready, SendPartError};

use crate::block::COPIED_OUT_LEAST;
use crate::error::{SendError, UnsentError};
use crate::peers::LOOK;
use crate::peers::blocks::COPIED_LEAST;
use crate::socket::Socket;
use crate::socket::patience::{Patience, Woken, swallow_once};
use crate::socket::pause::Waited;

impl Socket {
    /// Sends a message: all of its parts, or nothing. Waits until a peer can take it, for as long as the
    /// [timeout](Socket::set_send_timeout) allows.
    ///
    /// # Errors
    ///
    /// [`UnsentError`], with the whole message: no part of it was sent.
    ///
    /// ```
    /// use ringmq::{Context, Kind, Message};
    ///
    /// let context = Context::new()?;
    /// let (mut pull, mut push) = (context.socket(Kind::Pull)?, context.socket(Kind::Push)?);
    /// pull.bind("inproc://jobs")?;
    /// push.connect("inproc://jobs")?;
    /// push.send("one part")?;
    /// push.send(Message::from_iter(["resize", "cat.png"]))?;
    /// assert_eq!(pull.recv()?.len(), 1);
    /// assert_eq!(pull.recv()?[1].as_slice(), b"cat.png");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn send(&mut self, message: impl Into<Message>) -> Result<(), UnsentError> {
        self.send_within(message.into(), Patience::Timeout)
    }

    /// As [`send`](Socket::send), but waits until the deadline, whatever the timeout is.
    ///
    /// # Errors
    ///
    /// As [`send`](Socket::send).
    ///
    /// ```
    /// use std::time::{Duration, Instant};
    ///
    /// use ringmq::{Context, Kind, SendError};
    ///
    /// let context = Context::new()?;
    /// let mut push = context.socket(Kind::Push)?;
    /// // It has no peer.
    /// let deadline = Instant::now() + Duration::from_millis(10);
    /// let error = push.send_deadline("job", deadline).unwrap_err();
    /// assert!(matches!(error.reason, SendError::TimedOut));
    /// assert_eq!(error.message[0].as_slice(), b"job");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn send_deadline(
        &mut self,
        message: impl Into<Message>,
        deadline: Instant,
    ) -> Result<(), UnsentError> {
        self.send_within(message.into(), Patience::Until(Some(deadline)))
    }

    /// Sends a message if a peer can take it now.
    ///
    /// # Errors
    ///
    /// As [`send`](Socket::send); [`WouldBlock`](SendError::WouldBlock) if no peer can take it.
    ///
    /// ```
    /// use ringmq::{Context, Kind, SendError};
    ///
    /// let context = Context::new()?;
    /// let mut push = context.socket(Kind::Push)?;
    /// // It has no peer.
    /// let error = push.try_send("job").unwrap_err();
    /// assert!(matches!(error.reason, SendError::WouldBlock));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn try_send(&mut self, message: impl Into<Message>) -> Result<(), UnsentError> {
        self.send_within(message.into(), Patience::None)
    }

    /// As [`send`](Socket::send), after a pause: [`Socket::share`].
    ///
    /// # Errors
    ///
    /// As [`send`](Socket::send).
    #[doc(hidden)]
    pub fn send_again(&mut self, message: Message, woken: Woken) -> Result<(), UnsentError> {
        self.send_within(message, Patience::Again(woken))
    }

    fn send_within(&mut self, mut message: Message, patience: Patience) -> Result<(), UnsentError> {
        if self.pattern.has_two_parts() && message.len() != 2 {
            if self.kind() == Kind::Dgram {
                let reason = SendError::Multipart;
                return Err(UnsentError { reason, message });
            }
            message = join_bytes(message);
            if message.is_empty() {
                return Ok(());
            }
        }
        let mut frames = message.into_iter();
        let first = frames.next().unwrap_or_default();
        let before = self.peers.hurry(patience.admits_late_reader());
        let sent = self.send_frame(first, patience);
        if let Err((reason, first)) = sent {
            self.peers.take_time(before);
            let mut message = Message::from(first);
            message.extend(frames);
            return Err(UnsentError { reason, message });
        }
        self.send_rest(frames);
        self.peers.take_time(before);
        Ok(())
    }

    /// Sends all parts of a message, or none. Takes the parts out of `parts` if they were sent.
    pub(crate) fn send_parts(
        &mut self,
        parts: &mut Vec<Frame>,
        patience: Patience,
    ) -> Result<(), SendError> {
        if self.pattern.has_two_parts() && parts.len() != 2 {
            if self.kind() == Kind::Dgram {
                return Err(SendError::Multipart);
            }
            let joined = join_bytes(mem::take(parts).into_iter().collect());
            parts.extend(joined);
        }
        let Some(first) = parts.first_mut() else {
            return Ok(());
        };
        let before = self.peers.hurry(patience.admits_late_reader());
        if let Err((reason, refused)) = self.send_frame(mem::take(first), patience) {
            self.peers.take_time(before);
            *first = refused;
            return Err(reason);
        }
        self.send_rest(parts.drain(..).skip(1));
        self.peers.take_time(before);
        Ok(())
    }

    /// Sends the parts behind the first, which this call has sent. The pattern cannot refuse them: the socket takes no mail
    /// in between, so that for it neither the peer nor the context has gone.
    fn send_rest(&mut self, frames: impl Iterator<Item = Frame>) {
        for mut frame in frames {
            frame.set_properties(None);
            if self.distributes {
                frame.share();
                if frame.len() >= COPIED_OUT_LEAST {
                    // One copy for all peers in shared memory.
                    self.peers.put_in_block(&mut frame);
                }
            }
            let sent = self.pattern.send(frame, &mut self.peers);
            debug_assert!(sent.is_ok(), "a part in the middle was refused: {sent:?}");
        }
        self.detach_ended();
    }

    /// Removes the peers that a part has ended. The socket may make no further call.
    #[inline]
    fn detach_ended(&mut self) {
        if self.peers.has_ended() {
            self.take_all_mail();
        }
    }

    /// Sends one part of a message. More parts follow if [`more`](Frame::more) is set. The first part settles which peer
    /// gets the message.
    ///
    /// # Errors
    ///
    /// [`UnsentError`], with the part. Set `more` again before the part is sent again.
    ///
    /// ```
    /// use ringmq::{Context, Frame, Kind};
    ///
    /// let context = Context::new()?;
    /// let (mut pull, mut push) = (context.socket(Kind::Pull)?, context.socket(Kind::Push)?);
    /// pull.bind("inproc://jobs")?;
    /// push.connect("inproc://jobs")?;
    /// push.send_part(Frame::from("resize").with_more(true))?;
    /// push.send_part("cat.png")?;
    /// let part = pull.recv_part()?;
    /// assert!(part.more());
    /// assert_eq!(pull.recv_part()?.as_slice(), b"cat.png");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn send_part(&mut self, frame: impl Into<Frame>) -> Result<(), UnsentError> {
        let sent = self.send_frame(frame.into(), Patience::Timeout);
        sent.map_err(|(reason, frame)| part_error(reason, frame))
    }

    /// As [`send_part`](Socket::send_part), if a peer can take the part now.
    ///
    /// # Errors
    ///
    /// As [`send_part`](Socket::send_part).
    #[inline]
    pub fn try_send_part(&mut self, frame: impl Into<Frame>) -> Result<(), UnsentError> {
        let before = self.peers.hurry(Patience::None.admits_late_reader());
        let sent = self.send_frame(frame.into(), Patience::None);
        self.peers.take_time(before);
        sent.map_err(|(reason, frame)| part_error(reason, frame))
    }

    #[inline]
    pub(crate) fn send_frame(
        &mut self,
        mut frame: Frame,
        mut patience: Patience,
    ) -> Result<(), (SendError, Frame)> {
        if let Err(reason) = self.begin_to_send() {
            return Err((reason, frame));
        }
        // The properties of the peer that the frame came from, if the frame is passed on. Those of a SERVER name the peer
        // that it goes to, and those of a RADIO its group.
        let kind = self.kind();
        if !(kind.uses_routing_ids() || kind.uses_groups()) {
            frame.set_properties(None);
        }
        if self.distributes {
            // All peers share one payload, and those in shared memory one copy.
            frame.share();
            if frame.len() >= COPIED_LEAST {
                self.peers.put_in_block(&mut frame);
            }
        }
        loop {
            let Err(refused) = self.pattern.send(frame, &mut self.peers) else {
                self.detach_ended();
                return Ok(());
            };
            match self.refused_to_send(refused, patience) {
                Ok(Some(again)) => (frame, patience) = again,
                Ok(None) => return Ok(()),
                Err(refused) => return Err(refused),
            }
        }
    }

    /// Takes mail and marks peers before a part, or all parts of a message, are sent.
    #[inline(always)]
    pub(crate) fn begin_to_send(&mut self) -> Result<(), SendError> {
        if !self.registry.is_here() {
            return Err(SendError::Forked);
        }
        self.take_mail();
        if self.terminated {
            return Err(SendError::Terminated);
        }
        if self.peers.has_unwritable() {
            self.peers
                .mark_ready(&mut self.pattern, Ready::Writable, false);
        }
        if self.peers.has_unreadable() && (self.only_sends() || self.kind() == Kind::Req) {
            self.look_before_sending();
        }
        Ok(())
    }

    /// Handles a part that the pattern refused: waits, if that can help. Returns the part to be tried again, or `None` if
    /// the part is dropped because its message's peer has gone.
    #[cold]
    fn refused_to_send(
        &mut self,
        refused: SendPartError,
        patience: Patience,
    ) -> Result<Option<(Frame, Patience)>, (SendError, Frame)> {
        let frame = match refused {
            SendPartError::WouldBlock(frame) => frame,
            SendPartError::NotSupported(frame) => return Err((SendError::NotSupported, frame)),
            SendPartError::State(frame) => return Err((SendError::State, frame)),
            SendPartError::Multipart(frame) => return Err((SendError::Multipart, frame)),
            SendPartError::HostUnreachable(frame) => {
                return Err((SendError::HostUnreachable, frame));
            }
            SendPartError::Broken(frame) => {
                return match swallow_once(patience) {
                    Ok(()) => Ok(None),
                    Err(reason) => Err((reason, frame)),
                };
            }
        };
        match self.wait_for_room(patience) {
            Ok(patience) => Ok(Some((frame, patience))),
            Err(reason) => Err((reason, frame)),
        }
    }

    /// Looks at all peers because none has room, and waits, if that can help. Returns the patience that is left.
    #[cold]
    pub(crate) fn wait_for_room(&mut self, patience: Patience) -> Result<Patience, SendError> {
        // PUB, XPUB, RADIO, ROUTER, STREAM and SERVER choose their peers by topic or id: room at another peer is of no use. Their
        // calls that do not wait rely on the marks that are there.
        let kind = self.kind();
        let names = self.only_sends()
            || kind.uses_routing_ids()
            || matches!(kind, Kind::Router | Kind::Stream);
        let looks = !names || !matches!(patience, Patience::None);
        if looks
            && self
                .peers
                .mark_ready(&mut self.pattern, Ready::Writable, true)
        {
            return Ok(patience);
        }
        self.wait_to_send(patience)
    }

    #[cold]
    fn wait_to_send(&mut self, patience: Patience) -> Result<Patience, SendError> {
        let Some(deadline) = patience.settle(self.options.send_timeout) else {
            self.arm_for_watcher();
            return Err(SendError::WouldBlock);
        };
        let waited = match self.wait_within(Ready::Writable, &patience, deadline) {
            Waited::Over(waited) => waited,
            Waited::Paused => return Err(SendError::WouldBlock),
        };
        self.waited(&waited);
        if self.terminated {
            return Err(SendError::Terminated);
        }
        waited?;
        self.peers
            .mark_ready(&mut self.pattern, Ready::Writable, true);
        Ok(Patience::Until(deadline))
    }

    fn only_sends(&self) -> bool {
        matches!(self.pattern.kind(), Kind::Pub | Kind::Xpub | Kind::Radio)
    }

    /// Takes subscriptions before a publisher sends. A REQ drops replies here that are too late.
    #[cold]
    fn look_before_sending(&mut self) {
        let now = Instant::now();
        let all = !self.only_sends() || now - self.looked >= LOOK;
        if all {
            self.looked = now;
        }
        self.peers
            .mark_ready(&mut self.pattern, Ready::Readable, all);
    }
}

fn part_error(reason: SendError, frame: Frame) -> UnsentError {
    let message = Message::from(frame);
    UnsentError { reason, message }
}

/// A message for a raw connection, as an id and one part: the bytes of the parts behind the id. An id alone is nothing.
#[cold]
fn join_bytes(message: Message) -> Message {
    let mut frames = message.into_iter();
    let (Some(id), Some(first)) = (frames.next(), frames.next()) else {
        return Message::new();
    };
    let mut bytes = first.to_vec();
    for frame in frames {
        bytes.extend_from_slice(&frame);
    }
    [id, bytes.into()].into_iter().collect()
}
