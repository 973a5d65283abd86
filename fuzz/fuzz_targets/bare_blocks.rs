//! Blocks of the bare pipe in any order against their model, with one end that lies in records, tables and the handshake.
#![no_main]

#[path = "../../crates/pipe/tests/hostile/blocks_oracle.rs"]
mod blocks_oracle;
#[allow(dead_code, reason = "the tests use more of it")]
#[path = "../../crates/pipe/tests/hostile/by_hand.rs"]
mod by_hand;

use blocks_oracle::walk;
use libfuzzer_sys::fuzz_target;
use ringmq_testing::Choices;

ringmq_fuzz::choices_by_bytes!(Choices);

fuzz_target!(|bytes: &[u8]| walk(&mut Bytes::new(bytes)));
