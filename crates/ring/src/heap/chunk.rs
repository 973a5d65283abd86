//! The pieces of memory that a ring of elements is made of.

use alloc::boxed::Box;
use core::ptr::{self, NonNull};

use super::bodies::{Bodies, SLOTS};
use crate::atomics::{HeapPtr, HeapWord, KEPT, Ordering, Place};

/// One element, and its number: see [`number`]. A slot that was never used has 0.
#[repr(align(64))]
pub(super) struct Slot<T> {
    pub(super) number: HeapWord,
    pub(super) place: Place<T>,
}

pub(super) struct Chunk<T> {
    pub(super) slots: [Slot<T>; SLOTS],
    pub(super) bodies: Bodies,
    /// The next chunk of the ring, or of the spare ones.
    pub(super) next: HeapPtr<Chunk<T>>,
}

/// What is in a slot, in the low byte of its number: a `T`.
pub(super) const ELEMENT: u64 = 0xff;
/// A place among the [bodies](Chunk::bodies) of the chunk.
pub(super) const BODY: u64 = 0xfe;
/// Fewer than these are bytes in the slot itself, and one more than there are bytes.
const INSIDE: u64 = 0xfd;

/// The number of the element at this position, with what it is. It is never 0, and comes again after 2^56 elements.
#[inline(always)]
pub(super) fn number(position: u64, tag: u64) -> u64 {
    (position.wrapping_add(1) << 8) | tag
}

/// Bytes that a slot can hold in itself.
#[inline(always)]
pub(super) const fn room_inside<T>() -> usize {
    let most = INSIDE as usize - 2;
    if size_of::<T>() < most {
        size_of::<T>()
    } else {
        most
    }
}

/// Where a body is among those of its chunk. A slot that has no room for that holds elements and short bytes only.
#[derive(Clone, Copy)]
pub(super) struct Span {
    pub(super) at: u32,
    pub(super) len: u32,
}

impl Span {
    pub(super) const fn fits<T>() -> bool {
        size_of::<T>() >= size_of::<Span>()
    }

    #[inline(always)]
    pub(super) fn to_bytes(self) -> [u8; 8] {
        ((u64::from(self.len) << 32) | u64::from(self.at)).to_ne_bytes()
    }

    #[inline(always)]
    pub(super) fn from_bytes(bytes: &[u8]) -> Span {
        let mut word = [0; 8];
        word.copy_from_slice(bytes);
        let word = u64::from_ne_bytes(word);
        Span {
            at: word as u32,
            len: (word >> 32) as u32,
        }
    }
}

impl<T> Chunk<T> {
    pub(super) fn allocate() -> NonNull<Chunk<T>> {
        NonNull::from(Box::leak(Box::new(Chunk {
            slots: core::array::from_fn(|_| Slot {
                number: HeapWord::new(0),
                place: Place::empty(),
            }),
            bodies: Bodies::none(),
            next: HeapPtr::new(ptr::null_mut()),
        })))
    }

    /// Frees a chunk whose elements were all taken.
    ///
    /// # Safety
    ///
    /// The chunk came from `allocate`, and no thread uses it.
    pub(super) unsafe fn free(chunk: *mut Chunk<T>) {
        // SAFETY: the caller's; slots hold no values any more, and have nothing else to drop.
        drop(unsafe { Box::from_raw(chunk) });
    }

    /// Bytes that it takes.
    fn bytes(&self) -> usize {
        size_of::<Chunk<T>>() + self.bodies.len()
    }
}

/// Emptied chunks on their way back to the producer, the one that was emptied last first. The consumer adds them, and the
/// producer takes them: a chunk that is seen here stays until the producer takes it.
///
/// A producer that gets ahead by many chunks, again and again, finds them all here. One is always kept, and others while
/// the rings of this process keep no more than [`KEPT_MOST`] bytes.
pub(super) struct Spares<T>(HeapPtr<Chunk<T>>);

/// Bytes that the spare chunks of all rings of the process may have.
const KEPT_MOST: usize = 16 << 20;

impl<T> Spares<T> {
    pub(super) fn none() -> Spares<T> {
        Spares(HeapPtr::new(ptr::null_mut()))
    }

    /// Keeps a chunk, or frees it.
    ///
    /// # Safety
    ///
    /// The caller is the consumer, which has emptied the chunk and passed it.
    pub(super) unsafe fn give(&self, emptied: NonNull<Chunk<T>>) {
        // SAFETY: the chunk is the caller's.
        let chunk = unsafe { emptied.as_ref() };
        let bytes = chunk.bytes();
        // ORDERING: a hint: the producer may have taken the chunk meanwhile.
        let mut first = self.0.load(Ordering::Relaxed);
        // ORDERING: a count, which orders nothing.
        if KEPT.fetch_add(bytes, Ordering::Relaxed) + bytes > KEPT_MOST && !first.is_null() {
            KEPT.fetch_sub(bytes, Ordering::Relaxed);
            // SAFETY: it is emptied, and the caller's alone.
            unsafe { Chunk::free(emptied.as_ptr()) };
            return;
        }
        loop {
            // ORDERING: released by the exchange.
            chunk.next.store(first, Ordering::Relaxed);
            // SYNC POINT `spare`: pairs with the loads in `take`.
            // ORDERING: release, for the caller's last use of the chunk.
            match self.0.compare_exchange(
                first,
                emptied.as_ptr(),
                Ordering::Release,
                Ordering::Relaxed,
            ) {
                Ok(_) => return,
                Err(other) => first = other,
            }
        }
    }

    /// The chunk that was given last. The caller is the producer.
    pub(super) fn take(&self) -> Option<NonNull<Chunk<T>>> {
        // SYNC POINT `spare`: pairs with the exchange in `give`.
        // ORDERING: acquire, for the consumer's last use of this chunk and of those behind it.
        let mut first = self.0.load(Ordering::Acquire);
        loop {
            let chunk = NonNull::new(first)?;
            // SAFETY: it stays until this thread takes it.
            let here = unsafe { chunk.as_ref() };
            // ORDERING: acquired with the chunk.
            let next = here.next.load(Ordering::Relaxed);
            // ORDERING: acquire, as above. No other thread takes chunks, so the same chunk has the same one behind it.
            match self
                .0
                .compare_exchange(first, next, Ordering::Acquire, Ordering::Acquire)
            {
                Ok(_) => {
                    // ORDERING: a count.
                    KEPT.fetch_sub(here.bytes(), Ordering::Relaxed);
                    return Some(chunk);
                }
                Err(other) => first = other,
            }
        }
    }
}

impl<T> Drop for Spares<T> {
    fn drop(&mut self) {
        while let Some(chunk) = self.take() {
            // SAFETY: it was emptied, and no other thread uses it.
            unsafe { Chunk::free(chunk.as_ptr()) };
        }
    }
}
