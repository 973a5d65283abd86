//! Messages that the caller writes in the ring.

use ringmq_ring::Kind;

use super::{PushError, Sender};

impl Sender {
    /// As [`push`](Sender::push), of `len` bytes that `fill` writes in the ring. They are those of earlier messages in this
    /// ring before, or zeros. `fill` is called once if the message is sent, and not at all otherwise. If it panics, nothing
    /// is sent.
    ///
    /// # Errors
    ///
    /// [`PushError`].
    pub fn push_with(
        &mut self,
        len: usize,
        fill: &mut dyn FnMut(&mut [u8]),
    ) -> Result<(), PushError> {
        self.push_slowly(Kind::Last, len, &mut |claim| fill(claim.as_mut_slice()))
    }

    /// As [`push_with`](Sender::push_with), of a message of two parts, the first of which is empty.
    ///
    /// # Errors
    ///
    /// [`PushError`].
    pub fn push_enveloped_with(
        &mut self,
        len: usize,
        fill: &mut dyn FnMut(&mut [u8]),
    ) -> Result<(), PushError> {
        self.push_slowly(Kind::Enveloped, len, &mut |claim| {
            fill(claim.as_mut_slice());
        })
    }
}
