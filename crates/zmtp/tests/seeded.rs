//! The invariants, tried by seeds.

#[allow(dead_code, reason = "shared with the other tests")]
mod invariants;

use invariants::{Choices, frames, greeting, handshake, hello, pieces, raw, world};
use ringmq_testing::{Random, seed};
use ringmq_zmtp::Kind;

struct Seeded(Random);

impl Choices for Seeded {
    fn below(&mut self, limit: u64) -> u64 {
        self.0.below(limit)
    }

    fn is_over(&self) -> bool {
        false
    }
}

fn choices() -> Seeded {
    Seeded(Random::new(seed()))
}

#[test]
fn frames_are_told_as_they_were_meant() {
    let mut choices = choices();
    for _ in 0..300 {
        frames::check(&mut choices);
    }
}

#[test]
fn a_handshake_succeeds_if_and_only_if_it_is_right() {
    let mut choices = choices();
    for _ in 0..5000 {
        handshake::check(&mut choices);
    }
}

#[test]
fn what_is_sent_arrives() {
    let mut choices = choices();
    for _ in 0..200 {
        world::check(&mut choices);
    }
}

#[test]
fn raw_connections_carry_any_bytes() {
    let mut choices = choices();
    for _ in 0..2000 {
        raw::check(&mut choices);
    }
}

#[test]
fn garbage_is_an_error_or_nothing() {
    let mut choices = choices();
    for _ in 0..3000 {
        let settings = pieces::settings(&mut choices);
        let len = choices.below(200);
        let mut bytes = match choices.below(3) {
            0 => Vec::new(),
            1 => greeting(),
            _ => hello(choices.of(&Kind::ALL)),
        };
        bytes.extend(choices.bytes(len));
        if !bytes.is_empty() && choices.one_in(2) {
            let at = choices.below(bytes.len() as u64) as usize;
            bytes[at] = choices.below(256) as u8;
        }
        pieces::check(&settings, &bytes, &mut choices);
    }
}
