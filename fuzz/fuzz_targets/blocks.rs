//! Blocks that are sent, read, held and dropped in any order, against their model, and records that lie about them.
#![no_main]

#[path = "../../crates/pipe/tests/remote/blocks_oracle.rs"]
mod blocks_oracle;
#[allow(dead_code, reason = "the tests use more of it")]
#[path = "../../crates/pipe/tests/remote/world.rs"]
mod world;

use blocks_oracle::walk;
use libfuzzer_sys::fuzz_target;
use ringmq_testing::Choices;

ringmq_fuzz::choices_by_bytes!(Choices);

fuzz_target!(|bytes: &[u8]| walk(&mut Bytes::new(bytes)));
