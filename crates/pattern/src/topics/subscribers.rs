//! Who wants what.

use std::collections::HashSet;

use super::trie::Trie;
use crate::route::{Peer, Table};

/// Topics, each with the peers that subscribe to it.
#[derive(Debug)]
pub(crate) struct Subscribers {
    /// Peers in order; a topic without peers has no value.
    trie: Trie<Vec<Peer>>,
    held: Table<Held>,
}

/// What one peer subscribes to.
#[derive(Debug, Default)]
struct Held {
    /// Nodes of the tree.
    nodes: HashSet<u32>,
    /// Bytes of their topics.
    bytes: usize,
}

/// What an unsubscription has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Removed {
    /// Nothing: the peer did not subscribe.
    Nothing,
    /// Others still subscribe.
    One,
    /// No peer subscribes any more.
    Last,
}

impl Subscribers {
    pub(crate) fn new() -> Subscribers {
        Subscribers {
            trie: Trie::new(),
            held: Table::new(),
        }
    }

    /// The number of topics that have a subscriber.
    pub(crate) fn len(&self) -> usize {
        self.trie.len()
    }

    /// Topics, and bytes of topics, that a peer subscribes to.
    pub(crate) fn held(&self, peer: Peer) -> (usize, usize) {
        let held = self.held.get(peer);
        held.map_or((0, 0), |held| (held.nodes.len(), held.bytes))
    }

    pub(crate) fn contains(&self, peer: Peer, topic: &[u8]) -> bool {
        let (at, held) = (self.trie.find(topic), self.held.get(peer));
        at.zip(held)
            .is_some_and(|(at, held)| held.nodes.contains(&at))
    }

    /// Adds a subscription. Returns true if no peer subscribed to the topic before.
    pub(crate) fn add(&mut self, peer: Peer, topic: &[u8]) -> bool {
        let (at, peers) = self.trie.entry(topic, Vec::new);
        let first = peers.is_empty();
        if let Err(place) = peers.binary_search(&peer) {
            peers.insert(place, peer);
            let held = self.held.entry(peer);
            held.nodes.insert(at);
            held.bytes += topic.len();
        }
        first
    }

    pub(crate) fn remove(&mut self, peer: Peer, topic: &[u8]) -> Removed {
        let Some(at) = self.trie.find(topic) else {
            return Removed::Nothing;
        };
        let held = self.held.entry(peer);
        if !held.nodes.remove(&at) {
            return Removed::Nothing;
        }
        held.bytes -= topic.len();
        self.strike(peer, at)
    }

    /// Removes a peer from all topics, in order, and calls `removed` for each, and with whether it was the last.
    pub(crate) fn forget(&mut self, peer: Peer, mut removed: impl FnMut(Vec<u8>, bool)) {
        let nodes = self.held.take(peer).nodes;
        let mut topics: Vec<(Vec<u8>, u32)> = Vec::with_capacity(nodes.len());
        topics.extend(nodes.into_iter().map(|at| (self.trie.topic(at), at)));
        topics.sort_unstable();
        for (topic, at) in topics {
            let last = self.strike(peer, at) == Removed::Last;
            removed(topic, last);
        }
    }

    fn strike(&mut self, peer: Peer, at: u32) -> Removed {
        let Some(peers) = self.trie.value(at) else {
            return Removed::Nothing;
        };
        if let Ok(place) = peers.binary_search(&peer) {
            peers.remove(place);
        }
        if peers.is_empty() {
            self.trie.remove(at);
            return Removed::Last;
        }
        Removed::One
    }

    /// Those who subscribe to this topic and nothing longer or shorter.
    pub(crate) fn exactly(&self, topic: &[u8]) -> impl Iterator<Item = Peer> {
        let peers = self.trie.find(topic).and_then(|at| self.trie.get(at));
        peers.into_iter().flatten().copied()
    }

    /// Those who subscribe to something that `text` begins with; some more than once.
    #[inline]
    pub(crate) fn matching<'a>(&'a self, text: &'a [u8]) -> impl Iterator<Item = Peer> {
        self.trie.prefixes(text).flatten().copied()
    }
}
