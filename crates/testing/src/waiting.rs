//! Deadlines, and waiting for a state.

use std::time::{Duration, Instant};

use crate::watchdog::patience;

/// How long something may take that has to happen. No test measures it: a machine that is busy needs a part of it.
const SOON: Duration = Duration::from_secs(40);

/// The time by which something has happened that has to happen. As [`watchdog`](crate::watchdog), it is later if
/// `RINGMQ_TEST_PATIENCE` is set.
pub fn soon() -> Instant {
    Instant::now() + SOON * patience()
}

/// Waits until `is_so`, which is asked again and again.
///
/// # Panics
///
/// If it is not so [soon](soon()).
#[track_caller]
pub fn until(mut is_so: impl FnMut() -> bool) {
    let end = soon();
    while !is_so() {
        assert!(Instant::now() < end, "waited in vain");
        std::thread::yield_now();
    }
}
