//! Whose turn it is.

use crate::route::{Peer, Table};

/// Peers that take turns. Those that had nothing to offer when they were asked stand behind the others, and are not
/// asked again until the caller reports that they have something:
///
/// ```text
///   order:  [ a  b  c  d | e  f ]
///                ^ turn    idle
/// ```
#[derive(Debug)]
pub(crate) struct Rotation {
    order: Vec<Peer>,
    /// How many, from the front, take turns.
    active: usize,
    /// Below `active`, or 0.
    turn: usize,
    /// Where in `order` a peer stands.
    places: Table<Option<u32>>,
}

impl Rotation {
    pub(crate) const fn new() -> Rotation {
        Rotation {
            order: Vec::new(),
            active: 0,
            turn: 0,
            places: Table::new(),
        }
    }

    fn place(&self, peer: Peer) -> Option<usize> {
        self.places.get(peer)?.map(|place| place as usize)
    }

    #[inline]
    fn swap(&mut self, a: usize, b: usize) {
        // So it is with one peer, always.
        if a == b {
            return;
        }
        self.order.swap(a, b);
        *self.places.entry(self.order[a]) = Some(a as u32);
        *self.places.entry(self.order[b]) = Some(b as u32);
    }

    /// Adds a peer, active.
    pub(crate) fn attach(&mut self, peer: Peer) {
        if self.place(peer).is_none() {
            self.order.push(peer);
            *self.places.entry(peer) = Some((self.order.len() - 1) as u32);
        }
        self.activate(peer);
    }

    /// Lets a peer take turns again. One that does already is left where it is.
    #[inline]
    pub(crate) fn activate(&mut self, peer: Peer) {
        if let Some(place) = self.place(peer)
            && place >= self.active
        {
            self.swap(place, self.active);
            self.active += 1;
        }
    }

    /// Has a peer take no turns until it is activated. The turn stays where it is.
    pub(crate) fn deactivate(&mut self, peer: Peer) {
        if let Some(place) = self.place(peer)
            && place < self.active
        {
            self.active -= 1;
            self.swap(place, self.active);
            if self.turn == self.active {
                self.turn = 0;
            }
        }
    }

    pub(crate) fn detach(&mut self, peer: Peer) {
        let Some(mut place) = self.place(peer) else {
            return;
        };
        if place < self.active {
            self.active -= 1;
            self.swap(place, self.active);
            if self.turn == self.active {
                self.turn = if place < self.active { place } else { 0 };
            }
            place = self.active;
        }
        let last = self.order.len() - 1;
        self.swap(place, last);
        self.order.pop();
        self.places.take(peer);
    }

    /// Whose turn it is.
    #[inline]
    pub(crate) fn current(&self) -> Option<Peer> {
        (self.turn < self.active).then(|| self.order[self.turn])
    }

    /// The one peer that takes turns, if there is one and no other.
    #[inline]
    pub(crate) fn only(&self) -> Option<Peer> {
        (self.active == 1).then(|| self.order[self.turn])
    }

    /// The current peer has nothing to offer.
    #[inline]
    pub(crate) fn idle(&mut self) {
        self.active -= 1;
        self.swap(self.turn, self.active);
        if self.turn == self.active {
            self.turn = 0;
        }
    }

    /// The next one's turn, after `peer` has had its own.
    #[inline]
    pub(crate) fn pass(&mut self, peer: Peer) {
        if let Some(place) = self.place(peer) {
            let next = place + 1;
            self.turn = if next < self.active { next } else { 0 };
        }
    }
}
