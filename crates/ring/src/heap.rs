//! The ring of elements within a process: the record ring's protocol, with values instead of bytes.
//!
//! ```text
//!    chunk                              chunk
//!    +-----+-----+-----+-----+  next    +-----+-----+-----+-----+
//!    | ... | n-1 |  n  | n+1 | =======> | n+2 |     |     |     |
//!    +-----+-----+-----+-----+          +-----+-----+-----+-----+
//!                   ^ position             ^ published: a slot whose number is not its turn's
//! ```
//!
//! Each slot begins with the number of the element that is in it. The consumer polls the slot of its next element:
//! when the number there is the right one, the element is there, in the same cache line. So, as in the record ring, a
//! small element costs the transfer of one line. Numbers never come again, so that nothing has to be cleared when a
//! chunk is used anew.
//!
//! There is no end to the room: chunks are linked as they are needed, and an emptied one goes back to the producer, so
//! that a steady flow allocates nothing. How much may wait is for the layer above to count.
//!
//! Elements are published together: those that were [pushed](Producer::push) appear with
//! [`publish`](Producer::publish), all at once, and until then they can be [taken back](Producer::rollback). Several
//! such groups appear at once with [`flush`](Producer::flush), if each was [deferred](Producer::defer) instead.

use alloc::boxed::Box;
use core::fmt;
use core::ptr::{self, NonNull};

use crate::atomics::{Arc, HeapPtr, HeapWord, Ordering, Place};

/// Elements of a chunk.
#[cfg(not(loom))]
const SLOTS: usize = 64;
#[cfg(loom)]
const SLOTS: usize = 2;

/// One element, and its number plus one; a slot that was never used has 0.
#[repr(align(64))]
struct Slot<T> {
    number: HeapWord,
    place: Place<T>,
}

struct Chunk<T> {
    slots: [Slot<T>; SLOTS],
    next: HeapPtr<Chunk<T>>,
}

impl<T> Chunk<T> {
    fn allocate() -> NonNull<Chunk<T>> {
        NonNull::from(Box::leak(Box::new(Chunk {
            slots: core::array::from_fn(|_| Slot {
                number: HeapWord::new(0),
                place: Place::empty(),
            }),
            next: HeapPtr::new(ptr::null_mut()),
        })))
    }

    /// Frees a chunk whose elements were all taken.
    ///
    /// # Safety
    ///
    /// The chunk came from `allocate`, and no thread uses it.
    unsafe fn free(chunk: *mut Chunk<T>) {
        // SAFETY: the caller's; slots hold no values any more, and have nothing else to drop.
        drop(unsafe { Box::from_raw(chunk) });
    }
}

/// Where an element is.
struct Cursor<T> {
    chunk: NonNull<Chunk<T>>,
    /// Of the next element. Invariant: the slot `position % SLOTS` of `chunk` is its slot, unless that is 0 and the
    /// chunk is full: then its slot is in the next chunk.
    position: u64,
    /// Slots of `chunk` that are behind the cursor.
    passed: usize,
}

impl<T> Clone for Cursor<T> {
    fn clone(&self) -> Cursor<T> {
        *self
    }
}

impl<T> Copy for Cursor<T> {}

/// What both ends share, and the last of them frees.
struct Shared<T> {
    /// An emptied chunk on its way back to the producer, or null.
    spare: HeapPtr<Chunk<T>>,
    /// Where the consumer was when it was dropped: chunk, position, and slots passed.
    left: [HeapWord; 2],
    left_chunk: HeapPtr<Chunk<T>>,
}

// SAFETY: elements travel from one thread to another, hence `T: Send`; all else that is shared is atomic.
unsafe impl<T: Send> Send for Shared<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for Shared<T> {}

/// The end that puts elements in. See the crate's documentation of the protocol.
pub struct Producer<T> {
    shared: Arc<Shared<T>>,
    head: Cursor<T>,
    /// The first element that was pushed and neither published nor deferred.
    first: Option<Cursor<T>>,
    /// The first element that was deferred and not flushed.
    deferred: Option<Cursor<T>>,
}

/// The end that takes elements out.
pub struct Consumer<T> {
    shared: Arc<Shared<T>>,
    tail: Cursor<T>,
}

// SAFETY: an end is one of two, each used by one thread at a time; elements travel, hence `T: Send`.
unsafe impl<T: Send> Send for Producer<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Send for Consumer<T> {}

/// A ring of elements, whose first has the number `start`: 0, but for tests of what happens near the end of numbers.
pub fn elements<T: Send>(start: u64) -> (Producer<T>, Consumer<T>) {
    let chunk = Chunk::allocate();
    let cursor = Cursor {
        chunk,
        position: start,
        passed: 0,
    };
    let shared = Arc::new(Shared {
        spare: HeapPtr::new(ptr::null_mut()),
        left: [HeapWord::new(start), HeapWord::new(0)],
        left_chunk: HeapPtr::new(chunk.as_ptr()),
    });
    let producer = Producer {
        shared: Arc::clone(&shared),
        head: cursor,
        first: None,
        deferred: None,
    };
    (
        producer,
        Consumer {
            shared,
            tail: cursor,
        },
    )
}

impl<T> Producer<T> {
    /// Puts an element in, which the consumer does not see yet.
    #[inline]
    pub fn push(&mut self, element: T) {
        if self.head.passed == SLOTS {
            self.next_chunk();
        }
        // SAFETY: the head's chunk is ours until the consumer has passed it, which it has not.
        let slot = unsafe { &self.head.chunk.as_ref().slots[self.head.passed] };
        // SAFETY: the number in the slot is not this element's, so the consumer does not look at it.
        unsafe { slot.place.put(element) };
        if self.first.is_none() {
            self.first = Some(self.head);
        } else {
            // ORDERING: the consumer comes here only by way of the first one, which `publish` releases.
            slot.number.store(self.head.position + 1, Ordering::Relaxed);
        }
        self.head.position += 1;
        self.head.passed += 1;
    }

    /// Shows the consumer all elements that were pushed, at once; but those behind deferred ones with these.
    #[inline]
    pub fn publish(&mut self) {
        if let Some(first) = self.first.take() {
            Producer::show(first);
        }
    }

    /// Ends a group of elements that the consumer is to see with the next [`flush`](Producer::flush). It cannot be taken
    /// back any more.
    #[inline]
    pub fn defer(&mut self) {
        let Some(first) = self.first.take() else {
            return;
        };
        if self.deferred.is_none() {
            self.deferred = Some(first);
        } else {
            // SAFETY: its element was not published, so the consumer has not passed the chunk.
            let slot = unsafe { &first.chunk.as_ref().slots[first.passed] };
            // ORDERING: the consumer comes here only by way of the first deferred one, which `flush` releases.
            slot.number.store(first.position + 1, Ordering::Relaxed);
        }
    }

    /// Shows the consumer all deferred groups, at once. Returns true if there were any.
    #[inline]
    pub fn flush(&mut self) -> bool {
        match self.deferred.take() {
            Some(first) => {
                Producer::show(first);
                true
            }
            None => false,
        }
    }

    /// Shows the consumer this element, which it has not seen, and those behind it that have their numbers.
    #[inline(always)]
    fn show(first: Cursor<T>) {
        // SAFETY: its element was not published, so the consumer has not passed the chunk.
        let slot = unsafe { &first.chunk.as_ref().slots[first.passed] };
        // SYNC POINT `element`: pairs with the load in `Consumer::here`.
        // ORDERING: release, so that a reader that sees the number sees the element and those behind it.
        slot.number.store(first.position + 1, Ordering::Release);
    }

    /// Whether elements were pushed that are neither published nor deferred.
    pub fn has_unpublished(&self) -> bool {
        self.first.is_some()
    }

    /// Takes back what was pushed and neither published nor deferred. What the consumer had not seen is dropped.
    pub fn rollback(&mut self) {
        let Some(first) = self.first.take() else {
            return;
        };
        let mut at = first;
        while at.position != self.head.position {
            if at.passed == SLOTS {
                // SAFETY: a chunk that is ours, as in `push`.
                let next = unsafe { at.chunk.as_ref() };
                // ORDERING: our own store.
                let next = next.next.load(Ordering::Relaxed);
                let Some(next) = NonNull::new(next) else {
                    break;
                };
                (at.chunk, at.passed) = (next, 0);
            }
            // SAFETY: a chunk that is ours, as in `push`.
            let slot = unsafe { &at.chunk.as_ref().slots[at.passed] };
            // ORDERING: the consumer has not reached this slot; this thread is the next to use it.
            slot.number.store(0, Ordering::Relaxed);
            // SAFETY: pushed, and not published: it is there, and ours.
            drop(unsafe { slot.place.take() });
            at.position += 1;
            at.passed += 1;
        }
        // Chunks that were linked behind stay linked, and are used when the head comes there again.
        self.head = first;
    }

    /// The number of the next element.
    pub fn position(&self) -> u64 {
        self.head.position
    }

    #[cold]
    fn next_chunk(&mut self) {
        // SAFETY: the head's chunk is ours until the consumer has passed it.
        let chunk = unsafe { self.head.chunk.as_ref() };
        // ORDERING: our own store, before a rollback.
        let linked = chunk.next.load(Ordering::Relaxed);
        let next = match NonNull::new(linked) {
            Some(next) => next,
            None => {
                // ORDERING: acquires the consumer's last use of the chunk; pairs with its swap.
                let spare = self.shared.spare.swap(ptr::null_mut(), Ordering::Acquire);
                let next = NonNull::new(spare).unwrap_or_else(Chunk::allocate);
                // SAFETY: the chunk is ours alone.
                let fresh = unsafe { next.as_ref() };
                // ORDERING: released by the link.
                fresh.next.store(ptr::null_mut(), Ordering::Relaxed);
                // SYNC POINT `chunk`: pairs with the load in `Consumer::here`.
                // ORDERING: release, so that the consumer sees the chunk as it was made.
                chunk.next.store(next.as_ptr(), Ordering::Release);
                next
            }
        };
        (self.head.chunk, self.head.passed) = (next, 0);
    }
}

impl<T> Consumer<T> {
    /// The slot of the next element, if that is there.
    #[inline(always)]
    fn here(&mut self) -> Option<&Slot<T>> {
        if self.tail.passed == SLOTS && !self.next_chunk() {
            return None;
        }
        // SAFETY: the tail's chunk is not given back before the tail has passed it.
        let slot = unsafe { &self.tail.chunk.as_ref().slots[self.tail.passed] };
        // SYNC POINT `element`: pairs with the stores in `Producer`.
        // ORDERING: acquire, so that the element is seen with its number.
        let number = slot.number.load(Ordering::Acquire);
        (number == self.tail.position + 1).then_some(slot)
    }

    /// Whether an element is there.
    #[inline]
    pub fn is_ready(&mut self) -> bool {
        self.here().is_some()
    }

    /// Looks at the next element.
    #[inline]
    pub fn peek(&mut self) -> Option<&T> {
        // SAFETY: its number says that it is there, and the producer does not come here again before it is taken.
        self.here().map(|slot| unsafe { slot.place.look() })
    }

    /// Takes the next element.
    #[inline]
    pub fn pop(&mut self) -> Option<T> {
        // SAFETY: its number says that it is there, and it is taken once, for the tail moves on.
        let element = self.here().map(|slot| unsafe { slot.place.take() })?;
        self.tail.position += 1;
        self.tail.passed += 1;
        Some(element)
    }

    /// The number of the next element.
    pub fn position(&self) -> u64 {
        self.tail.position
    }

    /// Goes on to the next chunk, if there is one, and gives the emptied one back.
    #[cold]
    fn next_chunk(&mut self) -> bool {
        let emptied = self.tail.chunk.as_ptr();
        // SAFETY: as in `here`.
        let chunk = unsafe { self.tail.chunk.as_ref() };
        // SYNC POINT `chunk`: pairs with the store in `Producer::next_chunk`.
        // ORDERING: acquire, so that the chunk is seen as it was made.
        let Some(next) = NonNull::new(chunk.next.load(Ordering::Acquire)) else {
            return false;
        };
        (self.tail.chunk, self.tail.passed) = (next, 0);
        // ORDERING: releases our last use of the chunk; acquires whatever was done to the one that comes out.
        let older = self.shared.spare.swap(emptied, Ordering::AcqRel);
        if !older.is_null() {
            // SAFETY: it was emptied, and the swap made it ours.
            unsafe { Chunk::free(older) };
        }
        true
    }
}

impl<T> Drop for Producer<T> {
    fn drop(&mut self) {
        self.flush();
        self.rollback();
    }
}

impl<T> Drop for Consumer<T> {
    fn drop(&mut self) {
        let Cursor {
            chunk,
            position,
            passed,
        } = self.tail;
        // ORDERING: the end of `shared` comes after both ends, ordered by its count of owners.
        self.shared.left[0].store(position, Ordering::Relaxed);
        self.shared.left[1].store(passed as u64, Ordering::Relaxed);
        self.shared
            .left_chunk
            .store(chunk.as_ptr(), Ordering::Relaxed);
    }
}

impl<T> Drop for Shared<T> {
    fn drop(&mut self) {
        // ORDERING: no other thread uses this value, here and below.
        let mut chunk = self.left_chunk.load(Ordering::Relaxed);
        let mut position = self.left[0].load(Ordering::Relaxed);
        let mut passed = self.left[1].load(Ordering::Relaxed) as usize;
        while let Some(here) = NonNull::new(chunk) {
            // SAFETY: chunks from the consumer's on are linked, and ours.
            let here = unsafe { here.as_ref() };
            for slot in &here.slots[passed..] {
                if slot.number.load(Ordering::Relaxed) != position + 1 {
                    break;
                }
                // SAFETY: published, and never taken.
                drop(unsafe { slot.place.take() });
                position += 1;
            }
            let next = here.next.load(Ordering::Relaxed);
            // SAFETY: its elements are dropped, and no other thread uses it.
            unsafe { Chunk::free(chunk) };
            (chunk, passed) = (next, 0);
        }
        let spare = self.spare.load(Ordering::Relaxed);
        if !spare.is_null() {
            // SAFETY: it was emptied, and no other thread uses it.
            unsafe { Chunk::free(spare) };
        }
    }
}

impl<T> fmt::Debug for Producer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Producer")
            .field("position", &self.head.position)
            .finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for Consumer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Consumer")
            .field("position", &self.tail.position)
            .finish_non_exhaustive()
    }
}
