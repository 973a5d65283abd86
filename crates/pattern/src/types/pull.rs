//! PULL: from all peers in turn.

use crate::queues::FairQueue;
use crate::route::{AttachError, Peer, Pipes, Ready, RecvPartError, Remote, Route, Take};

#[derive(Debug)]
pub(crate) struct Pull {
    fair: FairQueue,
}

impl Pull {
    pub(crate) fn new() -> Pull {
        Pull {
            fair: FairQueue::new(),
        }
    }
}

impl Route for Pull {
    fn attach<P: Pipes>(
        &mut self,
        peer: Peer,
        _remote: Remote<'_>,
        _pipes: &mut P,
    ) -> Result<(), AttachError> {
        self.fair.attach(peer);
        Ok(())
    }

    fn detach<P: Pipes>(&mut self, peer: Peer, pipes: &mut P) {
        self.fair.detach(peer, pipes);
    }

    fn activated<P: Pipes>(&mut self, peer: Peer, ready: Ready, _pipes: &mut P) {
        if ready == Ready::Readable {
            self.fair.activated(peer);
        }
    }

    #[inline(always)]
    fn recv_to<P: Pipes>(
        &mut self,
        pipes: &mut P,
        to: &mut impl Take<P>,
    ) -> Result<bool, RecvPartError> {
        match self.fair.recv_to(pipes, to) {
            Some((more, _)) => Ok(more),
            None => Err(RecvPartError::Empty),
        }
    }

    fn can_recv<P: Pipes>(&mut self, pipes: &mut P) -> bool {
        self.fair.has_in(pipes)
    }
}
