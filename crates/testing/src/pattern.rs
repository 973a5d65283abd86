//! Content that its receiver can check.

use crate::random::mix;

/// A stream of bytes that follows from a seed.
#[derive(Debug, Clone, Copy)]
pub struct Bytes {
    seed: u64,
}

impl Bytes {
    /// The stream of `seed`.
    pub fn new(seed: u64) -> Bytes {
        Bytes { seed: mix(seed) }
    }

    #[inline]
    fn word(&self, index: u64) -> [u8; 8] {
        mix(self.seed ^ index).to_le_bytes()
    }

    /// The bytes of the stream from `offset` on.
    pub fn fill(&self, offset: u64, into: &mut [u8]) {
        self.pieces(offset, into.len(), |at, bytes| {
            into[at..at + bytes.len()].copy_from_slice(bytes);
            true
        });
    }

    /// Whether `bytes` are those of the stream from `offset` on.
    pub fn is_at(&self, offset: u64, bytes: &[u8]) -> bool {
        self.pieces(offset, bytes.len(), |at, piece| {
            bytes[at..at + piece.len()] == *piece
        })
    }

    /// Calls `each` with pieces of a word at most, until it says no.
    #[inline]
    fn pieces(&self, offset: u64, len: usize, mut each: impl FnMut(usize, &[u8]) -> bool) -> bool {
        let mut at = 0;
        while at < len {
            let position = offset + at as u64;
            let skip = (position % 8) as usize;
            let take = (8 - skip).min(len - at);
            if !each(at, &self.word(position / 8)[skip..skip + take]) {
                return false;
            }
            at += take;
        }
        true
    }
}

/// Numbered messages whose length and content follow from a seed and their number.
#[derive(Debug, Clone, Copy)]
pub struct Messages {
    seed: u64,
    least: usize,
    most: usize,
}

impl Messages {
    /// Messages of `least` to `most` bytes. Those of 8 bytes or more differ from each other.
    ///
    /// # Panics
    ///
    /// If `least` is more than `most`.
    pub fn new(seed: u64, least: usize, most: usize) -> Messages {
        assert!(least <= most);
        Messages { seed, least, most }
    }

    /// The length of message `number`.
    #[inline]
    pub fn len(&self, number: u64) -> usize {
        let spread = (self.most - self.least + 1) as u64;
        self.least + (mix(!self.seed ^ mix(number)) % spread) as usize
    }

    /// Makes `message` the one with this number.
    pub fn make(&self, number: u64, message: &mut Vec<u8>) {
        message.resize(self.len(number), 0);
        self.content(number).fill(0, message);
    }

    /// The message with this number.
    pub fn get(&self, number: u64) -> Vec<u8> {
        let mut message = Vec::new();
        self.make(number, &mut message);
        message
    }

    fn content(&self, number: u64) -> Bytes {
        Bytes::new(self.seed ^ mix(number))
    }

    fn is(&self, number: u64, message: &[u8]) -> bool {
        message.len() == self.len(number) && self.content(number).is_at(0, message)
    }

    /// Sees that `message` is the one with this number.
    ///
    /// # Panics
    ///
    /// If it is not; and says which other one it is, if any.
    #[track_caller]
    pub fn check(&self, number: u64, message: &[u8]) {
        if self.is(number, message) {
            return;
        }
        let near = number.saturating_sub(1000)..number + 1000;
        let other = near.into_iter().find(|&other| self.is(other, message));
        let (len, want) = (message.len(), self.len(number));
        match other {
            Some(other) => panic!("message {number}: message {other} came instead"),
            None => panic!("message {number}: {len} bytes that no message near has; {want} wanted"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_the_same_in_any_pieces() {
        let bytes = Bytes::new(7);
        let mut whole = [0; 100];
        bytes.fill(3, &mut whole);
        for from in 0..100 {
            for to in from..100 {
                assert!(bytes.is_at(3 + from as u64, &whole[from..to]));
            }
        }
        whole[50] ^= 1;
        assert!(!bytes.is_at(3, &whole));
        assert!(bytes.is_at(3, &whole[..50]));
    }

    #[test]
    #[should_panic(expected = "message 4: message 5 came instead")]
    fn another_message_is_named() {
        let messages = Messages::new(1, 8, 100);
        messages.check(5, &messages.get(5));
        messages.check(4, &messages.get(5));
    }
}
