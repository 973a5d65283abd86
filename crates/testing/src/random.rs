//! Numbers that look random and can be had again.

use std::ops::Range;
use std::sync::Mutex;
use std::time::{Duration, Instant, SystemTime};

const SEED: &str = "RINGMQ_TEST_SEED";

/// Seeds that tests of this process began with, for the [`watchdog`](crate::watchdog) to print.
static SEEDS: Mutex<Vec<u64>> = Mutex::new(Vec::new());

/// A seed for the test that calls: a new one each time, or what `RINGMQ_TEST_SEED` says. It is printed,
/// which shows when the test fails.
pub fn seed() -> u64 {
    let seed = match std::env::var(SEED) {
        Ok(given) => given.parse().unwrap(),
        Err(_) => {
            let now = SystemTime::UNIX_EPOCH.elapsed().unwrap();
            // Shorter to type than all of it.
            mix(now.as_nanos() as u64 ^ u64::from(std::process::id())) >> 32
        }
    };
    println!("{SEED}={seed} repeats this");
    SEEDS.lock().unwrap().push(seed);
    seed
}

/// What the watchdog prints.
pub(crate) fn seeds() -> String {
    match SEEDS.try_lock() {
        Ok(seeds) if !seeds.is_empty() => format!(" (seeds: {seeds:?})"),
        _ => String::new(),
    }
}

/// One word turned into another in which nothing of it is left to be seen (splitmix64).
#[inline]
pub fn mix(word: u64) -> u64 {
    let word = word.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

/// A source of numbers that follow from a seed (xorshift64*).
#[derive(Debug, Clone)]
pub struct Random {
    state: u64,
}

impl Random {
    /// Starts from a seed, such as [`seed`] gives.
    pub fn new(seed: u64) -> Random {
        Random {
            state: mix(seed) | 1,
        }
    }

    /// The next word.
    #[inline]
    #[allow(clippy::should_implement_trait, reason = "there is always a next one")]
    pub fn next(&mut self) -> u64 {
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        self.state.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number below `limit`, which is not 0.
    #[inline]
    pub fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    /// A number within `range`, which is not empty.
    #[inline]
    pub fn within(&mut self, range: Range<usize>) -> usize {
        range.start + self.below((range.end - range.start) as u64) as usize
    }

    /// True once in `many` times.
    #[inline]
    pub fn one_in(&mut self, many: u64) -> bool {
        self.below(many) == 0
    }

    /// Keeps the CPU busy for a time below `most`. Tests call this to be late or early, not to wait for an event.
    pub fn dawdle(&mut self, most: Duration) {
        let nanos = self.below(most.as_nanos() as u64 + 1);
        let end = Instant::now() + Duration::from_nanos(nanos);
        while Instant::now() < end {
            std::hint::spin_loop();
        }
    }
}
