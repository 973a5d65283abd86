//! Peers that do not keep the rules: they may spoil their own messages, and nothing else.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod by_hand;
mod changing;
mod endless;
#[path = "../stream/ends.rs"]
mod ends;
mod rings;
mod scribbles;
mod storms;
