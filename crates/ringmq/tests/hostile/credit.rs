//! Receivers that give credit for what they have not received, or never read at all.

use std::fs;
use std::time::{Duration, Instant};

use ringmq::{Context, Kind, Socket};
use ringmq_testing::{Scratch, in_own_process, watchdog};

use crate::by_hand::{ByHand, RECEIVED, SEGMENTS, bound};

/// Bytes of the memory that this process sends by: of all its sockets.
pub(crate) fn memory() -> u64 {
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    let ours = |line: &&str| {
        line.contains("/memfd:ringmq-")
            && line.contains(" rw-s ")
            && !line.contains("ringmq-status")
    };
    let bytes = |line: &str| {
        let (start, end) = line.split_once(' ').unwrap().0.split_once('-').unwrap();
        let number = |text| u64::from_str_radix(text, 16).unwrap();
        number(end) - number(start)
    };
    maps.lines().filter(ours).map(bytes).sum()
}

/// Sends until all of them are sent to in shared memory.
pub(crate) fn go_over(publisher: &mut Socket, peers: &[ByHand]) {
    peers.iter().for_each(ByHand::subscribe);
    while peers.iter().any(|peer| peer.seen(SEGMENTS) == 0) {
        publisher.send("hello").unwrap();
    }
}

#[test]
fn credit_that_contradicts_the_position_ends_the_connection() {
    const TEST: &str = "credit::credit_that_contradicts_the_position_ends_the_connection";
    in_own_process(TEST, || {
        let _guard = watchdog(Duration::from_secs(60));
        // All that can be said, and only what has just been sent.
        for lie in [u64::MAX, u64::MAX / 2, 3] {
            let scratch = Scratch::new();
            let (mut publisher, path) = bound(&scratch, Kind::Pub);
            let peers = [(); 2].map(|()| ByHand::connect(&path, "SUB"));
            go_over(&mut publisher, &peers);
            // A ring may have grown until the other peer had subscribed.
            let before = memory();
            peers.iter().for_each(|peer| peer.set(RECEIVED, lie));
            let mut most = 0;
            while !peers.iter().all(ByHand::is_closed) {
                publisher.send(vec![0; 10_000]).unwrap();
                most = most.max(memory());
            }
            println!("{lie}: {most} bytes of {before}");
            assert!(most <= before, "{lie}: {most} bytes of {before}");
        }
    });
}

/// Without a mark, nothing but the limit bounds the memory of those that never read: of all of them together.
#[test]
fn the_limit_is_that_of_the_socket() {
    const TEST: &str = "credit::the_limit_is_that_of_the_socket";
    in_own_process(TEST, || {
        const LIMIT: u64 = 8 << 20;
        let _guard = watchdog(Duration::from_secs(120));
        let scratch = Scratch::new();
        let path = scratch.path("s");
        let endpoint = format!("ipc://{path}");
        let mut publisher = Context::new().unwrap().socket(Kind::Pub).unwrap();
        publisher.set_linger(Duration::ZERO);
        publisher
            .change_options(|options| options.shared_limit(LIMIT))
            .unwrap();
        publisher.bind(&endpoint).unwrap();
        let peers = [(); 6].map(|()| ByHand::connect(&path, "SUB"));
        go_over(&mut publisher, &peers);
        for _ in 0..400 {
            publisher.send(vec![0; 100_000]).unwrap();
        }
        let held = memory();
        println!("{held} bytes of {LIMIT}");
        assert!((LIMIT / 2..=2 * LIMIT).contains(&held), "{held} bytes");
        // One that reads is served, though the others have the memory.
        let mut subscriber = Context::new().unwrap().socket(Kind::Sub).unwrap();
        subscriber.subscribe(b"").unwrap();
        subscriber.connect(&endpoint).unwrap();
        let mut received = 0;
        while received < 100 {
            publisher.send(vec![0; 100_000]).unwrap();
            let moment = Instant::now() + Duration::from_millis(1);
            received += u64::from(subscriber.recv_deadline(moment).is_ok());
        }
        assert!(memory() <= 2 * LIMIT, "{} bytes", memory());
        drop(peers);
    });
}
