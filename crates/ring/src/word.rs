//! One word of memory.

use core::ptr::NonNull;

use crate::mapped::{Mapped, MappedMut};
use crate::memory::{Memory, MemoryBits, MemoryMut};
use crate::words::{Words, WordsMut};

/// The first word of some memory, which is known to have one: so it is loaded and stored without a check, in safe code.
///
/// ```
/// use ringmq_ring::{Mapped, Word};
///
/// let mut words = [7_u64, 8];
/// let base = std::ptr::NonNull::from(&mut words).cast();
/// // SAFETY: aligned, 16 bytes long, and it outlives what is made of it.
/// let memory = unsafe { Mapped::new(base, 16) };
/// let second = memory.part(8, 8).and_then(Word::new).expect("a word");
/// assert_eq!(second.load(), 8);
/// // A part without bytes is memory, too, but has no word.
/// assert!(memory.part(16, 0).and_then(Word::new).is_none());
/// ```
#[derive(Debug, Clone)]
pub struct Word<M> {
    /// Invariant: `memory.len() >= 8`.
    memory: M,
}

impl<M: Memory> Word<M> {
    /// The first word of `memory`; `None` if that has no 8 bytes.
    pub fn new(memory: M) -> Option<Word<M>> {
        (memory.len() >= 8).then_some(Word { memory })
    }

    /// What is there, with acquire ordering.
    #[inline(always)]
    pub fn load(&self) -> u64 {
        // SAFETY: the invariant of the field.
        unsafe { self.memory.load(0) }
    }

    /// The memory that it is the first word of.
    pub fn into_memory(self) -> M {
        self.memory
    }
}

impl<M: MemoryMut> Word<M> {
    /// Stores a value with release ordering: a load that sees it sees all that was written before.
    #[inline(always)]
    pub fn publish(&self, value: u64) {
        // SAFETY: the invariant of the field.
        unsafe { self.memory.publish(0, value) };
    }
}

impl<M: MemoryBits> Word<M> {
    /// Sets bits of a word that other holders change as well, as [`publish`](Word::publish) stores one.
    #[inline(always)]
    pub(crate) fn set_bits(&self, bits: u64) {
        // SAFETY: the invariant of the field.
        unsafe { self.memory.change_bits(0, bits, 0) };
    }

    /// Clears bits, as [`set_bits`](Word::set_bits) sets them.
    #[inline(always)]
    pub(crate) fn clear_bits(&self, bits: u64) {
        // SAFETY: the invariant of the field.
        unsafe { self.memory.change_bits(0, 0, bits) };
    }
}

impl Word<Mapped> {
    /// The word at `base`.
    ///
    /// # Safety
    ///
    /// As for [`Mapped::new`], for 8 bytes.
    pub unsafe fn at(base: NonNull<u8>) -> Word<Mapped> {
        // SAFETY: passed on. There are 8 bytes.
        let memory = unsafe { Mapped::new(base, 8) };
        Word { memory }
    }
}

impl Word<MappedMut> {
    /// The word at `base`, to be written by this value alone.
    ///
    /// # Safety
    ///
    /// As for [`MappedMut::new`], for 8 bytes.
    pub unsafe fn at_mut(base: NonNull<u8>) -> Word<MappedMut> {
        // SAFETY: passed on. There are 8 bytes.
        let memory = unsafe { MappedMut::new(base, 8) };
        Word { memory }
    }
}

/// The first of them.
impl<const N: usize> From<Words<N>> for Word<Words<N>> {
    fn from(memory: Words<N>) -> Word<Words<N>> {
        const { assert!(N >= 1, "there is a first one") };
        Word { memory }
    }
}

/// The first of them.
impl<const N: usize> From<WordsMut<N>> for Word<WordsMut<N>> {
    fn from(memory: WordsMut<N>) -> Word<WordsMut<N>> {
        const { assert!(N >= 1, "there is a first one") };
        Word { memory }
    }
}
