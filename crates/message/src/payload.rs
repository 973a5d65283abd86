//! Where the bytes of a frame are.
//!
//! ```text
//!            0     1     2    3                                                                      48
//!   inline   | tag | more| len| up to 45 bytes ...                                                   |
//!   owned    | tag | more|                  | Vec<u8>              |                                 |
//!   shared   | tag | more|                  | Bytes                        |                         |
//!            |         head word            |                 body                                   |
//! ```
//!
//! It could be an enum, and was. But frames are moved through several hands, and a compiler that takes an enum apart to
//! look at its tag copies the rest in pieces that begin at odd places; a processor that loads across two such pieces
//! waits for both to be stored. What is looked at here is one whole word, and the rest moves in words (docs/performance.md,
//! "frames in words").

use std::mem::{self, ManuallyDrop, MaybeUninit};
use std::num::NonZeroU64;
use std::ops::RangeInclusive;
use std::{fmt, ptr, slice};

use bytes::Bytes;

use crate::frame::INLINE;

/// Bytes of the head that are not payload.
const TAGS: usize = 3;
const WORDS: usize = 5;

// An inline payload fills what there is, and each of the others fits the body.
const _: () = assert!(TAGS + INLINE == 8 * (1 + WORDS));
const _: () = assert!(size_of::<Vec<u8>>() <= 8 * WORDS && align_of::<Vec<u8>>() <= 8);
const _: () = assert!(size_of::<Bytes>() <= 8 * WORDS && align_of::<Bytes>() <= 8);
const _: () = assert!(size_of::<Payload>() == 8 * (1 + WORDS));

const INLINE_TAG: u8 = 1;
const OWNED_TAG: u8 = 2;
const SHARED_TAG: u8 = 3;

/// The bytes of a frame, and whether more frames follow.
///
/// Invariants: the first byte of `head` is one of the tags. Of an inline payload the third byte of `head` is its length,
/// at most [`INLINE`], and as many bytes behind that are initialised. With the owned tag the body holds a `Vec<u8>`, with
/// the shared tag a `Bytes`; it is this payload's to drop.
#[repr(C)]
pub(crate) struct Payload {
    head: NonZeroU64,
    body: [MaybeUninit<u64>; WORDS],
}

// SAFETY: what is in the body is `Send` and `Sync`, as `Vec<u8>` and `Bytes` are; the rest are numbers.
unsafe impl Send for Payload {}
// SAFETY: as above.
unsafe impl Sync for Payload {}

/// A head word of these bytes, the first of which is not 0.
#[inline(always)]
const fn word(bytes: [u8; 8]) -> NonZeroU64 {
    match NonZeroU64::new(u64::from_ne_bytes(bytes)) {
        Some(word) => word,
        None => NonZeroU64::MIN,
    }
}

impl Payload {
    pub(crate) const EMPTY: Payload = Payload {
        head: word([INLINE_TAG, 0, 0, 0, 0, 0, 0, 0]),
        body: [MaybeUninit::new(0); WORDS],
    };

    #[inline(always)]
    fn head(&self) -> [u8; 8] {
        self.head.get().to_ne_bytes()
    }

    #[inline(always)]
    fn tag(&self) -> u8 {
        self.head()[0]
    }

    /// A copy of at most [`INLINE`] bytes.
    #[inline(always)]
    pub(crate) fn inline(from: &[u8]) -> Payload {
        let mut all = [[0_u8; 8]; 1 + WORDS];
        let flat = all.as_flattened_mut();
        flat[0] = INLINE_TAG;
        flat[2] = from.len() as u8;
        flat[TAGS..TAGS + from.len()].copy_from_slice(from);
        Payload::of_words(all)
    }

    /// An inline payload of `len` bytes, at most [`INLINE`], which are written by `fill`.
    #[inline(always)]
    pub(crate) fn inline_with(len: usize, fill: impl FnOnce(&mut [u8])) -> Payload {
        let mut all = [[0_u8; 8]; 1 + WORDS];
        let flat = all.as_flattened_mut();
        flat[0] = INLINE_TAG;
        flat[2] = len as u8;
        fill(&mut flat[TAGS..TAGS + len]);
        Payload::of_words(all)
    }

    #[inline(always)]
    fn of_words(all: [[u8; 8]; 1 + WORDS]) -> Payload {
        let [head, body @ ..] = all;
        Payload {
            head: word(head),
            body: body.map(|bytes| MaybeUninit::new(u64::from_ne_bytes(bytes))),
        }
    }

    /// One owner, who may still write. Becomes shared before it is handed on.
    #[inline(always)]
    pub(crate) fn owned(bytes: Vec<u8>) -> Payload {
        let mut body = [MaybeUninit::uninit(); WORDS];
        // SAFETY: it fits, and is aligned as the words are (asserted above).
        unsafe { body.as_mut_ptr().cast::<Vec<u8>>().write(bytes) };
        Payload {
            head: word([OWNED_TAG, 0, 0, 0, 0, 0, 0, 0]),
            body,
        }
    }

    /// Many owners.
    #[inline(always)]
    pub(crate) const fn shared(bytes: Bytes) -> Payload {
        let mut body = [MaybeUninit::uninit(); WORDS];
        // SAFETY: as in `owned`.
        unsafe { body.as_mut_ptr().cast::<Bytes>().write(bytes) };
        Payload {
            head: word([SHARED_TAG, 0, 0, 0, 0, 0, 0, 0]),
            body,
        }
    }

    /// The bytes, if they are of one owner.
    #[inline(always)]
    fn as_owned(&self) -> Option<&Vec<u8>> {
        // SAFETY: the tag says that there is one.
        (self.tag() == OWNED_TAG).then(|| unsafe { &*self.body.as_ptr().cast::<Vec<u8>>() })
    }

    /// The bytes, if they are of many owners.
    #[inline(always)]
    pub(crate) fn as_shared(&self) -> Option<&Bytes> {
        // SAFETY: the tag says that there is one.
        (self.tag() == SHARED_TAG).then(|| unsafe { &*self.body.as_ptr().cast::<Bytes>() })
    }

    #[inline(always)]
    pub(crate) fn as_slice(&self) -> &[u8] {
        if let Some(bytes) = self.as_owned() {
            return bytes;
        }
        if let Some(bytes) = self.as_shared() {
            return bytes;
        }
        let len = usize::from(self.head()[2]);
        // SAFETY: within the payload.
        let first = unsafe { ptr::from_ref(self).cast::<u8>().add(TAGS) };
        // SAFETY: inline: as many bytes behind the first three are initialised, and lie within the payload.
        unsafe { slice::from_raw_parts(first, len) }
    }

    #[inline(always)]
    pub(crate) fn more(&self) -> bool {
        self.head()[1] != 0
    }

    #[inline(always)]
    pub(crate) fn set_more(&mut self, more: bool) {
        let mut head = self.head();
        head[1] = more.into();
        self.head = word(head);
    }

    /// The bytes, to write to. Those that others share are copied.
    pub(crate) fn as_mut_slice(&mut self) -> &mut [u8] {
        if self.tag() == SHARED_TAG {
            let more = self.more();
            let bytes = mem::replace(self, Payload::EMPTY).into_bytes();
            // The only owner gets its memory back; that of somebody else is copied.
            let bytes = match bytes.try_into_mut() {
                Ok(unique) => Vec::from(unique),
                Err(shared) => shared.to_vec(),
            };
            *self = Payload::owned(bytes);
            self.set_more(more);
        }
        if self.tag() == OWNED_TAG {
            // SAFETY: the tag says that there is one.
            return unsafe { &mut *self.body.as_mut_ptr().cast::<Vec<u8>>() };
        }
        let len = usize::from(self.head()[2]);
        // SAFETY: within the payload.
        let first = unsafe { ptr::from_mut(self).cast::<u8>().add(TAGS) };
        // SAFETY: as in `as_slice`; writing behind the first three bytes breaks no invariant.
        unsafe { slice::from_raw_parts_mut(first, len) }
    }

    /// Turns what one owner holds into what many can hold. Copies nothing.
    #[inline(always)]
    pub(crate) fn share(&mut self) {
        if self.tag() == OWNED_TAG {
            self.share_owned();
        }
    }

    #[inline(never)]
    fn share_owned(&mut self) {
        let more = self.more();
        let bytes = mem::replace(self, Payload::EMPTY).into_bytes();
        *self = Payload::shared(bytes);
        self.set_more(more);
    }

    /// The memory of an owned payload, emptied, if its capacity is one of these. It is empty then.
    #[inline(always)]
    pub(crate) fn take_owned(&mut self, capacities: RangeInclusive<usize>) -> Option<Vec<u8>> {
        if !capacities.contains(&self.as_owned()?.capacity()) {
            return None;
        }
        let this = ManuallyDrop::new(mem::replace(self, Payload::EMPTY));
        // SAFETY: the tag says that there is one, and nobody drops or uses it afterwards.
        let mut bytes = unsafe { this.body.as_ptr().cast::<Vec<u8>>().read() };
        bytes.clear();
        Some(bytes)
    }

    pub(crate) fn into_bytes(self) -> Bytes {
        let this = ManuallyDrop::new(self);
        match this.tag() {
            // SAFETY: the tag says that there is one, and nobody drops or uses it afterwards.
            OWNED_TAG => Bytes::from(unsafe { this.body.as_ptr().cast::<Vec<u8>>().read() }),
            // SAFETY: as above.
            SHARED_TAG => unsafe { this.body.as_ptr().cast::<Bytes>().read() },
            _ => Bytes::copy_from_slice(this.as_slice()),
        }
    }
}

impl Clone for Payload {
    #[inline]
    fn clone(&self) -> Payload {
        let mut clone = if let Some(bytes) = self.as_shared() {
            Payload::shared(bytes.clone())
        } else if let Some(bytes) = self.as_owned() {
            Payload::owned(bytes.clone())
        } else {
            Payload {
                head: self.head,
                body: self.body,
            }
        };
        clone.set_more(self.more());
        clone
    }
}

impl Drop for Payload {
    #[inline(always)]
    fn drop(&mut self) {
        if self.tag() != INLINE_TAG {
            self.drop_body();
        }
    }
}

impl Payload {
    #[inline]
    fn drop_body(&mut self) {
        let body = self.body.as_mut_ptr();
        match self.tag() {
            // SAFETY: the tag says that there is one, and nobody uses it afterwards.
            OWNED_TAG => unsafe { body.cast::<Vec<u8>>().drop_in_place() },
            // SAFETY: as above.
            _ => unsafe { body.cast::<Bytes>().drop_in_place() },
        }
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Payload")
            .field("more", &self.more())
            .field("len", &self.as_slice().len())
            .finish_non_exhaustive()
    }
}
