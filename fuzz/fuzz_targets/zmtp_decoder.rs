//! Frames and commands that a peer may send, and two ends that talk.
#![no_main]

#[allow(dead_code, reason = "shared with the other targets")]
#[path = "../../crates/zmtp/tests/invariants/mod.rs"]
mod invariants;

use invariants::{Choices, frames, world};
use libfuzzer_sys::arbitrary::Unstructured;
use libfuzzer_sys::fuzz_target;

/// Choices by the fuzzer's bytes.
struct Bytes<'a>(Unstructured<'a>);

impl Choices for Bytes<'_> {
    fn below(&mut self, limit: u64) -> u64 {
        // When the bytes are over this is 0, and soon nobody asks any more.
        self.0.int_in_range(0..=limit - 1).unwrap_or(0)
    }

    fn is_over(&self) -> bool {
        self.0.is_empty()
    }
}

fuzz_target!(|bytes: &[u8]| {
    let mut choices = Bytes(Unstructured::new(bytes));
    if choices.one_in(2) {
        frames::check(&mut choices);
    } else {
        world::check(&mut choices);
    }
});
