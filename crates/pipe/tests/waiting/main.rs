//! Waiting: no wake-up is lost, none is needless, and an end that is awake makes no system call.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking, and says what it saw"
)]

mod calls;
mod clocks;
#[path = "../stream/ends.rs"]
mod ends;
mod full;
mod idle;
mod once;
mod small_rings;
mod wakeups;
