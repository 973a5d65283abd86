//! Memory behind a pointer: a mapping, or anything that outlives the ring.

use core::mem::MaybeUninit;
use core::ptr::NonNull;

use crate::atomics::{MappedWord, Ordering};
use crate::copy;
use crate::memory::{Contiguous, Memory, MemoryBits, MemoryMut};

/// Memory that this side may read and another party writes: the peer's, mapped read-only.
///
/// Holds a raw pointer and never makes a reference to what it points to: a reference would promise
/// the compiler that the bytes do not change (see `copy.rs` for the whole argument).
#[derive(Debug, Clone)]
pub struct Mapped {
    /// Invariant: `base` is aligned to 8 and valid for reads of `len` bytes for the life of `self`.
    base: NonNull<u8>,
    len: usize,
}

/// Memory that this side alone writes and others may read: our own.
#[derive(Debug)]
pub struct MappedMut(Mapped);

// SAFETY: the pointer is to shared memory; every access is atomic, or a copy that is sound when the bytes
// change underneath. Nothing in it belongs to a thread.
unsafe impl Send for Mapped {}
// SAFETY: as above: what a clone may do in another thread, a shared reference may.
unsafe impl Sync for Mapped {}
// SAFETY: as above; `MappedMut` is not `Clone`, so there is one writer, which may move between threads.
unsafe impl Send for MappedMut {}

impl Mapped {
    /// Takes memory of `len` bytes from `base` on.
    ///
    /// # Safety
    ///
    /// `base` is aligned to 8, `len` is a multiple of 8, and reads of these bytes are valid and do not
    /// trap for as long as the value, or a clone of it, lives. The memory is not a Rust object to which a reference
    /// exists. Other parties may write it.
    pub unsafe fn new(base: NonNull<u8>, len: usize) -> Mapped {
        debug_assert!((base.as_ptr() as usize).is_multiple_of(8) && len.is_multiple_of(8));
        Mapped { base, len }
    }

    /// A part of this memory; `None` if it does not lie inside, or is not made of whole words.
    pub fn part(&self, offset: usize, len: usize) -> Option<Mapped> {
        let end = offset.checked_add(len)?;
        if end > self.len || !offset.is_multiple_of(8) || !len.is_multiple_of(8) {
            return None;
        }
        // SAFETY: inside of this memory by the check above, so the sum does not overflow or leave it.
        let base = unsafe { self.base.add(offset) };
        Some(Mapped { base, len })
    }

    /// Copies bytes from `offset` on, a multiple of 8, into all of `into`. They may change meanwhile. Returns false, and
    /// copies nothing, if they do not lie inside of this memory.
    pub fn copy_to(&self, offset: usize, into: &mut [MaybeUninit<u8>]) -> bool {
        let end = into
            .len()
            .checked_next_multiple_of(8)
            .and_then(|len| len.checked_add(offset));
        let inside = end.is_some_and(|end| end <= self.len) && offset.is_multiple_of(8);
        if inside {
            // SAFETY: a multiple of 8, and in bounds with the length rounded up to 8 (just checked).
            unsafe { self.copy_out(offset, into) };
        }
        inside
    }

    /// Asks the processor for the line with the byte at `offset`, which will be read soon, if it lies inside of this memory.
    #[inline(always)]
    pub fn expect_soon_at(&self, offset: usize) {
        if offset < self.len {
            // SAFETY: in bounds (just checked), as all of its word is: the length is a multiple of 8.
            unsafe { self.expect_soon(offset & !7) };
        }
    }

    #[inline(always)]
    unsafe fn word(&self, offset: usize) -> &MappedWord {
        debug_assert!(offset.is_multiple_of(8) && offset + 8 <= self.len);
        // SAFETY: in bounds and aligned (the caller's promise), so the sum stays inside the mapping.
        let at = unsafe { self.base.add(offset) };
        // SAFETY: aligned to 8, valid for the life of `self` (invariant of the field), and only ever accessed as
        // a 64-bit atomic or by the copies of `copy.rs`; the reference does not outlive one call of ours.
        unsafe { MappedWord::from_ptr(at.as_ptr().cast()) }
    }
}

impl MappedMut {
    /// Takes memory of `len` bytes from `base` on, to be written by this value alone.
    ///
    /// # Safety
    ///
    /// As for [`Mapped::new`], for reads and writes. While the value lives, no other party writes the memory.
    pub unsafe fn new(base: NonNull<u8>, len: usize) -> MappedMut {
        // SAFETY: passed on.
        MappedMut(unsafe { Mapped::new(base, len) })
    }
}

// SAFETY: loads are atomic and copies follow `copy.rs`: any value may come, nothing else can happen.
unsafe impl Memory for Mapped {
    #[inline(always)]
    fn len(&self) -> usize {
        self.len
    }

    #[inline(always)]
    unsafe fn load(&self, offset: usize) -> u64 {
        // SAFETY: passed on.
        // ORDERING: pairs with `publish` of the side that owns the word.
        unsafe { self.word(offset) }.load(Ordering::Acquire)
    }

    #[inline(always)]
    unsafe fn copy_out(&self, offset: usize, into: &mut [MaybeUninit<u8>]) {
        debug_assert!(
            offset.is_multiple_of(8) && offset + into.len().next_multiple_of(8) <= self.len
        );
        // SAFETY: in bounds (the caller's promise).
        let from = unsafe { self.base.add(offset) };
        // SAFETY: `from` is aligned to 8 and valid for the length rounded up to 8; `into` is ours.
        unsafe { copy::out(from.as_ptr(), into.as_mut_ptr().cast(), into.len()) }
    }

    #[inline(always)]
    unsafe fn expect_soon(&self, offset: usize) {
        #[cfg(target_arch = "x86_64")]
        {
            // SAFETY: in bounds (the caller's promise).
            let at = unsafe { self.base.add(offset) };
            // SAFETY: a prefetch has no architectural effect.
            unsafe {
                core::arch::x86_64::_mm_prefetch::<{ core::arch::x86_64::_MM_HINT_T0 }>(
                    at.as_ptr().cast(),
                )
            };
        }
        #[cfg(not(target_arch = "x86_64"))]
        let _ = offset;
    }
}

// SAFETY: as for `Mapped`.
unsafe impl Memory for MappedMut {
    #[inline(always)]
    fn len(&self) -> usize {
        self.0.len
    }

    #[inline(always)]
    unsafe fn load(&self, offset: usize) -> u64 {
        // SAFETY: passed on.
        unsafe { self.0.load(offset) }
    }

    #[inline(always)]
    unsafe fn copy_out(&self, offset: usize, into: &mut [MaybeUninit<u8>]) {
        // SAFETY: passed on.
        unsafe { self.0.copy_out(offset, into) }
    }
}

// SAFETY: as for `Mapped`; the caller of `MappedMut::new` promised that no other party writes.
unsafe impl MemoryMut for MappedMut {
    #[inline(always)]
    unsafe fn publish(&self, offset: usize, word: u64) {
        // SAFETY: passed on.
        // ORDERING: pairs with `load` of the peer.
        unsafe { self.0.word(offset) }.store(word, Ordering::Release);
    }

    #[inline(always)]
    unsafe fn store(&self, offset: usize, word: u64) {
        // SAFETY: passed on.
        // ORDERING: none of its own; the `publish` that follows carries it.
        unsafe { self.0.word(offset) }.store(word, Ordering::Relaxed);
    }

    #[inline(always)]
    unsafe fn copy_in(&self, offset: usize, from: &[u8]) {
        debug_assert!(offset + from.len() <= self.0.len);
        // SAFETY: in bounds (the caller's promise).
        let to = unsafe { self.0.base.add(offset) };
        // SAFETY: `to` is valid for writes of that length and no other party writes there (invariant I1).
        unsafe { copy::into(from.as_ptr(), to.as_ptr(), from.len()) }
    }

    #[inline(always)]
    unsafe fn own(&self, offset: usize) {
        // A PREFETCHW leaves a line alone that is here, but shared; a store does not.
        // SAFETY: passed on.
        unsafe { self.store(offset, 0) };
    }
}

// SAFETY: as for `MemoryMut`.
unsafe impl MemoryBits for MappedMut {
    #[inline(always)]
    unsafe fn change_bits(&self, offset: usize, set: u64, clear: u64) {
        // SAFETY: passed on.
        let word = unsafe { self.0.word(offset) };
        // ORDERING: pairs with `load` of the peer; `atomics::fence_behind_change` may follow.
        if clear == 0 {
            word.fetch_or(set, Ordering::SeqCst);
        } else {
            word.fetch_and(!clear, Ordering::SeqCst);
        }
    }
}

// SAFETY: the invariant of `Mapped`'s fields.
unsafe impl Contiguous for Mapped {
    #[inline(always)]
    fn base(&self) -> NonNull<u8> {
        self.base
    }
}

// SAFETY: the invariant of `Mapped`'s fields.
unsafe impl Contiguous for MappedMut {
    #[inline(always)]
    fn base(&self) -> NonNull<u8> {
        self.0.base
    }
}
