//! Connections of STREAM, and of a raw ROUTER: bytes without ZMTP.
#![no_main]

#[allow(dead_code, reason = "shared with the other targets")]
#[path = "../../crates/zmtp/tests/invariants/mod.rs"]
mod invariants;

use invariants::{Choices, raw};
use libfuzzer_sys::fuzz_target;

ringmq_fuzz::choices_by_bytes!(Choices);

fuzz_target!(|bytes: &[u8]| raw::check(&mut Bytes::new(bytes)));
