//! SERVER and PEER: to the peer that the message names by a number, from all peers in turn; messages of one part.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::Arc;

use ringmq_message::{Frame, Properties};

use crate::queues::{Drops, FairQueue};
use crate::route::{
    AttachError, Peer, Pipes, Ready, RecvPartError, Remote, Route, SendPartError, Table,
};

/// What frames of a peer tell of it: the properties that they came with, and those with the number beside.
#[derive(Debug)]
struct Label {
    id: NonZeroU32,
    came_with: Option<Arc<Properties>>,
    with_id: Arc<Properties>,
}

impl Label {
    fn new(id: NonZeroU32, came_with: Option<Arc<Properties>>) -> Label {
        let mut with_id = came_with.as_deref().cloned().unwrap_or_default();
        with_id.set_routing_id(Some(id));
        Label {
            id,
            came_with,
            with_id: Arc::new(with_id),
        }
    }

    /// Says in a frame of this peer which peer it is.
    fn put_on(&mut self, frame: &mut Frame) {
        let same = match (&self.came_with, frame.properties()) {
            (Some(known), Some(theirs)) => Arc::ptr_eq(known, theirs),
            (None, None) => true,
            _ => false,
        };
        // A connection that was made anew has others.
        if !same {
            *self = Label::new(self.id, frame.properties().cloned());
        }
        frame.keep_properties(&Some(Arc::clone(&self.with_id)));
    }
}

#[derive(Debug)]
pub(crate) struct Server {
    fair: FairQueue,
    peers: HashMap<NonZeroU32, Peer>,
    labels: Table<Option<Label>>,
    /// The next number.
    next: NonZeroU32,
    /// That of the peer that was attached last.
    last: Option<NonZeroU32>,
}

impl Server {
    pub(crate) fn new(start: u32) -> Server {
        Server {
            fair: FairQueue::new(),
            peers: HashMap::new(),
            labels: Table::new(),
            next: NonZeroU32::new(start).unwrap_or(NonZeroU32::MIN),
            last: None,
        }
    }

    pub(crate) fn peer(&self, id: NonZeroU32) -> Option<Peer> {
        self.peers.get(&id).copied()
    }

    /// The number of the peer that was attached last.
    pub(crate) fn last(&self) -> Option<NonZeroU32> {
        self.last
    }

    /// Makes a number that no peer has.
    fn make(&mut self) -> NonZeroU32 {
        loop {
            let id = self.next;
            self.next = id.checked_add(1).unwrap_or(NonZeroU32::MIN);
            if !self.peers.contains_key(&id) {
                return id;
            }
        }
    }
}

impl Route for Server {
    fn attach<P: Pipes>(
        &mut self,
        peer: Peer,
        _remote: Remote<'_>,
        _pipes: &mut P,
    ) -> Result<(), AttachError> {
        let id = self.make();
        self.peers.insert(id, peer);
        *self.labels.entry(peer) = Some(Label::new(id, None));
        self.last = Some(id);
        self.fair.attach(peer);
        Ok(())
    }

    fn detach<P: Pipes>(&mut self, peer: Peer, pipes: &mut P) {
        if let Some(label) = self.labels.take(peer) {
            self.peers.remove(&label.id);
            self.fair.detach(peer, pipes);
        }
    }

    fn activated<P: Pipes>(&mut self, peer: Peer, ready: Ready, _pipes: &mut P) {
        if ready == Ready::Readable {
            self.fair.activated(peer);
        }
    }

    fn send<P: Pipes>(&mut self, mut frame: Frame, pipes: &mut P) -> Result<(), SendPartError> {
        if frame.more() {
            return Err(SendPartError::Multipart(frame));
        }
        let Some(peer) = frame.routing_id().and_then(|id| self.peer(id)) else {
            return Err(SendPartError::HostUnreachable(frame));
        };
        if pipes.is_spent(peer) {
            return Err(SendPartError::WouldBlock(frame));
        }
        if !pipes.can_write(peer) {
            return Err(if pipes.is_gone(peer) {
                SendPartError::HostUnreachable(frame)
            } else {
                SendPartError::WouldBlock(frame)
            });
        }
        // The number says something on this side only.
        frame.set_properties(None);
        pipes.write(peer, frame);
        Ok(())
    }

    fn recv<P: Pipes>(&mut self, pipes: &mut P) -> Result<Frame, RecvPartError> {
        let mut drops = Drops::default();
        loop {
            let (mut frame, peer) = self.fair.recv(pipes).ok_or(RecvPartError::Empty)?;
            if frame.more() {
                self.fair.drop_rest(peer, &mut drops, pipes);
                continue;
            }
            if let Some(label) = self.labels.entry(peer) {
                label.put_on(&mut frame);
            }
            return Ok(frame);
        }
    }

    /// As in libzmq, whether it can send depends on the peer that the message names.
    fn can_send<P: Pipes>(&mut self, _pipes: &mut P) -> bool {
        true
    }

    fn can_recv<P: Pipes>(&mut self, pipes: &mut P) -> bool {
        self.fair.has_in(pipes)
    }
}
