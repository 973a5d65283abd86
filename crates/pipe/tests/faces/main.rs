//! The faces of a pipe, each call by itself, and all of them mixed against a simple model.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod batches;
mod bytes;
mod large;
mod messages;
mod mixed;
mod model;
mod slots;
mod split;
mod stats;

use std::time::{Duration, Instant};

use ringmq_pipe::{Options, Pipe, Vow, Wait};

const WAITS: [Wait; 3] = [Wait::Spin, Wait::Park, Wait::Adaptive];

/// A small ring: one of 4 KiB, whose longest record is 1408 bytes and whose pieces have 512.
fn small() -> Options {
    Options::new().capacity(4096)
}

fn pair(options: &Options) -> (Pipe, Pipe) {
    options.pair().unwrap()
}

fn recv(pipe: &mut Pipe) -> Vec<u8> {
    let mut message = Vec::new();
    pipe.receiver().recv(&mut message).unwrap();
    message
}

fn soon() -> Instant {
    Instant::now() + Duration::from_millis(20)
}

fn vow() -> Vow {
    // SAFETY: both ends are in this process, which writes no message that it has published.
    unsafe { Vow::new() }
}

/// Fills the ring with messages of `len` bytes, and returns how many there are.
fn fill(pipe: &mut Pipe, len: usize) -> usize {
    let message = vec![6; len];
    let mut sent = 0;
    while pipe.sender().try_send(&message).is_ok() {
        sent += 1;
    }
    sent
}
