//! DEALER: to one peer after the other, from all peers in turn.

use crate::queues::{Balance, FairQueue};
use crate::route::{
    AttachError, OptionError, Peer, Pipes, Ready, RecvPartError, Remote, Route, RouteError,
    SetOption, Take, probe,
};

#[derive(Debug)]
pub(crate) struct Dealer {
    pub(crate) fair: FairQueue,
    pub(crate) balance: Balance,
    probe: bool,
}

impl Dealer {
    pub(crate) fn new() -> Dealer {
        Dealer {
            fair: FairQueue::new(),
            balance: Balance::new(),
            probe: false,
        }
    }
}

impl Route for Dealer {
    fn attach<P: Pipes>(
        &mut self,
        peer: Peer,
        _remote: Remote<'_>,
        pipes: &mut P,
    ) -> Result<(), AttachError> {
        if self.probe {
            probe(peer, pipes);
        }
        self.fair.attach(peer);
        self.balance.attach(peer);
        Ok(())
    }

    fn detach<P: Pipes>(&mut self, peer: Peer, pipes: &mut P) {
        self.fair.detach(peer, pipes);
        self.balance.detach(peer, pipes);
    }

    fn activated<P: Pipes>(&mut self, peer: Peer, ready: Ready, _pipes: &mut P) {
        match ready {
            Ready::Readable => self.fair.activated(peer),
            Ready::Writable => self.balance.activated(peer),
        }
    }

    #[inline(always)]
    fn route<P: Pipes>(&mut self, more: bool, pipes: &mut P) -> Result<Peer, RouteError> {
        self.balance.route(more, pipes)
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

    fn resume(&mut self, peer: Peer) {
        self.balance.resume(peer);
    }

    fn can_send<P: Pipes>(&mut self, pipes: &mut P) -> bool {
        self.balance.has_out(pipes)
    }

    fn can_recv<P: Pipes>(&mut self, pipes: &mut P) -> bool {
        self.fair.has_in(pipes)
    }

    fn set<P: Pipes>(&mut self, option: SetOption<'_>, _pipes: &mut P) -> Result<(), OptionError> {
        match option {
            SetOption::ProbeRouter(on) => self.probe = on,
            _ => return Err(OptionError),
        }
        Ok(())
    }
}
