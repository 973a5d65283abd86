//! Running a model, and counting what it explored.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Explores `body` with at most three preemptions, and returns the number of executions.
pub(crate) fn check(body: impl Fn() + Sync + Send + 'static) -> usize {
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.max_branches = 100_000;
    builder.check(move || {
        counted.fetch_add(1, Ordering::Relaxed);
        body();
    });
    count.load(Ordering::Relaxed)
}

/// Asserts that a model was worth its name.
pub(crate) fn explored(count: usize, least: usize) {
    assert!(
        count >= least,
        "only {count} executions explored, {least} are the least"
    );
}
