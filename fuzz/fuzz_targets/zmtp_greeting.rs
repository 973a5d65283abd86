//! Any bytes at all, from the first on: it makes no difference in what pieces they come.
#![no_main]

#[allow(dead_code, reason = "shared with the other targets")]
#[path = "../../crates/zmtp/tests/invariants/mod.rs"]
mod invariants;

use invariants::{Choices, greeting, hello, pieces};
use libfuzzer_sys::fuzz_target;
use ringmq_zmtp::Kind;

ringmq_fuzz::choices_by_bytes!(Choices);

fuzz_target!(|bytes: &[u8]| {
    // How they come is chosen by the last of them, so that the first are what they look like.
    let (said, chosen) = bytes.split_at(bytes.len() - bytes.len() / 4);
    let mut choices = Bytes::new(chosen);
    let settings = pieces::settings(&mut choices);
    let before = match choices.below(3) {
        0 => Vec::new(),
        1 => greeting(),
        _ => hello(choices.of(&Kind::ALL)),
    };
    pieces::check(&settings, &[&before, said].concat(), &mut choices);
});
