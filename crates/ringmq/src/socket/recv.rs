//! Receiving messages and parts.

use std::time::Instant;

use ringmq_message::{Frame, Message};
use ringmq_pattern::{Ready, RecvPartError};

use crate::error::RecvError;
use crate::socket::Socket;
use crate::socket::patience::{Ended, Patience};
use crate::socket::pause::Waited;

impl Socket {
    /// Receives a message. Waits until there is one, for as long as the [timeout](Socket::set_recv_timeout) allows.
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
    /// push.send("job")?;
    /// let message = pull.recv()?;
    /// assert_eq!(message.len(), 1);
    /// assert_eq!(message[0].as_slice(), b"job");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn recv(&mut self) -> Result<Message, RecvError> {
        let mut message = Message::new();
        self.recv_into(&mut message)?;
        Ok(message)
    }

    /// As [`recv`](Socket::recv), into a message whose memory is used again.
    ///
    /// # Errors
    ///
    /// As [`recv`](Socket::recv).
    ///
    /// ```
    /// use ringmq::{Context, Kind, Message};
    ///
    /// let context = Context::new()?;
    /// let (mut pull, mut push) = (context.socket(Kind::Pull)?, context.socket(Kind::Push)?);
    /// pull.bind("inproc://jobs")?;
    /// push.connect("inproc://jobs")?;
    /// let mut message = Message::new();
    /// for job in ["one", "two"] {
    ///     push.send(job)?;
    ///     pull.recv_into(&mut message)?;
    ///     assert_eq!(message[0].as_slice(), job.as_bytes());
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn recv_into(&mut self, message: &mut Message) -> Result<(), RecvError> {
        self.recv_within(message, Patience::Timeout)
    }

    /// As [`recv`](Socket::recv), but waits until the deadline, whatever the timeout is.
    ///
    /// # Errors
    ///
    /// As [`recv`](Socket::recv).
    ///
    /// ```
    /// use std::time::{Duration, Instant};
    ///
    /// use ringmq::{Context, Kind, RecvError};
    ///
    /// let context = Context::new()?;
    /// let mut pull = context.socket(Kind::Pull)?;
    /// let deadline = Instant::now() + Duration::from_millis(10);
    /// assert!(matches!(pull.recv_deadline(deadline), Err(RecvError::TimedOut)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn recv_deadline(&mut self, deadline: Instant) -> Result<Message, RecvError> {
        let mut message = Message::new();
        self.recv_within(&mut message, Patience::Until(Some(deadline)))?;
        Ok(message)
    }

    /// Receives a message if one is there now.
    ///
    /// # Errors
    ///
    /// As [`recv`](Socket::recv); [`WouldBlock`](RecvError::WouldBlock) if none is there.
    ///
    /// ```
    /// use ringmq::{Context, Kind, RecvError};
    ///
    /// let context = Context::new()?;
    /// let mut pull = context.socket(Kind::Pull)?;
    /// assert!(matches!(pull.try_recv(), Err(RecvError::WouldBlock)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn try_recv(&mut self) -> Result<Message, RecvError> {
        let mut message = Message::new();
        self.recv_within(&mut message, Patience::None)?;
        Ok(message)
    }

    fn recv_within(&mut self, message: &mut Message, patience: Patience) -> Result<(), RecvError> {
        message.clear();
        loop {
            let frame = self.recv_frame(patience)?;
            let more = frame.more();
            message.push(frame);
            if !more {
                return Ok(());
            }
        }
    }

    /// Receives one part of a message. Its [`more`](Frame::more) says whether others follow.
    ///
    /// # Errors
    ///
    /// [`RecvError`].
    ///
    /// ```
    /// use ringmq::{Context, Kind, Message};
    ///
    /// let context = Context::new()?;
    /// let (mut pull, mut push) = (context.socket(Kind::Pull)?, context.socket(Kind::Push)?);
    /// pull.bind("inproc://jobs")?;
    /// push.connect("inproc://jobs")?;
    /// push.send(Message::from_iter(["resize", "cat.png"]))?;
    /// let mut parts = 1;
    /// while pull.recv_part()?.more() {
    ///     parts += 1;
    /// }
    /// assert_eq!(parts, 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn recv_part(&mut self) -> Result<Frame, RecvError> {
        self.recv_frame(Patience::Timeout)
    }

    /// As [`recv_part`](Socket::recv_part), if one is there now.
    ///
    /// # Errors
    ///
    /// As [`recv_part`](Socket::recv_part).
    #[inline]
    pub fn try_recv_part(&mut self) -> Result<Frame, RecvError> {
        self.recv_frame(Patience::None)
    }

    #[inline]
    pub(crate) fn recv_frame(&mut self, mut patience: Patience) -> Result<Frame, RecvError> {
        self.begin_to_recv()?;
        loop {
            match self.pattern.recv(&mut self.peers) {
                Ok(frame) => {
                    self.more = frame.more();
                    return Ok(frame);
                }
                Err(refused) => self.refused_to_recv(refused, &mut patience)?,
            }
        }
    }

    /// Takes mail and marks peers before a part is received.
    #[inline(always)]
    pub(crate) fn begin_to_recv(&mut self) -> Result<(), RecvError> {
        if !self.registry.is_here() {
            return Err(RecvError::Forked);
        }
        self.take_mail();
        if self.terminated {
            return Err(RecvError::Terminated);
        }
        if !self.more && self.peers.has_unreadable() {
            self.peers
                .mark_ready(&mut self.pattern, Ready::Readable, false);
        }
        Ok(())
    }

    /// Waits because the pattern has no part, if that can help. Leaves the patience that is left in `patience`. It is not
    /// moved through results: there it was stored in pieces and loaded whole, which took some 5 ns for each message.
    #[inline(never)]
    pub(crate) fn refused_to_recv(
        &mut self,
        refused: RecvPartError,
        patience: &mut Patience,
    ) -> Result<(), RecvError> {
        if refused != RecvPartError::Empty {
            return Err(refused.into());
        }
        let looks = !matches!(patience, Patience::Over | Patience::Ended(_));
        if looks
            && self
                .peers
                .mark_ready(&mut self.pattern, Ready::Readable, true)
        {
            // A call that never waits takes the commands of other threads here, the end of the context among them.
            self.take_mail();
            if self.terminated {
                return Err(RecvError::Terminated);
            }
            *patience = patience.after_look(self.options.recv_timeout);
            return Ok(());
        }
        // What was read may have ended its peer, such as one that subscribes to more than it may. It is removed before the
        // wait, and what it had subscribed to is given up, which an XPUB receives.
        if self.peers.has_duties() && self.detach_leaving() {
            return Ok(());
        }
        self.catch_up();
        // Mail that has come in the meantime ends the wait at once. Taken here, it could bring a peer that has already sent
        // and that the wait does not look at.
        self.wait_to_recv(patience)
    }

    /// Sends subscriptions that there was no room for before.
    #[inline]
    fn catch_up(&mut self) {
        if self.pattern.is_behind() {
            self.peers
                .mark_ready(&mut self.pattern, Ready::Writable, true);
        }
    }

    #[inline(never)]
    fn wait_to_recv(&mut self, patience: &mut Patience) -> Result<(), RecvError> {
        // As in `after_look`: a wait that ends at once, because a peer stirs, does not check the time.
        if let Patience::Until(Some(deadline)) = *patience
            && Instant::now() >= deadline
        {
            *patience = Patience::Ended(Ended::TimedOut);
        }
        let Some(deadline) = patience.settle(self.options.recv_timeout) else {
            self.arm_for_watcher();
            return Err(patience.refusal());
        };
        let waited = match self.wait_within(Ready::Readable, patience, deadline) {
            Waited::Over(waited) => waited,
            Waited::Paused => return Err(RecvError::WouldBlock),
        };
        self.waited(&waited);
        if self.terminated {
            return Err(RecvError::Terminated);
        }
        waited?;
        self.peers.mark_awaited(&mut self.pattern);
        self.catch_up();
        *patience = Patience::Until(deadline);
        Ok(())
    }

    /// Returns true if more parts follow the part that was received last.
    pub fn has_more(&self) -> bool {
        self.more
    }
}
