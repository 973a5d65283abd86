//! Ends that are killed, or stopped, at any point; and what the other end gets.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking, and says what it saw"
)]

#[path = "../stream/ends.rs"]
mod ends;
mod random;
mod stepped;
mod stopped;
mod ways;
