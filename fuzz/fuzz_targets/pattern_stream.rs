//! STREAM, and a ROUTER whose connections carry bytes, do what a plain model of them does.
#![no_main]

#[path = "../../crates/pattern/tests/oracle/mod.rs"]
mod oracle;
#[path = "../../crates/pattern/tests/world/mod.rs"]
mod world;

use libfuzzer_sys::fuzz_target;
use oracle::Choices;

ringmq_fuzz::choices_by_bytes!(Choices);

fuzz_target!(|bytes: &[u8]| oracle::check(&mut Bytes::new(bytes)));
