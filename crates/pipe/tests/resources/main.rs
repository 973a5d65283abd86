//! What a pipe costs, and that nothing of it is left behind.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test fails by panicking, and says what it skips"
)]

mod cycles;
mod exec;
mod idle;
#[path = "../handshake/raw.rs"]
#[allow(dead_code, reason = "shared with the tests of set-up")]
mod raw;
mod zeros;

use std::time::{Duration, Instant};

use ringmq_pipe::{Listener, Options, Pipe};

/// Far enough in the future that only a hang meets it; the watchdog ends the test first.
fn later() -> Option<Instant> {
    Some(Instant::now() + Duration::from_secs(1000))
}

/// Both ends of a pipe that went through connection set-up.
fn connected(listener: &mut Listener, options: &Options) -> (Pipe, Pipe) {
    let address = listener.address();
    ringmq_testing::scope(|scope| {
        let client = scope.spawn(|| options.connect(&address).unwrap());
        let accepted = listener.attempt(later()).unwrap();
        (accepted, client.join().unwrap())
    })
}
