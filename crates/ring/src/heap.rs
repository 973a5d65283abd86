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
//! There is no end to the room: chunks are linked as they are needed, and emptied ones go back to the producer, so that a
//! steady flow allocates nothing. How much may wait is for the layer above to count.
//!
//! An element may also be a copy of [bytes](Producer::push_bytes). The low byte of the number says so. Bytes that have no
//! room in the slot lie in the memory of the chunk, which goes round with it: what the allocator gives to one thread and
//! gets back from another costs more than a copy (docs/performance.md, "Bodies within a process").
//!
//! Elements are published together: those that were [pushed](Producer::push) appear with
//! [`publish`](Producer::publish), all at once, and until then they can be [taken back](Producer::rollback). Several
//! such groups appear at once with [`flush`](Producer::flush), if each was [deferred](Producer::defer) instead.

mod bodies;
mod chunk;

use core::fmt;
use core::ptr::{self, NonNull};

use self::bodies::SLOTS;
use self::chunk::{BODY, Chunk, ELEMENT, Slot, Span, Spares, number, room_inside};
use crate::atomics::{Arc, HeapPtr, HeapWord, Ordering};

/// The longest bytes that a ring takes, where the elements have room for a word.
pub const BODY_MOST: usize = 1024;

/// Bytes of a cache line, at which bodies begin.
const LINE: usize = 64;

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
    spares: Spares<T>,
    /// Where the consumer was when it was dropped: chunk, position, and slots passed.
    left: [HeapWord; 2],
    left_chunk: HeapPtr<Chunk<T>>,
}

// SAFETY: elements travel from one thread to another, hence `T: Send`; all else that is shared is atomic.
unsafe impl<T: Send> Send for Shared<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for Shared<T> {}

/// An element whose number is not in its slot yet. It was not published, so that the consumer has not passed its chunk.
struct Hidden<T> {
    slot: NonNull<Slot<T>>,
    number: u64,
}

impl<T> Hidden<T> {
    /// Puts the number in the slot.
    #[inline(always)]
    fn show(self, ordering: Ordering) {
        // SAFETY: the chunk is ours until the consumer has passed it.
        let slot = unsafe { self.slot.as_ref() };
        slot.number.store(self.number, ordering);
    }
}

/// The end that puts elements in. See the crate's documentation of the protocol.
pub struct Producer<T> {
    shared: Arc<Shared<T>>,
    head: Cursor<T>,
    /// The first element that was pushed and neither published nor deferred.
    first: Option<Hidden<T>>,
    /// Where the head was at that element, for a rollback.
    first_at: Cursor<T>,
    /// The first element that was deferred and not flushed.
    deferred: Option<Hidden<T>>,
    /// Bytes of the bodies in the head's chunk, and those that there is room for. Invariant: if the first is 0, no body
    /// lies there.
    filled: usize,
    room: usize,
    /// The longest body so far, in whole lines.
    longest: usize,
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
        spares: Spares::none(),
        left: [HeapWord::new(start), HeapWord::new(0)],
        left_chunk: HeapPtr::new(chunk.as_ptr()),
    });
    let producer = Producer {
        shared: Arc::clone(&shared),
        head: cursor,
        first: None,
        first_at: cursor,
        deferred: None,
        filled: 0,
        room: 0,
        longest: 0,
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
    /// Bytes that lie in a slot, in the place of an element.
    pub const SHORT: usize = room_inside::<T>();

    /// The slot of the next element.
    ///
    /// # Safety
    ///
    /// The head's chunk is not full.
    #[inline(always)]
    unsafe fn slot(&self) -> &Slot<T> {
        // SAFETY: the head's chunk is ours until the consumer has passed it, which it has not.
        unsafe { &self.head.chunk.as_ref().slots[self.head.passed] }
    }

    /// Puts an element in, which the consumer does not see yet.
    #[inline(always)]
    pub fn push(&mut self, element: T) {
        if self.head.passed == SLOTS {
            self.next_chunk();
        }
        // SAFETY: there is a slot.
        let slot = unsafe { self.slot() };
        // SAFETY: the number in the slot is not this element's, so the consumer does not look at it.
        unsafe { slot.place.put(element) };
        self.pushed(ELEMENT);
    }

    /// Puts a copy of bytes in, which the consumer does not see yet. It takes no memory of the allocator's, but for the
    /// chunk. Returns false if there is no room for them in the chunk, or if they are more than [`BODY_MOST`].
    #[inline(always)]
    pub fn push_bytes(&mut self, bytes: &[u8]) -> bool {
        if self.head.passed == SLOTS {
            self.next_chunk();
        }
        let len = bytes.len();
        if len <= Self::SHORT {
            // SAFETY: there is a slot.
            let slot = unsafe { self.slot() };
            // SAFETY: there is room for as many, and the consumer does not look there, as in `push`.
            unsafe { slot.place.put_bytes(bytes) };
            self.pushed(len as u64 + 1);
            return true;
        }
        if len > self.room - self.filled && !self.make_room(len) {
            return false;
        }
        let span = Span {
            at: self.filled as u32,
            len: len as u32,
        };
        // SAFETY: there is a slot.
        let slot = unsafe { self.slot() };
        // SAFETY: the chunk is ours until the consumer has passed it.
        let chunk = unsafe { self.head.chunk.as_ref() };
        // SAFETY: there is room for as many, which no other body has.
        unsafe { chunk.bodies.put(self.head.passed, self.filled, bytes) };
        // SAFETY: `make_room` has seen that a span fits; the consumer does not look there, as in `push`.
        unsafe { slot.place.put_bytes(&span.to_bytes()) };
        self.filled += len.next_multiple_of(LINE);
        self.pushed(BODY);
        true
    }

    /// Says what was put to the slot of the next element.
    #[inline(always)]
    fn pushed(&mut self, tag: u64) {
        let number = number(self.head.position, tag);
        // SAFETY: there is a slot.
        let slot = unsafe { self.slot() };
        if self.first.is_none() {
            let slot = NonNull::from(slot);
            self.first = Some(Hidden { slot, number });
            self.first_at = self.head;
        } else {
            // ORDERING: the consumer comes here only by way of the first one, which `publish` releases.
            slot.number.store(number, Ordering::Relaxed);
        }
        self.head.position += 1;
        self.head.passed += 1;
    }

    /// Makes room for bodies of this length in the head's chunk, if none lies there yet. Each chunk has room for as many of
    /// the longest as it has slots.
    #[cold]
    fn make_room(&mut self, len: usize) -> bool {
        if len > BODY_MOST || !Span::fits::<T>() {
            return false;
        }
        self.longest = self.longest.max(len.next_power_of_two().max(LINE));
        if self.filled > 0 {
            return false;
        }
        // SAFETY: the chunk is ours until the consumer has passed it.
        let bodies = unsafe { &self.head.chunk.as_ref().bodies };
        let room = SLOTS * self.longest;
        if bodies.len() < room {
            // SAFETY: no body lies there, so the consumer does not look there.
            unsafe { bodies.reserve(room) };
        }
        self.room = bodies.len();
        len <= self.room
    }

    /// Shows the consumer all elements that were pushed, at once; but those behind deferred ones with these.
    #[inline(always)]
    pub fn publish(&mut self) {
        if let Some(first) = self.first.take() {
            // SYNC POINT `element`: pairs with the load in `Consumer::here`.
            // ORDERING: release, so that a reader that sees the number sees the element and those behind it.
            first.show(Ordering::Release);
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
            // ORDERING: the consumer comes here only by way of the first deferred one, which `flush` releases.
            first.show(Ordering::Relaxed);
        }
    }

    /// Shows the consumer all deferred groups, at once. Returns true if there were any.
    #[inline]
    pub fn flush(&mut self) -> bool {
        match self.deferred.take() {
            Some(first) => {
                // SYNC POINT `element`, as in `publish`.
                // ORDERING: release, as there.
                first.show(Ordering::Release);
                true
            }
            None => false,
        }
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
        let first_at = self.first_at;
        let mut at = first_at;
        let mut number = first.number;
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
            if at.position != first_at.position {
                // ORDERING: our own store.
                number = slot.number.load(Ordering::Relaxed);
            }
            // ORDERING: the consumer has not reached this slot; this thread is the next to use it.
            slot.number.store(0, Ordering::Relaxed);
            if number & 0xff == ELEMENT {
                // SAFETY: pushed, and not published: it is there, and ours.
                drop(unsafe { slot.place.take() });
            }
            at.position += 1;
            at.passed += 1;
        }
        self.head = first_at;
        if at.chunk != self.head.chunk {
            self.unlink();
        }
    }

    /// Frees the chunks behind the head's, after a rollback. A chunk must not be linked while the head is not there: the
    /// consumer goes on to it, and gives the head's chunk away.
    #[cold]
    fn unlink(&mut self) {
        // SAFETY: the chunk is ours until the consumer has passed it. The head's slot was not published, so that the
        // consumer has not looked behind the chunk.
        let chunk = unsafe { self.head.chunk.as_ref() };
        // ORDERING: our own stores, here and below.
        let mut behind = chunk.next.load(Ordering::Relaxed);
        chunk.next.store(ptr::null_mut(), Ordering::Relaxed);
        while let Some(next) = NonNull::new(behind) {
            // SAFETY: a chunk that is ours, and was linked by us.
            behind = unsafe { next.as_ref() }.next.load(Ordering::Relaxed);
            // SAFETY: its elements were taken back, and the consumer does not know it.
            unsafe { Chunk::free(next.as_ptr()) };
        }
        // Bodies may lie in the chunk. There is no room for others.
        self.room = chunk.bodies.len();
        self.filled = self.room;
    }

    /// The number of the next element.
    pub fn position(&self) -> u64 {
        self.head.position
    }

    #[cold]
    fn next_chunk(&mut self) {
        // SAFETY: the head's chunk is ours until the consumer has passed it.
        let chunk = unsafe { self.head.chunk.as_ref() };
        let next = self.shared.spares.take().unwrap_or_else(Chunk::allocate);
        // SAFETY: the chunk is ours alone.
        let fresh = unsafe { next.as_ref() };
        // ORDERING: released by the link.
        fresh.next.store(ptr::null_mut(), Ordering::Relaxed);
        // SYNC POINT `chunk`: pairs with the load in `Consumer::here`.
        // ORDERING: release, so that the consumer sees the chunk as it was made.
        chunk.next.store(next.as_ptr(), Ordering::Release);
        (self.head.chunk, self.head.passed) = (next, 0);
        // SAFETY: the chunk is ours until the consumer has passed it.
        let bodies = unsafe { &next.as_ref().bodies };
        self.filled = 0;
        // Too little room is made anew for the first body.
        self.room = match bodies.len() {
            len if len >= SLOTS * self.longest => len,
            _ => 0,
        };
    }
}

impl<T> Consumer<T> {
    /// The slot of the next element, if that is there, and what is in it. The producer does not come to the slot again
    /// before the tail has passed its chunk.
    #[inline(always)]
    fn here(&mut self) -> Option<(NonNull<Slot<T>>, u64)> {
        if self.tail.passed == SLOTS && !self.next_chunk() {
            return None;
        }
        // SAFETY: the tail's chunk is not given back before the tail has passed it.
        let slot = unsafe { &self.tail.chunk.as_ref().slots[self.tail.passed] };
        // SYNC POINT `element`: pairs with the stores in `Producer`.
        // ORDERING: acquire, so that the element is seen with its number.
        let found = slot.number.load(Ordering::Acquire);
        let tag = found ^ number(self.tail.position, 0);
        (0 < tag && tag <= ELEMENT).then_some((NonNull::from(slot), tag))
    }

    /// Whether an element, or bytes, are there.
    #[inline(always)]
    pub fn is_ready(&mut self) -> bool {
        self.here().is_some()
    }

    /// Looks at the next element. `None` if there is none, or if it was pushed as bytes.
    #[inline]
    pub fn peek(&mut self) -> Option<&T> {
        let (slot, tag) = self.here()?;
        if tag != ELEMENT {
            return None;
        }
        // SAFETY: the chunk stays.
        let slot = unsafe { slot.as_ref() };
        // SAFETY: its number says that it is there, and it stays until it is taken.
        Some(unsafe { slot.place.look() })
    }

    /// Takes the next element. `None` if there is none, or if it was pushed as bytes:
    /// [`take_bytes`](Consumer::take_bytes) has those.
    #[inline(always)]
    pub fn pop(&mut self) -> Option<T> {
        let (slot, tag) = self.here()?;
        if tag != ELEMENT {
            return None;
        }
        // SAFETY: the chunk stays.
        let slot = unsafe { slot.as_ref() };
        // SAFETY: its number says that it is there, and it is taken once, for the tail moves on.
        let element = unsafe { slot.place.take() };
        self.pass();
        Some(element)
    }

    /// Takes what was [pushed as bytes](Producer::push_bytes), which `with` gets to see. `None` if there is none, or if it is
    /// an element: [`pop`](Consumer::pop) has that.
    #[inline(always)]
    pub fn take_bytes<R>(&mut self, with: impl FnOnce(&[u8]) -> R) -> Option<R> {
        let (slot, tag) = self.here()?;
        // SAFETY: the chunk stays.
        let slot = unsafe { slot.as_ref() };
        let result = match tag {
            ELEMENT => return None,
            BODY => {
                // SAFETY: a span was put there.
                let span = Span::from_bytes(unsafe { slot.place.look_at_bytes(size_of::<Span>()) });
                let (at, len) = (span.at as usize, span.len as usize);
                // SAFETY: the tail's chunk is not given back before the tail has passed it.
                let chunk = unsafe { self.tail.chunk.as_ref() };
                // SAFETY: the body was put there before the number, and stays as the slot does.
                with(unsafe { chunk.bodies.look(self.tail.passed, at, len) })
            }
            // SAFETY: as many bytes were put there.
            _ => with(unsafe { slot.place.look_at_bytes(tag as usize - 1) }),
        };
        self.pass();
        Some(result)
    }

    #[inline(always)]
    fn pass(&mut self) {
        self.tail.position += 1;
        self.tail.passed += 1;
    }

    /// The number of the next element.
    pub fn position(&self) -> u64 {
        self.tail.position
    }

    /// Goes on to the next chunk, if there is one, and gives the emptied one back.
    #[cold]
    fn next_chunk(&mut self) -> bool {
        let emptied = self.tail.chunk;
        // SAFETY: as in `here`.
        let chunk = unsafe { self.tail.chunk.as_ref() };
        // SYNC POINT `chunk`: pairs with the store in `Producer::next_chunk`.
        // ORDERING: acquire, so that the chunk is seen as it was made.
        let Some(next) = NonNull::new(chunk.next.load(Ordering::Acquire)) else {
            return false;
        };
        (self.tail.chunk, self.tail.passed) = (next, 0);
        // SAFETY: it is emptied, and the tail has passed it.
        unsafe { self.shared.spares.give(emptied) };
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
                let tag = slot.number.load(Ordering::Relaxed) ^ number(position, 0);
                if tag == 0 || tag > 0xff {
                    break;
                }
                if tag == ELEMENT {
                    // SAFETY: published, and never taken.
                    drop(unsafe { slot.place.take() });
                }
                position += 1;
            }
            let next = here.next.load(Ordering::Relaxed);
            // SAFETY: its elements are dropped, and no other thread uses it.
            unsafe { Chunk::free(chunk) };
            (chunk, passed) = (next, 0);
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
