//! PAIR: to and from the only peer.

use super::dealer::Dealer;
use crate::route::{
    AttachError, Peer, Pipes, Ready, RecvPartError, Remote, Route, RouteError, Take,
};

/// A dealer that has one peer at most.
#[derive(Debug)]
pub(crate) struct Pair {
    pub(super) dealer: Dealer,
    pub(super) peer: Option<Peer>,
}

impl Pair {
    pub(crate) fn new() -> Pair {
        Pair {
            dealer: Dealer::new(),
            peer: None,
        }
    }
}

impl Route for Pair {
    fn attach<P: Pipes>(
        &mut self,
        peer: Peer,
        remote: Remote<'_>,
        pipes: &mut P,
    ) -> Result<(), AttachError> {
        if self.peer.is_some() {
            pipes.terminate(peer);
            return Err(AttachError::SecondPeer);
        }
        self.peer = Some(peer);
        self.dealer.attach(peer, remote, pipes)
    }

    fn detach<P: Pipes>(&mut self, peer: Peer, pipes: &mut P) {
        if self.peer == Some(peer) {
            self.peer = None;
            self.dealer.detach(peer, pipes);
        }
    }

    fn activated<P: Pipes>(&mut self, peer: Peer, ready: Ready, pipes: &mut P) {
        self.dealer.activated(peer, ready, pipes);
    }

    #[inline(always)]
    fn route<P: Pipes>(&mut self, more: bool, pipes: &mut P) -> Result<Peer, RouteError> {
        self.dealer.route(more, pipes)
    }

    #[inline(always)]
    fn recv_to<P: Pipes>(
        &mut self,
        pipes: &mut P,
        to: &mut impl Take<P>,
    ) -> Result<bool, RecvPartError> {
        self.dealer.recv_to(pipes, to)
    }

    fn resume(&mut self, peer: Peer) {
        self.dealer.resume(peer);
    }

    fn can_send<P: Pipes>(&mut self, pipes: &mut P) -> bool {
        self.dealer.can_send(pipes)
    }

    fn can_recv<P: Pipes>(&mut self, pipes: &mut P) -> bool {
        self.dealer.can_recv(pipes)
    }
}
