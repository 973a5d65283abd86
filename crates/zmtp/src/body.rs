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
    /// Invariant: `filled <= bytes.len() <= size`. What lies past `filled` are zeros that a caller may have
    /// written over.
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
        let more = bytes - self.bytes.len();
        let reserved = self.bytes.try_reserve_exact(more);
        reserved.map_err(|_| Error::NoMemory { bytes })
    }

    /// Takes what belongs to it from the front of `input`, and says whether it is whole.
    pub(crate) fn take(&mut self, input: &mut &[u8]) -> Result<bool, Error> {
        let missing = self.size - self.filled;
        let (taken, rest) = input.split_at(missing.min(input.len()));
        let filled = self.filled + taken.len();
        self.reserve(filled)?;
        let (over, behind) = taken.split_at(taken.len().min(self.bytes.len() - self.filled));
        self.bytes[self.filled..self.filled + over.len()].copy_from_slice(over);
        self.bytes.extend_from_slice(behind);
        self.filled = filled;
        *input = rest;
        Ok(filled == self.size)
    }

    /// Memory for some of the bytes that come next; `None` if there are few, or there is no memory for them.
    pub(crate) fn target(&mut self) -> Option<&mut [u8]> {
        if self.size - self.filled < DIRECT {
            return None;
        }
        if self.bytes.len() - self.filled < DIRECT {
            let least = (self.filled + DIRECT).max(START);
            let goal = least.max(self.filled.saturating_mul(2));
            // What is kept has room for all.
            let goal = goal.max(self.bytes.capacity()).min(self.size);
            self.reserve(goal).ok()?;
            self.bytes.resize(goal, 0);
        }
        Some(&mut self.bytes[self.filled..])
    }

    /// Says that the first `n` bytes of the target have been written.
    ///
    /// # Panics
    ///
    /// If the target was shorter.
    pub(crate) fn filled(&mut self, n: usize) {
        assert!(n <= self.bytes.len() - self.filled, "the target is shorter");
        self.filled += n;
    }

    /// The frame. It is whole.
    pub(crate) fn finish(mut self) -> Frame {
        let frame = if self.command {
            Frame::copy_from_slice(&self.bytes[..self.size])
        } else {
            let mut bytes = std::mem::take(&mut self.bytes);
            bytes.truncate(self.size);
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
        assert_eq!(body.target().unwrap().len(), START);
        let mut came = 0;
        while came < 4 << 20 {
            let some = [7; 5000];
            if came % 3 == 0 {
                assert!(!body.take(&mut &some[..]).unwrap());
                came += some.len();
            } else {
                let target = body.target().unwrap();
                let n = target.len().min(6000);
                target[..n].fill(7);
                body.filled(n);
                came += n;
            }
            assert_eq!(body.filled, came);
            assert!(body.bytes.capacity() <= START.max(2 * came) + DIRECT);
        }
        assert!(body.bytes[..came].iter().all(|byte| *byte == 7));
    }

    #[test]
    fn both_ways_of_filling_meet() {
        for size in [DIRECT, START - 1, START, START + 1, 1_000_003] {
            let mut body = body(size);
            let want: Vec<u8> = (0..size).map(|at| at as u8).collect();
            let mut at = 0;
            while at < size {
                if let Some(target) = body.target() {
                    let n = target.len().min(1 + at % 20_000);
                    target[..n].copy_from_slice(&want[at..at + n]);
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
        assert_eq!(body(DIRECT - 1).target(), None);
        assert_eq!(body(DIRECT).target().unwrap().len(), DIRECT);
        let mut body = body(4 * START);
        body.target().unwrap();
        body.filled(START - DIRECT);
        assert_eq!(body.target().unwrap().len(), DIRECT);
        body.filled(1);
        assert_eq!(body.target().unwrap().len(), START - DIRECT + 1);
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
