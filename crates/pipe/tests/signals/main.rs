//! Signals that come while one waits.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking, and says what it saw"
)]

#[path = "../stream/ends.rs"]
mod ends;
mod interrupted;
mod storms;
