//! What a mark means: how many whole messages may wait, with 0 for no limit.

/// The mark of a pipe between two sockets, of what either end has set. Without a limit on either side there is none.
pub fn together(one: u64, other: u64) -> u64 {
    if one == 0 || other == 0 {
        0
    } else {
        one.saturating_add(other)
    }
}

/// The number that a mark is reached by.
pub(crate) fn limit(mark: u64) -> u64 {
    if mark == 0 { u64::MAX } else { mark }
}

/// Messages between two reports of a receiver: as libzmq has it, half of the mark, rounded up.
pub(crate) fn step(mark: u64) -> u64 {
    if mark == 0 { 64 } else { mark.div_ceil(2) }
}
