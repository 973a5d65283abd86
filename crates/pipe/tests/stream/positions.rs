//! Positions beyond what 32 bits count, and near the end of what 64 do.

use std::time::Duration;

use ringmq_pipe::{Options, Pipe};
use ringmq_testing::{Messages, role, seed, watchdog};

use crate::ends::{STRATEGIES, arg, join, meet, name_of, number, wait_named};

const CAPACITY: u64 = 4096;
const COUNT: u64 = 2_000;

fn options(start: u64, wait: &str) -> Options {
    Options::new()
        .capacity(CAPACITY as usize)
        .wait(wait_named(wait))
        .start_position(start)
}

/// Sends one for each that comes, so that both rings pass the boundary.
fn talk(mut pipe: Pipe, outgoing: u64, incoming: u64) {
    let outgoing = Messages::new(outgoing, 0, 1200);
    let incoming = Messages::new(incoming, 0, 1200);
    let mut message = Vec::new();
    for number in 0..COUNT {
        pipe.sender().send(&outgoing.get(number)).unwrap();
        pipe.receiver().recv(&mut message).unwrap();
        incoming.check(number, &message);
    }
    // Each ring has gone round many times.
    assert!(pipe.receiver().stats().bytes > 100 * CAPACITY);
}

/// A ring that starts just below a boundary of its counters crosses it, at every offset of the ring.
#[test]
fn positions_cross_every_boundary() {
    const TEST: &str = "positions::positions_cross_every_boundary";
    if role().is_some() {
        let seed = number(1);
        return talk(join(&options(number(0), &arg(2))), seed, !seed);
    }
    let _guard = watchdog(Duration::from_secs(120));
    let seed = seed();
    let laps = |below| CAPACITY * below;
    for boundary in [1 << 31, 1 << 32, 1 << 33, 1 << 62] {
        for (start, wait) in [
            (boundary - 8, STRATEGIES[0]),
            (boundary - 1, STRATEGIES[1]),
            (boundary - laps(3) + 40, STRATEGIES[2]),
            (boundary - laps(10) - 1000, STRATEGIES[2]),
        ] {
            let args = [start.to_string(), seed.to_string()];
            let args = [&args[0], &args[1], name_of(wait)];
            let (pipe, actor) = meet(TEST, "other", &args, &options(start, name_of(wait)));
            talk(pipe, !seed, seed);
            actor.finish();
        }
    }
}
