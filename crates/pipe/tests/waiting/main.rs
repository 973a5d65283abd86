//! Waiting: nobody is forgotten, nobody is woken for nothing, and nobody who is awake calls the kernel.

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
