//! Memory that something else than the allocator owns.

use std::any::Any;
use std::fmt;
use std::sync::{Arc, OnceLock};

/// Bytes of the shortest body that may be put into memory that the process [provides](provide_large_memory).
pub const LARGE: usize = 4 << 10;

/// Memory that frames refer to, and that goes back to its owner when the last of them is dropped.
pub trait ForeignMemory: Any + Send + Sync + fmt::Debug {
    /// The bytes. They lie where they are as long as the value lives.
    fn bytes(&self) -> &[u8];

    /// The address of the first byte, to write to unless the bytes may only be read.
    fn as_ptr(&self) -> *mut u8;

    /// The bytes, to write to; `None` if they may only be read.
    fn bytes_mut(&mut self) -> Option<&mut [u8]>;

    /// Returns true in a forked child, if the memory is that of its parent, which a write would change.
    fn is_inherited(&self) -> bool {
        false
    }
}

/// Provides memory for a body of so many bytes; `None` if there is none.
pub type LargeMemory = fn(usize) -> Option<Arc<dyn ForeignMemory>>;

static PROVIDED: OnceLock<LargeMemory> = OnceLock::new();

/// Sets where the process takes the memory of bodies of [`LARGE`] bytes and more from, if it can. The first call counts.
pub fn provide_large_memory(source: LargeMemory) {
    // A second call comes from the same library, with the same function.
    let _ = PROVIDED.set(source);
}

#[cold]
#[inline(never)]
pub(crate) fn large_memory(len: usize) -> Option<Arc<dyn ForeignMemory>> {
    PROVIDED.get().and_then(|source| source(len))
}

/// The first bytes of foreign memory.
#[derive(Debug, Clone)]
pub(crate) struct Foreign {
    memory: Arc<dyn ForeignMemory>,
    len: usize,
}

impl Foreign {
    pub(crate) fn new(memory: Arc<dyn ForeignMemory>, len: usize) -> Option<Foreign> {
        (len <= memory.bytes().len()).then_some(Foreign { memory, len })
    }

    #[inline(always)]
    pub(crate) fn memory(&self) -> &Arc<dyn ForeignMemory> {
        &self.memory
    }

    #[inline(always)]
    pub(crate) fn into_memory(self) -> Arc<dyn ForeignMemory> {
        self.memory
    }

    pub(crate) fn is_inherited(&self) -> bool {
        self.memory.is_inherited()
    }

    #[inline(always)]
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    #[inline]
    pub(crate) fn bytes(&self) -> &[u8] {
        let all = self.memory.bytes();
        all.get(..self.len).unwrap_or(all)
    }

    pub(crate) fn is_shared(&self) -> bool {
        Arc::strong_count(&self.memory) > 1
    }

    /// The bytes, to write to, if no other frame has the memory.
    pub(crate) fn bytes_mut(&mut self) -> Option<&mut [u8]> {
        let len = self.len;
        Arc::get_mut(&mut self.memory)?.bytes_mut()?.get_mut(..len)
    }
}

impl AsRef<[u8]> for Foreign {
    fn as_ref(&self) -> &[u8] {
        self.bytes()
    }
}
