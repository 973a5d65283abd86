//! A peer that dies without a word, and how soon the other end knows.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking, and says what it saw"
)]

#[path = "../stream/ends.rs"]
mod ends;
mod noticed;
