//! A handshake succeeds when, and only when, all that the peer says is right.
#![no_main]

#[allow(dead_code, reason = "shared with the other targets")]
#[path = "../../crates/zmtp/tests/invariants/mod.rs"]
mod invariants;

use invariants::{Choices, handshake};
use libfuzzer_sys::fuzz_target;

ringmq_fuzz::choices_by_bytes!(Choices);

fuzz_target!(|bytes: &[u8]| {
    handshake::check(&mut Bytes::new(bytes));
});
