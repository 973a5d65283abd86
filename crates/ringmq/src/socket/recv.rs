//! Receiving messages and parts.

use std::time::Instant;

use ringmq_message::{Frame, Message};
use ringmq_pattern::{Ready, RecvRefused};

use crate::error::RecvError;
use crate::socket::Socket;
use crate::socket::patience::{Ended, Patience};
use crate::socket::pause::Waited;

impl Socket {
    /// Receives a message; waits until there is one, for as long as the
    /// [timeout](Socket::set_recv_timeout) allows.
    ///
    /// # Errors
    ///
    /// [`RecvError`].
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
    pub fn recv_into(&mut self, message: &mut Message) -> Result<(), RecvError> {
        self.recv_within(message, Patience::Timeout)
    }

    /// As [`recv`](Socket::recv), until the deadline.
    ///
    /// # Errors
    ///
    /// As [`recv`](Socket::recv).
    pub fn recv_deadline(&mut self, deadline: Instant) -> Result<Message, RecvError> {
        let mut message = Message::new();
        self.recv_within(&mut message, Patience::Until(Some(deadline)))?;
        Ok(message)
    }

    /// Receives a message if one is there now.
    ///
    /// # Errors
    ///
    /// As [`recv`](Socket::recv).
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

    /// Receives one part of a message; [`more`](Frame::more) says whether others follow.
    ///
    /// # Errors
    ///
    /// [`RecvError`].
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

    /// What comes before each part.
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
            self.peers.tell(&mut self.pattern, Ready::Readable, false);
        }
        Ok(())
    }

    /// The pattern has no part: waits, if that can help. Leaves the patience that is left. It stays where it is: moved through
    /// results it was stored in pieces and loaded whole, which took each message some 5 ns.
    #[inline(never)]
    pub(crate) fn refused_to_recv(
        &mut self,
        refused: RecvRefused,
        patience: &mut Patience,
    ) -> Result<(), RecvError> {
        if refused != RecvRefused::Empty {
            return Err(refused.into());
        }
        let looks = !matches!(patience, Patience::Over | Patience::Ended(_));
        if looks && self.peers.tell(&mut self.pattern, Ready::Readable, true) {
            // What others ask of the socket meanwhile, its end among it, does not wait for a call that never waits.
            self.take_mail();
            if self.terminated {
                return Err(RecvError::Terminated);
            }
            *patience = patience.after_look(self.options.recv_timeout);
            return Ok(());
        }
        self.catch_up();
        // Mail that has come in the meantime ends the wait at once. Taken here, it could bring a peer that has sent
        // already, and of whom the wait knows nothing.
        self.wait_to_recv(patience)
    }

    /// Sends subscriptions that there was no room for.
    #[inline]
    fn catch_up(&mut self) {
        if self.pattern.is_behind() {
            self.peers.tell(&mut self.pattern, Ready::Writable, true);
        }
    }

    #[inline(never)]
    fn wait_to_recv(&mut self, patience: &mut Patience) -> Result<(), RecvError> {
        // As in `after_look`: a wait that ends at once with something to look at does not look at the time.
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
        self.peers.tell_awaited(&mut self.pattern);
        self.catch_up();
        *patience = Patience::Until(deadline);
        Ok(())
    }

    /// Whether the part that was received last is followed by others of the same message.
    pub fn has_more(&self) -> bool {
        self.more
    }
}
