//! Blocks of the bare pipe by their model, driven by seeds.

use std::time::Duration;

use ringmq_testing::{Random, Seeded, seed, watchdog};

use crate::blocks_oracle::walk;

#[test]
fn blocks_of_the_bare_pipe_are_as_their_model_has_them() {
    let _guard = watchdog(Duration::from_secs(120));
    let mut random = Random::new(seed());
    for _ in 0..300 {
        walk(&mut Seeded::new(random.next(), 1000));
    }
}
