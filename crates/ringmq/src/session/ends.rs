//! The ends of the pipe between a session and its socket.

use ringmq_message::Frame;
use ringmq_pipe::local::{Announcement, Sender, Waker};

use crate::mail::SessionPipe;
use crate::peers::outbound::Outbound;
use crate::session::broken::Broken;

/// The ends of the pipe that the session has, and what it remembers of them.
#[derive(Debug)]
pub(crate) struct Ends {
    /// `None` when what comes from the peer comes in shared memory.
    pub(crate) inbound: Option<Sender<Frame>>,
    pub(crate) outbound: Outbound,
    /// What is sent after what is in shared memory, once the peer was told that it comes by ZMTP.
    pub(crate) back: Option<Outbound>,
    pub(crate) announcement: Announcement,
    /// Wakes the session.
    pub(crate) waker: Waker,
    /// A part with more to follow was taken from the socket.
    pub(crate) out_midst: bool,
}

impl From<SessionPipe> for Ends {
    fn from(pipe: SessionPipe) -> Ends {
        Ends {
            inbound: Some(pipe.inbound),
            outbound: Outbound::new(pipe.outbound),
            back: None,
            announcement: pipe.announcement,
            waker: pipe.waker,
            out_midst: false,
        }
    }
}

impl Ends {
    #[inline]
    pub(crate) fn has_room(&mut self) -> bool {
        self.inbound.as_mut().is_none_or(Sender::has_room)
    }

    /// Whether the socket has let go, and everything was taken.
    pub(crate) fn is_at_end(&mut self) -> bool {
        self.back.is_none() && self.outbound.is_at_end()
    }

    /// What was to be sent after what is in shared memory is sent behind what there is.
    pub(crate) fn go_back(&mut self) {
        if let Some(back) = self.back.take() {
            self.outbound.then(back);
        }
    }

    /// The socket has let go, with a message that it could not send any more.
    pub(crate) fn end_with(&mut self, parts: Vec<Frame>) {
        match &mut self.back {
            Some(back) => back.end_with(parts),
            None => self.outbound.end_with(parts),
        }
    }

    /// Gives the socket a part, which it sees with the next [`flush`](Ends::flush).
    #[inline]
    pub(crate) fn give(&mut self, frame: Frame, last: bool) -> Result<(), Broken> {
        // What comes by ZMTP after the switch is out of place.
        let inbound = self.inbound.as_mut().ok_or(Broken::Handoff)?;
        let _ = inbound.push_deferred(frame, last);
        Ok(())
    }

    /// Shows the socket the messages that it was given. A socket that cannot be woken finds them at its next call.
    #[inline]
    pub(crate) fn flush(&mut self) {
        if let Some(inbound) = &mut self.inbound {
            let _ = inbound.flush();
        }
    }
}
