//! ringmq, in this process, and stock libzmq, in others.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking, and says what it saw"
)]

mod differential;
mod monitors;
mod older;
mod pairs;
mod reconnects;
mod routing;
mod strangers;
mod streams;
mod subscriptions;
mod wire;
