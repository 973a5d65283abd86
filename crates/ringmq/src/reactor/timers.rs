//! When to do what.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// One time for each number; the earliest comes first.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    order: BTreeSet<(Instant, usize)>,
    times: Vec<Option<Instant>>,
}

impl Timers {
    /// Sets the time of a number, or takes it away.
    pub(crate) fn set(&mut self, number: usize, at: Option<Instant>) {
        if number >= self.times.len() {
            if at.is_none() {
                return;
            }
            self.times.resize(number + 1, None);
        }
        if self.times[number] == at {
            return;
        }
        if let Some(old) = self.times[number].take() {
            self.order.remove(&(old, number));
        }
        if let Some(at) = at {
            self.order.insert((at, number));
            self.times[number] = Some(at);
        }
    }

    /// The number whose time has come, if there is one. It has no time afterwards.
    pub(crate) fn due(&mut self, now: Instant) -> Option<usize> {
        let (at, number) = *self.order.first()?;
        if at > now {
            return None;
        }
        self.set(number, None);
        Some(number)
    }

    /// How long until the earliest time.
    pub(crate) fn left(&self, now: Instant) -> Option<Duration> {
        let (at, _) = self.order.first()?;
        Some(at.saturating_duration_since(now))
    }
}

/// The earlier of two times, of which there may be none.
pub(crate) fn earlier(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_earliest_comes_first_and_once() {
        let now = Instant::now();
        let at = |ms| Some(now + Duration::from_millis(ms));
        let mut timers = Timers::default();
        timers.set(5, None);
        timers.set(2, at(20));
        timers.set(0, at(10));
        timers.set(2, at(5));
        timers.set(1, at(7));
        timers.set(1, None);
        assert_eq!(timers.left(now), Some(Duration::from_millis(5)));
        assert_eq!(timers.due(now), None);
        let later = now + Duration::from_millis(10);
        assert_eq!(timers.due(later), Some(2));
        assert_eq!(timers.due(later), Some(0));
        assert_eq!((timers.due(later), timers.left(later)), (None, None));
    }
}
