//! A message under way to the one peer that it is for.

use ringmq_message::Frame;

use crate::route::{Peer, Pipes};

/// Where the remaining parts of a message go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outgoing {
    /// No message is under way.
    Idle,
    To(Peer),
    /// No peer gets the message.
    Nowhere,
}

impl Outgoing {
    /// The next part.
    #[inline]
    pub(crate) fn send(&mut self, frame: Frame, pipes: &mut impl Pipes) {
        if let Some(peer) = self.route(frame.more()) {
            pipes.write(peer, frame);
        }
    }

    /// The one part of a message to a connection that carries bytes. An empty one asks for the end of the connection.
    pub(crate) fn send_bytes(&mut self, frame: Frame, pipes: &mut impl Pipes) {
        match self.route(false) {
            Some(peer) if frame.is_empty() => pipes.terminate(peer),
            Some(peer) => pipes.write(peer, frame.with_more(false)),
            None => {}
        }
    }

    /// Who gets the next part, which `more` parts follow or not.
    #[inline]
    pub(crate) fn route(&mut self, more: bool) -> Option<Peer> {
        let to = match *self {
            Outgoing::To(peer) => Some(peer),
            Outgoing::Idle | Outgoing::Nowhere => None,
        };
        if !more {
            *self = Outgoing::Idle;
        }
        to
    }

    pub(crate) fn detach(&mut self, peer: Peer, pipes: &mut impl Pipes) {
        if *self == Outgoing::To(peer) {
            pipes.rollback(peer);
            *self = Outgoing::Nowhere;
        }
    }
}
