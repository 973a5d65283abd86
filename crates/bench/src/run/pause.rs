//! The first message after a pause, one way.
//!
//! The near side sleeps, looks at the clock and sends what it says; the far side, which has slept in its call meanwhile,
//! looks at the same clock when it has the message. Both processes see one `CLOCK_MONOTONIC`. The echo keeps them in
//! step and is not measured: its sender has just been woken, and its receiver has not slept long.

use std::fmt;
use std::str::FromStr;
use std::thread;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use crate::error::{Error, MOVED};
use crate::plan::spec::Spec;
use crate::report::histogram::Samples;
use crate::run::mechanism::{End, check_stamp, stamp};
use crate::run::memory::Progress;

/// How long the near side sleeps before each message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Pause(pub Duration);

/// Messages before those that are measured: so many that whoever waits adaptively has learnt that there are pauses.
pub(crate) const WARMUP: u64 = 20;
/// The pause before each of them, at most.
const SHORT: Duration = Duration::from_millis(1);

impl Pause {
    /// Bytes that a message needs to carry a time.
    pub(crate) const STAMP: usize = 8;
    /// Longer ones would look like a side that hangs.
    pub(crate) const LONGEST: Duration = Duration::from_secs(5);

    /// As many messages as take about `time`.
    pub(crate) fn fill(self, time: Duration, least: u64, most: u64) -> u64 {
        let count = time.as_nanos() / self.0.as_nanos().max(1);
        u64::try_from(count).unwrap_or(most).clamp(least, most)
    }
}

/// As in `0.1 ms`.
impl fmt::Display for Pause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ms", self.0.as_secs_f64() * 1e3)
    }
}

impl FromStr for Pause {
    type Err = Error;

    /// A number with a unit: `100us`, `0.1ms`, `1s`.
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

/// Nanoseconds of the clock that all processes share.
fn now() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    // Neither is ever negative on this clock.
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

/// Pauses, and sends the time; waits for the echo.
pub(crate) fn near<E: End>(
    end: &mut E,
    spec: &Spec,
    Pause(pause): Pause,
    progress: &Progress,
) -> Result<(), Error> {
    let mut message = vec![0; spec.size.0];
    let mut echo = Vec::with_capacity(spec.size.0);
    for n in 0..spec.warmup + spec.count {
        thread::sleep(if n < spec.warmup {
            pause.min(SHORT)
        } else {
            pause
        });
        let start = now();
        stamp(&mut message, start);
        end.send(&message).map_err(Error::os("send", MOVED))?;
        end.recv(&mut echo).map_err(Error::os("receive", MOVED))?;
        check_stamp(&echo, start)?;
        progress.set(n + 1);
    }
    Ok(())
}

/// Records how old what comes is, and sends it back.
pub(crate) fn far<E: End>(end: &mut E, spec: &Spec) -> Result<Samples, Error> {
    let mut samples = Samples::new();
    let mut message = Vec::with_capacity(spec.size.0);
    for n in 0..spec.warmup + spec.count {
        end.recv(&mut message)
            .map_err(Error::os("receive", MOVED))?;
        let now = now();
        if n >= spec.warmup {
            let sent = message.first_chunk().copied().map(u64::from_le_bytes);
            samples.record(now.saturating_sub(sent.unwrap_or_default()));
        }
        end.send(&message).map_err(Error::os("send", MOVED))?;
    }
    Ok(samples)
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
