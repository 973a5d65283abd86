//! A peer of our own user that speaks the handoff, and then writes what it likes to its memory, its courier and our
//! doorbell: no call takes longer for it than it may, and no memory grows without end.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking, and shows what it has seen"
)]

mod blocks;
mod by_hand;
mod credit;
mod filters;
mod frames;
mod jumps;
mod lending;
mod parts;
mod storms;
mod vow;
