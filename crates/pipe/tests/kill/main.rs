//! Ends that are killed, or stopped, at any point; and what the other end gets.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../stream/ends.rs"]
mod ends;
mod random;
mod stepped;
mod stopped;
mod ways;
