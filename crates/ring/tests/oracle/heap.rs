//! Memory for rings on the heap: freed with its last holder, and out of bounds is a panic.

use std::mem::MaybeUninit;
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ringmq_ring::{Contiguous, Mapped, MappedMut, Memory, MemoryMut};

/// Words that begin as zeros. A clone is another holder of the same words.
#[derive(Debug, Clone)]
pub(crate) struct Heap(Arc<Block>);

#[derive(Debug)]
struct Block(NonNull<[u64]>);

// SAFETY: every access is atomic, or one of the ring's copies; see `Mapped`.
unsafe impl Send for Block {}
// SAFETY: as above.
unsafe impl Sync for Block {}

impl Drop for Block {
    fn drop(&mut self) {
        // SAFETY: from `Box::into_raw` in `Heap::new`; this was the last owner.
        drop(unsafe { Box::from_raw(self.0.as_ptr()) });
    }
}

impl Heap {
    pub(crate) fn new(bytes: usize) -> Heap {
        let words = Box::into_raw(vec![0_u64; bytes / 8].into_boxed_slice());
        Heap(Arc::new(Block(NonNull::new(words).expect("from a box"))))
    }

    fn base(&self) -> NonNull<u8> {
        self.0.0.cast()
    }

    fn bytes(&self) -> usize {
        self.0.0.len() * 8
    }

    /// What the side sees that only reads.
    pub(crate) fn mapped(&self) -> Held<Mapped> {
        // SAFETY: aligned words, all initialised, that live as long as the holder beside.
        let memory = unsafe { Mapped::new(self.base(), self.bytes()) };
        Held {
            memory,
            _heap: self.clone(),
        }
    }

    /// What the side sees that writes. A test takes this once for each honest writer.
    pub(crate) fn mapped_mut(&self) -> Held<MappedMut> {
        // SAFETY: as in `mapped`. Tests with a hostile thread do write the words elsewhere, but only as atomics.
        let memory = unsafe { MappedMut::new(self.base(), self.bytes()) };
        Held {
            memory,
            _heap: self.clone(),
        }
    }

    /// Stores a word behind the writer's back.
    #[allow(dead_code, reason = "not every test that includes this file lies")]
    pub(crate) fn scribble(&self, offset: usize, word: u64) {
        // ORDERING: none; the peer that does this keeps no order.
        self.word(offset).store(word, Ordering::Relaxed);
    }

    /// Loads a word.
    #[allow(dead_code, reason = "not every test that includes this file looks")]
    pub(crate) fn word_at(&self, offset: usize) -> u64 {
        // ORDERING: pairs with the publication that the test knows to have happened.
        self.word(offset).load(Ordering::Acquire)
    }

    #[allow(dead_code, reason = "as its callers")]
    fn word(&self, offset: usize) -> &AtomicU64 {
        check(self.bytes(), offset, 8);
        // SAFETY: in bounds, as just checked.
        let at = unsafe { self.base().add(offset) };
        // SAFETY: aligned and valid while `self` lives.
        unsafe { AtomicU64::from_ptr(at.as_ptr().cast()) }
    }
}

/// The ring's own memory type, with what keeps it alive, and with every access checked: the processor's copy
/// instructions are invisible to a sanitizer.
#[derive(Debug)]
pub(crate) struct Held<M> {
    memory: M,
    _heap: Heap,
}

#[track_caller]
fn check(len: usize, offset: usize, bytes: usize) {
    assert!(
        offset.is_multiple_of(8) && offset <= len && bytes <= len - offset,
        "{bytes} bytes at {offset} in a memory of {len}"
    );
}

// SAFETY: `Mapped` and `MappedMut` do the work.
unsafe impl<M: Memory> Memory for Held<M> {
    fn len(&self) -> usize {
        self.memory.len()
    }

    unsafe fn load(&self, offset: usize) -> u64 {
        check(self.len(), offset, 8);
        // SAFETY: as just checked.
        unsafe { self.memory.load(offset) }
    }

    unsafe fn copy_out(&self, offset: usize, into: &mut [MaybeUninit<u8>]) {
        check(self.len(), offset, into.len().next_multiple_of(8));
        // SAFETY: as just checked.
        unsafe { self.memory.copy_out(offset, into) }
    }

    unsafe fn expect_soon(&self, offset: usize) {
        check(self.len(), offset, 8);
        // SAFETY: as just checked.
        unsafe { self.memory.expect_soon(offset) }
    }
}

// SAFETY: as above.
unsafe impl<M: MemoryMut> MemoryMut for Held<M> {
    unsafe fn publish(&self, offset: usize, word: u64) {
        check(self.len(), offset, 8);
        // SAFETY: as just checked.
        unsafe { self.memory.publish(offset, word) }
    }

    unsafe fn store(&self, offset: usize, word: u64) {
        check(self.len(), offset, 8);
        // SAFETY: as just checked.
        unsafe { self.memory.store(offset, word) }
    }

    unsafe fn copy_in(&self, offset: usize, from: &[u8]) {
        check(self.len(), offset, from.len().next_multiple_of(8));
        // SAFETY: as just checked.
        unsafe { self.memory.copy_in(offset, from) }
    }

    unsafe fn own(&self, offset: usize) {
        check(self.len(), offset, 8);
        // SAFETY: as just checked.
        unsafe { self.memory.own(offset) }
    }
}

// SAFETY: as above.
unsafe impl<M: Contiguous> Contiguous for Held<M> {
    fn base(&self) -> NonNull<u8> {
        self.memory.base()
    }
}
