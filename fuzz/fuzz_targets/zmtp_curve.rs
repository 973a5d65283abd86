//! Two ends of CURVE, and one between them who changes what passes.
#![no_main]

#[allow(dead_code, reason = "shared with the other targets")]
#[path = "../../crates/zmtp/tests/invariants/mod.rs"]
mod invariants;
#[allow(dead_code, reason = "shared with the tests")]
#[path = "../../crates/zmtp/tests/secured/mod.rs"]
mod secured;

use invariants::Choices;
use libfuzzer_sys::fuzz_target;
use secured::tampered;

ringmq_fuzz::choices_by_bytes!(Choices);

fuzz_target!(|bytes: &[u8]| {
    let _ = tampered::check_curve(&mut Bytes::new(bytes));
});
