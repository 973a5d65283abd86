//! Words on the heap, for announcements within a process.

use core::mem::MaybeUninit;

use crate::atomics::{Arc, HeapWord, Ordering};
use crate::memory::{Memory, MemoryMut};

/// A line of its own: the words of one owner do not disturb those of another.
#[derive(Debug)]
#[repr(align(128))]
struct Line<const N: usize>([HeapWord; N]);

/// `N` words that their one owner writes; see [`words`].
#[derive(Debug)]
pub struct WordsMut<const N: usize>(Words<N>);

/// `N` words for reading, which their one owner writes. Clones see the same words.
#[derive(Debug)]
pub struct Words<const N: usize> {
    line: Arc<Line<N>>,
}

/// `N` words of zero: the end that writes them, and one that reads them.
pub fn words<const N: usize>() -> (WordsMut<N>, Words<N>) {
    let line = Arc::new(Line(core::array::from_fn(|_| HeapWord::new(0))));
    let words = Words { line };
    (WordsMut(words.clone()), words)
}

impl<const N: usize> Clone for Words<N> {
    fn clone(&self) -> Words<N> {
        Words {
            line: Arc::clone(&self.line),
        }
    }
}

impl<const N: usize> Words<N> {
    /// The word of this number, with acquire ordering.
    ///
    /// # Panics
    ///
    /// If there is none.
    #[inline(always)]
    pub fn get(&self, number: usize) -> u64 {
        // ORDERING: pairs with `WordsMut::set`.
        self.line.0[number].load(Ordering::Acquire)
    }
}

impl<const N: usize> WordsMut<N> {
    /// Stores a word with release ordering: a reader that loads it sees all that was done before.
    ///
    /// # Panics
    ///
    /// If there is none of this number.
    #[inline(always)]
    pub fn set(&mut self, number: usize, word: u64) {
        // ORDERING: pairs with `Words::get`.
        self.0.line.0[number].store(word, Ordering::Release);
    }

    /// The end that reads.
    pub fn seen(&self) -> Words<N> {
        self.0.clone()
    }
}

// SAFETY: atomics throughout, and bounds are checked.
unsafe impl<const N: usize> Memory for Words<N> {
    fn len(&self) -> usize {
        N * 8
    }

    #[inline(always)]
    unsafe fn load(&self, offset: usize) -> u64 {
        self.get(offset / 8)
    }

    unsafe fn copy_out(&self, offset: usize, into: &mut [MaybeUninit<u8>]) {
        for (index, bytes) in into.chunks_mut(8).enumerate() {
            let word = self.get(offset / 8 + index).to_ne_bytes();
            for (to, from) in bytes.iter_mut().zip(word) {
                to.write(from);
            }
        }
    }
}

// SAFETY: as above.
unsafe impl<const N: usize> Memory for WordsMut<N> {
    fn len(&self) -> usize {
        N * 8
    }

    #[inline(always)]
    unsafe fn load(&self, offset: usize) -> u64 {
        self.0.get(offset / 8)
    }

    unsafe fn copy_out(&self, offset: usize, into: &mut [MaybeUninit<u8>]) {
        // SAFETY: the caller's, word for word.
        unsafe { self.0.copy_out(offset, into) };
    }
}

// SAFETY: as above; `words` makes one of these for each line.
unsafe impl<const N: usize> MemoryMut for WordsMut<N> {
    #[inline(always)]
    unsafe fn publish(&self, offset: usize, word: u64) {
        // ORDERING: pairs with `Words::get`.
        self.0.line.0[offset / 8].store(word, Ordering::Release);
    }

    unsafe fn store(&self, offset: usize, word: u64) {
        // ORDERING: the `publish` that follows carries it.
        self.0.line.0[offset / 8].store(word, Ordering::Relaxed);
    }

    unsafe fn copy_in(&self, offset: usize, from: &[u8]) {
        for (index, bytes) in from.chunks(8).enumerate() {
            let mut word = [0; 8];
            word[..bytes.len()].copy_from_slice(bytes);
            // SAFETY: in bounds, says the caller, and checked.
            unsafe { self.store(offset + index * 8, u64::from_ne_bytes(word)) };
        }
    }
}
