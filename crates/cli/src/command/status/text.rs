//! Numbers in few characters, and times of the command line.

use std::time::Duration;

use ringmq::status::Waiting;

use crate::command::status::line::Direction;

/// A count or a rate in at most five characters: `999`, `12.3k`, `4.56M`.
pub(crate) fn short(value: f64) -> String {
    scaled(value, 1000.0, &["", "k", "M", "G", "T", "P", "E"])
}

/// Bytes in at most five characters: `999`, `12.3K`, `4.56M`, by powers of 1024.
pub(crate) fn bytes(value: f64) -> String {
    scaled(value, 1024.0, &["", "K", "M", "G", "T", "P", "E"])
}

fn scaled(value: f64, step: f64, units: &[&str]) -> String {
    if !value.is_finite() || value <= 0.0 {
        return "0".to_owned();
    }
    let (mut value, mut unit) = (value, 0);
    // What is rounded up to four digits belongs to the next unit.
    while value >= 999.5 && unit + 1 < units.len() {
        value /= step;
        unit += 1;
    }
    let digits = match (unit, value) {
        (0, 0.0..0.095) => return "<.1".to_owned(),
        (0, 0.0..9.95) if value.fract() != 0.0 => 1,
        (0, _) => 0,
        (_, 0.0..9.995) => 2,
        (_, 0.0..99.95) => 1,
        _ => 0,
    };
    format!("{value:.digits$}{}", units[unit])
}

/// A number that may be unknown.
pub(crate) fn or_dash(value: Option<f64>, text: fn(f64) -> String) -> String {
    value.map_or("-".to_owned(), text)
}

/// Messages that wait, of those that may: `12/1000`.
pub(crate) fn waiting(direction: &Direction) -> String {
    let count = |count: u64| short(count as f64);
    let waiting = match direction.waiting {
        None => return "-".to_owned(),
        Some(Waiting::Exactly(number)) => count(number),
        Some(Waiting::AtMost(number)) => format!("≤{}", count(number)),
    };
    let mark = direction.mark.map_or("∞".to_owned(), count);
    format!("{waiting}/{mark}")
}

/// Cuts a text to a width, with a mark where something is missing.
pub(crate) fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let kept = width.saturating_sub(1);
    let mut text: String = text.chars().take(kept).collect();
    if width > 0 {
        text.push('…');
    }
    text
}

/// Cuts the front of a text to a width: the end of an endpoint says more.
pub(crate) fn cut_front(text: &str, width: usize) -> String {
    let count = text.chars().count();
    if count <= width {
        return text.to_owned();
    }
    let kept = width.saturating_sub(1);
    let rest: String = text.chars().skip(count - kept).collect();
    if width > 0 {
        format!("…{rest}")
    } else {
        rest
    }
}

/// A time in seconds, from the least to an hour.
pub(crate) fn seconds(text: &str, least: f64) -> Result<Duration, String> {
    let seconds: f64 = text
        .parse()
        .map_err(|_| "not a number of seconds".to_owned())?;
    if (least..=3600.0).contains(&seconds) {
        Ok(Duration::from_secs_f64(seconds))
    } else {
        Err(format!("between {least} and 3600 seconds"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_fit_in_five_characters() {
        for (value, text) in [
            (0.0, "0"),
            (0.04, "<.1"),
            (0.5, "0.5"),
            (1.0, "1"),
            (999.0, "999"),
            (999.6, "1.00k"),
            (1234.0, "1.23k"),
            (12_345.0, "12.3k"),
            (123_456.0, "123k"),
            (999_900.0, "1.00M"),
            (1e30, "1000000000000E"),
        ] {
            assert_eq!(short(value), text);
        }
        assert_eq!(bytes(1024.0), "1.00K");
        assert_eq!(bytes(f64::NAN), "0");
    }

    #[test]
    fn texts_are_cut_with_a_mark() {
        assert_eq!(cut("abcdef", 4), "abc…");
        assert_eq!(cut("abc", 4), "abc");
        assert_eq!(cut_front("ipc:///tmp/a", 6), "…tmp/a");
        assert_eq!(
            (cut("ab", 0), cut_front("ab", 0)),
            (String::new(), String::new())
        );
    }
}
