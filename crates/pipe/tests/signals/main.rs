//! Signals that come while one waits.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../stream/ends.rs"]
mod ends;
mod interrupted;
mod storms;
