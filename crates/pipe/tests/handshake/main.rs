//! Connection set-up, against peers that do it wrong and in places that make it hard.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test fails by panicking, and says what it skips"
)]

mod blocks;
mod containers;
mod descriptors;
mod exhausted;
mod frames;
mod injected;
mod limits;
mod paths;
mod peers;
mod pieces;
mod raw;
mod sizes;
mod slow;
mod users;
