//! What can be wrong. Every error carries the numbers that were out of bounds.

use core::fmt;

/// The peer wrote a word that no honest peer writes. The ring must not be used any further.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Corrupt {
    /// A header of no known kind, or with a length that its kind cannot have.
    Header {
        /// Where it was read, in bytes since the start.
        position: u64,
        /// What was read.
        word: u64,
    },
    /// A record that reaches beyond the end of the memory.
    Length {
        /// Where its header was read.
        position: u64,
        /// The length that it names, in bytes.
        len: u64,
        /// The bytes that there are, header included.
        room: u64,
    },
    /// A pad that does not end where the memory ends, or is all of it, or that no record follows.
    Pad {
        /// Where it was read.
        position: u64,
        /// What was read.
        word: u64,
    },
    /// A position that the reader reports and that cannot be: it went back, or past what was
    /// published, or lies inside of a word.
    Position {
        /// What the reader reports.
        reported: u64,
        /// The least that it can be: the last one that it reported.
        least: u64,
        /// The most that it can be: what was published.
        most: u64,
    },
    /// A number of messages that the reader reports as received and that contradicts its position: it has not passed so
    /// many records.
    Count {
        /// What the reader reports.
        reported: u64,
        /// The most that it can be at its position.
        most: u64,
    },
    /// A message in a block whose table does not have one part, or is no whole table.
    Table {
        /// Where its record was read.
        position: u64,
        /// The parts that it names; 0 if there is no room for a table.
        parts: u64,
    },
    /// A message in a block that does not lie in the memory for blocks, or whose name is none.
    Block {
        /// Where its record was read.
        position: u64,
        /// The name of the block.
        name: u64,
        /// The length of the message, in bytes.
        len: u64,
        /// The bytes of the memory for blocks.
        memory: u64,
    },
}

impl fmt::Display for Corrupt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Corrupt::Header { position, word } => {
                write!(
                    f,
                    "no record has the header {word:#018x} (at position {position})"
                )
            }
            Corrupt::Length {
                position,
                len,
                room,
            } => {
                write!(
                    f,
                    "a record of {len} bytes at position {position}, where {room} bytes remain"
                )
            }
            Corrupt::Pad { position, word } => {
                write!(f, "a misplaced pad {word:#018x} at position {position}")
            }
            Corrupt::Position {
                reported,
                least,
                most,
            } => {
                write!(
                    f,
                    "the reader reports position {reported}, which is not within {least}..={most}"
                )
            }
            Corrupt::Count { reported, most } => {
                write!(
                    f,
                    "the reader reports {reported} messages, of which it can have passed {most}"
                )
            }
            Corrupt::Table { position, parts } => {
                write!(
                    f,
                    "a message in a block at position {position} has a table of {parts} parts, not of one"
                )
            }
            Corrupt::Block {
                position,
                name,
                len,
                memory,
            } => {
                write!(
                    f,
                    "a message of {len} bytes at position {position} is in the block {name:#x}, which the {memory} bytes for blocks do not have"
                )
            }
        }
    }
}

impl core::error::Error for Corrupt {}

/// Why nothing was claimed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClaimError {
    /// There is no room now. It is worth looking again when the reader has reported `wanted`.
    Full {
        /// A position, in bytes since the start; a boundary at which the reader looks who waits.
        wanted: u64,
    },
    /// There will never be room: the record is longer than a ring of this capacity carries.
    TooLong {
        /// The length that was asked for, in bytes.
        len: usize,
        /// The longest that can be had.
        longest: usize,
    },
    /// The peer broke the protocol.
    Corrupt(Corrupt),
}

impl fmt::Display for ClaimError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ClaimError::Full { wanted } => {
                write!(
                    f,
                    "the ring is full until the reader has passed position {wanted}"
                )
            }
            ClaimError::TooLong { len, longest } => {
                write!(
                    f,
                    "a record of {len} bytes; this ring carries at most {longest} in one piece"
                )
            }
            ClaimError::Corrupt(corrupt) => corrupt.fmt(f),
        }
    }
}

impl core::error::Error for ClaimError {}

impl From<Corrupt> for ClaimError {
    fn from(corrupt: Corrupt) -> Self {
        ClaimError::Corrupt(corrupt)
    }
}

/// A capacity that no ring can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadCapacity {
    /// The bytes that were given.
    pub bytes: usize,
}

impl fmt::Display for BadCapacity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "a ring of {} bytes; the capacity is a power of two from {} to {}",
            self.bytes,
            crate::CAPACITY_LEAST,
            crate::CAPACITY_MOST
        )
    }
}

impl core::error::Error for BadCapacity {}
