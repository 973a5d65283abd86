//! The size of a message.

use std::fmt;
use std::str::FromStr;

use crate::error::Error;

/// A number of bytes. Printed as `64 B`, `1 KiB` or `1 MiB`; read by the rules of [`bytes`](Size::bytes).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Size(pub usize);

impl Size {
    /// The size of the largest message that can be measured.
    pub const MOST: Size = Size(256 << 20);

    /// Reads a number of bytes: `65536`, `64K` or `64KiB`. K, M and G are powers of 1,024, in upper or lower case.
    /// `None` if `word` has another form, or if the number does not fit into a `usize`.
    ///
    /// ```
    /// use ringmq_bench::Size;
    ///
    /// assert_eq!(Size::bytes("64KiB"), Size::bytes("65536"));
    /// assert_eq!(Size::bytes("64KB"), None);
    /// ```
    pub fn bytes(word: &str) -> Option<usize> {
        let digits = word.trim_end_matches(|c: char| !c.is_ascii_digit());
        let shift = match word[digits.len()..].to_ascii_lowercase().as_str() {
            "" => 0,
            "k" | "kib" => 10,
            "m" | "mib" => 20,
            "g" | "gib" => 30,
            _ => return None,
        };
        if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        digits.parse::<usize>().ok()?.checked_mul(1 << shift)
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            n if n >= 1 << 20 && n % (1 << 20) == 0 => f.pad(&format!("{} MiB", n >> 20)),
            n if n >= 1 << 10 && n % (1 << 10) == 0 => f.pad(&format!("{} KiB", n >> 10)),
            n => f.pad(&format!("{n} B")),
        }
    }
}

impl FromStr for Size {
    type Err = Error;
    fn from_str(word: &str) -> Result<Size, Error> {
        Size::bytes(word)
            .filter(|n| *n <= Size::MOST.0)
            .map(Size)
            .ok_or_else(|| Error::Word {
                word: word.to_owned(),
                what: "size",
                remedy: format!(
                    "a number of bytes up to {}, such as 64, 1K or 4MiB",
                    Size::MOST
                ),
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units_and_a_limit() {
        assert_eq!("64".parse::<Size>().unwrap(), Size(64));
        assert_eq!("64KiB".parse::<Size>().unwrap(), Size(65_536));
        assert_eq!("64K".parse::<Size>().unwrap(), Size(65_536));
        assert_eq!("1m".parse::<Size>().unwrap(), Size(1 << 20));
        assert_eq!(Size::bytes("2GiB"), Some(2 << 30));
        assert_eq!("256MiB".parse::<Size>().unwrap(), Size::MOST);
        assert_eq!(Size(65_536).to_string(), "64 KiB");
        assert_eq!(Size(1025).to_string(), "1025 B");
        for wrong in [
            "",
            "KiB",
            "K",
            "+1",
            "1KB",
            "1 K",
            "1Ki",
            "\u{663}",
            "-1",
            "257MiB",
            "1e3",
            "99999999999999999999",
            "18014398509481985KiB",
        ] {
            assert!(wrong.parse::<Size>().is_err(), "{wrong}");
        }
    }
}
