//! REP: a request from one peer in turn, then the reply to it.

use ringmq_message::Frame;

use crate::queues::{Drops, FairQueue, Identities, Outgoing};
use crate::route::{
    AttachError, OptionError, Peer, Pipes, Ready, RecvPartError, Remote, Route, RouteError,
    SetOption, Take, probe,
};

/// Takes the envelope off each request, and puts it back on the reply:
///
/// ```text
///   id of a router on the way ...  empty  request ...
/// ```
#[derive(Debug)]
pub(crate) struct Rep {
    /// REP does not route by these ids, but two peers cannot have the same one.
    identities: Identities,
    fair: FairQueue,
    /// What stood before the delimiter of the request.
    envelope: Vec<Frame>,
    /// Who sent it, unless it has gone.
    requester: Option<Peer>,
    /// The request was received, the reply not sent.
    replying: bool,
    outgoing: Outgoing,
    probe: bool,
}

impl Rep {
    pub(crate) fn new(start: u32) -> Rep {
        Rep {
            identities: Identities::new(start),
            fair: FairQueue::new(),
            envelope: Vec::new(),
            requester: None,
            replying: false,
            outgoing: Outgoing::Idle,
            probe: false,
        }
    }

    /// Takes the envelope off the next request. What has no delimiter is dropped.
    fn open(&mut self, pipes: &mut impl Pipes) -> Option<()> {
        self.envelope.clear();
        if let Some(peer) = self.fair.open(pipes) {
            self.requester = Some(peer);
            return Some(());
        }
        let mut drops = Drops::default();
        loop {
            let (mut frame, peer) = self.fair.recv(pipes)?;
            if !frame.more() {
                self.envelope.clear();
                self.fair.drop_rest(peer, &mut drops, pipes);
                continue;
            }
            if frame.is_empty() {
                self.requester = Some(peer);
                return Some(());
            }
            // They say where it came from, not where it goes.
            frame.set_properties(None);
            self.envelope.push(frame);
        }
    }

    /// Puts the envelope on the way, if the requester can take a reply.
    fn begin(&mut self, pipes: &mut impl Pipes) {
        let requester = self.requester.take();
        let Some(peer) = requester.filter(|peer| pipes.can_write(*peer)) else {
            self.envelope.clear();
            self.outgoing = Outgoing::Nowhere;
            return;
        };
        self.outgoing = Outgoing::To(peer);
        for frame in self.envelope.drain(..) {
            pipes.write(peer, frame);
        }
        pipes.write_delimiter(peer);
    }
}

impl Route for Rep {
    fn attach<P: Pipes>(
        &mut self,
        peer: Peer,
        remote: Remote<'_>,
        pipes: &mut P,
    ) -> Result<(), AttachError> {
        self.identities.attach(peer, remote, pipes)?;
        if self.probe {
            probe(peer, pipes);
        }
        self.fair.attach(peer);
        Ok(())
    }

    fn detach<P: Pipes>(&mut self, peer: Peer, pipes: &mut P) {
        if self.identities.detach(peer) {
            self.fair.detach(peer, pipes);
            self.outgoing.detach(peer, pipes);
            if self.requester == Some(peer) {
                self.requester = None;
            }
        }
    }

    fn activated<P: Pipes>(&mut self, peer: Peer, ready: Ready, _pipes: &mut P) {
        if ready == Ready::Readable {
            self.fair.activated(peer);
        }
    }

    fn route<P: Pipes>(&mut self, more: bool, pipes: &mut P) -> Result<Peer, RouteError> {
        if !self.replying {
            return Err(RouteError::State);
        }
        if self.outgoing == Outgoing::Idle {
            self.begin(pipes);
        }
        self.replying = more;
        self.outgoing.route(more).ok_or(RouteError::Swallowed)
    }

    fn recv_to<P: Pipes>(
        &mut self,
        pipes: &mut P,
        to: &mut impl Take<P>,
    ) -> Result<bool, RecvPartError> {
        if self.replying {
            return Err(RecvPartError::State);
        }
        if !self.fair.in_message() {
            self.open(pipes).ok_or(RecvPartError::Empty)?;
        }
        let (more, _) = self.fair.recv_to(pipes, to).ok_or(RecvPartError::Empty)?;
        self.replying = !more;
        Ok(more)
    }

    fn resume(&mut self, peer: Peer) {
        self.replying = true;
        self.outgoing = Outgoing::To(peer);
    }

    fn can_send<P: Pipes>(&mut self, _pipes: &mut P) -> bool {
        self.replying
    }

    fn can_recv<P: Pipes>(&mut self, pipes: &mut P) -> bool {
        !self.replying && self.fair.has_in(pipes)
    }

    fn set<P: Pipes>(&mut self, option: SetOption<'_>, _pipes: &mut P) -> Result<(), OptionError> {
        match option {
            SetOption::RouterHandover(on) => self.identities.handover = on,
            SetOption::ProbeRouter(on) => self.probe = on,
            // A reply goes to the peer that has asked, or nowhere: there is nothing to refuse.
            SetOption::RouterMandatory(_) => {}
            _ => return Err(OptionError),
        }
        Ok(())
    }
}
