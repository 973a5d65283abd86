//! Blocks of the bare pipe by their model, driven by seeds.

use std::time::Duration;

use ringmq_testing::{Random, seed, watchdog};

use crate::blocks_oracle::{Choices, walk};

/// So many random choices.
struct Seeded {
    random: Random,
    left: u32,
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

#[test]
fn blocks_of_the_bare_pipe_are_as_their_model_has_them() {
    let _guard = watchdog(Duration::from_secs(120));
    let mut random = Random::new(seed());
    for _ in 0..300 {
        walk(&mut Seeded {
            random: Random::new(random.next()),
            left: 1000,
        });
    }
}
