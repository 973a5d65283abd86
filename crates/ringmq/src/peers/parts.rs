//! Messages of several parts, read from shared memory.

use ringmq_message::Frame;
use ringmq_pipe::remote::{Contents, PartPlace};

/// Copies all parts of a message out. Returns the first one, and keeps the others in `rest`, the last part first.
/// `rest` has to be empty. Returns `None` if `copy` does, for want of memory: then `rest` is empty again.
pub(crate) fn take_parts(
    contents: &Contents,
    rest: &mut Vec<Frame>,
    mut copy: impl FnMut(PartPlace, usize) -> Option<Frame>,
) -> Option<Frame> {
    for (at, len) in contents.parts() {
        match copy(at, len) {
            Some(frame) => rest.push(frame.with_more(true)),
            None => {
                rest.clear();
                return None;
            }
        }
    }
    if let Some(last) = rest.last_mut() {
        last.set_more(false);
    }
    rest.reverse();
    rest.pop()
}
