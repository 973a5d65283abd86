//! Blocks by their model, driven by seeds.

use std::time::Duration;

use ringmq_testing::{Random, Seeded, in_own_process, seed, watchdog};

use crate::blocks_oracle::walk;

#[test]
fn blocks_are_as_their_model_has_them() {
    in_own_process("blocks_model::blocks_are_as_their_model_has_them", || {
        let _guard = watchdog(Duration::from_secs(120));
        let mut random = Random::new(seed());
        for _ in 0..100 {
            walk(&mut Seeded::new(random.next(), 1000));
        }
    });
}
