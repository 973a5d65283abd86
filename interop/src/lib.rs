//! Stock libzmq as a peer, for the tests of this package: a Python process with one socket, told what to do by
//! lines.
//!
//! ```text
//! test ── Socket ══ tcp or ipc ══ stock socket ── python/peer.py
//!   └──────────────── lines ──────────────────────────┘
//! ```

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test fails by panicking, and says why it is skipped"
)]

mod ours;
mod stock;

pub use ours::{
    Transport, message, number, ours, parts, pattern, recv, recv_numbers, send_numbers,
};
pub use stock::{Stock, begin};
