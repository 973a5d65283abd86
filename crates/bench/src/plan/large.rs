//! How large bodies are made, carried and read.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use crate::error::Error;
use crate::plan::size::Size;
use crate::plan::words::by_name;

/// The choices for messages with large bodies. The sides make each body anew, write and read parts of it, and check
/// what they read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Large {
    /// Which ends copy a body.
    pub bodies: Bodies,
    /// Which parts of a body are written and read.
    pub touch: Touch,
    /// The number of far sides: more than one only where one socket publishes to all of them.
    pub far_sides: FarSides,
}

/// Which ends copy a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Bodies {
    /// Both. The program has a buffer of its own at each end: in Rust, `send` of an ordinary frame and `recv`; in C,
    /// `zmq_send` and `zmq_recv`.
    #[default]
    Copied,
    /// The receiver. The sender writes to a block: `Context::block` in Rust, `zmq_msg_init_size` in C, where the
    /// receiver calls `zmq_msg_recv`.
    SentInPlace,
    /// None. As [`SentInPlace`](Bodies::SentInPlace), and the receiver reads what the sender wrote: by a `Vow` in
    /// Rust, by `RINGMQ_IN_PLACE=1` in C.
    InPlace,
}

/// Which parts of a body are written and read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Touch {
    /// The first and the last 8 bytes, so two cache lines at most.
    #[default]
    Ends,
    /// 8 bytes of each page of 4 KiB.
    Pages,
}

/// The number of far sides, which is never 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FarSides(usize);

impl FarSides {
    /// The numbers that can be measured.
    pub const RANGE: RangeInclusive<usize> = 1..=16;

    /// So many far sides; `None` outside of [`RANGE`](FarSides::RANGE).
    pub fn new(count: usize) -> Option<FarSides> {
        FarSides::RANGE.contains(&count).then_some(FarSides(count))
    }

    /// The number.
    pub fn get(self) -> usize {
        self.0
    }
}

/// The bytes of bodies that may wait at one end of a connection.
const WAITING: usize = 16 << 20;

/// The high-water mark of a socket for bodies of `size`, in messages: [`WAITING`] bytes, but two messages at least.
pub(crate) fn mark(size: Size) -> u32 {
    let mark = WAITING / size.0.max(1);
    mark.clamp(2, 1000) as u32
}

/// The number of messages after which all memory for those on their way is there.
pub(crate) fn in_flight(size: Size) -> u64 {
    2 * u64::from(mark(size)) + 1
}

impl Default for FarSides {
    /// One.
    fn default() -> FarSides {
        FarSides(1)
    }
}

impl Bodies {
    /// All choices.
    pub const ALL: [Bodies; 3] = [Bodies::Copied, Bodies::SentInPlace, Bodies::InPlace];

    /// The name on the command line and in reports.
    pub fn name(self) -> &'static str {
        match self {
            Bodies::Copied => "copied",
            Bodies::SentInPlace => "sent-in-place",
            Bodies::InPlace => "in-place",
        }
    }
}

impl Touch {
    /// All choices.
    pub const ALL: [Touch; 2] = [Touch::Ends, Touch::Pages];

    /// The bytes from one word to the next of [`Touch::Pages`].
    const PAGE: usize = 4096;
    /// The bytes of a word.
    const WORD: usize = 8;
    /// The shortest body.
    pub(crate) const LEAST: Size = Size(2 * Touch::WORD);

    /// The name on the command line and in reports.
    pub fn name(self) -> &'static str {
        match self {
            Touch::Ends => "ends",
            Touch::Pages => "pages",
        }
    }

    /// Where the words begin in a body of `size` bytes, at least [`LEAST`](Touch::LEAST).
    #[inline]
    fn places(self, size: usize) -> impl Iterator<Item = usize> {
        let last = size.saturating_sub(Touch::WORD);
        let step = match self {
            Touch::Ends => last.max(1),
            Touch::Pages => Touch::PAGE,
        };
        (0..=last).step_by(step)
    }

    /// Writes `stamp` to the words of a body of `size` bytes. `put` writes 8 bytes at an offset.
    #[inline]
    pub(crate) fn write(self, size: usize, stamp: u64, mut put: impl FnMut(usize, &[u8])) {
        let word = stamp.to_le_bytes();
        self.places(size).for_each(|at| put(at, &word));
    }

    /// Reads all words of `body`. Returns the first that is not `stamp`, and otherwise `stamp`.
    #[inline]
    pub(crate) fn read(self, body: &[u8], stamp: u64) -> u64 {
        let mut found = stamp;
        for at in self.places(body.len()) {
            let word = body.get(at..).and_then(|rest| rest.first_chunk());
            let word = word.map_or(!stamp, |word| u64::from_le_bytes(*word));
            if word != stamp && found == stamp {
                found = word;
            }
        }
        found
    }
}

impl fmt::Display for Bodies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl fmt::Display for Touch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl fmt::Display for FarSides {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Bodies {
    type Err = Error;
    fn from_str(word: &str) -> Result<Bodies, Error> {
        by_name(&Bodies::ALL, "way of bodies", word)
    }
}

impl FromStr for Touch {
    type Err = Error;
    fn from_str(word: &str) -> Result<Touch, Error> {
        by_name(&Touch::ALL, "part of a body", word)
    }
}

impl FromStr for FarSides {
    type Err = Error;
    fn from_str(word: &str) -> Result<FarSides, Error> {
        let count = word.parse().ok().and_then(FarSides::new);
        count.ok_or_else(|| Error::Word {
            word: word.to_owned(),
            what: "number of subscribers",
            remedy: format!("{} to {}", FarSides::RANGE.start(), FarSides::RANGE.end()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_where_they_are_written() {
        for (touch, size, words) in [
            (Touch::Ends, 16, 2),
            (Touch::Ends, 1 << 20, 2),
            (Touch::Pages, 16, 1),
            (Touch::Pages, 4096, 1),
            (Touch::Pages, 4100, 1),
            (Touch::Pages, 1 << 20, 256),
        ] {
            let mut body = vec![0; size];
            let mut written = 0;
            touch.write(size, 7, |at, word| {
                body[at..at + 8].copy_from_slice(word);
                written += 1;
            });
            assert_eq!(written, words, "{touch} of {size}");
            assert_eq!(touch.read(&body, 7), 7);
            assert_eq!(touch.read(&body, 8), 7);
            let last = touch.places(size).last().unwrap();
            body[last..last + 8].fill(0);
            assert_eq!(touch.read(&body, 7), 0, "{touch} of {size}");
        }
        assert_ne!(Touch::Ends.read(&[], 7), 7);
    }

    #[test]
    fn marks_bound_the_memory() {
        let marks = [4 << 10, 1 << 20, 64 << 20].map(|size| mark(Size(size)));
        assert_eq!(marks, [1000, 16, 2]);
        assert_eq!(in_flight(Size(64 << 20)), 5);
    }

    #[test]
    fn choices_are_read_as_they_are_written() {
        for bodies in Bodies::ALL {
            assert_eq!(bodies.to_string().parse::<Bodies>().unwrap(), bodies);
        }
        for touch in Touch::ALL {
            assert_eq!(touch.to_string().parse::<Touch>().unwrap(), touch);
        }
        assert_eq!("16".parse::<FarSides>().unwrap().get(), 16);
        for wrong in ["0", "17", "-1", "x", ""] {
            let error = wrong.parse::<FarSides>().unwrap_err().to_string();
            assert!(error.contains("1 to 16"), "{error}");
        }
    }
}
