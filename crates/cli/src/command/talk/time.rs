//! Times of the command line, and of messages.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Parses a duration: seconds, such as `0.5`, or a number with `us`, `ms`, `s`, `m` or `h`.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match &text[digits.len()..] {
        "us" => 1e-6,
        "ms" => 1e-3,
        "" | "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => f64::NAN,
    };
    let seconds = digits.parse::<f64>().ok().map(|number| number * unit);
    seconds
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .ok_or_else(|| format!("{text} is no time, such as 0.5, 500ms, 10s or 2m"))
}

/// A duration as a person says it.
pub(crate) fn spoken(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    if seconds < 1.0 {
        format!("{} ms", seconds * 1e3)
    } else {
        format!("{seconds} s")
    }
}

/// Seconds since 1970 with six decimals.
pub(crate) fn seconds_since_1970(time: SystemTime) -> f64 {
    let micros = since_1970(time).as_micros();
    // A double holds the microseconds of the next centuries exactly.
    micros as f64 / 1e6
}

/// The time since 1970; none for one before that.
pub(crate) fn since_1970(time: SystemTime) -> Duration {
    time.duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// A time in UTC as RFC 3339 has it, with six decimals of the seconds.
pub(crate) fn timestamp(time: SystemTime) -> String {
    let since = since_1970(time);
    let seconds = since.as_secs();
    let (year, month, day) = date((seconds / 86_400) as i64);
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    let micros = since.subsec_micros();
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{micros:06}Z")
}

/// The date of a day since 1970 in the Gregorian calendar, counted from March so that a leap day is the last of its year.
fn date(day: i64) -> (i64, i64, i64) {
    // Days since 0000-03-01; 400 years have 146,097 days.
    let day = day + 719_468;
    let era = day.div_euclid(146_097);
    let of_era = day.rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let of_month = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year + era * 400 + i64::from(month <= 2);
    (year, month, of_month)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_units() {
        for (text, millis) in [
            ("0.5", 500),
            ("500ms", 500),
            ("2", 2000),
            ("2s", 2000),
            ("1m", 60_000),
            ("1h", 3_600_000),
            ("0", 0),
        ] {
            assert_eq!(parse_duration(text), Ok(Duration::from_millis(millis)));
        }
        for wrong in ["", "s", "-1", "nan", "inf", "1d", "1e30", "1 s"] {
            assert!(parse_duration(wrong).is_err(), "{wrong}");
        }
        assert_eq!(spoken(Duration::from_millis(500)), "500 ms");
        assert_eq!(spoken(Duration::from_millis(1500)), "1.5 s");
    }

    #[test]
    fn timestamps_are_dates() {
        let at =
            |seconds, micros: u32| timestamp(UNIX_EPOCH + Duration::new(seconds, micros * 1000));
        assert_eq!(at(0, 0), "1970-01-01T00:00:00.000000Z");
        assert_eq!(at(951_782_400, 1), "2000-02-29T00:00:00.000001Z");
        assert_eq!(at(1_735_689_599, 999_999), "2024-12-31T23:59:59.999999Z");
        assert_eq!(at(4_107_542_400, 0), "2100-03-01T00:00:00.000000Z");
    }
}
