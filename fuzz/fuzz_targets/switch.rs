//! Two switches between ZMTP and shared memory keep to the rules of the handoff, whatever happens to their processes, and
//! one of them does whatever the other one says.
#![no_main]

#[allow(dead_code, reason = "the session and the tests use more of it")]
#[path = "../../crates/ringmq/src/switch/mod.rs"]
mod switch;

#[allow(dead_code, reason = "the tests use more of it")]
#[path = "../../crates/ringmq/src/switch/tests/oracle.rs"]
mod oracle;
#[path = "../../crates/ringmq/src/switch/tests/walk.rs"]
mod walk;
#[allow(dead_code, reason = "the tests use more of it")]
#[path = "../../crates/ringmq/src/switch/tests/world/mod.rs"]
mod world;

use libfuzzer_sys::fuzz_target;
use ringmq_testing::Choices;
use switch::{Action, Frame, Input, RESOURCES, Short, Switch, Unread, Why};

ringmq_fuzz::choices_by_bytes!(Choices);

fuzz_target!(|bytes: &[u8]| {
    let mut choices = Bytes::new(bytes);
    if let Err(why) = walk::walk(&mut choices, |_| {}) {
        panic!("{why}");
    }
});
