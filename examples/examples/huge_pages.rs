//! What the pages of large bodies cost: memory that is mapped by the first write, when it is made, or in huge pages.
//!
//! ```text
//! cargo run --release -p ringmq-examples --example huge_pages
//! ```
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::env;
use std::error::Error;
use std::process;
use std::time::{Duration, Instant};

use ringmq::{ArenaOptions, BlockMut, Carrier, Connection, Context, Frame, Kind, Socket, Vow};

/// Bytes of a body, and of a page.
const BODY: usize = 64 << 20;
const PAGE: usize = 4096;
/// Bodies that are sent, of which the median is printed.
const ROUNDS: usize = 21;

fn main() -> Result<(), Box<dyn Error>> {
    println!("64 MiB; milliseconds       make   fill  again  first message  next, a word a page");
    let ways = [
        ("by the first write", ArenaOptions::new().prefault(false)),
        ("mapped at once", ArenaOptions::new()),
        ("huge pages", ArenaOptions::new().huge_pages(true)),
    ];
    for (name, options) in ways {
        show(name, &options.own(true))?;
    }
    Ok(())
}

/// Measures bodies between two sockets in shared memory, and prints a row.
fn show(name: &str, options: &ArenaOptions) -> Result<(), Box<dyn Error>> {
    let (context, far) = (Context::new()?, Context::new()?);
    context.set_arena(options)?;
    let mut push = context.socket(Kind::Push)?;
    let mut pull = far.socket(Kind::Pull)?;
    // SAFETY: the sender is this program, which does not write to what it has sent.
    pull.set_in_place(unsafe { Vow::new() });
    let file = env::temp_dir().join(format!("ringmq-huge-pages-{}", process::id()));
    let endpoint = format!("ipc://{}", file.display());
    pull.bind(&endpoint)?;
    push.connect(&endpoint)?;
    while !is_shared(&mut push) {
        std::thread::yield_now();
    }

    let began = Instant::now();
    let mut block = context.block(BODY)?;
    let make = began.elapsed();
    let fill = timed(|| block.fill(1));
    let again = timed(|| block.fill(2));
    let began = Instant::now();
    pass(&mut push, &mut pull, block)?;
    let first = began.elapsed();
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        let began = Instant::now();
        let mut block = context.block(BODY)?;
        for byte in block.iter_mut().step_by(PAGE) {
            *byte = 3;
        }
        pass(&mut push, &mut pull, block)?;
        rounds.push(began.elapsed());
    }
    rounds.sort_unstable();
    let milliseconds = |time: Duration| time.as_secs_f64() * 1000.0;
    println!(
        "{name:24} {:6.1} {:6.1} {:6.1} {:14.1} {:20.2}",
        milliseconds(make),
        milliseconds(fill),
        milliseconds(again),
        milliseconds(first),
        milliseconds(rounds[ROUNDS / 2]),
    );
    if let Some(reason) = context.arena_usage().refused {
        println!("    ordinary pages: {reason}");
    }
    Ok(())
}

/// Returns true once the connection is in shared memory.
fn is_shared(socket: &mut Socket) -> bool {
    let mut connections = socket.connections().into_iter();
    connections.any(|connection: Connection| connection.carrier == Carrier::SharedMemory)
}

fn timed(work: impl FnOnce()) -> Duration {
    let began = Instant::now();
    work();
    began.elapsed()
}

/// Sends a body, receives it, and reads a word of each page.
fn pass(push: &mut Socket, pull: &mut Socket, block: BlockMut) -> Result<(), Box<dyn Error>> {
    push.send(block.freeze())?;
    let message = pull.recv()?;
    let body: &Frame = &message[0];
    let sum: u64 = body.iter().step_by(PAGE).map(|byte| u64::from(*byte)).sum();
    if sum == 0 {
        return Err("the body is empty".into());
    }
    Ok(())
}
