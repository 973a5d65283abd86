//! Peers that do not keep the rules: they may spoil their own messages, and nothing else.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking, and says what it saw"
)]

mod blocks;
mod blocks_model;
mod blocks_oracle;
mod by_hand;
mod changing;
mod endless;
#[path = "../stream/ends.rs"]
mod ends;
mod rings;
mod scribbles;
mod storms;
