//! DGRAM: to and from the udp socket that it is bound to.

use super::pair::Pair;
use crate::route::{
    AttachError, Peer, Pipes, Ready, RecvPartError, Remote, Route, RouteError, Take,
};

/// A pair whose messages have two parts: an address, and the bytes of a datagram.
#[derive(Debug)]
pub(crate) struct Dgram {
    pair: Pair,
}

impl Dgram {
    pub(crate) fn new() -> Dgram {
        Dgram { pair: Pair::new() }
    }
}

impl Route for Dgram {
    fn attach<P: Pipes>(
        &mut self,
        peer: Peer,
        remote: Remote<'_>,
        pipes: &mut P,
    ) -> Result<(), AttachError> {
        self.pair.attach(peer, remote, pipes)
    }

    fn detach<P: Pipes>(&mut self, peer: Peer, pipes: &mut P) {
        self.pair.detach(peer, pipes);
    }

    fn activated<P: Pipes>(&mut self, peer: Peer, ready: Ready, pipes: &mut P) {
        self.pair.activated(peer, ready, pipes);
    }

    fn route<P: Pipes>(&mut self, more: bool, pipes: &mut P) -> Result<Peer, RouteError> {
        let is_second = self.pair.dealer.balance.in_message();
        if more == is_second {
            return Err(RouteError::Multipart);
        }
        if !is_second && self.pair.peer.is_none() {
            return Err(RouteError::State);
        }
        self.pair.route(more, pipes)
    }

    fn recv_to<P: Pipes>(
        &mut self,
        pipes: &mut P,
        to: &mut impl Take<P>,
    ) -> Result<bool, RecvPartError> {
        self.pair.recv_to(pipes, to)
    }

    fn resume(&mut self, peer: Peer) {
        self.pair.resume(peer);
    }

    fn can_send<P: Pipes>(&mut self, pipes: &mut P) -> bool {
        self.pair.can_send(pipes)
    }

    fn can_recv<P: Pipes>(&mut self, pipes: &mut P) -> bool {
        self.pair.can_recv(pipes)
    }
}
