//! What the opaque pointers point to.
//!
//! ```text
//!   void * --> Slot: [ tag | busy | content ]      live: the tag says what it is
//!                                                  dead: in the pool, until somebody needs one
//! ```
//! A slot is never freed, so that the tag of a handle that was closed can still be read.

use std::cell::UnsafeCell;
use std::collections::VecDeque;
use std::ffi::c_void;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::errors::Errno;

/// What can be behind a handle.
pub(crate) trait Content: Sized + Send + 'static {
    /// Tells live slots of this kind from everything else.
    const TAG: u32;
    /// What a handle that is none of these is.
    const NONE: Errno;

    fn pool() -> &'static Pool<Self>;
}

const DEAD: u32 = 0xdead_0a5e;

/// Slots that were released, the one that rested longest first.
pub(crate) struct Pool<T: 'static>(Mutex<VecDeque<&'static Slot<T>>>);

impl<T> Pool<T> {
    pub(crate) const fn new() -> Pool<T> {
        Pool(Mutex::new(VecDeque::new()))
    }
}

/// One handle. The tag comes first, wherever a pointer of another kind points.
#[repr(C)]
pub(crate) struct Slot<T> {
    tag: AtomicU32,
    /// Invariant: whoever turned it from false to true, and nobody else, uses the content.
    busy: AtomicBool,
    content: UnsafeCell<Option<T>>,
}

// SAFETY: the content is used by one thread at a time, the one that holds `busy`.
unsafe impl<T: Send> Sync for Slot<T> {}

impl<T: Content> Slot<T> {
    /// Makes a handle.
    pub(crate) fn make(content: T) -> *mut c_void {
        let free = T::pool()
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop_front();
        let slot = free.unwrap_or_else(|| {
            Box::leak(Box::new(Slot {
                tag: AtomicU32::new(DEAD),
                busy: AtomicBool::new(false),
                content: UnsafeCell::new(None),
            }))
        });
        let mut guard = slot.lock();
        *guard.content_mut() = Some(content);
        // ORDERING: release, for the load in `find` of another thread that was given the handle.
        slot.tag.store(T::TAG, Ordering::Release);
        drop(guard);
        std::ptr::from_ref(slot).cast_mut().cast()
    }

    /// The slot behind a handle.
    ///
    /// # Safety
    ///
    /// Null, or at least 4 bytes can be read there.
    #[inline]
    pub(crate) unsafe fn find(handle: *mut c_void) -> Result<&'static Slot<T>, Errno> {
        let slot: *const Slot<T> = handle.cast();
        if slot.is_null() || !slot.is_aligned() {
            return Err(T::NONE);
        }
        // SAFETY: not null, aligned, and the caller vouches that it can be read.
        let tag = unsafe { &*handle.cast::<AtomicU32>() };
        // ORDERING: acquire, for the store in `make`.
        if tag.load(Ordering::Acquire) != T::TAG {
            return Err(T::NONE);
        }
        // SAFETY: nothing but a slot of this kind has the tag, and slots are never freed.
        Ok(unsafe { &*slot })
    }

    /// Enters it, unless another thread is inside.
    #[inline]
    pub(crate) fn try_enter(&'static self) -> Result<Guard<T>, Errno> {
        // ORDERING: acquire, for the release in the drop of the last guard.
        if self.busy.swap(true, Ordering::Acquire) {
            return Err(Errno::BUSY);
        }
        Guard(self).checked()
    }

    /// Enters it, as soon as no other thread is inside.
    pub(crate) fn enter(&'static self) -> Result<Guard<T>, Errno> {
        self.lock().checked()
    }

    fn lock(&'static self) -> Guard<T> {
        // ORDERING: acquire, for the release in the drop of the last guard.
        while self.busy.swap(true, Ordering::Acquire) {
            std::thread::yield_now();
        }
        Guard(self)
    }
}

/// The right to use what is behind a handle.
pub(crate) struct Guard<T: 'static>(&'static Slot<T>);

impl<T: Content> Guard<T> {
    /// It may have been closed since the tag was read.
    #[inline]
    fn checked(mut self) -> Result<Guard<T>, Errno> {
        if self.content_mut().is_some() {
            Ok(self)
        } else {
            Err(T::NONE)
        }
    }

    /// Ends the handle, and gives what was behind it.
    pub(crate) fn close(mut self) -> Option<T> {
        let slot = self.0;
        // ORDERING: relaxed, whoever reads the old tag finds no content.
        slot.tag.store(DEAD, Ordering::Relaxed);
        let content = self.content_mut().take();
        drop(self);
        let mut pool = T::pool().0.lock().unwrap_or_else(PoisonError::into_inner);
        pool.push_back(slot);
        content
    }
}

impl<T> Guard<T> {
    #[inline]
    fn content_mut(&mut self) -> &mut Option<T> {
        // SAFETY: `busy` is ours for as long as the guard lives, and the guard is borrowed mutably.
        unsafe { &mut *self.0.content.get() }
    }
}

impl<T> Deref for Guard<T> {
    type Target = T;

    #[inline]
    #[allow(
        clippy::expect_used,
        reason = "guards are handed out after the check only"
    )]
    fn deref(&self) -> &T {
        // SAFETY: `busy` is ours for as long as the guard lives.
        let content = unsafe { &*self.0.content.get() };
        content.as_ref().expect("an open handle")
    }
}

impl<T> DerefMut for Guard<T> {
    #[inline]
    #[allow(
        clippy::expect_used,
        reason = "guards are handed out after the check only"
    )]
    fn deref_mut(&mut self) -> &mut T {
        self.content_mut().as_mut().expect("an open handle")
    }
}

impl<T> Drop for Guard<T> {
    #[inline]
    fn drop(&mut self) {
        // ORDERING: release, for the acquire of the next one to enter.
        self.0.busy.store(false, Ordering::Release);
    }
}
