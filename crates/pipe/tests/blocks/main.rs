//! Messages in blocks: each call by itself, memory that comes home, and ends that die.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking, and says what it saw"
)]

mod arrival;
mod death;
#[path = "../stream/ends.rs"]
mod ends;
mod home;
mod pages;

use ringmq_pipe::{Block, Options, Pipe, Vow};

/// Bytes of the memory for blocks.
const BLOCKS: usize = 1 << 20;

fn options() -> Options {
    Options::new().capacity(4096).block_capacity(BLOCKS)
}

fn pair() -> (Pipe, Pipe) {
    options().pair().unwrap()
}

fn vow() -> Vow {
    // SAFETY: no end of these tests writes a message that it has published.
    unsafe { Vow::new() }
}

/// A block of `len` bytes, all of which are `byte`.
fn block(pipe: &mut Pipe, len: usize, byte: u8) -> Block {
    let mut block = pipe.sender().block(len).unwrap();
    block.fill(byte);
    block
}

/// Sends a message of `len` bytes, all of which are `byte`.
fn send(pipe: &mut Pipe, len: usize, byte: u8) {
    let block = block(pipe, len, byte);
    pipe.sender().send_block(block).unwrap();
}

fn recv(pipe: &mut Pipe) -> Vec<u8> {
    let mut message = Vec::new();
    pipe.receiver().recv(&mut message).unwrap();
    message
}
