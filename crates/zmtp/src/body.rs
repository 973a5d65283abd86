//! A payload that comes in pieces.

use ringmq_message::{Frame, Lent, lend_memory};
use zeroize::Zeroize;

use crate::error::Error;
use crate::head::Head;

/// As much memory is taken, in bytes, before any of the payload has come.
const START: usize = 64 << 10;

/// With less than this to come, in bytes, an ordinary read is better: it brings what follows, too.
const DIRECT: usize = 8 << 10;

/// The payload of one frame, while it comes.
///
/// A size costs the peer nothing, so memory follows the bytes that came: there is never more than [`START`], or
/// twice what has come, and one [`DIRECT`]. Memory that the process keeps for such payloads has room for all of it at once.
///
/// The memory of a command is wiped: it may hold a password.
#[derive(Debug)]
pub(crate) struct Body {
    /// Invariant: there are `filled`, at most `size`, but while a [target](Body::target) is written.
    bytes: Vec<u8>,
    filled: usize,
    size: usize,
    more: bool,
    pub(crate) command: bool,
    _lent: Option<Lent>,
}

impl Body {
    /// Of this size, with nothing in it.
    pub(crate) fn new(head: &Head, size: usize) -> Result<Body, Error> {
        let lent = (!head.command).then(|| lend_memory(size)).flatten();
        let (bytes, lent) = lent.unzip();
        let mut body = Body {
            bytes: bytes.unwrap_or_default(),
            filled: 0,
            size,
            more: head.more,
            command: head.command,
            _lent: lent,
        };
        body.reserve(size.min(START))?;
        Ok(body)
    }

    /// Makes room for the first `needed` bytes.
    fn reserve(&mut self, needed: usize) -> Result<(), Error> {
        if needed <= self.bytes.capacity() {
            return Ok(());
        }
        let bytes = needed.max(self.filled.saturating_mul(2)).min(self.size);
        let more = bytes - self.filled;
        let reserved = self.bytes.try_reserve_exact(more);
        reserved.map_err(|_| Error::NoMemory { bytes })
    }

    /// Takes what belongs to it from the front of `input`, and says whether it is whole.
    pub(crate) fn take(&mut self, input: &mut &[u8]) -> Result<bool, Error> {
        let missing = self.size - self.filled;
        let (taken, rest) = input.split_at(missing.min(input.len()));
        let filled = self.filled + taken.len();
        self.reserve(filled)?;
        self.bytes.extend_from_slice(taken);
        self.filled = filled;
        *input = rest;
        Ok(filled == self.size)
    }

    /// Where to append some of the bytes that come next, and how many; `None` if there are few, or there is no memory for
    /// them.
    pub(crate) fn target(&mut self) -> Option<(&mut Vec<u8>, usize)> {
        if self.size - self.filled < DIRECT {
            return None;
        }
        if self.room() < DIRECT {
            let least = (self.filled + DIRECT).max(START);
            let goal = least.max(self.filled.saturating_mul(2)).min(self.size);
            self.reserve(goal).ok()?;
        }
        let room = self.room();
        Some((&mut self.bytes, room))
    }

    /// Bytes of the payload that there is memory for.
    fn room(&self) -> usize {
        self.bytes.capacity().min(self.size) - self.filled
    }

    /// Says that `n` bytes have been appended to the target.
    ///
    /// # Panics
    ///
    /// If there are more or fewer, or more than the payload has.
    pub(crate) fn filled(&mut self, n: usize) {
        let filled = self.filled + n;
        assert!(
            filled == self.bytes.len() && filled <= self.size,
            "so many were appended"
        );
        self.filled = filled;
    }

    /// The frame. It is whole.
    pub(crate) fn finish(mut self) -> Frame {
        let frame = if self.command {
            Frame::copy_from_slice(&self.bytes)
        } else {
            let bytes = std::mem::take(&mut self.bytes);
            match bytes.len() {
                // Its memory is kept for the next one.
                START.. => Frame::from_vec(bytes),
                _ => Frame::from(bytes),
            }
        };
        frame.with_more(self.more)
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        if self.command {
            self.bytes.zeroize();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(size: usize) -> Body {
        let head = Head {
            size: size as u64,
            more: true,
            command: false,
            len: 9,
        };
        Body::new(&head, size).unwrap()
    }

    #[test]
    fn memory_follows_the_bytes_that_came() {
        let mut body = body(isize::MAX as usize);
        assert!(body.bytes.capacity() <= START);
        assert_eq!(body.target().unwrap().1, START);
        let mut came = 0;
        while came < 4 << 20 {
            let some = [7; 5000];
            if came % 3 == 0 {
                assert!(!body.take(&mut &some[..]).unwrap());
                came += some.len();
            } else {
                let (target, room) = body.target().unwrap();
                let n = room.min(6000);
                target.extend_from_slice(&[7; 6000][..n]);
                body.filled(n);
                came += n;
            }
            assert_eq!(body.filled, came);
            assert!(body.bytes.capacity() <= START.max(2 * came) + DIRECT);
        }
        assert!(body.bytes.iter().all(|byte| *byte == 7) && body.bytes.len() == came);
    }

    #[test]
    fn both_ways_of_filling_meet() {
        for size in [DIRECT, START - 1, START, START + 1, 1_000_003] {
            let mut body = body(size);
            let want: Vec<u8> = (0..size).map(|at| at as u8).collect();
            let mut at = 0;
            while at < size {
                if let Some((target, room)) = body.target() {
                    let n = room.min(1 + at % 20_000);
                    target.extend_from_slice(&want[at..at + n]);
                    body.filled(n);
                    at += n;
                }
                let end = size.min(at + 1000);
                let mut input = &want[at..end];
                assert_eq!(body.take(&mut input).unwrap(), end == size);
                assert!(input.is_empty());
                at = end;
            }
            let frame = body.finish();
            assert!(frame.more());
            assert_eq!(frame.as_slice(), want);
        }
    }

    #[test]
    fn a_target_is_never_small() {
        assert!(body(DIRECT - 1).target().is_none());
        assert_eq!(body(DIRECT).target().unwrap().1, DIRECT);
        let mut body = body(4 * START);
        let fill = |body: &mut Body, n| {
            body.target().unwrap().0.extend(vec![7; n]);
            body.filled(n);
        };
        fill(&mut body, START - DIRECT);
        assert_eq!(body.target().unwrap().1, DIRECT);
        fill(&mut body, 1);
        assert_eq!(body.target().unwrap().1, START - DIRECT + 1);
    }

    #[test]
    fn it_takes_no_byte_of_the_next_frame() {
        let mut body = body(3);
        let mut input = &b"abcd"[..];
        assert!(body.take(&mut input).unwrap());
        assert_eq!(input, b"d");
        assert_eq!(body.finish().as_slice(), b"abc");
    }
}
