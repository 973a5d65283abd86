//! When to do what.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::{Duration, Instant};

/// One time for each number; the earliest comes first.
///
/// To set a time costs no allocation, but for growth: sessions set one with each turn. A number whose time was put off, or
/// taken away, stays in the heap until its old time is at the top.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    heap: BinaryHeap<Reverse<(Instant, usize)>>,
    times: Vec<Time>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Time {
    at: Option<Instant>,
    /// Where the number is in the heap: at its time, or before it. Entries at other times are stale.
    queued: Option<Instant>,
}

/// Stale entries that are kept beside as many as there are numbers.
const STALE: usize = 64;

impl Timers {
    /// Sets the time of a number, or takes it away.
    pub(crate) fn set(&mut self, number: usize, at: Option<Instant>) {
        if number >= self.times.len() {
            if at.is_none() {
                return;
            }
            self.times.resize(number + 1, Time::default());
        }
        let time = &mut self.times[number];
        time.at = at;
        if let Some(at) = at
            && time.queued.is_none_or(|queued| at < queued)
        {
            time.queued = Some(at);
            self.heap.push(Reverse((at, number)));
            if self.heap.len() > 2 * self.times.len() + STALE {
                let times = &self.times;
                let is_queued = |at: Instant, number: usize| times[number].queued == Some(at);
                self.heap
                    .retain(|Reverse((at, number))| is_queued(*at, *number));
            }
        }
    }

    /// The number whose time has come, if there is one. It has no time afterwards.
    pub(crate) fn due(&mut self, now: Instant) -> Option<usize> {
        let (at, number) = self.first()?;
        if at > now {
            return None;
        }
        self.heap.pop();
        self.times[number] = Time::default();
        Some(number)
    }

    /// How long until the earliest time.
    pub(crate) fn left(&mut self, now: Instant) -> Option<Duration> {
        let at = self.next()?;
        Some(at.saturating_duration_since(now))
    }

    /// The earliest time.
    pub(crate) fn next(&mut self) -> Option<Instant> {
        self.first().map(|(at, _)| at)
    }

    /// The earliest time, and its number, which is at the top of the heap then.
    fn first(&mut self) -> Option<(Instant, usize)> {
        while let Some(Reverse((queued, number))) = self.heap.peek().copied() {
            let time = &mut self.times[number];
            if time.queued == Some(queued) && time.at == Some(queued) {
                return Some((queued, number));
            }
            self.heap.pop();
            if time.queued == Some(queued) {
                time.queued = time.at;
                if let Some(at) = time.at {
                    self.heap.push(Reverse((at, number)));
                }
            }
        }
        None
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

    #[test]
    fn times_that_are_set_again_and_again_leave_nothing_behind() {
        let now = Instant::now();
        let at = |ms| now + Duration::from_millis(ms);
        let mut timers = Timers::default();
        for round in 0..10_000 {
            // Far off, then soon, then due: the far one is stale, and comes again.
            timers.set(1, Some(at(1_000_000 - round)));
            timers.set(1, Some(at(round)));
            assert_eq!(timers.due(at(round)), Some(1));
            assert!(timers.heap.len() <= 2 * 2 + STALE);
        }
        timers.set(0, Some(at(7)));
        timers.set(0, Some(at(9)));
        timers.set(1, Some(at(8)));
        timers.set(1, None);
        assert_eq!(timers.next(), Some(at(9)));
        assert_eq!(timers.due(at(8)), None);
        assert_eq!(timers.due(at(9)), Some(0));
        assert_eq!(timers.next(), None);
    }
}
