//! Numbers as text.

/// Writes `1234567` as `1,234,567`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number with three significant digits, a space, and the letter of its power of 1,000.
pub(crate) fn scaled(number: f64) -> String {
    let letters = [(1e9, " G"), (1e6, " M"), (1e3, " k"), (1.0, " ")];
    let (unit, letter) = letters
        .into_iter()
        .find(|(unit, _)| number >= *unit)
        .unwrap_or((1.0, " "));
    format!("{}{letter}", figures(number / unit))
}

/// A number with about three significant digits.
pub(crate) fn figures(number: f64) -> String {
    match number {
        n if n >= 99.95 => format!("{n:.0}"),
        n if n >= 9.995 => format!("{n:.1}"),
        n if n >= 0.0995 => format!("{n:.2}"),
        n if n >= 0.000_995 || n == 0.0 => format!("{n:.3}"),
        n => format!("{n:.6}"),
    }
}

/// A ratio for programs, with four decimals, or eight if it is small.
pub(crate) fn decimal(ratio: f64) -> String {
    match ratio {
        n if n < 0.01 => format!("{n:.8}"),
        n => format!("{n:.4}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_readable() {
        assert_eq!(
            [grouped(7), grouped(1234), grouped(1_234_567)],
            ["7", "1,234", "1,234,567"]
        );
        let rounded = [
            figures(123.4),
            figures(12.34),
            figures(1.234),
            figures(0.0123),
            figures(0.000_012_3),
        ];
        assert_eq!(rounded, ["123", "12.3", "1.23", "0.012", "0.000012"]);
        let ratios = [1.5, 0.000_012_3].map(decimal);
        assert_eq!(ratios, ["1.5000", "0.00001230"]);
        let all = [
            scaled(1.5e9),
            scaled(2e6),
            scaled(1500.0),
            scaled(7.0),
            scaled(0.5),
        ];
        assert_eq!(all, ["1.50 G", "2.00 M", "1.50 k", "7.00 ", "0.50 "]);
    }
}
