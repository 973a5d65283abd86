//! DEALER, and its halves: PUSH, which only sends, and PULL, which only receives.

use crate::queues::{Balance, FairQueue};
use crate::route::{
    AttachError, OptionError, Peer, Pipes, Ready, RecvPartError, Remote, Route, RouteError,
    SetOption, Take, probe,
};

/// To one peer after the other, if it sends, and from all peers in turn, if it receives. Both are constants, so that each
/// type has the code of its own half.
#[derive(Debug)]
pub(crate) struct Turns<const SENDS: bool, const RECEIVES: bool> {
    pub(crate) fair: FairQueue,
    pub(crate) balance: Balance,
    probe: bool,
}

pub(crate) type Dealer = Turns<true, true>;
pub(crate) type Push = Turns<true, false>;
pub(crate) type Pull = Turns<false, true>;

impl<const SENDS: bool, const RECEIVES: bool> Turns<SENDS, RECEIVES> {
    pub(crate) fn new() -> Self {
        Turns {
            fair: FairQueue::new(),
            balance: Balance::new(),
            probe: false,
        }
    }
}

impl<const SENDS: bool, const RECEIVES: bool> Route for Turns<SENDS, RECEIVES> {
    fn attach<P: Pipes>(
        &mut self,
        peer: Peer,
        _remote: Remote<'_>,
        pipes: &mut P,
    ) -> Result<(), AttachError> {
        if self.probe {
            probe(peer, pipes);
        }
        if RECEIVES {
            self.fair.attach(peer);
        }
        if SENDS {
            self.balance.attach(peer);
        }
        Ok(())
    }

    fn detach<P: Pipes>(&mut self, peer: Peer, pipes: &mut P) {
        if RECEIVES {
            self.fair.detach(peer, pipes);
        }
        if SENDS {
            self.balance.detach(peer, pipes);
        }
    }

    fn activated<P: Pipes>(&mut self, peer: Peer, ready: Ready, _pipes: &mut P) {
        match ready {
            Ready::Readable if RECEIVES => self.fair.activated(peer),
            Ready::Writable if SENDS => self.balance.activated(peer),
            _ => {}
        }
    }

    #[inline(always)]
    fn route<P: Pipes>(&mut self, more: bool, pipes: &mut P) -> Result<Peer, RouteError> {
        if !SENDS {
            return Err(RouteError::NotSupported);
        }
        self.balance.route(more, pipes)
    }

    #[inline(always)]
    fn recv_to<P: Pipes>(
        &mut self,
        pipes: &mut P,
        to: &mut impl Take<P>,
    ) -> Result<bool, RecvPartError> {
        if !RECEIVES {
            return Err(RecvPartError::NotSupported);
        }
        match self.fair.recv_to(pipes, to) {
            Some((more, _)) => Ok(more),
            None => Err(RecvPartError::Empty),
        }
    }

    fn resume(&mut self, peer: Peer) {
        self.balance.resume(peer);
    }

    fn can_send<P: Pipes>(&mut self, pipes: &mut P) -> bool {
        SENDS && self.balance.has_out(pipes)
    }

    fn can_recv<P: Pipes>(&mut self, pipes: &mut P) -> bool {
        RECEIVES && self.fair.has_in(pipes)
    }

    fn set<P: Pipes>(&mut self, option: SetOption<'_>, _pipes: &mut P) -> Result<(), OptionError> {
        match option {
            SetOption::ProbeRouter(on) if SENDS && RECEIVES => self.probe = on,
            _ => return Err(OptionError),
        }
        Ok(())
    }
}
