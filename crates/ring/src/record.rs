//! The layout of a record: one entry in the ring.
//!
//! ```text
//!  position                                             next position
//!  |                                                    |
//!  +--------+-------------------------------+- - - - - -+--------+
//!  | header | payload                       |  padding  | header |  ...
//!  +--------+-------------------------------+- - - - - -+--------+
//!    8 bytes  `length` bytes                  to 8, or    0 until the next
//!                                             to a line   record is published
//!
//!  header, native byte order:   63 ........ 36 | 35 .. 32 | 31 ........ 0
//!                                must be zero  |   kind   |    length
//! ```
//!
//! Positions count bytes from the start of time and never wrap in practice (64 bits); a position
//! modulo the capacity is the offset in memory. A header of zero means "not published yet".
//!
//! A record of at most one cache line never straddles two, if the records before it were of its size:
//! when another of the same size would not fit behind it in its line, the next one starts with the next
//! line. Both sides compute this from the length alone. So a small message costs one line transfer.

use crate::error::Corrupt;

/// Bytes of a header.
pub const HEADER: u64 = 8;

/// Bytes of a cache line.
pub const LINE: u64 = 64;

/// The longest payload that a header can name.
pub const LENGTH_LIMIT: u64 = u32::MAX as u64;

/// What a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Kind {
    /// A whole message, or the last piece of one.
    Last = 1,
    /// A piece of a message; more follow.
    More = 2,
    /// Nothing; the next record lies at the start of the memory.
    Pad = 3,
    /// The writer has closed; nothing follows, ever.
    End = 4,
    /// The message whose pieces came before is withdrawn.
    Abort = 5,
    /// The ring goes on in another segment, at the multiple of that one's capacity that comes next. Sockets only.
    Jump = 6,
    /// A whole message of several parts, behind a table of them. Sockets only.
    Parts = 7,
    /// A whole message of two parts, the first of which is empty, and the second the payload: a request, or a reply.
    /// Sockets only.
    Enveloped = 8,
    /// A whole message, behind a table of its parts. Long parts lie in other memory, which the table names. Only where both
    /// sides have such memory.
    Blocks = 9,
}

impl Kind {
    /// Returns true if the record is a whole message.
    #[inline(always)]
    pub fn is_message(self) -> bool {
        matches!(
            self,
            Kind::Last | Kind::Parts | Kind::Enveloped | Kind::Blocks
        )
    }
}

/// Kinds that a reader admits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Admits {
    /// Those of a bare pipe.
    Plain,
    /// These, and messages in blocks.
    Blocks,
    /// All: those of sockets.
    All,
}

/// A header that has been checked: kind and length agree with each other and with the ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) kind: Kind,
    pub(crate) len: u32,
}

impl Header {
    #[inline(always)]
    pub(crate) const fn encode(kind: Kind, len: u32) -> u64 {
        (kind as u64) << 32 | len as u64
    }

    /// Checks a word that was loaded once from the peer's memory at `position`.
    #[inline(always)]
    pub(crate) fn decode(word: u64, position: u64, admits: Admits) -> Result<Header, Corrupt> {
        let kind = match word >> 32 {
            1 => Kind::Last,
            2 => Kind::More,
            3 => Kind::Pad,
            4 => Kind::End,
            5 => Kind::Abort,
            6 if admits == Admits::All => Kind::Jump,
            7 if admits == Admits::All => Kind::Parts,
            8 if admits == Admits::All => Kind::Enveloped,
            9 if admits != Admits::Plain => Kind::Blocks,
            _ => return Err(Corrupt::Header { position, word }),
        };
        let len = word as u32;
        if matches!(kind, Kind::End | Kind::Abort | Kind::Jump) && len != 0 {
            return Err(Corrupt::Header { position, word });
        }
        Ok(Header { kind, len })
    }
}

/// Bytes from a header to the end of its payload, rounded up to whole words.
#[inline(always)]
pub(crate) const fn extent(len: u64) -> u64 {
    HEADER + len.div_ceil(8) * 8
}

/// The position of the record that follows one of `len` bytes at `position`.
#[inline(always)]
pub(crate) const fn next(position: u64, len: u64) -> u64 {
    let extent = extent(len);
    let end = position + extent;
    let room = end.wrapping_neg() % LINE;
    if extent <= LINE && room < extent {
        end + room
    } else {
        end
    }
}

/// The farthest that [`next`] can be of a record at `position` that was claimed with `len` bytes and is committed
/// with these or fewer: one that comes to fit a line may be moved on farther than the whole one would have reached.
#[inline(always)]
pub(crate) const fn reach(position: u64, len: u64) -> u64 {
    let extent = extent(len);
    if extent <= LINE {
        return next(position, len);
    }
    // A line that does not start one ends in the next; the record behind it starts with the one after.
    let moved = (position + 2 * LINE - 1) & !(LINE - 1);
    let end = position + extent;
    if end > moved { end } else { moved }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_records_of_one_size_never_straddle_a_line() {
        for len in 0..=56 {
            let mut at = 0;
            for _ in 0..1000 {
                assert_eq!(at / LINE, (at + extent(len) - 1) / LINE, "{len} at {at}");
                at = next(at, len);
            }
        }
    }

    #[test]
    fn eight_byte_payloads_lie_four_to_a_line() {
        assert_eq!(next(0, 8), 16);
        assert_eq!(next(48, 8), 64);
        assert_eq!(next(0, 56), 64);
        assert_eq!(next(0, 48), 64);
        assert_eq!(next(0, 57), 72);
        assert_eq!(next(0, 0), 8);
    }

    #[test]
    fn no_shorter_record_ends_beyond_the_reach_of_a_claim() {
        for position in (0..256).step_by(8) {
            let mut farthest = 0;
            for len in 0..=300 {
                farthest = farthest.max(next(position, len));
                assert_eq!(reach(position, len), farthest, "{len} at {position}");
            }
        }
    }

    #[test]
    fn headers_survive_the_round_trip_and_nothing_else_does() {
        for kind in [
            Kind::Last,
            Kind::More,
            Kind::Pad,
            Kind::Parts,
            Kind::Enveloped,
        ] {
            for len in [0, 1, 8, u32::MAX] {
                let header = Header::decode(Header::encode(kind, len), 0, Admits::All);
                assert_eq!(header, Ok(Header { kind, len }));
            }
        }
        let wrong = |word, admits| {
            let refused = Err(Corrupt::Header { position: 24, word });
            assert_eq!(Header::decode(word, 24, admits), refused);
        };
        for word in [
            0,
            1,
            1 << 36,
            u64::MAX,
            4 << 32 | 1,
            5 << 32 | 8,
            6 << 32 | 1,
        ] {
            wrong(word, Admits::All);
        }
        for kind in [Kind::Jump, Kind::Parts, Kind::Enveloped] {
            wrong(Header::encode(kind, 0), Admits::Plain);
            wrong(Header::encode(kind, 0), Admits::Blocks);
        }
        let blocks = Header::encode(Kind::Blocks, 24);
        wrong(blocks, Admits::Plain);
        for admits in [Admits::Blocks, Admits::All] {
            let (kind, len) = (Kind::Blocks, 24);
            assert_eq!(Header::decode(blocks, 24, admits), Ok(Header { kind, len }));
        }
    }
}
