//! Where the bytes of a frame are.
//!
//! ```text
//!            0                          24             32             40             45    46    47   48
//!   inline   | up to 45 bytes ...                                                 | len | more| tag |
//!   owned    | Vec<u8>                  |                             |           |     | more| tag |
//!   shared   | Bytes                                   |              |           |     | more| tag |
//!            |                      body                              |          head word          |
//! ```
//!
//! The body comes first. A payload is aligned to 8, and so are the bytes of an inline one: programs read numbers from a
//! message where it lies, at the alignment that libzmq gives them.
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
use crate::spare::{self, LONG};

const WORDS: usize = 5;
/// Bytes of a payload.
const ALL: usize = 8 * (WORDS + 1);

/// Where the head's own bytes are: the last three of the payload. An inline payload may use the others.
const LEN_AT: usize = ALL - 3;
const MORE_AT: usize = ALL - 2;
const TAG_AT: usize = ALL - 1;

// An inline payload fills what there is, and each of the others fits the body.
const _: () = assert!(INLINE == LEN_AT);
const _: () = assert!(size_of::<Vec<u8>>() <= 8 * WORDS && align_of::<Vec<u8>>() <= 8);
const _: () = assert!(size_of::<Bytes>() <= 8 * WORDS && align_of::<Bytes>() <= 8);
const _: () = assert!(size_of::<Payload>() == ALL && align_of::<Payload>() == 8);

/// Each tag is one bit, so that a look at it is one test. This one is the sign of the head word on most processors.
const INLINE_TAG: u8 = 0x80;
const OWNED_TAG: u8 = 0x40;
const SHARED_TAG: u8 = 0x20;

/// The bytes of a frame, and whether more frames follow.
///
/// Invariants: the last byte of `head` is one of the tags. Of an inline payload the byte at [`LEN_AT`] is its length, at
/// most [`INLINE`], and as many bytes from the first on are initialised. With the owned tag the body holds a `Vec<u8>`,
/// with the shared tag a `Bytes`; it is this payload's to drop.
#[repr(C)]
pub(crate) struct Payload {
    body: [MaybeUninit<u64>; WORDS],
    head: NonZeroU64,
}

// SAFETY: what is in the body is `Send` and `Sync`, as `Vec<u8>` and `Bytes` are; the rest are numbers.
unsafe impl Send for Payload {}
// SAFETY: as above.
unsafe impl Sync for Payload {}

/// A head word of these bytes, the last of which is not 0.
#[inline(always)]
const fn word(bytes: [u8; 8]) -> NonZeroU64 {
    match NonZeroU64::new(u64::from_ne_bytes(bytes)) {
        Some(word) => word,
        None => NonZeroU64::MIN,
    }
}

/// A head word with this tag: without inline bytes, and without more.
#[inline(always)]
const fn tagged(tag: u8) -> NonZeroU64 {
    word([0, 0, 0, 0, 0, 0, 0, tag])
}

impl Payload {
    pub(crate) const EMPTY: Payload = Payload {
        body: [MaybeUninit::new(0); WORDS],
        head: tagged(INLINE_TAG),
    };

    #[inline(always)]
    fn head(&self) -> [u8; 8] {
        self.head.get().to_ne_bytes()
    }

    #[inline(always)]
    fn tag(&self) -> u8 {
        self.head()[TAG_AT % 8]
    }

    #[inline(always)]
    fn is(&self, tag: u8) -> bool {
        self.tag() & tag != 0
    }

    /// The length of an inline payload.
    #[inline(always)]
    fn inline_len(&self) -> usize {
        usize::from(self.head()[LEN_AT % 8])
    }

    /// A copy of at most [`INLINE`] bytes.
    #[inline(always)]
    pub(crate) fn inline(from: &[u8]) -> Payload {
        let mut all = [[0_u8; 8]; WORDS + 1];
        let flat = all.as_flattened_mut();
        flat[..from.len()].copy_from_slice(from);
        flat[LEN_AT] = from.len() as u8;
        flat[TAG_AT] = INLINE_TAG;
        Payload::of_words(all)
    }

    /// An inline payload of `len` bytes, at most [`INLINE`], which are written by `fill`.
    #[inline(always)]
    pub(crate) fn inline_with(len: usize, fill: impl FnOnce(&mut [u8])) -> Payload {
        let mut all = [[0_u8; 8]; WORDS + 1];
        let flat = all.as_flattened_mut();
        fill(&mut flat[..len]);
        flat[LEN_AT] = len as u8;
        flat[TAG_AT] = INLINE_TAG;
        Payload::of_words(all)
    }

    #[inline(always)]
    fn of_words(all: [[u8; 8]; WORDS + 1]) -> Payload {
        let [body @ .., head] = all;
        Payload {
            body: body.map(|bytes| MaybeUninit::new(u64::from_ne_bytes(bytes))),
            head: word(head),
        }
    }

    /// One owner, who may still write. Becomes shared before it is handed on.
    #[inline(always)]
    pub(crate) fn owned(bytes: Vec<u8>) -> Payload {
        let mut body = [MaybeUninit::uninit(); WORDS];
        // SAFETY: it fits, and is aligned as the words are (asserted above).
        unsafe { body.as_mut_ptr().cast::<Vec<u8>>().write(bytes) };
        Payload {
            body,
            head: tagged(OWNED_TAG),
        }
    }

    /// Many owners.
    #[inline(always)]
    pub(crate) const fn shared(bytes: Bytes) -> Payload {
        let mut body = [MaybeUninit::uninit(); WORDS];
        // SAFETY: as in `owned`.
        unsafe { body.as_mut_ptr().cast::<Bytes>().write(bytes) };
        Payload {
            body,
            head: tagged(SHARED_TAG),
        }
    }

    /// The bytes, if they are of one owner.
    #[inline(always)]
    fn as_owned(&self) -> Option<&Vec<u8>> {
        // SAFETY: the tag says that there is one.
        self.is(OWNED_TAG)
            .then(|| unsafe { &*self.body.as_ptr().cast::<Vec<u8>>() })
    }

    /// The bytes, if they are of many owners.
    #[inline(always)]
    pub(crate) fn as_shared(&self) -> Option<&Bytes> {
        // SAFETY: the tag says that there is one.
        self.is(SHARED_TAG)
            .then(|| unsafe { &*self.body.as_ptr().cast::<Bytes>() })
    }

    #[inline(always)]
    pub(crate) fn as_slice(&self) -> &[u8] {
        if self.is(INLINE_TAG) {
            let first = ptr::from_ref(self).cast::<u8>();
            // SAFETY: inline: as many bytes from the first on are initialised, and lie within the payload.
            return unsafe { slice::from_raw_parts(first, self.inline_len()) };
        }
        if let Some(bytes) = self.as_owned() {
            return bytes;
        }
        // SAFETY: neither of the other tags, so this one, which says that there is one.
        unsafe { &*self.body.as_ptr().cast::<Bytes>() }
    }

    #[inline(always)]
    pub(crate) fn more(&self) -> bool {
        self.head()[MORE_AT % 8] != 0
    }

    #[inline(always)]
    pub(crate) fn set_more(&mut self, more: bool) {
        let mut head = self.head();
        head[MORE_AT % 8] = more.into();
        self.head = word(head);
    }

    /// The bytes, to write to. Those that others share are copied.
    pub(crate) fn as_mut_slice(&mut self) -> &mut [u8] {
        if self.is(SHARED_TAG) {
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
        if self.is(OWNED_TAG) {
            // SAFETY: the tag says that there is one.
            return unsafe { &mut *self.body.as_mut_ptr().cast::<Vec<u8>>() };
        }
        let len = self.inline_len();
        let first = ptr::from_mut(self).cast::<u8>();
        // SAFETY: as in `as_slice`; writing before the last three bytes breaks no invariant.
        unsafe { slice::from_raw_parts_mut(first, len) }
    }

    /// Turns what one owner holds into what many can hold. Copies nothing.
    #[inline(always)]
    pub(crate) fn share(&mut self) {
        if self.is(OWNED_TAG) {
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
                body: self.body,
                head: self.head,
            }
        };
        clone.set_more(self.more());
        clone
    }
}

impl Drop for Payload {
    #[inline(always)]
    fn drop(&mut self) {
        if !self.is(INLINE_TAG) {
            self.drop_body();
        }
    }
}

impl Payload {
    #[inline]
    fn drop_body(&mut self) {
        let body = self.body.as_mut_ptr();
        match self.tag() {
            OWNED_TAG => {
                // SAFETY: the tag says that there is one, and nobody uses it afterwards.
                let bytes = unsafe { body.cast::<Vec<u8>>().read() };
                if bytes.capacity() >= LONG {
                    spare::keep(bytes);
                }
            }
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
