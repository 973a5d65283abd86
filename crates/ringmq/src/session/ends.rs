//! The ends of the pipe between a session and its socket.

use ringmq_message::Frame;
use ringmq_pipe::local::{Announcement, Sender, Waker};

use crate::mail::{RowOrNone, SessionPipe};
use crate::peers::outbound::Outbound;

/// The ends of the pipe that the session has, and what it remembers of them.
#[derive(Debug)]
pub(crate) struct Ends {
    /// `None` when what comes from the peer comes in shared memory.
    pub(crate) inbound: Option<Sender<Frame>>,
    /// The next message is to tell of the peer, for those behind it that travel as bytes: the pipe is new, or the connection.
    pub(crate) tells_properties: bool,
    pub(crate) outbound: Outbound,
    /// What is sent after what is in shared memory, once the peer has accepted that it comes by ZMTP.
    pub(crate) held: Option<Outbound>,
    pub(crate) announcement: Announcement,
    /// Wakes the session.
    pub(crate) waker: Waker,
    /// A part with more to follow was taken from the socket.
    pub(crate) out_midst: bool,
    /// The row of the connection in the status page.
    pub(crate) row: RowOrNone,
}

impl From<SessionPipe> for Ends {
    fn from(pipe: SessionPipe) -> Ends {
        Ends {
            inbound: Some(pipe.inbound),
            tells_properties: true,
            outbound: Outbound::new(pipe.outbound),
            held: None,
            announcement: pipe.announcement,
            waker: pipe.waker,
            out_midst: false,
            row: pipe.row,
        }
    }
}

impl Ends {
    #[inline]
    pub(crate) fn has_room(&mut self) -> bool {
        self.inbound.as_mut().is_none_or(Sender::has_room)
    }

    /// Whether no message that came by ZMTP waits to be received.
    pub(crate) fn gave_nothing(&self) -> bool {
        let inbound = self.inbound.as_ref();
        inbound.is_some_and(|inbound| inbound.waiting() == 0)
    }

    /// Whether the socket has let go, and everything was taken.
    pub(crate) fn is_at_end(&mut self) -> bool {
        self.held.is_none() && self.outbound.is_at_end()
    }

    /// Returns true if the socket has let go, and lingers for nothing that is left, if there is no connection.
    pub(crate) fn owes_nothing(&mut self) -> bool {
        self.held.as_mut().is_none_or(Outbound::owes_nothing) && self.outbound.owes_nothing()
    }

    /// Sends what was held back behind everything else.
    pub(crate) fn append_held(&mut self) {
        if let Some(held) = self.held.take() {
            self.outbound.then(held);
        }
    }

    /// The socket has let go, with a message that it could not send any more.
    pub(crate) fn end_with(&mut self, parts: Vec<Frame>) {
        match &mut self.held {
            Some(held) => held.end_with(parts),
            None => self.outbound.end_with(parts),
        }
    }

    /// Gives the socket a part, which it sees with the next [`flush`](Ends::flush). Returns false if there is no pipe to the
    /// socket.
    #[inline]
    pub(crate) fn give(&mut self, frame: Frame, last: bool) -> bool {
        let Some(inbound) = &mut self.inbound else {
            return false;
        };
        self.tells_properties &= frame.properties().is_none();
        let _ = inbound.push_deferred(frame, last);
        true
    }

    /// Shows in the status page how many messages have passed.
    pub(crate) fn show(&mut self) {
        if self.row.is_some() {
            if let Some(inbound) = &mut self.inbound {
                inbound.show();
            }
            self.outbound.show();
        }
    }

    /// Shows the socket the messages that it was given. A socket that cannot be woken finds them at its next call.
    #[inline]
    pub(crate) fn flush(&mut self) {
        if let Some(inbound) = &mut self.inbound {
            let _ = inbound.flush();
        }
    }
}
