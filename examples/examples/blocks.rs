//! Pictures from one process to another without a copy: each is a block, which its receiver keeps for as long as it likes.
//!
//! ```text
//! cargo run --release -p ringmq-examples --example blocks
//! ```
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::collections::VecDeque;
use std::env;
use std::error::Error;
use std::process::Command;

use ringmq_pipe::{Listener, Options, RecvError, Vow};

/// Bytes of a picture: 1920 × 1080 RGB.
const PICTURE: usize = 1920 * 1080 * 3;
const PICTURES: usize = 300;
/// Pictures that the receiver looks at together.
const TOGETHER: usize = 3;

fn main() -> Result<(), Box<dyn Error>> {
    match env::args().nth(1) {
        Some(address) => send(&address),
        None => receive(),
    }
}

/// Draws pictures in memory that the other process reads.
fn send(address: &str) -> Result<(), Box<dyn Error>> {
    // Room for those that the receiver looks at, one that is on its way, and one that is drawn.
    let options = Options::new().block_capacity((TOGETHER + 2) * PICTURE);
    let mut pipe = options.connect(address)?;
    for number in 0..PICTURES {
        // Waits until the receiver has given one back.
        let mut picture = pipe.sender().block(PICTURE)?;
        picture.fill(number as u8);
        pipe.sender().send_block(picture)?;
    }
    Ok(())
}

fn receive() -> Result<(), Box<dyn Error>> {
    let address = format!("@ringmq-blocks-{}", std::process::id());
    let mut listener = Listener::bind(&address, &Options::new())?;
    let mut sender = Command::new(env::current_exe()?).arg(&address).spawn()?;
    let mut pipe = listener.accept()?;
    // SAFETY: the sender is `send` of this program, which does not write to a picture that it has sent.
    let vow = unsafe { Vow::new() };
    let mut pictures = VecDeque::new();
    let (mut received, mut changes) = (0, 0_u64);
    loop {
        match pipe.receiver().recv_block(vow) {
            Ok(picture) => pictures.push_back(picture),
            Err(RecvError::Closed) => break,
            Err(error) => return Err(error.into()),
        }
        received += 1;
        if pictures.len() == TOGETHER {
            // How much the brightness of the first point changes from one picture to the next.
            let mut brightness = pictures.iter().map(|picture| i64::from(picture[0]));
            let first = brightness.next().unwrap_or(0);
            changes += brightness
                .fold((0, first), |(sum, before), now| {
                    (sum + now.abs_diff(before), now)
                })
                .0;
            pictures.pop_front();
        }
    }
    println!("{received} pictures of {PICTURE} bytes; the brightness changed by {changes}");
    sender.wait()?;
    Ok(())
}
