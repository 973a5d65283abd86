//! A peer that dies without a word, and how soon the other end knows.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../stream/ends.rs"]
mod ends;
mod noticed;
