//! The one door to atomics of the whole project: `--cfg loom` swaps what stands behind it.
//!
//! Everything above says *what* it orders (publish, announce, report); only this crate says how.

#[cfg(not(loom))]
pub(crate) use core::sync::atomic::{compiler_fence, fence};
#[cfg(loom)]
pub(crate) use loom::sync::atomic::fence;

pub(crate) use core::sync::atomic::Ordering;

/// Words of mapped memory are the processor's own atomics even in a loom build: the model has memory
/// of its own ([`crate::model`]) and never touches a mapping.
pub(crate) use core::sync::atomic::AtomicU64 as MappedWord;

#[cfg(loom)]
pub(crate) use loom::sync::atomic::AtomicU64 as ModelWord;

/// Who pays for the order between *publish* and *look at the announcement* (DESIGN.md section 6).
///
/// The two sides of a sleep form a store–load pair on each side: the sleeper stores its
/// announcement and then looks for work; the publisher stores work and then looks for an
/// announcement. Unless both pairs are ordered, each can miss the other's store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Order {
    /// The publisher runs a full fence after every publication, and so does the sleeper. Cheap
    /// sleeps, dear messages.
    PublisherFences,
    /// The sleeper makes every registered thread of the machine pass a fence
    /// (`membarrier(GLOBAL_EXPEDITED)`) between its announcement and its look; the publisher only
    /// keeps the compiler from reordering. Cheap messages, dear sleeps.
    SleeperPays,
}

impl Order {
    /// The publisher's half: between its publication and its look at the announcement.
    #[inline(always)]
    pub fn after_publishing(self) {
        match self {
            // ORDERING: pairs with the fence of `after_announcing`: one of the two sides sees the other's store.
            Order::PublisherFences => fence(Ordering::SeqCst),
            // ORDERING: pairs with the membarrier that the sleeper runs between announcing and looking. The
            // processor may delay our store past our load, but not past the barrier that it is interrupted for.
            #[cfg(not(loom))]
            Order::SleeperPays => compiler_fence(Ordering::SeqCst),
            // The model knows no interrupt, so the sleeper's barrier is shown as a fence on both sides.
            #[cfg(loom)]
            Order::SleeperPays => fence(Ordering::SeqCst),
        }
    }

    /// The sleeper's half when the publisher fences: between its announcement and its look. Under
    /// [`Order::SleeperPays`] the caller runs its membarrier instead and need not call this.
    #[inline]
    pub fn after_announcing(self) {
        // ORDERING: pairs with the fence of `after_publishing`.
        fence(Ordering::SeqCst);
    }
}
