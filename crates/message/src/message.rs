//! All parts of a message.

use std::mem;
use std::num::NonZeroU32;
use std::ops::Deref;

use smallvec::{SmallVec, smallvec};

use crate::frame::Frame;

/// A whole message: its frames, of which every one but the last has [`more`](Frame::more).
///
/// A message is never empty as ZeroMQ sees it; one without frames is sent as one empty frame.
///
/// ```
/// use ringmq_message::{Frame, Message};
///
/// // One part, of anything that becomes a frame.
/// let hello = Message::from("hello");
/// assert_eq!(hello.len(), 1);
///
/// // Several parts.
/// let mut message = Message::from_iter(["resize", "cat.png"]);
/// message.push(vec![0; 1000]);
/// assert_eq!(message.len(), 3);
/// assert_eq!(message[1].as_slice(), b"cat.png");
/// assert_eq!(message.bytes(), 6 + 7 + 1000);
///
/// for part in &message {
///     println!("{} bytes", part.len());
/// }
/// let parts: Vec<Frame> = message.into_frames();
/// assert_eq!(parts[0].as_slice(), b"resize");
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Message {
    /// One part needs no memory beside it.
    frames: SmallVec<[Frame; 1]>,
}

impl Message {
    /// A message without frames.
    pub const fn new() -> Message {
        Message {
            frames: SmallVec::new_const(),
        }
    }

    /// Adds a frame behind the others.
    pub fn push(&mut self, frame: impl Into<Frame>) {
        if let Some(last) = self.frames.last_mut() {
            last.set_more(true);
        }
        self.frames.push(frame.into().with_more(false));
    }

    /// Removes the last frame, and returns it; `None` if there is none.
    ///
    /// ```
    /// use ringmq_message::Message;
    ///
    /// // A service replaces the question by its answer, and leaves what stands before.
    /// let mut message = Message::from_iter(["client 7", "6 * 7"]);
    /// assert_eq!(message.pop().as_deref(), Some(&b"6 * 7"[..]));
    /// message.push("42");
    /// assert_eq!(message, Message::from_iter(["client 7", "42"]));
    /// ```
    pub fn pop(&mut self) -> Option<Frame> {
        let last = self.frames.pop()?;
        if let Some(before) = self.frames.last_mut() {
            before.set_more(false);
        }
        Some(last)
    }

    /// Removes all frames, and keeps the memory.
    pub fn clear(&mut self) {
        self.frames.clear();
    }

    /// The frames.
    pub fn into_frames(self) -> Vec<Frame> {
        self.frames.into_vec()
    }

    /// Bytes of all frames together.
    pub fn bytes(&self) -> usize {
        self.frames.iter().map(|frame| frame.len()).sum()
    }

    /// The peer of a SERVER or PEER that the message came from, or is for: [`Frame::routing_id`] of its one part.
    pub fn routing_id(&self) -> Option<NonZeroU32> {
        self.frames.first()?.routing_id()
    }

    /// The same message, for this peer of a SERVER or PEER: [`Frame::with_routing_id`].
    ///
    /// ```
    /// use std::num::NonZeroU32;
    ///
    /// use ringmq_message::Message;
    ///
    /// let id = NonZeroU32::new(7);
    /// assert_eq!(Message::from("reply").with_routing_id(id).routing_id(), id);
    /// ```
    #[must_use]
    pub fn with_routing_id(mut self, id: Option<NonZeroU32>) -> Message {
        for frame in &mut self.frames {
            *frame = mem::take(frame).with_routing_id(id);
        }
        self
    }

    /// Removes the frames, from the first on, keeping the memory.
    pub fn drain(&mut self) -> impl Iterator<Item = Frame> + '_ {
        self.frames.drain(..)
    }
}

/// The frames.
impl Deref for Message {
    type Target = [Frame];

    fn deref(&self) -> &[Frame] {
        &self.frames
    }
}

impl<T: Into<Frame>> From<T> for Message {
    fn from(frame: T) -> Message {
        Message {
            frames: smallvec![frame.into().with_more(false)],
        }
    }
}

impl<T: Into<Frame>> FromIterator<T> for Message {
    fn from_iter<I: IntoIterator<Item = T>>(frames: I) -> Message {
        let mut message = Message::new();
        message.extend(frames);
        message
    }
}

impl<T: Into<Frame>> Extend<T> for Message {
    fn extend<I: IntoIterator<Item = T>>(&mut self, frames: I) {
        for frame in frames {
            self.push(frame);
        }
    }
}

impl IntoIterator for Message {
    type Item = Frame;
    type IntoIter = smallvec::IntoIter<[Frame; 1]>;

    fn into_iter(self) -> Self::IntoIter {
        self.frames.into_iter()
    }
}

impl<'a> IntoIterator for &'a Message {
    type Item = &'a Frame;
    type IntoIter = std::slice::Iter<'a, Frame>;

    fn into_iter(self) -> Self::IntoIter {
        self.frames.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_frame_but_the_last_has_more() {
        let mut message = Message::from("a");
        message.push(Frame::from("b").with_more(true));
        message.extend([&b"c"[..], b"d"]);
        let more: Vec<bool> = message.iter().map(Frame::more).collect();
        assert_eq!(more, [true, true, true, false]);
        assert_eq!(message.bytes(), 4);
    }
}
