//! The oracle, driven by the fuzzer: the ring does what a plain queue does, whatever it is told to do.
#![no_main]

#[path = "../../crates/ring/tests/oracle/mod.rs"]
mod oracle;

use libfuzzer_sys::arbitrary::Unstructured;
use libfuzzer_sys::fuzz_target;
use oracle::{Choices, Setup};

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
    let setup = Setup::choose(&mut choices);
    oracle::run(setup, &mut choices);
});
