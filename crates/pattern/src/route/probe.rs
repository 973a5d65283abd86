//! The probe of a ROUTER.

use ringmq_message::Frame;

use super::peer::{Peer, Pipes};

/// Writes the empty message by which a ROUTER learns of a peer that has not sent anything yet.
pub(crate) fn probe(peer: Peer, pipes: &mut impl Pipes) {
    if pipes.can_write(peer) {
        pipes.write(peer, Frame::new());
    }
}
