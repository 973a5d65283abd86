//! How much memory a direction takes, and when it goes back.

use std::time::{Duration, Instant};

use ringmq_pipe::remote::FIRST;

use crate::{GIB, World, take, world};

#[test]
fn a_thousand_long_messages_wait_and_their_memory_goes_back() {
    let mut world = world(1000, 1000, 4 * GIB);
    // A reader that does not move is given up.
    world.sender.set_patient(true);
    let long = vec![7; 1 << 20];
    for _ in 0..300 {
        world.sender.push(&long).unwrap();
    }
    assert!(world.sender.memory() >= 300 << 20);
    for _ in 0..300 {
        assert_eq!(take(&mut world.receiver).unwrap()[0].len(), long.len());
    }
    world.sender.push(b"small").unwrap();
    take(&mut world.receiver).unwrap();
    world.sender.push(b"again").unwrap();
    assert_eq!(world.sender.memory(), FIRST as u64);
    assert_eq!(take(&mut world.receiver).unwrap(), [b"again"]);
}

/// A fast flow of short messages looks seldom whether the reader has taken everything, but it looks.
#[test]
fn the_memory_of_short_messages_goes_back() {
    let mut world = world(1_000_000, 1_000_000, 4 * GIB);
    let short = [7; 1 << 10];
    for _ in 0..150_000 {
        world.sender.push(&short).unwrap();
    }
    assert!(world.sender.memory() >= 100 << 20);
    for _ in 0..150_000 {
        take(&mut world.receiver).unwrap();
    }
    for _ in 0..66 {
        world.sender.push(b"small").unwrap();
        take(&mut world.receiver).unwrap();
    }
    assert_eq!(world.sender.memory(), FIRST as u64);
}

/// The most memory for some messages of 1 MiB to a reader that is slower than a sender which takes new memory for each.
fn most_memory_for_a_late_reader() -> u64 {
    const COUNT: usize = 60;
    let World {
        mut sender,
        mut receiver,
        ..
    } = world(1000, 1000, 4 * GIB);
    sender.set_patient(true);
    let reading = std::thread::spawn(move || {
        let mut taken = 0;
        while taken < COUNT {
            let Some(incoming) = receiver.peek() else {
                std::thread::yield_now();
                continue;
            };
            let begun = Instant::now();
            while begun.elapsed() < Duration::from_millis(1) {
                std::hint::spin_loop();
            }
            receiver.done(incoming);
            taken += 1;
        }
    });
    let long = vec![7; 1 << 20];
    let memory = (0..COUNT).map(|_| {
        sender.push(&long).unwrap();
        sender.memory()
    });
    let most = memory.max().unwrap();
    reading.join().unwrap();
    most
}

#[test]
fn a_sender_waits_for_a_late_reader_before_it_makes_memory() {
    // On a loaded machine the reader can be later than that is worth.
    let tries = (0..100).map(|_| most_memory_for_a_late_reader());
    let waited = tries.into_iter().any(|most| most <= 16 << 20);
    assert!(waited, "more than 16 MiB each time");
}

#[test]
fn a_burst_that_comes_again_keeps_its_memory() {
    let mut world = world(0, 0, 4 * GIB);
    let mut jumps = 0;
    let mut before = 0;
    for _ in 0..200 {
        for _ in 0..40 {
            world.sender.push(&[1; 100_000]).unwrap();
        }
        while take(&mut world.receiver).is_some() {}
        world.sender.push(b"x").unwrap();
        while take(&mut world.receiver).is_some() {}
        jumps += u32::from(world.sender.memory() != before);
        before = world.sender.memory();
    }
    assert!(jumps < 100, "{jumps} of 200 bursts changed the memory");
}
