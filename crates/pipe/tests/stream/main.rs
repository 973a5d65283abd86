//! What goes in comes out: data at size, far positions, ends that close while the other is at work.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking, and says what it saw"
)]

mod bytes;
mod closing;
mod ends;
mod messages;
mod positions;
