//! Where the bytes of a frame are.
//!
//! ```text
//!            0                          24             32             40             45    46    47   48
//!   inline   | up to 45 bytes ...                                                 | len | more| tag |
//!   owned    | Vec<MaybeUninit<u8>>     |                             |           |     | more| tag |
//!   shared   | Bytes                                   |              |           |     | more| tag |
//!   foreign  | Arc of the memory     | length |                                     |     | more| tag |
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

use crate::foreign::Foreign;
use crate::spare::{self, LONG};

/// The longest payload, in bytes, that a frame holds in itself.
pub const INLINE: usize = 45;

const WORDS: usize = 5;
/// Bytes of a payload.
const ALL: usize = 8 * (WORDS + 1);

/// Where the head's own bytes are: the last three of the payload. An inline payload may use the others.
const LEN_AT: usize = ALL - 3;
const MORE_AT: usize = ALL - 2;
const TAG_AT: usize = ALL - 1;

/// Memory of one owner, who may still write. It may be that nothing was written yet.
type Owned = Vec<MaybeUninit<u8>>;

/// The same memory, as bytes that need not be initialised.
#[inline(always)]
fn uninit(bytes: Vec<u8>) -> Owned {
    let mut bytes = ManuallyDrop::new(bytes);
    let (first, len, capacity) = (bytes.as_mut_ptr(), bytes.len(), bytes.capacity());
    // SAFETY: the parts of a vector that is not dropped; the elements have the same layout, and every byte will do.
    unsafe { Vec::from_raw_parts(first.cast(), len, capacity) }
}

/// The same memory, as initialised bytes.
///
/// # Safety
///
/// They are initialised.
#[inline(always)]
unsafe fn assume_init(bytes: Owned) -> Vec<u8> {
    let mut bytes = ManuallyDrop::new(bytes);
    let (first, len, capacity) = (bytes.as_mut_ptr(), bytes.len(), bytes.capacity());
    // SAFETY: the parts of a vector that is not dropped; the elements have the same layout, and the caller vouches for
    // their values.
    unsafe { Vec::from_raw_parts(first.cast(), len, capacity) }
}

// An inline payload fills what there is, and each of the others fits the body.
const _: () = assert!(INLINE == LEN_AT);
const _: () = assert!(size_of::<Owned>() <= 8 * WORDS && align_of::<Owned>() <= 8);
const _: () = assert!(size_of::<Bytes>() <= 8 * WORDS && align_of::<Bytes>() <= 8);
const _: () = assert!(size_of::<Foreign>() <= 8 * WORDS && align_of::<Foreign>() <= 8);
const _: () = assert!(size_of::<Payload>() == ALL && align_of::<Payload>() == 8);

/// Each tag is one bit, so that a look at it is one test. This one is the sign of the head word on most processors.
const INLINE_TAG: u8 = 0x80;
const OWNED_TAG: u8 = 0x40;
const SHARED_TAG: u8 = 0x20;
const FOREIGN_TAG: u8 = 0x10;

/// The bytes of a frame, and whether more frames follow.
///
/// Invariants: the last byte of `head` is one of the tags. Of an inline payload the byte at [`LEN_AT`] is its length, at
/// most [`INLINE`], and as many bytes from the first on are initialised. With the owned tag the body holds an [`Owned`],
/// with the shared tag a `Bytes`, with the foreign tag a [`Foreign`]; it is this payload's to drop. All bytes of an `Owned` are initialised, but for those of
/// a payload that [`unwritten`](Payload::unwritten) made.
#[repr(C)]
pub(crate) struct Payload {
    body: [MaybeUninit<u64>; WORDS],
    head: NonZeroU64,
}

// SAFETY: what is in the body is `Send` and `Sync`, as `Owned`, `Bytes` and `Foreign` are; the rest are numbers.
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

    /// Returns true if no `Bytes` and no foreign memory is behind it.
    #[inline(always)]
    pub(crate) fn is_owned(&self) -> bool {
        self.is(INLINE_TAG | OWNED_TAG)
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
        Payload::of_owned(uninit(bytes))
    }

    /// As [`owned`](Payload::owned), of `len` bytes that are still to be written to this memory.
    ///
    /// # Safety
    ///
    /// There is room for as many. All bytes are written, through [`as_mut_ptr`](Payload::as_mut_ptr), before anything but the address and the length
    /// is asked for.
    #[inline(always)]
    pub(crate) unsafe fn unwritten(memory: Vec<u8>, len: usize) -> Payload {
        let mut bytes = uninit(memory);
        // SAFETY: there is room for as many, and elements of this type need not be initialised.
        unsafe { bytes.set_len(len) };
        Payload::of_owned(bytes)
    }

    #[inline(always)]
    fn of_owned(bytes: Owned) -> Payload {
        let mut body = [MaybeUninit::uninit(); WORDS];
        // SAFETY: it fits, and is aligned as the words are (asserted above).
        unsafe { body.as_mut_ptr().cast::<Owned>().write(bytes) };
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

    /// Memory of another owner than the allocator.
    #[inline(always)]
    pub(crate) fn foreign(foreign: Foreign) -> Payload {
        let mut body = [MaybeUninit::uninit(); WORDS];
        // SAFETY: as in `owned`.
        unsafe { body.as_mut_ptr().cast::<Foreign>().write(foreign) };
        Payload {
            body,
            head: tagged(FOREIGN_TAG),
        }
    }

    /// The memory, if it is foreign.
    #[inline(always)]
    pub(crate) fn as_foreign(&self) -> Option<&Foreign> {
        // SAFETY: the tag says that there is one.
        self.is(FOREIGN_TAG)
            .then(|| unsafe { &*self.body.as_ptr().cast::<Foreign>() })
    }

    /// As [`as_foreign`](Payload::as_foreign), to ask whether it may be written.
    fn as_foreign_mut(&mut self) -> Option<&mut Foreign> {
        // SAFETY: the tag says that there is one.
        self.is(FOREIGN_TAG)
            .then(|| unsafe { &mut *self.body.as_mut_ptr().cast::<Foreign>() })
    }

    /// The memory, if it is of one owner.
    #[inline(always)]
    fn as_owned(&self) -> Option<&Owned> {
        // SAFETY: the tag says that there is one.
        self.is(OWNED_TAG)
            .then(|| unsafe { &*self.body.as_ptr().cast::<Owned>() })
    }

    /// As [`as_owned`](Payload::as_owned), to write to.
    #[inline(always)]
    fn as_owned_mut(&mut self) -> Option<&mut Owned> {
        // SAFETY: the tag says that there is one.
        self.is(OWNED_TAG)
            .then(|| unsafe { &mut *self.body.as_mut_ptr().cast::<Owned>() })
    }

    /// The bytes, if they are of many owners.
    #[inline(always)]
    pub(crate) fn as_shared(&self) -> Option<&Bytes> {
        // SAFETY: the tag says that there is one.
        self.is(SHARED_TAG)
            .then(|| unsafe { &*self.body.as_ptr().cast::<Bytes>() })
    }

    /// Where the bytes are, and how many. They may still be unwritten.
    #[inline(always)]
    fn place(&self) -> (*const u8, usize) {
        if self.is(INLINE_TAG) {
            return (ptr::from_ref(self).cast(), self.inline_len());
        }
        if let Some(bytes) = self.as_owned() {
            return (bytes.as_ptr().cast(), bytes.len());
        }
        if let Some(foreign) = self.as_foreign() {
            let bytes = foreign.bytes();
            return (bytes.as_ptr(), bytes.len());
        }
        // SAFETY: none of the other tags, so this one, which says that there is one.
        let bytes = unsafe { &*self.body.as_ptr().cast::<Bytes>() };
        (bytes.as_ptr(), bytes.len())
    }

    /// Where the bytes are.
    #[inline(always)]
    pub(crate) fn as_ptr(&self) -> *const u8 {
        self.place().0
    }

    /// How many bytes there are.
    #[inline(always)]
    pub(crate) fn len(&self) -> usize {
        if self.is(INLINE_TAG) {
            return self.inline_len();
        }
        // Its owner is not asked.
        self.as_foreign()
            .map_or_else(|| self.place().1, Foreign::len)
    }

    /// Where the bytes are, to write to. Those that others may read stay where they are, too: they are not to be written.
    #[inline(always)]
    pub(crate) fn as_mut_ptr(&mut self) -> *mut u8 {
        if self.is(INLINE_TAG) {
            return ptr::from_mut(self).cast();
        }
        if let Some(foreign) = self.as_foreign() {
            if !foreign.is_inherited() {
                return foreign.memory().as_ptr();
            }
            self.copy_foreign();
        }
        match self.as_owned_mut() {
            Some(bytes) => bytes.as_mut_ptr().cast(),
            None => self.as_ptr().cast_mut(),
        }
    }

    #[inline(always)]
    pub(crate) fn as_slice(&self) -> &[u8] {
        let (first, len) = self.place();
        // SAFETY: as many bytes lie there, borrowed from this payload. They are initialised: an invariant of what is
        // inline, the type of what is shared, and what is owned has been written before (the contract of `unwritten`).
        unsafe { slice::from_raw_parts(first, len) }
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

    /// Copies the bytes to memory of the allocator's.
    #[cold]
    fn copy_foreign(&mut self) {
        let more = self.more();
        *self = Payload::owned(self.as_slice().to_vec());
        self.set_more(more);
    }

    /// The bytes, to write to. Those that others share are copied.
    pub(crate) fn as_mut_slice(&mut self) -> &mut [u8] {
        if self
            .as_foreign_mut()
            .is_some_and(|foreign| foreign.bytes_mut().is_none())
        {
            self.copy_foreign();
        }
        if self.is(SHARED_TAG) {
            let more = self.more();
            let bytes = mem::replace(self, Payload::EMPTY).into_bytes();
            // A sole owner gets its memory back; shared memory is copied.
            let bytes = match bytes.try_into_mut() {
                Ok(unique) => Vec::from(unique),
                Err(shared) => shared.to_vec(),
            };
            *self = Payload::owned(bytes);
            self.set_more(more);
        }
        let (first, len) = (self.as_mut_ptr(), self.len());
        // SAFETY: as in `as_slice`, and no other frame shares them. Writing to what is inline leaves the last three bytes alone.
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
        // SAFETY: the tag says that there is one, and it is neither dropped nor used afterwards.
        let mut bytes = unsafe { this.body.as_ptr().cast::<Owned>().read() };
        bytes.clear();
        // SAFETY: there are none.
        Some(unsafe { assume_init(bytes) })
    }

    /// The memory of a foreign payload, which is empty then.
    #[inline]
    pub(crate) fn take_foreign(&mut self) -> Option<Foreign> {
        if !self.is(FOREIGN_TAG) {
            return None;
        }
        let mut empty = Payload::EMPTY;
        empty.set_more(self.more());
        let this = ManuallyDrop::new(mem::replace(self, empty));
        // SAFETY: the tag says that there is one, and it is neither dropped nor used afterwards.
        Some(unsafe { this.body.as_ptr().cast::<Foreign>().read() })
    }

    pub(crate) fn into_bytes(self) -> Bytes {
        let this = ManuallyDrop::new(self);
        match this.tag() {
            OWNED_TAG => {
                // SAFETY: the tag says that there is one, and it is neither dropped nor used afterwards.
                let bytes = unsafe { this.body.as_ptr().cast::<Owned>().read() };
                // SAFETY: they have been written (the contract of `unwritten`).
                Bytes::from(unsafe { assume_init(bytes) })
            }
            // SAFETY: as above.
            SHARED_TAG => unsafe { this.body.as_ptr().cast::<Bytes>().read() },
            FOREIGN_TAG => {
                // SAFETY: as above.
                let foreign = unsafe { this.body.as_ptr().cast::<Foreign>().read() };
                Bytes::from_owner(foreign)
            }
            _ => Bytes::copy_from_slice(this.as_slice()),
        }
    }
}

impl Clone for Payload {
    #[inline]
    fn clone(&self) -> Payload {
        let mut clone = if let Some(bytes) = self.as_shared() {
            Payload::shared(bytes.clone())
        } else if let Some(foreign) = self.as_foreign() {
            Payload::foreign(foreign.clone())
        } else if self.is(OWNED_TAG) {
            Payload::owned(self.as_slice().to_vec())
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
                // SAFETY: the tag says that there is one, and it is not used afterwards.
                let mut bytes = unsafe { body.cast::<Owned>().read() };
                if bytes.capacity() >= LONG {
                    bytes.clear();
                    // SAFETY: there are none.
                    spare::keep(unsafe { assume_init(bytes) });
                }
            }
            // SAFETY: as above.
            FOREIGN_TAG => unsafe { body.cast::<Foreign>().drop_in_place() },
            // SAFETY: as above.
            _ => unsafe { body.cast::<Bytes>().drop_in_place() },
        }
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Payload")
            .field("more", &self.more())
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}
