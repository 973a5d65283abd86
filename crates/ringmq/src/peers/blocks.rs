//! Sending long bodies to peers in shared memory.

use std::sync::Arc;

use ringmq_message::{Frame, LARGE};
use ringmq_pipe::blocks::Keep;
use ringmq_pipe::remote::{OutPart, PushError, Sender};
use smallvec::SmallVec;

use crate::block::{Body, body_of, copy_to_block};
use crate::peers::Peers;

/// Bytes of the shortest body that is copied to a block when it is sent to one peer. The ring is faster for shorter ones
/// (docs/performance.md, "large bodies").
pub(crate) const COPIED_LEAST: usize = 1 << 20;

/// Bytes from which on a body like that of this frame is sent as a block.
#[inline(always)]
pub(super) fn least(frame: &Frame) -> usize {
    match frame.foreign_memory() {
        Some(_) => LARGE,
        None => COPIED_LEAST,
    }
}

/// Sends parts, of which some are long. Those that are not in a block are copied to one, and become frames over it.
#[inline(never)]
pub(super) fn send(sender: &mut Sender, parts: &mut [Frame]) -> Result<(), PushError> {
    let mut keeps = SmallVec::<[Option<(Arc<Body>, Keep)>; 2]>::new();
    for part in &mut *parts {
        let mut body = None;
        if part.len() >= least(part) {
            body = body_of(part);
            if body.is_none() {
                let arena = sender.arena();
                match arena.and_then(|arena| copy_to_block(arena, part)) {
                    Some(copy) => *part = copy,
                    None => sender.note_copied(),
                }
                body = body_of(part);
            }
        }
        keeps.push(body.map(|body| (Arc::clone(&body), body as Keep)));
    }
    let out: SmallVec<[OutPart<'_>; 2]> = parts
        .iter()
        .zip(&keeps)
        .map(|(part, body)| match body {
            Some((body, keep)) => OutPart::Block(&body.0, part.len(), keep),
            None => OutPart::Bytes(part),
        })
        .collect();
    sender.push_blocks(&out)
}

impl Peers {
    /// Copies a long body to a block, if it is in none and any peer can read it there.
    pub(crate) fn put_in_block(&mut self, frame: &mut Frame) {
        // All have the same: that of their socket.
        let arena = || {
            let mut entries = self.entries.iter().map(|(_, entry)| entry);
            entries.find_map(|entry| entry.sender.arena())
        };
        if body_of(frame).is_none()
            && let Some(copy) = arena().and_then(|arena| copy_to_block(arena, frame))
        {
            *frame = copy;
        }
    }
}
