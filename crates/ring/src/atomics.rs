//! The one door to atomics of the whole project: `--cfg loom` swaps what stands behind it.
//!
//! Everything above says *what* it orders (publish, announce, report); only this crate says how.

pub(crate) use core::sync::atomic::Ordering;

/// Words of mapped memory are the processor's own atomics even in a loom build: the model has memory
/// of its own ([`crate::model`]) and never touches a mapping.
pub(crate) use core::sync::atomic::AtomicU64 as MappedWord;

#[cfg(loom)]
pub(crate) use loom::sync::atomic::AtomicU64 as ModelWord;

/// Orders every store before it against every load after it, in this thread.
#[inline(always)]
pub(crate) fn fence() {
    #[cfg(not(loom))]
    core::sync::atomic::fence(Ordering::SeqCst);
    #[cfg(loom)]
    loom::sync::atomic::fence(Ordering::SeqCst);
}

/// As [`fence`], right behind an atomic change of a word that is sequentially consistent. On x86-64 that was a fence, and
/// a second one would wait as long again.
#[inline(always)]
pub(crate) fn fence_behind_change() {
    #[cfg(any(loom, not(target_arch = "x86_64")))]
    fence();
    #[cfg(not(any(loom, not(target_arch = "x86_64"))))]
    compiler_fence();
}

/// Keeps the compiler from moving a load before a store; the processor still may.
#[inline(always)]
pub(crate) fn compiler_fence() {
    // loom explores what the processor may do, and takes the program's order as it is written.
    #[cfg(not(loom))]
    core::sync::atomic::compiler_fence(Ordering::SeqCst);
}

#[cfg(not(loom))]
pub(crate) use core::sync::atomic::{AtomicPtr as HeapPtr, AtomicU64 as HeapWord};
#[cfg(loom)]
pub(crate) use loom::sync::atomic::{AtomicPtr as HeapPtr, AtomicU64 as HeapWord};

/// Bytes that the spare chunks of all rings of elements have. It is a count that orders nothing: the models leave it as it
/// is in every build.
pub(crate) static KEPT: core::sync::atomic::AtomicUsize = core::sync::atomic::AtomicUsize::new(0);

/// Bytes of the bodies of all rings of elements: a count, as [`KEPT`].
#[cfg(not(loom))]
pub(crate) static BODIES: core::sync::atomic::AtomicUsize = core::sync::atomic::AtomicUsize::new(0);

#[cfg(not(loom))]
pub(crate) use alloc::sync::Arc;
#[cfg(loom)]
pub(crate) use loom::sync::Arc;

/// A place for one value, which two threads use in turn; a word elsewhere says whose turn it is.
#[derive(Debug)]
pub(crate) struct Place<T> {
    #[cfg(not(loom))]
    value: core::cell::UnsafeCell<core::mem::MaybeUninit<T>>,
    #[cfg(loom)]
    value: loom::cell::UnsafeCell<core::mem::MaybeUninit<T>>,
}

#[cfg(not(loom))]
impl<T> Place<T> {
    pub(crate) fn empty() -> Place<T> {
        Place {
            value: core::cell::UnsafeCell::new(core::mem::MaybeUninit::uninit()),
        }
    }

    /// Puts a value there. One that was there is forgotten.
    ///
    /// # Safety
    ///
    /// It is this thread's turn.
    #[inline(always)]
    pub(crate) unsafe fn put(&self, value: T) {
        // SAFETY: the caller guarantees that no other thread uses the place.
        unsafe { self.value.get().cast::<T>().write(value) };
    }

    /// Takes the value out.
    ///
    /// # Safety
    ///
    /// It is this thread's turn, and there is a value.
    #[inline(always)]
    pub(crate) unsafe fn take(&self) -> T {
        // SAFETY: the caller guarantees that no other thread uses the place, and that there is a value.
        unsafe { self.value.get().cast::<T>().read() }
    }

    /// Looks at the value.
    ///
    /// # Safety
    ///
    /// It is this thread's turn for as long as the reference lives, and there is a value.
    #[inline(always)]
    pub(crate) unsafe fn look(&self) -> &T {
        // SAFETY: the caller guarantees that no thread writes, and that there is a value.
        unsafe { &*self.value.get().cast::<T>() }
    }

    /// Puts bytes in the place of a value. A value that was there is forgotten.
    ///
    /// # Safety
    ///
    /// It is this thread's turn, and the bytes are no more than those of a value.
    #[inline(always)]
    pub(crate) unsafe fn put_bytes(&self, bytes: &[u8]) {
        let to = self.value.get().cast::<u8>();
        // SAFETY: the caller guarantees that there is room, and that no other thread uses the place.
        unsafe { core::ptr::copy_nonoverlapping(bytes.as_ptr(), to, bytes.len()) };
    }

    /// Looks at bytes.
    ///
    /// # Safety
    ///
    /// It is this thread's turn for as long as the reference lives, and as many bytes were put there.
    #[inline(always)]
    pub(crate) unsafe fn look_at_bytes(&self, len: usize) -> &[u8] {
        // SAFETY: the caller guarantees that no thread writes, and that there are as many.
        unsafe { core::slice::from_raw_parts(self.value.get().cast(), len) }
    }
}

#[cfg(loom)]
impl<T> Place<T> {
    pub(crate) fn empty() -> Place<T> {
        Place {
            value: loom::cell::UnsafeCell::new(core::mem::MaybeUninit::uninit()),
        }
    }

    /// As without loom. Loom checks that no other thread uses the place meanwhile.
    ///
    /// # Safety
    ///
    /// As without loom.
    pub(crate) unsafe fn put(&self, value: T) {
        // SAFETY: says the caller, and loom checks.
        self.value
            .with_mut(|place| unsafe { place.cast::<T>().write(value) });
    }

    /// As without loom.
    ///
    /// # Safety
    ///
    /// As without loom.
    pub(crate) unsafe fn take(&self) -> T {
        // SAFETY: says the caller, and loom checks.
        self.value
            .with_mut(|place| unsafe { place.cast::<T>().read() })
    }

    /// As without loom.
    ///
    /// # Safety
    ///
    /// As without loom.
    pub(crate) unsafe fn look(&self) -> &T {
        // SAFETY: says the caller, and loom checks that it is so now.
        self.value.with(|place| unsafe { &*place.cast::<T>() })
    }

    /// As without loom.
    ///
    /// # Safety
    ///
    /// As without loom.
    pub(crate) unsafe fn put_bytes(&self, bytes: &[u8]) {
        // SAFETY: says the caller, and loom checks.
        self.value.with_mut(|place| unsafe {
            core::ptr::copy_nonoverlapping(bytes.as_ptr(), place.cast(), bytes.len())
        });
    }

    /// As without loom.
    ///
    /// # Safety
    ///
    /// As without loom.
    pub(crate) unsafe fn look_at_bytes(&self, len: usize) -> &[u8] {
        // SAFETY: says the caller, and loom checks that it is so now.
        self.value
            .with(|place| unsafe { core::slice::from_raw_parts(place.cast(), len) })
    }
}
