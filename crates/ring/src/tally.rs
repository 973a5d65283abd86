//! A number that many threads add to.

use crate::atomics::{MappedWord, Ordering};

/// How many there are of something in this process, for decisions that may be a little late.
#[derive(Debug)]
pub struct Tally {
    count: MappedWord,
}

impl Tally {
    /// Of nothing yet.
    #[must_use]
    pub const fn new() -> Tally {
        Tally {
            count: MappedWord::new(0),
        }
    }

    /// So many more.
    pub fn add(&self, count: u64) {
        // ORDERING: none: nothing is published by it.
        self.count.fetch_add(count, Ordering::Relaxed);
    }

    /// So many fewer, which were added before.
    pub fn subtract(&self, count: u64) {
        // ORDERING: none, as in `add`.
        self.count.fetch_sub(count, Ordering::Relaxed);
    }

    /// How many there are.
    pub fn get(&self) -> u64 {
        // ORDERING: none, as in `add`.
        self.count.load(Ordering::Relaxed)
    }
}

impl Default for Tally {
    fn default() -> Tally {
        Tally::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_added_and_taken_away_is_counted() {
        static COUNT: Tally = Tally::new();
        COUNT.add(5);
        COUNT.subtract(2);
        assert_eq!(COUNT.get(), 3);
    }
}
