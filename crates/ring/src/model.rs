//! Memory for loom: every word is an atomic that the model watches.

use core::mem::MaybeUninit;
use std::sync::Arc;
use std::vec::Vec;

use crate::atomics::{ModelWord, Ordering};
use crate::memory::{Memory, MemoryBits, MemoryMut};

/// Shared words under loom. A clone sees the same words.
#[derive(Debug, Clone)]
pub struct Model {
    words: Arc<Vec<ModelWord>>,
    /// The ordering of `publish`: a must-fail variant weakens it.
    publish: Ordering,
    /// How far behind the right line `own` takes one: a must-fail variant has it too far.
    beyond: usize,
}

impl Model {
    /// `len` bytes of zeros.
    pub fn new(len: usize) -> Model {
        Model::with_publish(len, Ordering::Release)
    }

    /// As [`new`](Model::new), with a `publish` of another ordering: what happens without the release.
    pub fn with_publish(len: usize, publish: Ordering) -> Model {
        let words = (0..len / 8).map(|_| ModelWord::new(0)).collect();
        Model {
            words: Arc::new(words),
            publish,
            beyond: 0,
        }
    }

    /// As [`new`](Model::new), with lines that are owned so many bytes beyond where they should be.
    pub fn with_owned_beyond(len: usize, beyond: usize) -> Model {
        Model {
            beyond,
            ..Model::new(len)
        }
    }
}

// SAFETY: atomics throughout, and bounds are checked.
unsafe impl Memory for Model {
    fn len(&self) -> usize {
        self.words.len() * 8
    }

    unsafe fn load(&self, offset: usize) -> u64 {
        // ORDERING: pairs with `publish`.
        self.words[offset / 8].load(Ordering::Acquire)
    }

    unsafe fn copy_out(&self, offset: usize, into: &mut [MaybeUninit<u8>]) {
        for (index, bytes) in into.chunks_mut(8).enumerate() {
            // ORDERING: the acquire load of the header came before.
            let word = self.words[offset / 8 + index]
                .load(Ordering::Relaxed)
                .to_ne_bytes();
            for (to, from) in bytes.iter_mut().zip(word) {
                to.write(from);
            }
        }
    }
}

// SAFETY: as above.
unsafe impl MemoryMut for Model {
    unsafe fn publish(&self, offset: usize, word: u64) {
        // ORDERING: release, or what a must-fail variant asked for; pairs with `load`.
        self.words[offset / 8].store(word, self.publish);
    }

    unsafe fn store(&self, offset: usize, word: u64) {
        // ORDERING: the `publish` that follows carries it.
        self.words[offset / 8].store(word, Ordering::Relaxed);
    }

    unsafe fn copy_in(&self, offset: usize, from: &[u8]) {
        for (index, bytes) in from.chunks(8).enumerate() {
            let mut word = [0; 8];
            word[..bytes.len()].copy_from_slice(bytes);
            // ORDERING: the `publish` of the header comes after.
            self.words[offset / 8 + index].store(u64::from_ne_bytes(word), Ordering::Relaxed);
        }
    }

    unsafe fn own(&self, offset: usize) {
        let offset = (offset + self.beyond) % self.len();
        // SAFETY: within the memory by the remainder, and what the caller promises otherwise.
        unsafe { self.store(offset, 0) };
    }
}

// SAFETY: as above.
unsafe impl MemoryBits for Model {
    unsafe fn change_bits(&self, offset: usize, set: u64, clear: u64) {
        let word = &self.words[offset / 8];
        // ORDERING: pairs with `load`.
        if clear == 0 {
            word.fetch_or(set, Ordering::SeqCst);
        } else {
            word.fetch_and(!clear, Ordering::SeqCst);
        }
    }
}
