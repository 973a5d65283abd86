//! Bytes that wait to be sent.

use std::collections::VecDeque;
use std::iter;

use bytes::{Buf, Bytes};
use ringmq_message::{Frame, drop_sent};
use zeroize::Zeroizing;

use crate::head::{COMMAND, Framing, Head, MORE, MOST};

/// Payloads up to this many bytes are copied to where their neighbours are; longer ones stay where they are.
const COPIED: usize = 4 << 10;

/// Memory, in bytes, that is kept when all is sent.
const KEPT: usize = 64 << 10;

/// What waits to be sent: a run of bytes, with payloads between them that were too long to copy.
///
/// ```text
///   bytes     ...sent... | head size | head size head size | head
///                        ^ start                  ^ a long one belongs here
/// ```
#[derive(Debug, Default)]
pub(crate) struct Output {
    bytes: Vec<u8>,
    /// What comes before is sent. Invariant: `start <= at <= bytes.len()` for each splice.
    start: usize,
    /// In the order of their places.
    splices: VecDeque<Splice>,
    pending: usize,
}

/// A payload that belongs before the byte `at`.
#[derive(Debug)]
struct Splice {
    at: usize,
    payload: Bytes,
}

impl Output {
    /// Bytes that wait.
    pub(crate) fn pending(&self) -> usize {
        self.pending
    }

    /// Adds bytes as they are.
    #[inline]
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        self.pending += bytes.len();
    }

    #[inline]
    fn push_head(&mut self, framing: Framing, flags: u8, size: usize) {
        let mut head = [0; MOST];
        let len = Head::write(framing, flags, size, &mut head);
        self.push(&head[..len]);
    }

    /// Adds a part of a message.
    #[inline]
    pub(crate) fn push_frame(&mut self, framing: Framing, frame: Frame) {
        let flags = if frame.more() { MORE } else { 0 };
        self.push_head(framing, flags, frame.len());
        if frame.len() <= COPIED {
            self.push(&frame);
        } else {
            self.push_long(frame.into_bytes());
        }
    }

    /// Adds the last part of a message, of which it copies the bytes.
    #[inline]
    pub(crate) fn push_bytes(&mut self, framing: Framing, bytes: &[u8]) {
        self.push_head(framing, 0, bytes.len());
        self.push(bytes);
    }

    #[cold]
    fn push_long(&mut self, payload: Bytes) {
        self.pending += payload.len();
        let at = self.bytes.len();
        self.splices.push_back(Splice { at, payload });
    }

    /// Adds a command.
    pub(crate) fn push_command(&mut self, name: &[u8], data: &[u8]) {
        let size = 1 + name.len() + data.len();
        self.push_head(Framing::Current, COMMAND, size);
        self.push(&[name.len() as u8]);
        self.push(name);
        self.push(data);
    }

    /// Adds a command that holds a secret. Its memory is wiped once it is sent, or with the output.
    pub(crate) fn push_secret_command(&mut self, name: &[u8], data: &[u8]) {
        let size = 1 + name.len() + data.len();
        let mut body = Zeroizing::new(Vec::with_capacity(size));
        body.push(name.len() as u8);
        body.extend_from_slice(name);
        body.extend_from_slice(data);
        self.push_head(Framing::Current, COMMAND, size);
        self.push_long(Bytes::from_owner(body));
    }

    /// Adds a message of one frame, of `first` and the bytes that follow it.
    pub(crate) fn push_prefixed(&mut self, framing: Framing, first: u8, rest: &[u8]) {
        self.push_head(framing, 0, 1 + rest.len());
        self.push(&[first]);
        self.push(rest);
    }

    /// Adds a frame that `build` writes: `size` bytes, behind those that are there. A long one gets memory of its own.
    #[inline]
    pub(crate) fn push_built(
        &mut self,
        framing: Framing,
        flags: u8,
        size: usize,
        build: impl FnOnce(&mut Vec<u8>),
    ) {
        self.push_head(framing, flags, size);
        if size <= COPIED {
            build(&mut self.bytes);
            self.pending += size;
        } else {
            let mut bytes = Vec::with_capacity(size);
            build(&mut bytes);
            self.push_long(Bytes::from(bytes));
        }
    }

    /// What waits, in order. No slice is empty.
    pub(crate) fn slices(&self) -> impl Iterator<Item = &[u8]> {
        let mut start = self.start;
        let spliced = self.splices.iter().flat_map(move |splice| {
            let plain = &self.bytes[start..splice.at];
            start = splice.at;
            [plain, &splice.payload[..]]
        });
        let last = self.splices.back().map_or(self.start, |last| last.at);
        let all = spliced.chain(iter::once(&self.bytes[last..]));
        all.filter(|slice| !slice.is_empty())
    }

    /// Says that the first `n` bytes are sent.
    ///
    /// # Panics
    ///
    /// If fewer wait.
    pub(crate) fn sent(&mut self, mut n: usize) {
        assert!(n <= self.pending, "no more than what waits can be sent");
        self.pending -= n;
        while n > 0 {
            let end = self
                .splices
                .front()
                .map_or(self.bytes.len(), |splice| splice.at);
            let plain = n.min(end - self.start);
            self.start += plain;
            n -= plain;
            let Some(splice) = self.splices.front_mut() else {
                break;
            };
            let part = n.min(splice.payload.len());
            splice.payload.advance(part);
            n -= part;
            if splice.payload.is_empty()
                && let Some(sent) = self.splices.pop_front()
            {
                drop_sent(sent.payload);
            }
        }
        self.tidy();
    }

    /// Gives back the room of what is sent.
    fn tidy(&mut self) {
        if self.pending == 0 {
            self.bytes.clear();
            self.bytes.shrink_to(KEPT);
            self.start = 0;
        } else if self.start >= KEPT && self.start >= self.bytes.len() / 2 {
            // It moves no more than has been sent since the last time.
            self.bytes.drain(..self.start);
            for splice in &mut self.splices {
                splice.at -= self.start;
            }
            self.start = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringmq_testing::{Random, seed};

    #[test]
    fn what_goes_in_comes_out_however_it_is_sent() {
        let mut random = Random::new(seed());
        let mut output = Output::default();
        let (mut want, mut got) = (Vec::new(), Vec::new());
        for round in 0..2000 {
            let len = match random.below(20) {
                0 => random.within(COPIED..3 * COPIED),
                1 => COPIED + random.within(0..3),
                _ => random.within(0..300),
            };
            let payload = vec![round as u8; len];
            let mut head = [0; MOST];
            let head_len = Head::write(Framing::Current, 0, len, &mut head);
            want.extend_from_slice(&head[..head_len]);
            want.extend_from_slice(&payload);
            output.push_frame(Framing::Current, Frame::from(payload));
            if random.one_in(10) {
                let slices: Vec<&[u8]> = output.slices().collect();
                assert!(slices.iter().all(|slice| !slice.is_empty()));
                let all = slices.concat();
                assert_eq!(all.len(), output.pending());
                let n = random.within(0..all.len() + 1);
                got.extend_from_slice(&all[..n]);
                output.sent(n);
            }
        }
        let rest: Vec<&[u8]> = output.slices().collect();
        got.extend(rest.concat());
        assert!(want == got);
        output.sent(output.pending());
        assert_eq!(output.slices().count(), 0);
        assert!(output.bytes.capacity() <= KEPT);
    }

    #[test]
    fn long_payloads_are_not_copied() {
        let mut output = Output::default();
        let payload = Bytes::from(vec![1; COPIED + 1]);
        let address = payload.as_ptr();
        output.push_frame(Framing::Current, Frame::from(payload));
        assert_eq!(output.slices().nth(1).unwrap().as_ptr(), address);
        output.sent(9 + 10);
        assert_eq!(output.slices().next().unwrap().len(), COPIED - 9);
    }

    #[test]
    fn what_is_sent_slowly_does_not_pile_up() {
        let mut output = Output::default();
        output.push(&[0; 1000]);
        for _ in 0..10_000 {
            output.push(&[0; 1000]);
            output.sent(1000);
        }
        assert!(output.bytes.capacity() <= 4 * KEPT);
    }
}
