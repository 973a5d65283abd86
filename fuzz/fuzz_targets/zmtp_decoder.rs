//! Frames and commands that a peer may send, and two ends that talk.
#![no_main]

#[allow(dead_code, reason = "shared with the other targets")]
#[path = "../../crates/zmtp/tests/invariants/mod.rs"]
mod invariants;

use invariants::{Choices, frames, world};
use libfuzzer_sys::fuzz_target;

ringmq_fuzz::choices_by_bytes!(Choices);

fuzz_target!(|bytes: &[u8]| {
    let mut choices = Bytes::new(bytes);
    if choices.one_in(2) {
        frames::check(&mut choices);
    } else {
        world::check(&mut choices);
    }
});
