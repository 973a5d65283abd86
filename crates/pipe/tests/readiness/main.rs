//! `AsFd` of both halves as readiness: for poll(2), and for epoll(7) with and without edges.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking, and says what it saw"
)]

mod edge;
mod endings;
#[path = "../stream/ends.rs"]
mod ends;
mod events;
mod exchange;
mod faces;
mod idle;
mod level;
mod long;
mod mixed;
mod peer;
mod singly;
mod user;
