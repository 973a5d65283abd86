//! The oracle, driven by seeds: the ring does what a plain queue does, wherever its positions stand.
//!
//! `RINGMQ_TEST_SEED` repeats one run.

mod oracle;
#[path = "oracle/random.rs"]
mod random;

use std::panic::{self, AssertUnwindSafe};
use std::time::SystemTime;

use oracle::{Choices, Setup};
use random::Random;

const SEED: &str = "RINGMQ_TEST_SEED";

/// Choices by a seed, so many of them.
struct Seeded {
    random: Random,
    left: u32,
}

impl Seeded {
    fn new(seed: u64, choices: u32) -> Seeded {
        Seeded {
            random: Random::new(seed),
            left: choices,
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

/// Runs `body` with `runs` seeds in a row, or with the one that is asked for, and prints which one failed.
fn with_seeds(runs: u64, body: impl Fn(u64)) {
    let (first, runs) = match std::env::var(SEED) {
        Ok(given) => (given.parse().expect("a number"), 1),
        Err(_) => {
            let now = SystemTime::UNIX_EPOCH.elapsed().expect("after 1970");
            // Shorter to type than all of it.
            let seed = Random::new(now.as_nanos() as u64).word();
            (seed >> 32, runs)
        }
    };
    for seed in first..first + runs {
        if let Err(panic) = panic::catch_unwind(AssertUnwindSafe(|| body(seed))) {
            let test = std::thread::current();
            let name = test.name().unwrap_or_default();
            let message = panic.downcast_ref::<String>().map_or("", String::as_str);
            panic!("{SEED}={seed} repeats this: {name}: {message}");
        }
    }
}

#[test]
fn the_ring_does_what_a_queue_does() {
    with_seeds(400, |seed| {
        let mut choices = Seeded::new(seed, 20_000);
        let setup = Setup::choose(&mut choices);
        oracle::run(setup, &mut choices);
    });
}

#[test]
fn positions_pass_every_power_of_two() {
    with_seeds(4, |seed| {
        for power in 10..64 {
            let mut choices = Seeded::new(seed ^ u64::from(power) << 40, 3000);
            let capacity = 1024 << choices.below(3);
            let setup = Setup {
                capacity,
                // Unaligned in places: the ring rounds it down.
                start: Setup::below_power(power, choices.below(2 * capacity as u64)),
            };
            oracle::run(setup, &mut choices);
        }
    });
}

#[test]
fn the_last_positions_before_the_end_of_time() {
    with_seeds(20, |seed| {
        let setup = Setup {
            capacity: 1024,
            start: u64::MAX - (1 << 30),
        };
        oracle::run(setup, &mut Seeded::new(seed, 3000));
    });
}
