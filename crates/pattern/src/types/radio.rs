//! RADIO: to all who joined the group of a message.

use ringmq_message::{Frame, Kind};

use super::xpub::Xpub;
use crate::route::{
    AttachError, OptionError, Peer, Pipes, Ready, Remote, Route, SendPartError, SetOption,
};

/// A PUB whose topics are groups. In a pipe a message has two parts, as on the wire: the group, and what was sent.
#[derive(Debug)]
pub(crate) struct Radio {
    publisher: Xpub,
}

impl Radio {
    pub(crate) fn new() -> Radio {
        Radio {
            publisher: Xpub::new(Kind::Radio),
        }
    }
}

impl Route for Radio {
    fn attach<P: Pipes>(
        &mut self,
        peer: Peer,
        remote: Remote<'_>,
        pipes: &mut P,
    ) -> Result<(), AttachError> {
        self.publisher.attach(peer, remote, pipes)
    }

    fn detach<P: Pipes>(&mut self, peer: Peer, pipes: &mut P) {
        self.publisher.detach(peer, pipes);
    }

    fn activated<P: Pipes>(&mut self, peer: Peer, ready: Ready, pipes: &mut P) {
        self.publisher.activated(peer, ready, pipes);
    }

    fn send<P: Pipes>(&mut self, mut frame: Frame, pipes: &mut P) -> Result<(), SendPartError> {
        if frame.more() {
            return Err(SendPartError::Multipart(frame));
        }
        let group = Frame::copy_from_slice(frame.group()).with_more(true);
        // It refuses only what it has no room for, and the first part only.
        if self.publisher.send(group, pipes).is_err() {
            return Err(SendPartError::WouldBlock(frame));
        }
        frame.set_properties(None);
        self.publisher.send(frame, pipes)
    }

    fn can_send<P: Pipes>(&mut self, _pipes: &mut P) -> bool {
        true
    }

    fn set<P: Pipes>(&mut self, option: SetOption<'_>, pipes: &mut P) -> Result<(), OptionError> {
        match option {
            SetOption::XpubNodrop(_) | SetOption::XpubLimits { .. } => {
                self.publisher.set(option, pipes)
            }
            _ => Err(OptionError),
        }
    }
}
