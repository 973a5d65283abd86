//! Threads that a test waits for.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::ScopedJoinHandle;

/// What [`scope`] hands to its closure.
#[derive(Debug)]
pub struct Scope<'scope, 'env> {
    threads: &'scope std::thread::Scope<'scope, 'env>,
    ended: Arc<AtomicU32>,
}

/// As [`std::thread::scope`], and ThreadSanitizer sees that the threads end before this returns: the standard library
/// is not instrumented, and it is what waits for a thread that the test does not join.
pub fn scope<'env, T>(run: impl for<'scope> FnOnce(&Scope<'scope, 'env>) -> T) -> T {
    let ended = Arc::new(AtomicU32::new(0));
    let result = std::thread::scope(|threads| {
        run(&Scope {
            threads,
            ended: Arc::clone(&ended),
        })
    });
    // ORDERING: acquires what each thread released at its end.
    ended.load(Ordering::Acquire);
    result
}

impl<'scope> Scope<'scope, '_> {
    /// As [`std::thread::Scope::spawn`].
    pub fn spawn<F, T>(&self, run: F) -> ScopedJoinHandle<'scope, T>
    where
        F: FnOnce() -> T + Send + 'scope,
        T: Send + 'scope,
    {
        let ended = Arc::clone(&self.ended);
        self.threads.spawn(move || {
            let result = run();
            // ORDERING: releases all that the thread did to the load in `scope`.
            ended.fetch_add(1, Ordering::Release);
            result
        })
    }
}
