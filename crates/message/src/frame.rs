//! One part of a message.

use std::collections::TryReserveError;
use std::fmt;
use std::num::NonZeroU32;
use std::ops::Deref;
use std::sync::Arc;

use bytes::Bytes;

use crate::foreign::{Foreign, ForeignMemory, LARGE, large_memory};
use crate::payload::{INLINE, Payload};
use crate::properties::{InvalidGroup, Properties};
use crate::spare::{LONG, body_memory};

/// One part of a message: bytes, whether more parts follow, and what is known of the peer that it came from.
///
/// Cloning one shares what is longer than [`INLINE`] bytes; only a frame that is still being
/// [written](Frame::as_mut_slice) is copied.
///
/// # Alignment
///
/// The bytes of a frame that ringmq makes are aligned to 8, so that numbers can be read from them where they lie. Those
/// longer than [`INLINE`] are where the global allocator puts them; all common ones align such memory to 16. Bytes that
/// the program provides ([`from_vec`](Frame::from_vec), [`from_owner`](Frame::from_owner),
/// [`from_static`](Frame::from_static), `Bytes`) stay where they are.
#[derive(Clone)]
#[repr(C)]
pub struct Frame {
    payload: Payload,
    properties: Option<Arc<Properties>>,
}

// A slot of a ring is a frame and a word.
const _: () = assert!(size_of::<Frame>() == 56 && size_of::<Option<Frame>>() == 56);

impl Frame {
    /// A frame without bytes.
    pub const fn new() -> Frame {
        Frame {
            payload: Payload::EMPTY,
            properties: None,
        }
    }

    /// A frame that holds a copy of `bytes`.
    #[inline]
    pub fn copy_from_slice(bytes: &[u8]) -> Frame {
        if bytes.len() <= INLINE {
            Frame::of(Payload::inline(bytes))
        } else if let Some(frame) = Frame::large(bytes.len(), |to| to.copy_from_slice(bytes)) {
            frame
        } else if bytes.len() >= LONG
            && let Ok(mut copy) = body_memory(bytes.len())
        {
            copy.extend_from_slice(bytes);
            Frame::of(Payload::owned(copy))
        } else {
            Frame::of(Payload::shared(Bytes::copy_from_slice(bytes)))
        }
    }

    /// A copy of bytes, if there is memory for it.
    ///
    /// # Errors
    ///
    /// There is none.
    #[inline]
    pub fn try_copy(bytes: &[u8]) -> Result<Frame, TryReserveError> {
        if bytes.len() <= INLINE {
            return Ok(Frame::of(Payload::inline(bytes)));
        }
        if let Some(frame) = Frame::large(bytes.len(), |to| to.copy_from_slice(bytes)) {
            return Ok(frame);
        }
        let mut copy = body_memory(bytes.len())?;
        copy.extend_from_slice(bytes);
        Ok(Frame::of(Payload::owned(copy)))
    }

    /// Makes this the last part of a message, of `len` bytes, at most [`INLINE`], which `fill` writes over zeros. Its
    /// properties stay.
    ///
    /// # Panics
    ///
    /// If there are more.
    #[inline(always)]
    pub fn refill_small(&mut self, len: usize, fill: impl FnOnce(&mut [u8])) {
        assert!(len <= INLINE, "a small frame has {INLINE} bytes at most");
        self.payload = Payload::inline_with(len, fill);
    }

    /// Makes this the last part of a message, of these bytes. Its properties stay.
    #[inline(always)]
    pub fn refill(&mut self, bytes: Vec<u8>) {
        self.payload = Payload::owned(bytes);
    }

    /// Makes this a frame that holds a copy of `bytes`, with these properties, and the last part of a message. Uses the
    /// memory of this frame as [`take_memory`](Frame::take_memory) does.
    #[inline(always)]
    pub fn copy_again(&mut self, bytes: &[u8], properties: &Option<Arc<Properties>>) {
        self.keep_properties(properties);
        if bytes.len() <= INLINE {
            self.payload = Payload::inline(bytes);
            return;
        }
        match self.take_memory(bytes.len()) {
            Ok(mut memory) => {
                memory.extend_from_slice(bytes);
                self.refill(memory);
            }
            Err(_) => self.payload = Frame::copy_from_slice(bytes).payload,
        }
    }

    /// Empty memory for `len` bytes: the frame's own, if it alone has that, and it is neither too small nor much too
    /// large; the frame is empty then.
    ///
    /// # Errors
    ///
    /// There is none.
    #[inline(always)]
    pub fn take_memory(&mut self, len: usize) -> Result<Vec<u8>, TryReserveError> {
        if let Some(bytes) = self.payload.take_owned(len..=len.saturating_mul(4)) {
            return Ok(bytes);
        }
        body_memory(len)
    }

    /// Tells these properties, and counts them anew only if they are others than before.
    #[inline(always)]
    pub fn keep_properties(&mut self, properties: &Option<Arc<Properties>>) {
        let same = match (&self.properties, properties) {
            (Some(mine), Some(theirs)) => Arc::ptr_eq(mine, theirs),
            (None, None) => true,
            _ => false,
        };
        if !same {
            self.properties.clone_from(properties);
        }
    }

    /// A frame of `len` zeros, to be [written](Frame::as_mut_slice).
    ///
    /// # Errors
    ///
    /// If there is no memory for it.
    pub fn zeroed(len: usize) -> Result<Frame, TryReserveError> {
        if len <= INLINE {
            return Ok(Frame::of(Payload::inline(&[0; INLINE][..len])));
        }
        if let Some(frame) = Frame::large(len, |bytes| bytes.fill(0)) {
            return Ok(frame);
        }
        let mut bytes = body_memory(len)?;
        bytes.resize(len, 0);
        Ok(Frame::of(Payload::owned(bytes)))
    }

    /// A frame of `len` bytes that are still to be written, all of them through [`as_mut_ptr`](Frame::as_mut_ptr).
    ///
    /// ```
    /// use ringmq_message::Frame;
    ///
    /// // SAFETY: all bytes are written below, before the frame is read.
    /// let mut frame = unsafe { Frame::unwritten(1000) }.expect("memory");
    /// // SAFETY: 1000 bytes can be written there.
    /// unsafe { frame.as_mut_ptr().write_bytes(7, frame.len()) };
    /// assert_eq!(&frame[..], [7; 1000]);
    /// ```
    ///
    /// # Errors
    ///
    /// There is no memory for it.
    ///
    /// # Safety
    ///
    /// Until all bytes are written, the frame may only be moved, dropped, and asked for its length and address.
    #[inline]
    pub unsafe fn unwritten(len: usize) -> Result<Frame, TryReserveError> {
        if len <= INLINE {
            return Ok(Frame::small(len, |_| {}));
        }
        if len >= LARGE
            && let Some(frame) = Frame::unfilled(len)
        {
            return Ok(frame);
        }
        // SAFETY: there is room for as many, and the caller vouches for the rest.
        Ok(Frame::of(unsafe {
            Payload::unwritten(body_memory(len)?, len)
        }))
    }

    /// A frame of `len` bytes, at most [`INLINE`], which `fill` writes over zeros.
    ///
    /// # Panics
    ///
    /// If there are more.
    #[inline(always)]
    pub fn small(len: usize, fill: impl FnOnce(&mut [u8])) -> Frame {
        assert!(len <= INLINE, "a small frame has {INLINE} bytes at most");
        Frame::of(Payload::inline_with(len, fill))
    }

    /// A frame that keeps this memory for itself, and can be [written](Frame::as_mut_slice); it is
    /// [shared](Frame::share) before it is cloned, or the clone is a copy.
    #[inline(always)]
    pub fn from_vec(bytes: Vec<u8>) -> Frame {
        Frame::of(Payload::owned(bytes))
    }

    /// A frame over the memory of `owner`. The last frame that shares it drops `owner`, in the thread in which that
    /// frame is dropped.
    pub fn from_owner<T>(owner: T) -> Frame
    where
        T: AsRef<[u8]> + Send + 'static,
    {
        Frame::from(Bytes::from_owner(owner))
    }

    /// A frame over bytes that live for ever. Copies nothing.
    pub const fn from_static(bytes: &'static [u8]) -> Frame {
        Frame::of(Payload::shared(Bytes::from_static(bytes)))
    }

    /// A frame over the first `len` bytes of memory that something else owns. The last frame that shares it drops the
    /// `Arc`. `None` if there are fewer bytes.
    pub fn from_foreign(memory: Arc<dyn ForeignMemory>, len: usize) -> Option<Frame> {
        Foreign::new(memory, len).map(|foreign| Frame::of(Payload::foreign(foreign)))
    }

    /// The owner of the memory, if it is neither the allocator's nor a `Bytes`.
    #[inline(always)]
    pub fn foreign_memory(&self) -> Option<&Arc<dyn ForeignMemory>> {
        self.payload.as_foreign().map(Foreign::memory)
    }

    /// Takes the owner of the memory out, if it is neither the allocator's nor a `Bytes`. The frame is empty then, and keeps
    /// its properties.
    #[inline]
    pub fn take_foreign(&mut self) -> Option<Arc<dyn ForeignMemory>> {
        self.payload.take_foreign().map(Foreign::into_memory)
    }

    /// Gives the memory back that was [taken out](Frame::take_foreign).
    pub fn put_foreign(&mut self, memory: Arc<dyn ForeignMemory>, len: usize) {
        if let Some(foreign) = Foreign::new(memory, len) {
            let more = self.more();
            self.payload = Payload::foreign(foreign);
            self.set_more(more);
        }
    }

    /// A frame in the memory that the process provides for long bodies, which `fill` writes; `None` if it provides none.
    #[inline]
    fn large(len: usize, fill: impl FnOnce(&mut [u8])) -> Option<Frame> {
        if len < LARGE {
            return None;
        }
        let mut frame = Frame::unfilled(len)?;
        fill(frame.payload.as_mut_slice());
        Some(frame)
    }

    /// As [`large`](Frame::large), with what was in the memory before.
    #[cold]
    #[inline(never)]
    fn unfilled(len: usize) -> Option<Frame> {
        Frame::from_foreign(large_memory(len)?, len)
    }

    #[inline(always)]
    const fn of(payload: Payload) -> Frame {
        Frame {
            payload,
            properties: None,
        }
    }

    /// The bytes.
    #[inline(always)]
    pub fn as_slice(&self) -> &[u8] {
        self.payload.as_slice()
    }

    /// Bytes that it has.
    #[inline(always)]
    pub fn len(&self) -> usize {
        self.payload.len()
    }

    /// Whether it has none.
    #[inline(always)]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The address of the first byte; of no byte, if there is none.
    #[inline(always)]
    pub fn as_ptr(&self) -> *const u8 {
        self.payload.as_ptr()
    }

    /// As [`as_ptr`](Frame::as_ptr), to write to, unless the bytes are shared, lent or constant.
    #[inline(always)]
    pub fn as_mut_ptr(&mut self) -> *mut u8 {
        self.payload.as_mut_ptr()
    }

    /// The bytes, to write to. Those that other frames share are copied first.
    pub fn as_mut_slice(&mut self) -> &mut [u8] {
        self.payload.as_mut_slice()
    }

    /// The bytes, for many owners. Copies at most [`INLINE`] of them.
    pub fn into_bytes(self) -> Bytes {
        self.payload.into_bytes()
    }

    /// Ends writing in place: from now on clones share the bytes. Copies nothing.
    #[inline(always)]
    pub fn share(&mut self) {
        self.payload.share();
    }

    /// Returns true if the bytes lie in the frame itself, or in memory that it alone has from the allocator.
    #[inline(always)]
    pub fn is_owned(&self) -> bool {
        self.payload.is_owned()
    }

    /// Whether others may own the bytes, too.
    pub fn is_shared(&self) -> bool {
        let shared = self.payload.as_shared();
        let foreign = self.payload.as_foreign();
        shared.is_some_and(|bytes| !bytes.is_unique()) || foreign.is_some_and(Foreign::is_shared)
    }

    /// Whether another part of the same message follows.
    #[inline(always)]
    pub fn more(&self) -> bool {
        self.payload.more()
    }

    /// Says whether another part of the same message follows.
    #[inline(always)]
    pub fn set_more(&mut self, more: bool) {
        self.payload.set_more(more);
    }

    /// The same frame, with [`more`](Frame::more) as given.
    #[inline(always)]
    pub fn with_more(mut self, more: bool) -> Frame {
        self.set_more(more);
        self
    }

    /// What is known of the peer that it came from; `None` for what was made here, or came from this process.
    pub fn properties(&self) -> Option<&Arc<Properties>> {
        self.properties.as_ref()
    }

    /// Says what is known of the peer.
    #[inline]
    pub fn set_properties(&mut self, properties: Option<Arc<Properties>>) {
        self.properties = properties;
    }

    /// The peer of a SERVER or PEER: that from which the frame came, or to which it is to go; `None` if it names none.
    ///
    /// ```
    /// use std::num::NonZeroU32;
    ///
    /// use ringmq_message::Frame;
    ///
    /// let mut reply = Frame::from("reply");
    /// assert_eq!(reply.routing_id(), None);
    /// reply.set_routing_id(NonZeroU32::new(7));
    /// assert_eq!(reply.routing_id(), NonZeroU32::new(7));
    /// ```
    pub fn routing_id(&self) -> Option<NonZeroU32> {
        self.properties()?.routing_id()
    }

    /// Says to which peer of a SERVER or PEER the frame is to go. Allocates, unless the frame alone has its properties.
    pub fn set_routing_id(&mut self, id: Option<NonZeroU32>) {
        if self.routing_id() != id {
            let properties = self.properties.get_or_insert_default();
            Arc::make_mut(properties).set_routing_id(id);
        }
    }

    /// The group that a message of RADIO and DISH belongs to; empty if it says none.
    ///
    /// ```
    /// use ringmq_message::Frame;
    ///
    /// let mut report = Frame::from("sunny");
    /// assert_eq!(report.group(), b"");
    /// report.set_group("weather")?;
    /// assert_eq!(report.group(), b"weather");
    /// # Ok::<(), ringmq_message::InvalidGroup>(())
    /// ```
    pub fn group(&self) -> &[u8] {
        let group = self.properties().map(|known| known.group().to_bytes());
        group.unwrap_or_default()
    }

    /// Says to which group a message of RADIO belongs. Allocates.
    ///
    /// # Errors
    ///
    /// [`InvalidGroup`] if the name has more than 255 bytes or a NUL; nothing is changed.
    pub fn set_group(&mut self, group: impl AsRef<[u8]>) -> Result<(), InvalidGroup> {
        let group = group.as_ref();
        if self.group() == group {
            return Ok(());
        }
        let mut properties = self.properties.as_deref().cloned().unwrap_or_default();
        properties.set_group(group)?;
        self.properties = Some(Arc::new(properties));
        Ok(())
    }

    /// The same frame, for this group.
    ///
    /// # Errors
    ///
    /// As [`set_group`](Frame::set_group).
    ///
    /// ```
    /// use ringmq_message::Frame;
    ///
    /// assert_eq!(Frame::from("sunny").with_group("weather")?.group(), b"weather");
    /// assert!(Frame::from("sunny").with_group([b'w'; 256]).is_err());
    /// # Ok::<(), ringmq_message::InvalidGroup>(())
    /// ```
    pub fn with_group(mut self, group: impl AsRef<[u8]>) -> Result<Frame, InvalidGroup> {
        self.set_group(group)?;
        Ok(self)
    }

    /// The same frame, for this peer of a SERVER or PEER. Those of the frame's properties that tell of another connection
    /// are gone.
    ///
    /// ```
    /// use std::num::NonZeroU32;
    ///
    /// use ringmq_message::Frame;
    ///
    /// let id = NonZeroU32::new(7);
    /// assert_eq!(Frame::from("reply").with_routing_id(id).routing_id(), id);
    /// ```
    #[must_use]
    pub fn with_routing_id(mut self, id: Option<NonZeroU32>) -> Frame {
        self.set_properties(None);
        self.set_routing_id(id);
        self
    }
}

impl Default for Frame {
    fn default() -> Frame {
        Frame::new()
    }
}

impl Deref for Frame {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        self.as_slice()
    }
}

impl AsRef<[u8]> for Frame {
    fn as_ref(&self) -> &[u8] {
        self.as_slice()
    }
}

/// Bytes and [`more`](Frame::more) count; properties do not.
impl PartialEq for Frame {
    fn eq(&self, other: &Frame) -> bool {
        self.more() == other.more() && self.as_slice() == other.as_slice()
    }
}

impl Eq for Frame {}

impl From<Bytes> for Frame {
    #[inline]
    fn from(bytes: Bytes) -> Frame {
        Frame::of(Payload::shared(bytes))
    }
}

impl From<Vec<u8>> for Frame {
    /// Keeps the memory, unless it is little enough to be held inline.
    #[inline]
    fn from(bytes: Vec<u8>) -> Frame {
        if bytes.len() <= INLINE {
            return Frame::copy_from_slice(&bytes);
        }
        Frame::from(Bytes::from(bytes))
    }
}

impl From<String> for Frame {
    fn from(text: String) -> Frame {
        Frame::from(text.into_bytes())
    }
}

impl From<&[u8]> for Frame {
    #[inline]
    fn from(bytes: &[u8]) -> Frame {
        Frame::copy_from_slice(bytes)
    }
}

impl<const N: usize> From<&[u8; N]> for Frame {
    fn from(bytes: &[u8; N]) -> Frame {
        Frame::copy_from_slice(bytes)
    }
}

impl From<&str> for Frame {
    fn from(text: &str) -> Frame {
        Frame::copy_from_slice(text.as_bytes())
    }
}

impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.as_slice();
        let shown = &bytes[..bytes.len().min(32)];
        write!(
            f,
            "Frame({} bytes, \"{}\"",
            bytes.len(),
            shown.escape_ascii()
        )?;
        f.write_str(if shown.len() < bytes.len() { "..." } else { "" })?;
        f.write_str(if self.more() { ", more)" } else { ")" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_around_inline_keep_their_bytes() {
        for len in [0, 1, INLINE - 1, INLINE, INLINE + 1, 300] {
            let bytes: Vec<u8> = (0..len).map(|at| at as u8).collect();
            for frame in [
                Frame::copy_from_slice(&bytes),
                Frame::from(bytes.clone()),
                Frame::from(Bytes::from(bytes.clone())),
                Frame::from_owner(bytes.clone()),
            ] {
                assert_eq!(frame.as_slice(), bytes);
                assert_eq!(frame.clone().with_more(true).into_bytes(), bytes);
            }
        }
    }

    #[test]
    fn bytes_are_aligned_wherever_they_are_and_whatever_their_length() {
        let mut padded = Vec::new();
        for len in (0..=130).chain([1000, 4097, 100_001]) {
            let bytes = vec![7; len];
            let mut refilled = Frame::new();
            let memory = refilled.take_memory(len).unwrap();
            assert!(memory.capacity() >= len);
            refilled.refill_small(len.min(INLINE), |into| into.fill(7));
            let mut shared = Frame::try_copy(&bytes).unwrap();
            shared.share();
            let frames = [
                Frame::copy_from_slice(&bytes),
                Frame::try_copy(&bytes).unwrap(),
                Frame::zeroed(len).unwrap(),
                Frame::from(bytes),
                Frame::small(len.min(INLINE), |into| into.fill(7)),
                shared.clone(),
                shared,
                refilled,
            ];
            // Frames that lie one behind the other, as in a message, are at all places that a frame can be at.
            padded.extend(frames);
        }
        for frame in &padded {
            let least = if frame.len() <= INLINE { 8 } else { 16 };
            assert_eq!(frame.as_ptr().addr() % least, 0, "{frame:?}");
        }
    }

    #[test]
    fn writing_copies_what_others_share_and_nothing_else() {
        let mut frame = Frame::zeroed(100).unwrap();
        frame.as_mut_slice()[0] = 1;
        let address = frame.as_ptr();
        frame.share();
        assert_eq!(frame.as_ptr(), address);
        let clone = frame.clone();
        assert!(frame.is_shared() && clone.is_shared());
        frame.as_mut_slice()[0] = 2;
        assert_eq!((frame[0], clone[0]), (2, 1));
        let mut clone = clone;
        assert!(!clone.is_shared());
        clone.as_mut_slice()[0] = 3;
        assert_eq!(clone.as_ptr(), address);
    }

    #[test]
    fn the_owner_of_foreign_memory_is_dropped_with_the_last_frame() {
        struct Owner {
            bytes: [u8; 60],
            _alive: Arc<()>,
        }
        impl AsRef<[u8]> for Owner {
            fn as_ref(&self) -> &[u8] {
                &self.bytes
            }
        }
        let alive = Arc::new(());
        let frame = Frame::from_owner(Owner {
            bytes: [5; 60],
            _alive: Arc::clone(&alive),
        });
        let clone = frame.clone();
        drop(frame);
        assert_eq!(Arc::strong_count(&alive), 2);
        assert_eq!(clone.as_slice(), [5; 60]);
        drop(clone);
        assert_eq!(Arc::strong_count(&alive), 1);
    }

    #[test]
    fn more_survives_every_change_of_payload() {
        let mut frame = Frame::zeroed(100).unwrap().with_more(true);
        frame.share();
        assert!(frame.more());
        let clone = frame.clone();
        frame.as_mut_slice();
        assert!(frame.more() && clone.more());
    }

    #[test]
    fn what_was_unwritten_is_a_frame_like_others_once_it_is_written() {
        for len in [0, 1, INLINE, INLINE + 1, 300] {
            // SAFETY: moved, measured and dropped only.
            drop(unsafe { Frame::unwritten(len) }.unwrap());
            // SAFETY: moved and measured only, before it is written.
            let frame = unsafe { Frame::unwritten(len) }.unwrap();
            let mut moved = Box::new(frame).with_more(true);
            assert_eq!(moved.len(), len);
            // SAFETY: as many bytes can be written there.
            unsafe { moved.as_mut_ptr().write_bytes(9, len) };
            let written = vec![9; len];
            assert_eq!(moved.clone().as_slice(), written);
            moved.share();
            assert_eq!(moved.clone().as_slice(), written);
            assert_eq!(moved.as_mut_slice(), written);
            assert!(moved.more());
            assert_eq!(moved.into_bytes(), written);
        }
        // SAFETY: an error.
        assert!(unsafe { Frame::unwritten(usize::MAX / 2) }.is_err());
    }

    #[test]
    fn memory_that_is_not_there_is_an_error() {
        assert!(Frame::zeroed(usize::MAX / 2).is_err());
    }
}
