//! ipc connections in shared memory, between processes that die, stop, leave early and come late.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test fails by panicking, and says what it saw"
)]

mod abandoned;
#[path = "../../../pipe/tests/remote/agreed.rs"]
mod agreed;
mod aimed;
mod bounds;
mod calls;
mod close;
mod containers;
mod death;
mod exec;
mod fallback;
mod forked;
mod hurry;
mod idle;
mod kill;
mod late;
mod liar;
mod limits;
mod long;
mod many;
mod maps;
mod notices;
mod pages;
mod parts;
mod places;
mod relay;
mod required;
mod resources;
mod scribbles;
mod short;
mod signals;
mod spare;
mod stalled;
mod switch;
mod unread;
mod unreadable;
