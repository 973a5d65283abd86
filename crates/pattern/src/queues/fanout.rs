//! Sending to many peers at once.

use ringmq_message::Frame;

use crate::route::{Peer, Pipes, Table};

/// Gives one message to all peers that are picked and have room.
#[derive(Debug)]
pub(crate) struct Fanout {
    peers: Vec<Peer>,
    /// Who gets the message under way.
    picked: Vec<Peer>,
    /// The round in which a peer was picked last.
    rounds: Table<u64>,
    round: u64,
}

impl Fanout {
    pub(crate) const fn new() -> Fanout {
        Fanout {
            peers: Vec::new(),
            picked: Vec::new(),
            rounds: Table::new(),
            round: 0,
        }
    }

    /// Adds a peer, from the next message on.
    pub(crate) fn attach(&mut self, peer: Peer) {
        self.peers.push(peer);
        *self.rounds.entry(peer) = 0;
    }

    pub(crate) fn detach(&mut self, peer: Peer, pipes: &mut impl Pipes) {
        self.peers.retain(|known| *known != peer);
        if self.picked.contains(&peer) {
            pipes.rollback(peer);
            self.picked.retain(|known| *known != peer);
        }
    }

    /// All peers.
    pub(crate) fn peers(&self) -> &[Peer] {
        &self.peers
    }

    /// Unpicks all peers.
    pub(crate) fn clear(&mut self) {
        self.picked.clear();
        self.round += 1;
    }

    /// Picks a peer, unless it is picked.
    #[inline]
    pub(crate) fn pick(&mut self, peer: Peer) {
        let round = self.rounds.entry(peer);
        if *round != self.round {
            *round = self.round;
            self.picked.push(peer);
        }
    }

    pub(crate) fn pick_all(&mut self) {
        self.picked.clone_from(&self.peers);
    }

    /// Picks those who are not, instead.
    pub(crate) fn invert(&mut self) {
        self.picked.clear();
        for peer in &self.peers {
            if self.rounds.get(*peer) != Some(&self.round) {
                self.picked.push(*peer);
            }
        }
    }

    /// Whether everybody who is picked has room, and is known to.
    pub(crate) fn have_room(&self, pipes: &mut impl Pipes) -> bool {
        let mut picked = self.picked.iter();
        picked.all(|peer| !pipes.is_spent(*peer) && pipes.can_write(*peer))
    }

    /// Passes over those without room. They lose this message.
    pub(crate) fn drop_full(&mut self, pipes: &mut impl Pipes) {
        self.picked.retain(|peer| {
            let has_room = pipes.can_write(*peer);
            if !has_room {
                pipes.dropped(*peer);
            }
            has_room
        });
    }

    /// Sends one part to all picked peers. After the last part no peer is picked.
    pub(crate) fn send(&mut self, mut frame: Frame, pipes: &mut impl Pipes) {
        let more = frame.more();
        if let Some((last, others)) = self.picked.split_last() {
            if !others.is_empty() {
                frame.share();
                for peer in others {
                    pipes.write(*peer, frame.clone());
                }
            }
            pipes.write(*last, frame);
        }
        if !more {
            self.picked.clear();
        }
    }
}
