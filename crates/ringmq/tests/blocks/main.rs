//! Large bodies in blocks, between processes that die, fork, run short of memory, or never drop what they hold.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking, and says what it saw"
)]

mod burst;
mod forked;
mod held;
mod kill;
mod memory;
mod own;
mod pages;
#[allow(dead_code, reason = "tests/shared uses more of it")]
#[path = "../shared/parts.rs"]
mod parts;
#[allow(dead_code, reason = "tests/shared uses more of it")]
#[path = "../shared/places.rs"]
mod places;
mod short;
