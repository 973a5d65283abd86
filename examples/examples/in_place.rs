//! Messages that are written and read where they lie in the ring: no copy on either side.
//!
//! ```text
//! cargo run --release -p ringmq-examples --example in_place
//! ```
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;

use ringmq_pipe::{Options, Vow};

/// Numbers in one message.
const NUMBERS: usize = 1024;

fn main() -> Result<(), Box<dyn Error>> {
    let (mut left, mut right) = Options::new().pair()?;
    // SAFETY: the peer is this very process, in the code below: it does not change what it has sent.
    let vow = unsafe { Vow::new() };

    let adder = std::thread::spawn(move || -> Result<u64, ringmq_pipe::RecvError> {
        let mut sum = 0;
        for _ in 0..1000 {
            let message = right.receiver().recv_in_place(vow)?;
            let numbers = message
                .chunks_exact(8)
                .filter_map(|bytes| bytes.try_into().ok());
            sum += numbers.map(u64::from_le_bytes).sum::<u64>();
        }
        Ok(sum)
    });
    for round in 0..1000u64 {
        let mut slot = left.sender().claim(8 * NUMBERS)?;
        for (index, bytes) in slot.chunks_exact_mut(8).enumerate() {
            bytes.copy_from_slice(&(round + index as u64).to_le_bytes());
        }
        slot.commit()?;
    }
    let sum = adder.join().map_err(|_| "the adding thread panicked")??;
    println!("the sum of {} numbers is {sum}", 1000 * NUMBERS);
    Ok(())
}
