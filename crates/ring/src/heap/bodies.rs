//! The memory of a chunk for bytes that are too long for their slots.

/// Elements of a chunk.
#[cfg(not(loom))]
pub(super) const SLOTS: usize = 64;
#[cfg(loom)]
pub(super) const SLOTS: usize = 2;

#[cfg(loom)]
pub(super) use model::Bodies;
#[cfg(not(loom))]
pub(super) use real::Bodies;

#[cfg(not(loom))]
mod real {
    use alloc::boxed::Box;
    use alloc::vec::Vec;
    use core::cell::UnsafeCell;
    use core::mem::MaybeUninit;
    use core::{ptr, slice};

    use crate::atomics::{BODIES, Ordering};

    /// Bytes that the bodies of all rings of the process may have: a process may have thousands of connections.
    pub(crate) const MOST: usize = 32 << 20;

    /// Counts memory that is about to be taken, if there is not too much.
    fn take(len: usize) -> bool {
        // ORDERING: a count, which orders nothing.
        let before = BODIES.fetch_add(len, Ordering::Relaxed);
        let admitted = before + len <= MOST;
        if !admitted {
            give_back(len);
        }
        admitted
    }

    fn give_back(len: usize) {
        // ORDERING: as above.
        BODIES.fetch_sub(len, Ordering::Relaxed);
    }

    /// One piece of memory, in which bodies lie one behind the other.
    ///
    /// Invariant: the pointer and the length are those of a `Box<[MaybeUninit<u8>]>` that is this value's.
    pub(crate) struct Bodies(UnsafeCell<*mut [MaybeUninit<u8>]>);

    /// What [`Bodies`] without memory point to.
    fn none() -> *mut [MaybeUninit<u8>] {
        Box::into_raw(Box::new([]))
    }

    impl Bodies {
        pub(crate) fn none() -> Bodies {
            Bodies(UnsafeCell::new(none()))
        }

        fn memory(&self) -> *mut [MaybeUninit<u8>] {
            // SAFETY: the only writer is `reserve`, whose caller has the chunk for itself.
            unsafe { *self.0.get() }
        }

        /// Bytes that there is room for.
        pub(crate) fn len(&self) -> usize {
            self.memory().len()
        }

        /// Makes room for `len` bytes in place of what is there. Without memory for that, or if all rings have too much, there
        /// is no room at all.
        ///
        /// # Safety
        ///
        /// No other thread uses this value, and no body lies here.
        pub(crate) unsafe fn reserve(&self, len: usize) {
            let mut memory: Vec<MaybeUninit<u8>> = Vec::new();
            give_back(self.len());
            let made = if !take(len) {
                none()
            } else if memory.try_reserve_exact(len).is_ok() {
                // SAFETY: there is room for as many, and they need not be initialised.
                unsafe { memory.set_len(len) };
                Box::into_raw(memory.into_boxed_slice())
            } else {
                give_back(len);
                none()
            };
            // SAFETY: the caller's.
            let before = unsafe { ptr::replace(self.0.get(), made) };
            // SAFETY: the invariant; the pointer is stored no more.
            drop(unsafe { Box::from_raw(before) });
        }

        /// Writes the body of an element.
        ///
        /// # Safety
        ///
        /// There is room for the bytes from `at` on, and no other thread uses it.
        #[inline(always)]
        pub(crate) unsafe fn put(&self, _slot: usize, at: usize, bytes: &[u8]) {
            // SAFETY: within the memory, the caller vouches.
            let to = unsafe { self.memory().cast::<u8>().add(at) };
            // SAFETY: as above; the bytes of the caller are not in this memory, which is ours to write.
            unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), to, bytes.len()) };
        }

        /// The body of an element.
        ///
        /// # Safety
        ///
        /// It was [put](Bodies::put) there, and no thread writes to it for as long as the reference lives.
        #[inline(always)]
        pub(crate) unsafe fn look(&self, _slot: usize, at: usize, len: usize) -> &[u8] {
            // SAFETY: within the memory, the caller vouches.
            let from = unsafe { self.memory().cast::<u8>().add(at) };
            // SAFETY: as many bytes were put there, the caller vouches.
            unsafe { slice::from_raw_parts(from, len) }
        }
    }

    impl Drop for Bodies {
        fn drop(&mut self) {
            give_back(self.len());
            // SAFETY: the invariant; the pointer is not used afterwards.
            drop(unsafe { Box::from_raw(*self.0.get_mut()) });
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use alloc::vec::Vec;

    use super::Bodies;
    use super::real::MOST;

    #[test]
    fn bodies_of_all_rings_have_a_limit_and_room_comes_back() {
        let taken = || {
            let bodies = Bodies::none();
            // SAFETY: no other thread uses it, and nothing lies there.
            unsafe { bodies.reserve(MOST / 8) };
            (bodies.len() > 0).then_some(bodies)
        };
        let all: Vec<Bodies> = core::iter::from_fn(taken).collect();
        // Other tests have some.
        assert!((1..=8).contains(&all.len()), "{}", all.len());
        drop(all);
        assert!(taken().is_some());
    }
}

/// For loom, which sees who uses a body: each slot has its own place for one.
#[cfg(loom)]
mod model {
    use alloc::vec::Vec;

    use super::SLOTS;
    use loom::cell::UnsafeCell;

    pub(crate) struct Bodies {
        places: [UnsafeCell<Vec<u8>>; SLOTS],
        len: UnsafeCell<usize>,
    }

    impl Bodies {
        pub(crate) fn none() -> Bodies {
            Bodies {
                places: core::array::from_fn(|_| UnsafeCell::new(Vec::new())),
                len: UnsafeCell::new(0),
            }
        }

        pub(crate) fn len(&self) -> usize {
            // SAFETY: loom checks.
            self.len.with(|len| unsafe { *len })
        }

        pub(crate) unsafe fn reserve(&self, len: usize) {
            // SAFETY: the caller's, and loom checks, here and below.
            self.len.with_mut(|place| unsafe { *place = len });
            for place in &self.places {
                // SAFETY: as above.
                place.with_mut(|place| unsafe { (*place).clear() });
            }
        }

        pub(crate) unsafe fn put(&self, slot: usize, _at: usize, bytes: &[u8]) {
            // SAFETY: as above.
            self.places[slot].with_mut(|place| unsafe { *place = bytes.to_vec() });
        }

        pub(crate) unsafe fn look(&self, slot: usize, _at: usize, len: usize) -> &[u8] {
            // SAFETY: as above.
            let body: &[u8] = self.places[slot].with(|place| unsafe { &*place });
            &body[..len]
        }
    }
}
