//! The oracle, driven by the fuzzer: the ring does what a plain queue does, in any order of operations.
#![no_main]

#[path = "../../crates/ring/tests/oracle/mod.rs"]
mod oracle;

use libfuzzer_sys::fuzz_target;
use oracle::{Choices, Setup};

ringmq_fuzz::choices_by_bytes!(Choices);

fuzz_target!(|bytes: &[u8]| {
    let mut choices = Bytes::new(bytes);
    let setup = Setup::choose(&mut choices);
    oracle::run(setup, &mut choices);
});
