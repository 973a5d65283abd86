//! A place for one message, which the next one takes.

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
    /// Puts a message there. The one before is dropped, if it was not taken.
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
    /// Whether a message is there: one load.
    pub(super) fn is_ready(&self) -> bool {
        self.put.get(0) != self.taken
    }

    pub(super) fn take(&mut self) -> Option<T> {
        if !self.is_ready() {
            return None;
        }
        let mut place = lock(&self.place);
        // Under the lock, so that it is the count of what is taken.
        self.taken = self.put.get(0);
        place.take()
    }
}

/// Nothing is done under the lock that could panic half-way.
fn lock<T>(place: &Mutex<Option<T>>) -> MutexGuard<'_, Option<T>> {
    place.lock().unwrap_or_else(PoisonError::into_inner)
}
