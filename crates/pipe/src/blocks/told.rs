//! The segments of the arena that one peer has.

use std::fmt;
use std::sync::Arc;
use std::sync::{Mutex, MutexGuard, PoisonError, Weak};

use super::SEGMENTS_MOST;
use super::segment::ArenaSegment;

/// Sends the memory of segments to a peer.
pub(crate) trait TellsPeer: Send + Sync {
    /// Sends the memory of a segment. Returns false if the peer cannot have it now.
    fn tell(&self, segment: &ArenaSegment) -> bool;

    /// Says that a segment is gone. Returns false if that has to be said again, later.
    fn tell_gone(&self, number: u32) -> bool;
}

/// What a peer was told of the arena. The thread that gives memory back tells all peers, so that the mappings of silent
/// ones go, too.
pub(crate) struct Told {
    peer: Weak<dyn TellsPeer>,
    segments: Mutex<Vec<(u32, Weak<ArenaSegment>)>>,
}

impl Told {
    pub(crate) fn new(peer: Weak<dyn TellsPeer>) -> Arc<Told> {
        Arc::new(Told {
            peer,
            segments: Mutex::default(),
        })
    }

    /// Of a reader that has the one segment that there is.
    pub(crate) fn everything() -> Arc<Told> {
        enum NoPeer {}
        impl TellsPeer for NoPeer {
            fn tell(&self, _: &ArenaSegment) -> bool {
                false
            }

            fn tell_gone(&self, _: u32) -> bool {
                true
            }
        }
        Told::new(Weak::<NoPeer>::new())
    }

    fn lock(&self) -> MutexGuard<'_, Vec<(u32, Weak<ArenaSegment>)>> {
        self.segments.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes sure that the peer has this segment. Returns false if the peer cannot have it now.
    pub(crate) fn tell(&self, segment: &Arc<ArenaSegment>) -> bool {
        let Some(peer) = self.peer.upgrade() else {
            return false;
        };
        let mut segments = self.lock();
        if segments.len() >= SEGMENTS_MOST {
            forget(&mut segments, &*peer);
        }
        let has_room = segments.len() < SEGMENTS_MOST;
        let told = has_room && peer.tell(segment);
        if told {
            segments.push((segment.number(), Arc::downgrade(segment)));
        }
        told
    }

    /// Tells the peer which segments are gone. Returns false if that has to be said again, later.
    pub(crate) fn tell_gone(&self) -> bool {
        let peer = self.peer.upgrade();
        peer.is_none_or(|peer| forget(&mut self.lock(), &*peer))
    }

    /// The numbers of the segments that the peer has.
    pub(crate) fn numbers(&self, into: &mut Vec<u32>) {
        into.clear();
        into.extend(self.lock().iter().map(|(number, _)| *number));
    }
}

fn forget(segments: &mut Vec<(u32, Weak<ArenaSegment>)>, peer: &dyn TellsPeer) -> bool {
    let mut all = true;
    segments.retain(|(number, segment)| {
        let is_there = segment.strong_count() > 0;
        let stays = is_there || !peer.tell_gone(*number);
        all &= is_there || !stays;
        stays
    });
    all
}

impl fmt::Debug for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Told").finish_non_exhaustive()
    }
}
