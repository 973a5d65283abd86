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

/// Keeps the compiler from moving a load before a store; the processor still may.
#[inline(always)]
pub(crate) fn compiler_fence() {
    // loom explores what the processor may do, and takes the program's order as it is written.
    #[cfg(not(loom))]
    core::sync::atomic::compiler_fence(Ordering::SeqCst);
}
