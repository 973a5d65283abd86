//! Routing ids, and whose they are.

use std::collections::HashMap;

use ringmq_message::Frame;

use crate::route::{AttachError, Peer, Pipes, Remote, Table};

/// The longest routing id that a peer may give itself, in bytes.
const LONGEST: usize = 255;

/// Peers by routing id and routing ids by peer. A peer without one gets five bytes: zero, and a number.
#[derive(Debug)]
pub(crate) struct Identities {
    peers: HashMap<Box<[u8]>, Peer>,
    ids: Table<Option<Frame>>,
    /// The number that the next id is made of.
    next: u32,
    pub(crate) handover: bool,
}

impl Identities {
    pub(crate) fn new(start: u32) -> Identities {
        Identities {
            peers: HashMap::new(),
            ids: Table::new(),
            next: start,
            handover: false,
        }
    }

    pub(crate) fn peer(&self, id: &[u8]) -> Option<Peer> {
        self.peers.get(id).copied()
    }

    pub(crate) fn id(&self, peer: Peer) -> Option<&Frame> {
        self.ids.get(peer)?.as_ref()
    }

    pub(crate) fn peers(&self) -> impl Iterator<Item = Peer> {
        self.peers.values().copied()
    }

    pub(crate) fn attach(
        &mut self,
        peer: Peer,
        remote: Remote<'_>,
        pipes: &mut impl Pipes,
    ) -> Result<(), AttachError> {
        let id = remote.assigned_id.unwrap_or(remote.routing_id);
        let fits = match remote.assigned_id {
            Some(assigned) => !assigned.is_empty(),
            None => id.len() <= LONGEST,
        };
        if !fits {
            return Err(AttachError::InvalidId(id.len()));
        }
        if let Some(owner) = self.peer(id) {
            if !self.handover || remote.assigned_id.is_some() {
                return Err(AttachError::DuplicateId);
            }
            // Until it has ended, what it sent goes under another name.
            let other = self.make();
            self.name(owner, &other);
            pipes.terminate(owner);
        }
        if id.is_empty() {
            let made = self.make();
            self.name(peer, &made);
        } else {
            self.name(peer, id);
        }
        Ok(())
    }

    /// Makes an id that no peer has.
    fn make(&mut self) -> [u8; 5] {
        loop {
            let [a, b, c, d] = self.next.to_be_bytes();
            self.next = self.next.wrapping_add(1);
            let id = [0, a, b, c, d];
            if !self.peers.contains_key(&id[..]) {
                return id;
            }
        }
    }

    fn name(&mut self, peer: Peer, id: &[u8]) {
        self.detach(peer);
        self.peers.insert(id.into(), peer);
        *self.ids.entry(peer) = Some(Frame::copy_from_slice(id).with_more(true));
    }

    /// Says whether the peer was attached.
    pub(crate) fn detach(&mut self, peer: Peer) -> bool {
        let Some(id) = self.ids.take(peer) else {
            return false;
        };
        self.peers.remove(&id[..]);
        true
    }
}
