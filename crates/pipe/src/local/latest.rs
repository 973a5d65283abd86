//! A place for one message, which the next message replaces.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ringmq_ring::{Words, WordsMut, words};

/// Where the sender of a conflating pipe puts its messages.
#[derive(Debug)]
pub(super) struct Putter<T> {
    place: Arc<Mutex<Option<T>>>,
    put: WordsMut<1>,
    count: u64,
}

/// Where the receiver of a conflating pipe finds the last one.
#[derive(Debug)]
pub(super) struct Taker<T> {
    place: Arc<Mutex<Option<T>>>,
    put: Words<1>,
    /// What `put` was when the place was last emptied.
    taken: u64,
}

/// Both ends of an empty place.
pub(super) fn latest<T>() -> (Putter<T>, Taker<T>) {
    let place = Arc::new(Mutex::new(None));
    let (put, seen) = words();
    (
        Putter {
            place: Arc::clone(&place),
            put,
            count: 0,
        },
        Taker {
            place,
            put: seen,
            taken: 0,
        },
    )
}

impl<T> Putter<T> {
    /// Puts a message there. Drops the one before, if it was not taken.
    pub(super) fn put(&mut self, message: T) {
        let mut place = lock(&self.place);
        let before = place.replace(message);
        self.count += 1;
        self.put.set(0, self.count);
        drop(place);
        drop(before);
    }
}

impl<T> Taker<T> {
    /// Returns true if a message is there. Costs one load.
    pub(super) fn is_ready(&self) -> bool {
        self.put.get(0) != self.taken
    }

    pub(super) fn take(&mut self) -> Option<T> {
        if !self.is_ready() {
            return None;
        }
        let mut place = lock(&self.place);
        // Read under the lock, so that the count belongs to the message that is taken.
        self.taken = self.put.get(0);
        place.take()
    }
}

/// Locks, also after a panic: no code under the lock can panic half-way.
fn lock<T>(place: &Mutex<Option<T>>) -> MutexGuard<'_, Option<T>> {
    place.lock().unwrap_or_else(PoisonError::into_inner)
}
