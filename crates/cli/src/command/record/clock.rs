//! The times of messages.

use std::time::{Duration, Instant, SystemTime};

use super::format::chunk::Times;
use crate::command::talk::time::since_1970;

/// Tells the time by two clocks.
pub(super) struct Clock {
    start: Instant,
    start_nanos: u64,
}

impl Clock {
    pub(super) fn now() -> Clock {
        Clock {
            start: Instant::now(),
            start_nanos: wall(),
        }
    }

    pub(super) fn read(&self) -> Times {
        Times {
            log: self.start_nanos.saturating_add(nanos(self.start.elapsed())),
            wall: wall(),
        }
    }
}

/// Nanoseconds since 1970.
fn wall() -> u64 {
    nanos(since_1970(SystemTime::now()))
}

/// The nanoseconds of a duration; the greatest number if there are more.
pub(super) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
