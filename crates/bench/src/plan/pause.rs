//! The pause before each message.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::error::Error;

/// How long the near side sleeps before each message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Pause(pub Duration);

/// Number of messages that warm up. After so many, an adaptive waiter has learnt that there are pauses.
pub(crate) const WARMUP: u64 = 20;

impl Pause {
    /// Bytes of the time that a message carries.
    pub(crate) const STAMP: usize = 8;
    /// The longest pause. The watchdog would take a longer one for a side that hangs.
    pub(crate) const LONGEST: Duration = Duration::from_secs(5);

    /// The number of messages that takes about `time`, between `least` and `most`.
    pub(crate) fn fill(self, time: Duration, least: u64, most: u64) -> u64 {
        let count = time.as_nanos() / self.0.as_nanos().max(1);
        u64::try_from(count).unwrap_or(most).clamp(least, most)
    }
}

/// Prints milliseconds: `0.1 ms`.
impl fmt::Display for Pause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ms", self.0.as_secs_f64() * 1e3)
    }
}

impl FromStr for Pause {
    type Err = Error;

    /// Reads a number with a unit: `100us`, `0.1ms`, `1s`.
    fn from_str(word: &str) -> Result<Pause, Error> {
        let units = [("us", 1e-6), ("µs", 1e-6), ("ms", 1e-3), ("s", 1.0)];
        let parse = || {
            let (number, unit) = units
                .into_iter()
                .find_map(|(name, unit)| Some((word.strip_suffix(name)?, unit)))?;
            let seconds = number.trim().parse::<f64>().ok()? * unit;
            let pause = Duration::try_from_secs_f64(seconds).ok()?;
            (!pause.is_zero() && pause <= Pause::LONGEST).then_some(Pause(pause))
        };
        parse().ok_or_else(|| Error::Word {
            word: word.to_owned(),
            what: "pause",
            remedy: "a time of up to 5s, such as 100us, 10ms or 1s".to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_has_a_unit_and_an_end() {
        for (word, micros) in [
            ("100us", 100),
            ("0.1ms", 100),
            ("10ms", 10_000),
            ("5s", 5_000_000),
        ] {
            let pause: Pause = word.parse().unwrap();
            assert_eq!(pause.0, Duration::from_micros(micros), "{word}");
        }
        assert_eq!("100us".parse::<Pause>().unwrap().to_string(), "0.1 ms");
        for word in ["", "10", "ms", "0ms", "-1ms", "6s", "nans", "1m"] {
            let error = word.parse::<Pause>().unwrap_err().to_string();
            assert!(error.contains("10ms"), "{error}");
        }
    }

    #[test]
    fn pauses_fill_a_time() {
        let pause = Pause(Duration::from_millis(10));
        assert_eq!(pause.fill(Duration::from_secs(1), 4, 1000), 100);
        assert_eq!(pause.fill(Duration::from_millis(1), 4, 1000), 4);
        assert_eq!(pause.fill(Duration::from_secs(60), 4, 1000), 1000);
    }
}
