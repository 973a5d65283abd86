//! ROUTER: to the peer that is named, from all peers in turn. STREAM: the same with connections that carry bytes.

use ringmq_message::Frame;

use crate::queues::{FairQueue, Identities, Outgoing};
use crate::route::{
    AttachError, OptionError, Peer, Pipes, Ready, RecvPartError, Remote, Route, SendPartError,
    SetOption, probe,
};

/// What the connections carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Carries {
    /// Messages.
    Messages,
    /// Bytes, without a protocol: a message is an id and one part. A ROUTER was told so.
    Bytes,
    /// Bytes, for that is what a STREAM is for.
    Stream,
}

#[derive(Debug)]
pub(crate) struct Router {
    identities: Identities,
    fair: FairQueue,
    /// The first part of the message whose id frame was received.
    held: Option<Frame>,
    outgoing: Outgoing,
    mandatory: bool,
    probe: bool,
    carries: Carries,
}

impl Router {
    pub(crate) fn new(start: u32) -> Router {
        Router {
            identities: Identities::new(start),
            fair: FairQueue::new(),
            held: None,
            outgoing: Outgoing::Idle,
            mandatory: false,
            probe: false,
            carries: Carries::Messages,
        }
    }

    /// The state of a STREAM, which always refuses what it cannot deliver.
    pub(crate) fn stream(start: u32) -> Router {
        Router {
            mandatory: true,
            carries: Carries::Stream,
            ..Router::new(start)
        }
    }

    /// Returns true if connections carry bytes.
    pub(crate) fn is_raw(&self) -> bool {
        self.carries != Carries::Messages
    }

    pub(crate) fn peer_by_id(&self, id: &[u8]) -> Option<Peer> {
        self.identities.peer(id)
    }

    pub(crate) fn routing_id(&self, peer: Peer) -> Option<&[u8]> {
        self.identities.id(peer).map(Frame::as_slice)
    }

    pub(crate) fn probes(&self) -> bool {
        self.probe
    }

    /// Finds the peer that the first part names.
    fn begin(&mut self, id: Frame, pipes: &mut impl Pipes) -> Result<(), SendPartError> {
        // An id without a message is nothing. As in libzmq, a STREAM drops the part behind it.
        if !id.more() {
            if self.carries == Carries::Stream {
                self.outgoing = Outgoing::Nowhere;
            }
            return Ok(());
        }
        self.outgoing = match self.identities.peer(&id) {
            Some(peer) if self.mandatory && pipes.is_spent(peer) => {
                return Err(SendPartError::WouldBlock(id));
            }
            Some(peer) if pipes.can_write(peer) => Outgoing::To(peer),
            Some(peer) if self.mandatory && !pipes.is_gone(peer) => {
                return Err(SendPartError::WouldBlock(id));
            }
            _ if self.mandatory => return Err(SendPartError::HostUnreachable(id)),
            _ => Outgoing::Nowhere,
        };
        Ok(())
    }
}

impl Route for Router {
    fn attach<P: Pipes>(
        &mut self,
        peer: Peer,
        remote: Remote<'_>,
        pipes: &mut P,
    ) -> Result<(), AttachError> {
        self.identities.attach(peer, remote, pipes)?;
        if self.probe && !remote.probed {
            probe(peer, pipes);
        }
        self.fair.attach(peer);
        Ok(())
    }

    fn detach<P: Pipes>(&mut self, peer: Peer, pipes: &mut P) {
        if self.identities.detach(peer) {
            self.fair.detach(peer, pipes);
            self.outgoing.detach(peer, pipes);
        }
    }

    fn activated<P: Pipes>(&mut self, peer: Peer, ready: Ready, _pipes: &mut P) {
        if ready == Ready::Readable {
            self.fair.activated(peer);
        }
    }

    fn send<P: Pipes>(&mut self, frame: Frame, pipes: &mut P) -> Result<(), SendPartError> {
        if self.outgoing == Outgoing::Idle {
            return self.begin(frame, pipes);
        }
        if self.is_raw() {
            self.outgoing.send_bytes(frame, pipes);
        } else {
            self.outgoing.send(frame, pipes);
        }
        Ok(())
    }

    fn recv<P: Pipes>(&mut self, pipes: &mut P) -> Result<Frame, RecvPartError> {
        if let Some(frame) = self.held.take() {
            return Ok(frame);
        }
        let within = self.fair.in_message();
        let (frame, peer) = self.fair.recv(pipes).ok_or(RecvPartError::Empty)?;
        if within {
            return Ok(frame);
        }
        // Who is in the fair queue has an id.
        let id = self.identities.id(peer).cloned();
        let mut id = id.unwrap_or_default().with_more(true);
        id.set_properties(frame.properties().cloned());
        self.held = Some(frame);
        Ok(id)
    }

    fn can_send<P: Pipes>(&mut self, pipes: &mut P) -> bool {
        // As in libzmq, whether a STREAM can send depends on the peer that the message names.
        !self.mandatory
            || self.carries == Carries::Stream
            || self.identities.peers().any(|peer| pipes.can_write(peer))
    }

    fn can_recv<P: Pipes>(&mut self, pipes: &mut P) -> bool {
        self.held.is_some() || self.fair.has_in(pipes)
    }

    fn set<P: Pipes>(&mut self, option: SetOption<'_>, _pipes: &mut P) -> Result<(), OptionError> {
        if self.carries == Carries::Stream {
            return Err(OptionError);
        }
        match option {
            SetOption::RouterRaw(on) => {
                self.carries = if on {
                    Carries::Bytes
                } else {
                    Carries::Messages
                };
            }
            SetOption::RouterMandatory(on) => self.mandatory = on,
            SetOption::RouterHandover(on) => self.identities.handover = on,
            SetOption::ProbeRouter(on) => self.probe = on,
            _ => return Err(OptionError),
        }
        Ok(())
    }
}
