//! Times within a recording, and how fast they pass.

use std::time::{Duration, Instant};

use super::clock::nanos;
use crate::command::talk::time::parse_duration;

/// A point in time, as a user gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Moment {
    /// Since the start of the recording.
    After(Duration),
    /// Since 1970.
    At(Duration),
}

impl Moment {
    /// Nanoseconds since 1970, for a recording that started then.
    pub(super) fn after(self, start: u64) -> u64 {
        match self {
            Moment::After(duration) => start.saturating_add(nanos(duration)),
            Moment::At(duration) => nanos(duration),
        }
    }
}

/// Parses a time since the start, or `@` and seconds since 1970.
pub(super) fn parse_moment(text: &str) -> Result<Moment, String> {
    match text.strip_prefix('@') {
        Some(seconds) => parse_duration(seconds).map(Moment::At),
        None => parse_duration(text).map(Moment::After),
    }
}

/// How fast a recording is replayed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Speed {
    /// So many times as fast as it was recorded.
    Times(f64),
    /// As fast as the peers take it.
    Max,
}

impl Speed {
    /// When a message is due that came `since` after the one that was sent at `start`. `None` if it is due at once, or
    /// never.
    pub(super) fn due(self, start: Instant, since: Duration) -> Option<Instant> {
        match self {
            Speed::Max => None,
            Speed::Times(times) => {
                let passed = Duration::try_from_secs_f64(since.as_secs_f64() / times);
                start.checked_add(passed.unwrap_or(Duration::MAX))
            }
        }
    }
}

/// Parses a number above 0, or `max`.
pub(super) fn parse_speed(text: &str) -> Result<Speed, String> {
    if text == "max" {
        return Ok(Speed::Max);
    }
    let times = text
        .parse::<f64>()
        .ok()
        .filter(|times| times.is_finite() && *times > 0.0);
    let times = times.map(Speed::Times);
    times.ok_or_else(|| format!("{text} is no speed, such as 2, 0.5 or max"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_of_the_recording_or_of_the_clock() {
        let second = Duration::from_secs(1);
        assert_eq!(parse_moment("1"), Ok(Moment::After(second)));
        assert_eq!(parse_moment("@1"), Ok(Moment::At(second)));
        assert_eq!(parse_moment("1s").unwrap().after(5), 1_000_000_005);
        assert_eq!(parse_moment("@1").unwrap().after(5), 1_000_000_000);
        assert!(parse_moment("@").is_err() && parse_moment("-1").is_err());
        assert_eq!(Moment::After(Duration::MAX).after(5), u64::MAX);
    }

    #[test]
    fn speeds_are_above_zero() {
        assert_eq!(parse_speed("max"), Ok(Speed::Max));
        assert_eq!(parse_speed("0.5"), Ok(Speed::Times(0.5)));
        for wrong in ["0", "-1", "inf", "nan", "", "fast"] {
            assert!(parse_speed(wrong).is_err(), "{wrong}");
        }
        let (start, second) = (Instant::now(), Duration::from_secs(1));
        assert_eq!(
            Speed::Times(2.0).due(start, second),
            Some(start + second / 2)
        );
        assert_eq!(Speed::Max.due(start, second), None);
    }
}
