//! Words that a liar would choose: near the truth, for pure noise is refused at the first check.

use ringmq_ring::Kind;

use crate::random::Random;

/// A header for the word at `offset` of a ring of `capacity` bytes.
pub(crate) fn header(random: &mut Random, capacity: u64, offset: u64) -> u64 {
    // What is left behind this header, to the end of the memory.
    let room = capacity - offset - 8;
    let kind = match random.below(12) {
        0 => return random.word(),
        1 => return random.word() >> random.below(64),
        2..=4 => Kind::Pad as u64,
        5 => Kind::End as u64,
        6 => Kind::Abort as u64,
        7 => Kind::More as u64,
        8 => random.below(9),
        _ => Kind::Last as u64,
    };
    let len = match random.below(10) {
        0 => 0,
        1 | 2 => random.below(130),
        // Pads that end where they should, records that end where the memory does, and their neighbours.
        3..=5 => room,
        6 => (room + random.below(17)).saturating_sub(8),
        7 => random.below(capacity),
        8 => (capacity / 8 * 3 + random.below(17)).saturating_sub(136),
        _ => u64::from(u32::MAX) - random.below(17),
    };
    kind << 32 | len & u64::from(u32::MAX)
}

/// A position for a reader to report that is somewhere around `least..=most`.
pub(crate) fn position(random: &mut Random, least: u64, most: u64) -> u64 {
    match random.below(8) {
        0 => random.word(),
        1 => least.wrapping_sub(8 * random.below(4)),
        2 => most.wrapping_add(8 * random.below(4)),
        3 => least + random.below(most - least + 1),
        _ => least + random.below(most - least + 1) / 8 * 8,
    }
}
