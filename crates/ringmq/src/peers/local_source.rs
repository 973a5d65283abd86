//! A pipe of this process, as a chain reads it.

use std::sync::Arc;

use ringmq_message::{Frame, Properties};
use ringmq_pipe::local::Receiver;
use ringmq_pipe::remote::Room;

/// A pipe of this process, and what is known of the peer behind it.
///
/// Messages that come as bytes tell nothing of their peer. The first message of each connection comes as a frame, whose
/// properties are those of the messages behind it.
#[derive(Debug)]
pub(super) struct LocalSource {
    pub(super) receiver: Receiver<Frame>,
    properties: Option<Arc<Properties>>,
}

impl From<Receiver<Frame>> for LocalSource {
    fn from(receiver: Receiver<Frame>) -> LocalSource {
        LocalSource {
            receiver,
            properties: None,
        }
    }
}

impl LocalSource {
    /// Takes the next part.
    #[inline(always)]
    pub(super) fn pop(&mut self) -> Option<Frame> {
        match self.pop_element() {
            None => self.pop_other(),
            element => element,
        }
    }

    /// As [`pop`](LocalSource::pop), for a part that came as a frame.
    #[inline(always)]
    fn pop_element(&mut self) -> Option<Frame> {
        let frame = self.receiver.pop_element()?;
        if let Some(properties) = frame.properties() {
            self.learn(properties);
        }
        Some(frame)
    }

    #[inline(always)]
    fn learn(&mut self, properties: &Arc<Properties>) {
        let known = self.properties.as_ref();
        if !known.is_some_and(|known| Arc::ptr_eq(known, properties)) {
            self.properties = Some(Arc::clone(properties));
        }
    }

    #[inline(never)]
    fn pop_other(&mut self) -> Option<Frame> {
        let mut frame = self.receiver.pop()?;
        if frame.properties().is_none() {
            frame.set_properties(self.properties.clone());
        }
        Some(frame)
    }

    /// Takes the next part to a frame. Gives whether more parts follow.
    #[inline(always)]
    pub(super) fn pop_to(&mut self, frame: &mut Frame) -> Option<bool> {
        let properties = &self.properties;
        let taken = self
            .receiver
            .take_bytes(|bytes| frame.copy_again(bytes, properties));
        if taken.is_some() {
            return Some(false);
        }
        *frame = self.pop_element()?;
        Some(frame.more())
    }

    /// Takes the next part and copies as much of it to `into` as there is room for. Gives its length, and whether more parts
    /// follow.
    #[inline(always)]
    pub(super) fn pop_slice(&mut self, into: &mut Room<'_>) -> Option<(usize, bool)> {
        let taken = self.receiver.take_bytes(|bytes| {
            into.copy_from(bytes);
            bytes.len()
        });
        if let Some(len) = taken {
            return Some((len, false));
        }
        // Apart from other ways to a frame: where they meet, frames are moved in other pieces than they were stored in,
        // which takes some 10 ns.
        let frame = self.pop_element()?;
        into.copy_from(&frame);
        Some((frame.len(), frame.more()))
    }
}
