//! Models that must fail: a test that cannot find a planted fault would not find a real one.

use std::any::Any;
use std::panic::{self, AssertUnwindSafe};

use crate::model::check;

/// Explores `body` until it panics, and asserts that it does, with `words` in its message.
pub(crate) fn must_fail(words: &str, body: impl Fn() + Sync + Send + 'static) {
    match panic::catch_unwind(AssertUnwindSafe(|| check(body))) {
        Ok(count) => panic!("{count} executions have not found the planted fault"),
        Err(panic) => {
            let message = message(&*panic);
            assert!(message.contains(words), "failed, but with: {message}");
        }
    }
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or_default()
}
