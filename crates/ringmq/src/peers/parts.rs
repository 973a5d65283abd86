//! A message of several parts, out of shared memory.

use ringmq_message::Frame;
use ringmq_pipe::remote::Contents;

/// Copies all parts out, and keeps all but the first in `rest`, which was empty: the last part first. With `None`, from
/// a `copy` that has no memory, nothing was taken.
pub(crate) fn take_parts(
    contents: &Contents,
    rest: &mut Vec<Frame>,
    mut copy: impl FnMut(usize, usize) -> Option<Frame>,
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
