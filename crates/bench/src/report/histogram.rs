//! The times that a run measured.

use hdrhistogram::Histogram;

/// A histogram of times in nanoseconds, with three significant digits, up to a minute.
#[derive(Debug, Clone)]
pub struct Samples(Histogram<u64>);

/// A minute. Longer times are recorded as a minute.
const MOST_NS: u64 = 60_000_000_000;

impl Default for Samples {
    fn default() -> Self {
        Samples::new()
    }
}

impl Samples {
    /// An empty histogram. It has room for all times, so that recording does not allocate.
    #[expect(
        clippy::missing_panics_doc,
        reason = "the bounds are constants that are in order"
    )]
    pub fn new() -> Samples {
        let histogram = Histogram::new_with_bounds(1, MOST_NS, 3);
        Samples(histogram.expect("bounds and digits are constants that are in order"))
    }

    /// Records a time in nanoseconds.
    #[inline]
    pub fn record(&mut self, ns: u64) {
        self.0.saturating_record(ns);
    }

    /// The number of recorded times.
    pub fn count(&self) -> u64 {
        self.0.len()
    }

    /// The least time in nanoseconds; 0 if there is none.
    pub fn min(&self) -> u64 {
        self.0.min()
    }

    /// The greatest time in nanoseconds; 0 if there is none.
    pub fn max(&self) -> u64 {
        self.0.max()
    }

    /// The time in nanoseconds that `fraction` (0 to 1) of all times do not exceed.
    pub fn at(&self, fraction: f64) -> u64 {
        self.0.value_at_quantile(fraction)
    }

    /// The mean in nanoseconds; 0 if there is none.
    pub fn mean(&self) -> f64 {
        self.0.mean()
    }

    /// The steps of the distribution: ascending times in nanoseconds, each with the fraction of all times that do not
    /// exceed it. The last fraction is 1.
    pub fn steps(&self) -> impl Iterator<Item = (u64, f64)> {
        let all = self.count().max(1) as f64;
        let mut so_far = 0;
        self.0.iter_recorded().map(move |step| {
            so_far += step.count_at_value();
            (step.value_iterated_to(), so_far as f64 / all)
        })
    }

    /// Adds all times of another histogram.
    pub fn add(&mut self, others: &Samples) {
        for step in others.0.iter_recorded() {
            let (ns, count) = (step.value_iterated_to(), step.count_at_value());
            self.0.saturating_record_n(ns, count);
        }
    }

    /// Writes all times as text: `nanoseconds:count` for each step of the histogram.
    pub(crate) fn encode(&self) -> String {
        let steps = self.0.iter_recorded();
        let words: Vec<_> = steps
            .map(|step| format!("{}:{}", step.value_iterated_to(), step.count_at_value()))
            .collect();
        words.join(" ")
    }

    /// Reads what [`encode`](Samples::encode) wrote; `None` if it is not of that form.
    pub(crate) fn decode(text: &str) -> Option<Samples> {
        let mut samples = Samples::new();
        for word in text.split_whitespace() {
            let (ns, count) = word.split_once(':')?;
            samples
                .0
                .saturating_record_n(ns.parse().ok()?, count.parse().ok()?);
        }
        Some(samples)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn thousand() -> Samples {
        let mut samples = Samples::new();
        (1..=1000).for_each(|n| samples.record(n * 1000));
        samples
    }

    fn close(found: u64, expected: u64) -> bool {
        found.abs_diff(expected) * 500 <= expected
    }

    #[test]
    fn percentiles_are_those_of_the_samples() {
        let samples = thousand();
        assert_eq!(samples.count(), 1000);
        assert!(close(samples.min(), 1000) && close(samples.max(), 1_000_000));
        assert!(close(samples.at(0.5), 500_000), "{}", samples.at(0.5));
        assert!(close(samples.at(0.999), 999_000), "{}", samples.at(0.999));
    }

    #[test]
    fn steps_ascend_to_one() {
        let steps: Vec<_> = thousand().steps().collect();
        assert!(
            steps
                .windows(2)
                .all(|two| two[0].0 < two[1].0 && two[0].1 < two[1].1)
        );
        assert_eq!(steps.last().map(|step| step.1), Some(1.0));
        assert_eq!(Samples::new().steps().count(), 0);
    }

    #[test]
    fn samples_survive_the_way_to_the_supervisor() {
        let samples = thousand();
        let decoded = Samples::decode(&samples.encode()).unwrap();
        assert_eq!(decoded.0, samples.0);
        assert!(Samples::decode("1:2 3").is_none());
        assert!(Samples::decode("1:x").is_none());
        assert_eq!(Samples::decode("").unwrap().count(), 0);
    }

    #[test]
    fn what_is_out_of_bounds_is_counted_at_the_bound() {
        let mut samples = Samples::new();
        samples.record(0);
        samples.record(u64::MAX);
        assert_eq!(samples.count(), 2);
        samples.add(&thousand());
        assert_eq!(samples.count(), 1002);
    }
}
