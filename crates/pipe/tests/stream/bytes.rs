//! The byte face, with real data at size.

use std::io::{Read, Write};
use std::time::Duration;

use ringmq_pipe::Options;
use ringmq_testing::{Bytes, Random, role, seed, watchdog};

use crate::ends::{STRATEGIES, join, meet, name_of, number, wait_named};

const MIB: u64 = 1 << 20;

/// The role: writes so many bytes, in writes of random sizes, and checks what comes back.
fn writer(total: u64, seed: u64, options: &Options) {
    let pipe = join(options);
    let (mut sender, mut receiver) = pipe.split();
    let back = std::thread::spawn(move || read_all(&mut receiver, total / 4, mixed(seed, 2)));
    write_all(&mut sender, total, mixed(seed, 1));
    drop(sender);
    back.join().unwrap();
}

fn mixed(seed: u64, which: u64) -> u64 {
    ringmq_testing::mix(seed ^ which)
}

/// Mostly small, sometimes larger than the ring.
fn size(random: &mut Random) -> usize {
    match random.below(4) {
        0 => random.within(1..16),
        1 => random.within(1..1 << 18),
        _ => random.within(1..1 << 13),
    }
}

fn write_all(into: &mut impl Write, total: u64, seed: u64) {
    let (bytes, mut random) = (Bytes::new(seed), Random::new(seed));
    let mut buffer = vec![0; 1 << 18];
    let mut written = 0;
    while written < total {
        let take = size(&mut random).min((total - written) as usize);
        bytes.fill(written, &mut buffer[..take]);
        // Not `write_all`: that a write may take a part is of this face.
        written += into.write(&buffer[..take]).unwrap() as u64;
    }
}

fn read_all(from: &mut impl Read, total: u64, seed: u64) {
    let (bytes, mut random) = (Bytes::new(seed), Random::new(!seed));
    let mut buffer = vec![0; 1 << 18];
    let mut read = 0;
    loop {
        let take = size(&mut random);
        let got = from.read(&mut buffer[..take]).unwrap();
        if got == 0 {
            break;
        }
        assert!(
            bytes.is_at(read, &buffer[..got]),
            "within {got} bytes from {read}"
        );
        read += got as u64;
    }
    assert_eq!(read, total, "the end came too early or too late");
}

fn there_and_back(test: &str, mib: u64, limit: Duration) {
    if role().is_some() {
        let options = Options::new().wait(wait_named(&crate::ends::arg(2)));
        return writer(number(0), number(1), &options);
    }
    let _guard = watchdog(limit);
    let (total, seed) = (mib * MIB, seed());
    for wait in STRATEGIES {
        let args = [total.to_string(), seed.to_string()];
        let args = [&args[0], &args[1], name_of(wait)];
        let (pipe, actor) = meet(test, "writer", &args, &Options::new().wait(wait));
        let (mut sender, mut receiver) = pipe.split();
        let there = std::thread::spawn(move || read_all(&mut receiver, total, mixed(seed, 1)));
        write_all(&mut sender, total / 4, mixed(seed, 2));
        drop(sender);
        there.join().unwrap();
        actor.finish();
    }
}

/// Every byte arrives, in order, in each strategy, in both directions at once, and then the end.
#[test]
fn real_data_survives() {
    there_and_back("bytes::real_data_survives", 32, Duration::from_secs(120));
}

#[test]
#[ignore = "soak: 256 MiB in each strategy"]
fn much_real_data_survives() {
    let limit = Duration::from_secs(600);
    there_and_back("bytes::much_real_data_survives", 256, limit);
}
