//! Choices by which a test walks through a model.

use crate::random::Random;

/// Makes choices: by a seed, or by the bytes of a fuzzer.
pub trait Choices {
    /// A number below `limit`, which is not 0.
    fn below(&mut self, limit: u64) -> u64;
    /// Returns true if no choices are left.
    fn is_over(&self) -> bool;
}

/// Choices that follow from a seed, so many of them.
#[derive(Debug, Clone)]
pub struct Seeded {
    random: Random,
    left: u64,
}

impl Seeded {
    /// `count` choices by a seed.
    pub fn new(seed: u64, count: u64) -> Seeded {
        Seeded {
            random: Random::new(seed),
            left: count,
        }
    }
}

impl Choices for Seeded {
    fn below(&mut self, limit: u64) -> u64 {
        self.left = self.left.saturating_sub(1);
        self.random.below(limit)
    }

    fn is_over(&self) -> bool {
        self.left == 0
    }
}
