//! The blocks that came home last, for the next bodies of their size that the same thread makes.
//!
//! A thread that sends body after body takes its memory from here: without a lock, and with the count of its owners in place.
//! Only memory that stays as long as the process has peers is kept.

use std::cell::Cell;
use std::sync::Arc;

use ringmq_pipe::blocks::Arena;

use super::Body;

/// Blocks that a thread keeps at most.
const MOST: usize = 4;

thread_local! {
    static SPARE: Cell<[Option<Arc<Body>>; MOST]> = const { Cell::new([const { None }; MOST]) };
}

/// Keeps a block that was sent, with `len` bytes, and that no reader uses any more, unless others have it.
pub(super) fn keep(mut body: Arc<Body>, len: usize) {
    let Some(sole) = Arc::get_mut(&mut body) else {
        return;
    };
    sole.0.renew(len);
    // Those of a context's own arena go back there.
    if Arena::current().is_some_and(|arena| arena.keeps(&sole.0)) {
        // A thread whose locals are being torn down keeps none.
        let _ = SPARE.try_with(|spare| {
            let mut kept = spare.take();
            // The oldest goes: its lines are the coldest.
            kept.rotate_right(1);
            let oldest = kept[0].replace(body);
            spare.set(kept);
            drop(oldest);
        });
    }
}

/// A block for a body of `len` bytes.
pub(super) fn take(len: usize) -> Option<Arc<Body>> {
    SPARE
        .try_with(|spare| {
            let mut kept = spare.take();
            let first = kept[0].take_if(|body| body.0.is_for(len) && !body.0.is_inherited());
            if first.is_some() {
                kept.rotate_left(1);
            }
            spare.set(kept);
            first
        })
        .ok()?
}

/// Frees the blocks that this thread keeps.
pub(super) fn clear() {
    let spare = SPARE.try_with(Cell::take);
    drop(spare);
}
