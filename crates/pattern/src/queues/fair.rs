//! Receiving from all peers in turn.

use std::collections::VecDeque;

use ringmq_message::Frame;

use super::rotation::Rotation;
use crate::route::{Peer, Pipes, Take};

/// Messages that one call drops, at most, before it [puts off](Pipes::put_off) each peer that it drops another one of. A
/// peer can write as fast as messages are dropped, so that a call that went on would never return.
const DROPS: usize = 1000;

/// What one call has dropped.
#[derive(Debug, Default)]
pub(crate) struct Drops(usize);

/// Takes one message from each peer that has one, in turn.
#[derive(Debug)]
pub(crate) struct FairQueue {
    peers: Rotation,
    /// Whose message has been begun.
    from: Option<Peer>,
    /// What there was of that message when its peer left.
    rest: VecDeque<Frame>,
}

impl FairQueue {
    pub(crate) const fn new() -> FairQueue {
        FairQueue {
            peers: Rotation::new(),
            from: None,
            rest: VecDeque::new(),
        }
    }

    pub(crate) fn attach(&mut self, peer: Peer) {
        self.peers.attach(peer);
    }

    /// The message that is being read stays whole: its remaining parts are taken now.
    pub(crate) fn detach(&mut self, peer: Peer, pipes: &mut impl Pipes) {
        if self.from == Some(peer) && self.rest.is_empty() {
            let mut more = true;
            while more && let Some(frame) = pipes.read(peer) {
                more = frame.more();
                self.rest.push_back(frame);
            }
            if self.rest.is_empty() {
                self.from = None;
            }
            self.peers.pass(peer);
        }
        self.peers.detach(peer);
    }

    pub(crate) fn activated(&mut self, peer: Peer) {
        self.peers.activate(peer);
    }

    /// Drops what remains of a message of this peer that is not for the application. A peer of which one call has dropped too many is put
    /// off.
    pub(crate) fn drop_rest(&mut self, peer: Peer, drops: &mut Drops, pipes: &mut impl Pipes) {
        self.skip(pipes);
        drops.0 += 1;
        if drops.0 >= DROPS {
            self.peers.deactivate(peer);
            pipes.put_off(peer);
        }
    }

    /// Whether parts of a message that has been begun remain.
    pub(crate) fn in_message(&self) -> bool {
        self.from.is_some()
    }

    /// The next part, and whose it is.
    #[inline(always)]
    pub(crate) fn recv(&mut self, pipes: &mut impl Pipes) -> Option<(Frame, Peer)> {
        let mut part = None;
        let (_, peer) = self.recv_to(pipes, &mut part)?;
        Some((part?, peer))
    }

    /// Has the next part taken to where it is wanted. Whether others follow, and whose it is.
    #[inline(always)]
    pub(crate) fn recv_to<P: Pipes>(
        &mut self,
        pipes: &mut P,
        to: &mut impl Take<P>,
    ) -> Option<(bool, Peer)> {
        if let Some(peer) = self.from {
            return self.recv_rest(peer, pipes, to);
        }
        while let Some(peer) = self.peers.current() {
            match to.take(peer, pipes) {
                Some(true) => {
                    self.from = Some(peer);
                    return Some((true, peer));
                }
                Some(false) => {
                    self.peers.pass(peer);
                    return Some((false, peer));
                }
                None => self.peers.idle(),
            }
        }
        None
    }

    /// Begins the next message by its delimiter, if that can be told without reading it. Gives whose it is.
    #[inline]
    pub(crate) fn open(&mut self, pipes: &mut impl Pipes) -> Option<Peer> {
        let peer = self.peers.current()?;
        pipes.read_delimiter(peer).then(|| {
            self.from = Some(peer);
            peer
        })
    }

    /// Whether [`recv`](FairQueue::recv) might give something. Where one peer is all there is, it does not pass for idle
    /// by this.
    #[inline]
    pub(crate) fn may_have_in(&mut self, pipes: &mut impl Pipes) -> bool {
        self.in_message() || self.peers.only().is_none_or(|peer| pipes.waits(peer))
    }

    fn recv_rest<P: Pipes>(
        &mut self,
        peer: Peer,
        pipes: &mut P,
        to: &mut impl Take<P>,
    ) -> Option<(bool, Peer)> {
        let gone = !self.rest.is_empty();
        let more = match self.rest.pop_front() {
            Some(frame) => {
                let more = frame.more();
                to.keep(frame);
                Some(more)
            }
            None => to.take(peer, pipes),
        };
        // The number of a peer that has gone may by now be the number of another peer.
        let over = more != Some(true) || (gone && self.rest.is_empty());
        if over {
            self.from = None;
            if !gone {
                self.peers.pass(peer);
            }
        }
        Some((more?, peer))
    }

    /// Passes over what remains of the message that has been begun.
    pub(crate) fn skip(&mut self, pipes: &mut impl Pipes) {
        while let Some(peer) = self.from {
            self.recv_rest(peer, pipes, &mut None::<Frame>);
        }
    }

    /// Whether there is a part to receive.
    pub(crate) fn has_in(&mut self, pipes: &mut impl Pipes) -> bool {
        if self.in_message() {
            return true;
        }
        while let Some(peer) = self.peers.current() {
            if pipes.can_read(peer) {
                return true;
            }
            self.peers.idle();
        }
        false
    }
}
