//! How large a message is.

use std::fmt;
use std::str::FromStr;

use crate::error::Error;

/// A number of bytes, read and written as `64`, `1KiB`, `1MiB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Size(pub usize);

impl Size {
    /// The greatest message that is measured.
    pub const MOST: Size = Size(256 << 20);
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
        let (digits, shift) = match word {
            w if w.ends_with("KiB") => (&w[..w.len() - 3], 10),
            w if w.ends_with("MiB") => (&w[..w.len() - 3], 20),
            w => (w, 0),
        };
        let bytes = digits.parse::<usize>().ok();
        bytes
            .and_then(|n| n.checked_mul(1 << shift))
            .filter(|n| *n <= Size::MOST.0)
            .map(Size)
            .ok_or_else(|| Error::Word {
                word: word.to_owned(),
                what: "size",
                remedy: format!(
                    "a number of bytes up to {}, or such as 1KiB or 4MiB",
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
        assert_eq!("256MiB".parse::<Size>().unwrap(), Size::MOST);
        assert_eq!(Size(65_536).to_string(), "64 KiB");
        assert_eq!(Size(1025).to_string(), "1025 B");
        for wrong in [
            "",
            "KiB",
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
