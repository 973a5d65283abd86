//! Statistics of the last messages.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// The last messages of a topic: when each came, and how long it was.
#[derive(Debug)]
pub(crate) struct Window {
    most: usize,
    messages: VecDeque<(Instant, usize)>,
    /// Messages since the last report.
    fresh: u64,
}

/// The mean and the spread of some numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Spread {
    pub(crate) mean: f64,
    pub(crate) least: f64,
    pub(crate) most: f64,
    /// The standard deviation of the population.
    pub(crate) deviation: f64,
}

impl Window {
    /// A window of at most so many messages.
    pub(crate) fn new(most: usize) -> Window {
        Window {
            most,
            messages: VecDeque::new(),
            fresh: 0,
        }
    }

    pub(crate) fn add(&mut self, now: Instant, bytes: usize) {
        if self.messages.len() == self.most {
            self.messages.pop_front();
        }
        self.messages.push_back((now, bytes));
        self.fresh += 1;
    }

    /// How many messages there are in the window.
    pub(crate) fn len(&self) -> usize {
        self.messages.len()
    }

    /// How many messages came since the last call.
    pub(crate) fn take_fresh(&mut self) -> u64 {
        std::mem::take(&mut self.fresh)
    }

    /// The seconds between messages; `None` before the second message.
    pub(crate) fn gaps(&self) -> Option<Spread> {
        let times = self.messages.iter().map(|(time, _)| *time);
        let gaps = times.clone().zip(times.skip(1));
        spread(gaps.map(|(one, next)| (next - one).as_secs_f64()))
    }

    /// The bytes of messages; `None` without a message.
    pub(crate) fn sizes(&self) -> Option<Spread> {
        spread(self.messages.iter().map(|(_, bytes)| *bytes as f64))
    }

    /// Bytes per second from the first message of the window until now.
    pub(crate) fn bytes_per_second(&self, now: Instant) -> Option<f64> {
        let (first, _) = self.messages.front()?;
        let bytes: usize = self.messages.iter().map(|(_, bytes)| bytes).sum();
        let time = now.duration_since(*first).max(Duration::from_nanos(1));
        Some(bytes as f64 / time.as_secs_f64())
    }
}

fn spread(numbers: impl Iterator<Item = f64> + Clone) -> Option<Spread> {
    let count = numbers.clone().count();
    if count == 0 {
        return None;
    }
    let mean = numbers.clone().sum::<f64>() / count as f64;
    let squares: f64 = numbers.clone().map(|number| (number - mean).powi(2)).sum();
    Some(Spread {
        mean,
        least: numbers.clone().fold(f64::INFINITY, f64::min),
        most: numbers.fold(f64::NEG_INFINITY, f64::max),
        deviation: (squares / count as f64).sqrt(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_are_between_the_last_messages() {
        let start = Instant::now();
        let mut window = Window::new(3);
        assert_eq!(window.gaps(), None);
        assert_eq!(window.bytes_per_second(start), None);
        for (millis, bytes) in [(0, 9), (500, 1), (1000, 2), (3000, 3)] {
            window.add(start + Duration::from_millis(millis), bytes);
        }
        assert_eq!(window.len(), 3);
        assert_eq!((window.take_fresh(), window.take_fresh()), (4, 0));
        let gaps = window.gaps().unwrap();
        assert_eq!((gaps.least, gaps.most, gaps.mean), (0.5, 2.0, 1.25));
        assert!((gaps.deviation - 0.75).abs() < 1e-9);
        assert_eq!(window.sizes().unwrap().mean, 2.0);
        let rate = window.bytes_per_second(start + Duration::from_millis(3500));
        assert_eq!(rate, Some(2.0));
    }
}
