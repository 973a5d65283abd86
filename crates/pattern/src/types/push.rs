//! PUSH: to one peer after the other.

use crate::queues::Balance;
use crate::route::{AttachError, Peer, Pipes, Ready, Remote, Route, RouteError};

#[derive(Debug)]
pub(crate) struct Push {
    balance: Balance,
}

impl Push {
    pub(crate) fn new() -> Push {
        Push {
            balance: Balance::new(),
        }
    }
}

impl Route for Push {
    fn attach<P: Pipes>(
        &mut self,
        peer: Peer,
        _remote: Remote<'_>,
        _pipes: &mut P,
    ) -> Result<(), AttachError> {
        self.balance.attach(peer);
        Ok(())
    }

    fn detach<P: Pipes>(&mut self, peer: Peer, pipes: &mut P) {
        self.balance.detach(peer, pipes);
    }

    fn activated<P: Pipes>(&mut self, peer: Peer, ready: Ready, _pipes: &mut P) {
        if ready == Ready::Writable {
            self.balance.activated(peer);
        }
    }

    #[inline(always)]
    fn route<P: Pipes>(&mut self, more: bool, pipes: &mut P) -> Result<Peer, RouteError> {
        self.balance.route(more, pipes)
    }

    fn resume(&mut self, peer: Peer) {
        self.balance.resume(peer);
    }

    fn can_send<P: Pipes>(&mut self, pipes: &mut P) -> bool {
        self.balance.has_out(pipes)
    }
}
