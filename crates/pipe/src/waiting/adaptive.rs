//! The score by which an adaptive wait spins before it sleeps.
//!
//! A wait that ends while spinning is cheap and quick; one that spins in vain pays for both. So an end keeps a score of
//! its recent waits. A spin that ends the wait raises the score; a spin in vain lowers it by more. At zero the end sleeps
//! at once, except for a probe now and then.
//!
//! Preemption overrules the score: a thread that was off its CPU between two looks shares that CPU with others, which
//! could use the time better. It does not spin for the next [`AFTER_PREEMPTION`] waits.
//!
//! Nothing here looks at a clock: the caller measures.

use std::time::Duration;

/// The longest time that is spent spinning in one wait.
pub(crate) const LONGEST: Duration = Duration::from_micros(50);
/// A gap between two looks that says that the thread was preempted.
pub(crate) const GAP: Duration = Duration::from_micros(50);
/// Waits without spinning after a preemption.
pub(crate) const AFTER_PREEMPTION: u32 = 64;

/// The best score: how many successes are remembered.
const BEST: u32 = 16;
/// What a spin in vain costs.
const IN_VAIN: u32 = 4;
/// At a score of zero, one in so many waits spins nevertheless, to see whether it pays again.
const PROBE: u32 = 64;

/// The score of recent waits.
#[derive(Debug)]
pub(crate) struct Adaptive {
    score: u32,
    /// Waits for which not to spin, whatever the score.
    skip: u32,
}

impl Adaptive {
    /// Begins with half of the best score: the first waits spin.
    pub(crate) fn new() -> Adaptive {
        Adaptive {
            score: BEST / 2,
            skip: 0,
        }
    }

    /// Returns true if the wait that begins now is to spin first.
    pub(crate) fn spin_now(&mut self) -> bool {
        if self.skip > 0 {
            self.skip -= 1;
            return false;
        }
        if self.score == 0 {
            // This wait is a probe; if it is in vain, the next come after it.
            self.skip = PROBE - 1;
        }
        true
    }

    /// A spin ended the wait.
    pub(crate) fn paid(&mut self) {
        if self.score == 0 {
            self.skip = 0;
        }
        self.score = (self.score + 1).min(BEST);
    }

    /// A spin was in vain.
    pub(crate) fn in_vain(&mut self) {
        self.score = self.score.saturating_sub(IN_VAIN);
    }

    /// The thread was off its CPU while it spun.
    pub(crate) fn preempted(&mut self) {
        self.skip = AFTER_PREEMPTION;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spins(adaptive: &mut Adaptive, waits: u32, succeed: bool) -> u32 {
        let mut spun = 0;
        for _ in 0..waits {
            if adaptive.spin_now() {
                spun += 1;
                if succeed {
                    adaptive.paid()
                } else {
                    adaptive.in_vain()
                }
            }
        }
        spun
    }

    #[test]
    fn spins_for_as_long_as_it_pays() {
        assert_eq!(spins(&mut Adaptive::new(), 1000, true), 1000);
    }

    #[test]
    fn gives_up_soon_and_probes_seldom() {
        let mut adaptive = Adaptive::new();
        // Two in vain bring the score from 8 to 0; then one wait in 64.
        assert_eq!(spins(&mut adaptive, 2, false), 2);
        assert_eq!(spins(&mut adaptive, 6400, false), 100);
    }

    #[test]
    fn one_good_probe_brings_spinning_back() {
        let mut adaptive = Adaptive::new();
        spins(&mut adaptive, 1000, false);
        let mut waits = 0;
        while !adaptive.spin_now() {
            waits += 1;
        }
        assert!(waits < PROBE);
        adaptive.paid();
        assert_eq!(spins(&mut adaptive, 100, true), 100);
    }

    #[test]
    fn a_preemption_stops_spinning_for_64_waits() {
        let mut adaptive = Adaptive::new();
        assert_eq!(spins(&mut adaptive, 100, true), 100);
        adaptive.preempted();
        assert_eq!(spins(&mut adaptive, 64, true), 0);
        assert_eq!(spins(&mut adaptive, 100, true), 100);
    }
}
