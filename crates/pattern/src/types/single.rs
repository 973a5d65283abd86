//! SCATTER, GATHER, CLIENT and CHANNEL: PUSH, PULL, DEALER and PAIR, with messages of one part.

use ringmq_message::Kind;

use crate::queues::{Balance, Drops, FairQueue};
use crate::route::{
    AttachError, Peer, Pipes, Ready, RecvPartError, Remote, Route, RouteError, Take,
};

#[derive(Debug)]
pub(crate) struct Single {
    /// `None` if the type does not receive.
    fair: Option<FairQueue>,
    /// `None` if the type does not send.
    balance: Option<Balance>,
    /// A CHANNEL has one peer at most.
    has_one_peer: bool,
    peer: Option<Peer>,
}

impl Single {
    pub(crate) fn new(kind: Kind) -> Single {
        Single {
            fair: (kind != Kind::Scatter).then(FairQueue::new),
            balance: (kind != Kind::Gather).then(Balance::new),
            has_one_peer: kind == Kind::Channel,
            peer: None,
        }
    }
}

impl Route for Single {
    fn attach<P: Pipes>(
        &mut self,
        peer: Peer,
        _remote: Remote<'_>,
        pipes: &mut P,
    ) -> Result<(), AttachError> {
        if self.has_one_peer {
            if self.peer.is_some() {
                pipes.terminate(peer);
                return Err(AttachError::SecondPeer);
            }
            self.peer = Some(peer);
        }
        if let Some(fair) = &mut self.fair {
            fair.attach(peer);
        }
        if let Some(balance) = &mut self.balance {
            balance.attach(peer);
        }
        Ok(())
    }

    fn detach<P: Pipes>(&mut self, peer: Peer, pipes: &mut P) {
        // A second peer was never attached.
        if self.has_one_peer && self.peer != Some(peer) {
            return;
        }
        self.peer = None;
        if let Some(fair) = &mut self.fair {
            fair.detach(peer, pipes);
        }
        if let Some(balance) = &mut self.balance {
            balance.detach(peer, pipes);
        }
    }

    fn activated<P: Pipes>(&mut self, peer: Peer, ready: Ready, _pipes: &mut P) {
        match (ready, &mut self.fair, &mut self.balance) {
            (Ready::Readable, Some(fair), _) => fair.activated(peer),
            (Ready::Writable, _, Some(balance)) => balance.activated(peer),
            _ => {}
        }
    }

    #[inline(always)]
    fn route<P: Pipes>(&mut self, more: bool, pipes: &mut P) -> Result<Peer, RouteError> {
        let balance = self.balance.as_mut().ok_or(RouteError::NotSupported)?;
        if more {
            return Err(RouteError::Multipart);
        }
        balance.route(false, pipes)
    }

    /// A message of several parts, which a peer of another implementation may send, is dropped. `to` is given its first
    /// part, and then the message behind it.
    #[inline(always)]
    fn recv_to<P: Pipes>(
        &mut self,
        pipes: &mut P,
        to: &mut impl Take<P>,
    ) -> Result<bool, RecvPartError> {
        let fair = self.fair.as_mut().ok_or(RecvPartError::NotSupported)?;
        let mut drops = Drops::default();
        loop {
            match fair.recv_to(pipes, to) {
                Some((false, _)) => return Ok(false),
                Some((true, peer)) => fair.drop_rest(peer, &mut drops, pipes),
                None => return Err(RecvPartError::Empty),
            }
        }
    }

    fn resume(&mut self, peer: Peer) {
        if let Some(balance) = &mut self.balance {
            balance.resume(peer);
        }
    }

    fn can_send<P: Pipes>(&mut self, pipes: &mut P) -> bool {
        let balance = self.balance.as_mut();
        balance.is_some_and(|balance| balance.has_out(pipes))
    }

    fn can_recv<P: Pipes>(&mut self, pipes: &mut P) -> bool {
        let fair = self.fair.as_mut();
        fair.is_some_and(|fair| fair.has_in(pipes))
    }
}
