//! What the ring asks of memory: words, and copies in and out.
//!
//! The algorithm is generic over these two traits, so that one text runs over a mapping
//! ([`Mapped`](crate::Mapped)), under loom (`model`), and over a script of lies in the tests.

use core::mem::MaybeUninit;

/// Memory that the holder may only read. Another party may write it at any time.
///
/// # Safety
///
/// An implementation must return *some* value for every in-bounds read, whatever other parties write meanwhile: the
/// ring validates values, it cannot validate undefined behaviour.
pub unsafe trait Memory {
    /// Size in bytes, a multiple of 8, which never changes.
    fn len(&self) -> usize;

    /// Whether there is no memory at all.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Loads the word at `offset` bytes with acquire ordering.
    ///
    /// # Safety
    ///
    /// `offset` is a multiple of 8 and `offset + 8 <= len()`.
    unsafe fn load(&self, offset: usize) -> u64;

    /// Copies `into.len()` bytes from `offset` on. The bytes may change while they are copied: what
    /// arrives is some mixture of old and new, never undefined behaviour.
    ///
    /// # Safety
    ///
    /// `offset` is a multiple of 8 and `offset + into.len()`, rounded up to 8, is at most `len()`.
    /// Afterwards every byte of `into` is initialised.
    unsafe fn copy_out(&self, offset: usize, into: &mut [MaybeUninit<u8>]);

    /// Asks the processor for the line at `offset`, which will be read soon. A hint; may do nothing.
    ///
    /// # Safety
    ///
    /// As for [`Memory::load`].
    #[inline(always)]
    unsafe fn expect_soon(&self, offset: usize) {
        let _ = offset;
    }
}

/// Memory that the holder alone writes, while others read it.
///
/// # Safety
///
/// As for [`Memory`]; moreover only the holder writes it (invariant I1).
pub unsafe trait MemoryMut: Memory {
    /// Stores a word with release ordering: a reader that loads it sees all that was written before.
    ///
    /// # Safety
    ///
    /// As for [`Memory::load`].
    unsafe fn publish(&self, offset: usize, word: u64);

    /// Stores a word that a later [`publish`](MemoryMut::publish) will make visible.
    ///
    /// # Safety
    ///
    /// As for [`Memory::load`].
    unsafe fn store(&self, offset: usize, word: u64);

    /// Copies `from` to `offset` and following; a later [`publish`](MemoryMut::publish) makes it visible.
    ///
    /// # Safety
    ///
    /// `offset + from.len() <= len()`, and no reader has been told of these bytes.
    unsafe fn copy_in(&self, offset: usize, from: &[u8]);

    /// Makes the line at `offset` this processor's own before it is written, by a store of a zero. May do nothing.
    ///
    /// # Safety
    ///
    /// As for [`Memory::load`], and no reader has been told of the word.
    #[inline(always)]
    unsafe fn own(&self, offset: usize) {
        let _ = offset;
    }
}

/// Memory with words whose bits several threads of the holder change.
///
/// # Safety
///
/// As for [`MemoryMut`].
pub unsafe trait MemoryBits: MemoryMut {
    /// Changes bits of a word that other holders change as well, in one step with release ordering: sets those of `set`, and
    /// clears those of `clear`. One of the two is 0.
    ///
    /// # Safety
    ///
    /// As for [`Memory::load`].
    unsafe fn change_bits(&self, offset: usize, set: u64, clear: u64);
}

/// Memory that lies in one piece of the address space, so that a claim can be written in place.
///
/// # Safety
///
/// `base()` points to `len()` bytes that stay valid while `self` lives.
pub unsafe trait Contiguous: Memory {
    /// The first byte.
    fn base(&self) -> core::ptr::NonNull<u8>;
}
