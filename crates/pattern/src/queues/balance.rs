//! Sending to one peer after the other.

use super::rotation::Rotation;
use crate::route::{Peer, Pipes, RouteError};

/// Gives one message to each peer that has room, in turn.
#[derive(Debug)]
pub(crate) struct Balance {
    peers: Rotation,
    way: Way,
}

/// Where the parts of the message under way go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// There is none.
    Idle,
    To(Peer),
    /// Its peer has gone, and the sender has not been told.
    Broken,
    Swallow,
}

impl Balance {
    pub(crate) const fn new() -> Balance {
        Balance {
            peers: Rotation::new(),
            way: Way::Idle,
        }
    }

    pub(crate) fn attach(&mut self, peer: Peer) {
        self.peers.attach(peer);
    }

    pub(crate) fn detach(&mut self, peer: Peer, pipes: &mut impl Pipes) {
        if self.way == Way::To(peer) {
            pipes.rollback(peer);
            self.way = Way::Broken;
        }
        self.peers.detach(peer);
    }

    pub(crate) fn activated(&mut self, peer: Peer) {
        self.peers.activate(peer);
    }

    /// Whether a message has been begun and not ended.
    pub(crate) fn in_message(&self) -> bool {
        self.way != Way::Idle
    }

    /// The next peer that has room; from then on a message to it is under way.
    #[inline]
    pub(crate) fn begin(&mut self, pipes: &mut impl Pipes) -> Option<Peer> {
        let peer = self.next(pipes)?;
        self.way = Way::To(peer);
        Some(peer)
    }

    #[inline(always)]
    fn next(&mut self, pipes: &mut impl Pipes) -> Option<Peer> {
        loop {
            let peer = self.peers.current()?;
            if pipes.can_write(peer) {
                return Some(peer);
            }
            self.peers.idle();
        }
    }

    /// Who gets the next part, which `more` parts follow or not. It is to be written at once.
    #[inline(always)]
    pub(crate) fn route(&mut self, more: bool, pipes: &mut impl Pipes) -> Result<Peer, RouteError> {
        let peer = match self.way {
            Way::To(peer) => peer,
            Way::Idle => self.next(pipes).ok_or(RouteError::WouldBlock)?,
            Way::Broken | Way::Swallow => return Err(self.swallow(more)),
        };
        if more {
            self.way = Way::To(peer);
        } else {
            self.way = Way::Idle;
            self.peers.pass(peer);
        }
        Ok(peer)
    }

    /// The last part of a message to this peer was not written: the message is under way again.
    pub(crate) fn resume(&mut self, peer: Peer) {
        self.way = Way::To(peer);
    }

    #[cold]
    fn swallow(&mut self, more: bool) -> RouteError {
        let told = self.way == Way::Swallow;
        self.way = if more { Way::Swallow } else { Way::Idle };
        if told {
            RouteError::Swallowed
        } else {
            RouteError::Broken
        }
    }

    /// Whether a part can be sent.
    pub(crate) fn has_out(&mut self, pipes: &mut impl Pipes) -> bool {
        self.in_message() || self.next(pipes).is_some()
    }
}
