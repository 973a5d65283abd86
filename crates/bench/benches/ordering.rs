//! The cost of the order before a sleep: a fence with each publication, or a barrier with each sleep.
//!
//! ```text
//! cargo bench -p ringmq-bench --bench ordering
//! ```
//!
//! Two threads of one process, and a pipe between them. Each end has a fixed choice of the two. On two CPUs: messages
//! of 64 bytes in one direction, and round trips. On one CPU: round trips, where each message is a sleep. Rounds are
//! interleaved, and medians are printed.
#![allow(clippy::print_stdout, reason = "a bench prints")]
#![allow(clippy::unwrap_used, reason = "a bench may stop where it stands")]
#![allow(missing_docs, reason = "a bench has no interface")]

use std::time::Instant;

use ringmq_pipe::{Options, Wait};
use rustix::thread::{CpuSet, sched_setaffinity};

const ROUNDS: usize = 7;

fn pin(cpu: usize) {
    let mut set = CpuSet::new();
    set.set(cpu);
    sched_setaffinity(None, &set).unwrap();
}

fn options(wait: Wait, fences: bool) -> Options {
    Options::new().wait(wait).ask_fences(fences)
}

/// Median round trip in ns.
fn round_trip(options: &Options, cpus: (usize, usize), count: usize) -> f64 {
    pin(cpus.0);
    let (left, right) = options.pair().unwrap();
    let far = std::thread::spawn(move || {
        pin(cpus.1);
        let ((mut sender, mut receiver), mut message) = (right.split(), Vec::new());
        for _ in 0..count {
            receiver.recv(&mut message).unwrap();
            sender.send(&message).unwrap();
        }
    });
    let ((mut sender, mut receiver), mut message) = (left.split(), Vec::new());
    let mut times: Vec<u64> = Vec::with_capacity(count);
    for _ in 0..count {
        let start = Instant::now();
        sender.send(&[1; 64]).unwrap();
        receiver.recv(&mut message).unwrap();
        times.push(start.elapsed().as_nanos() as u64);
    }
    far.join().unwrap();
    times.sort_unstable();
    times[count / 2] as f64
}

/// Million messages of 64 bytes a second.
fn one_way(options: &Options) -> f64 {
    const COUNT: u32 = 5_000_000;
    pin(0);
    let (left, right) = options.pair().unwrap();
    let far = std::thread::spawn(move || {
        pin(1);
        let ((_sender, mut receiver), mut message) = (right.split(), Vec::new());
        for _ in 0..COUNT {
            receiver.recv(&mut message).unwrap();
        }
    });
    let (mut sender, _receiver) = left.split();
    let start = Instant::now();
    for _ in 0..COUNT {
        sender.send(&[1; 64]).unwrap();
    }
    far.join().unwrap();
    f64::from(COUNT) / start.elapsed().as_secs_f64() / 1e6
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn main() {
    println!("{:<42} {:>12} {:>12}", "64 bytes", "fences", "barriers");
    type Work<'a> = (&'a str, &'a dyn Fn(bool) -> f64);
    let rows: [Work<'_>; 6] = [
        ("M messages/s, two CPUs, park", &|fences| {
            one_way(&options(Wait::Park, fences))
        }),
        ("M messages/s, two CPUs, adaptive", &|fences| {
            one_way(&options(Wait::Adaptive, fences))
        }),
        ("round trip ns, one CPU, park", &|fences| {
            round_trip(&options(Wait::Park, fences), (0, 0), 50_000)
        }),
        ("round trip ns, one CPU, adaptive", &|fences| {
            round_trip(&options(Wait::Adaptive, fences), (0, 0), 50_000)
        }),
        ("round trip ns, two CPUs, park", &|fences| {
            round_trip(&options(Wait::Park, fences), (0, 1), 5_000)
        }),
        ("round trip ns, two CPUs, adaptive", &|fences| {
            round_trip(&options(Wait::Adaptive, fences), (0, 1), 50_000)
        }),
    ];
    for (name, work) in rows {
        let (mut fences, mut barriers) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            fences.push(work(true));
            barriers.push(work(false));
        }
        println!(
            "{name:<42} {:>12.1} {:>12.1}",
            median(fences),
            median(barriers)
        );
    }
}
