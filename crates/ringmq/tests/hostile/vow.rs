//! Senders that write to blocks and tables while they are read, also by a program with a vow: it gets any bytes, and
//! nothing worse.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use ringmq::{Kind, Vow};
use ringmq_sys::OwnMemory;
use ringmq_testing::{Random, Scratch, scope, seed, soon, watchdog};

use crate::by_hand::{BLOCKS, ByHand, GREETING, SEGMENT, bound, greets, header, memory, store};

/// Bytes of the only segment of the arena.
const ARENA: usize = 64 << 10;
const RECORDS: usize = 400;
const ROUNDS: u64 = 20;

/// A word of a name in the segment.
fn name(offset: u64) -> u64 {
    1 << 40 | offset
}

/// Writes records of these words, one behind the other, and returns where their tables lie.
fn records(ring: &OwnMemory, words: &[u64]) -> Vec<usize> {
    // No record of a line or less lies across two lines.
    let size = (8 + words.len() * 8).next_power_of_two();
    assert!(size <= 64);
    let starts = (0..RECORDS).map(|number| number * size);
    for start in starts.clone() {
        store(ring, start, header(BLOCKS, words.len() as u64 * 8));
        for (index, word) in words.iter().enumerate() {
            store(ring, start + 8 + index * 8, *word);
        }
    }
    starts.map(|start| start + 8).collect()
}

/// Writes to what the other side reads, until `done`.
fn scribble(arena: &OwnMemory, ring: &OwnMemory, tables: &[usize], done: &AtomicBool, seed: u64) {
    let mut random = Random::new(seed);
    // The last rounds leave the tables as they are, so that all messages come.
    let lies = random.one_in(2);
    // ORDERING: a flag only; it publishes nothing else.
    while !done.load(Ordering::Relaxed) {
        let word = match random.below(3) {
            0 => 0,
            1 => u64::MAX,
            _ => random.next(),
        };
        store(arena, random.within(0..ARENA / 8) * 8, word);
        // The parts begin here: what a socket looks at, topics and envelopes.
        store(arena, random.within(0..64) * 8, word);
        if lies && random.one_in(50) {
            let table = tables[random.within(0..tables.len())];
            store(ring, table + random.within(0..3) * 8, word);
        }
    }
}

#[test]
fn a_block_that_is_written_while_it_is_read_harms_nothing_but_its_bytes() {
    let _guard = watchdog(Duration::from_secs(240));
    let pairs: [(Kind, &str, &[u64]); 5] = [
        (Kind::Pull, "PUSH", &[1, 4096, name(0)]),
        (
            Kind::Pull,
            "PUSH",
            &[3, 8, name(0), 0, name(8), 40, name(16)],
        ),
        (Kind::Sub, "PUB", &[2, 64, name(0), 4096, name(64)]),
        (Kind::Router, "DEALER", &[2, 200, name(0), 100, name(256)]),
        // The empty part is in the record.
        (Kind::Rep, "REQ", &[3, 32, name(0), 0, 0, 4096, name(64)]),
    ];
    let seed = seed();
    for (kind, peer_kind, words) in pairs {
        let mut received = 0;
        for round in 0..ROUNDS {
            let scratch = Scratch::new();
            let (mut socket, path) = bound(&scratch, kind);
            // SAFETY: the peer breaks the vow, and this test reads no byte but by volatile loads.
            socket.set_in_place((round % 4 > 0).then(|| unsafe { Vow::new() }));
            if kind == Kind::Sub {
                socket
                    .subscribe(if round % 2 == 0 { &b"\0"[..] } else { b"" })
                    .unwrap();
            }
            let mut peer = ByHand::connect(&path, peer_kind);
            let (ring, arena) = (memory(SEGMENT), memory(ARENA));
            let tables = records(&ring, words);
            assert!(peer.send_blocks(0, &arena));
            let done = AtomicBool::new(false);
            let mut held = Vec::new();
            scope(|scope| {
                scope.spawn(|| scribble(&arena, &ring, &tables, &done, seed ^ round));
                peer.begin(&ring);
                let mut nothing = 0;
                while nothing < 3 && !peer.is_closed() {
                    let moment = Instant::now() + Duration::from_millis(2);
                    match socket.recv_deadline(moment) {
                        Ok(message) => {
                            received += 1;
                            for part in message.iter() {
                                assert!(part.len() <= ARENA);
                                // SAFETY: within the part.
                                let last = unsafe { part.as_ptr().add(part.len().max(1) - 1) };
                                if !part.is_empty() {
                                    // SAFETY: as above.
                                    let _any = unsafe { last.read_volatile() };
                                }
                            }
                            held.push(message);
                            if held.len() > 5 {
                                held.remove(0);
                            }
                            if kind == Kind::Rep {
                                // What answers an envelope of any bytes may have no way.
                                let _ = socket.try_send("answer");
                            }
                        }
                        Err(_) => nothing += 1,
                    }
                }
                // ORDERING: a flag only; it publishes nothing else.
                done.store(true, Ordering::Relaxed);
            });
            if kind == Kind::Pull {
                // On a busy machine more of what was scribbled may come first.
                let _other = greets(&path);
                while socket.recv_deadline(soon()).unwrap()[0].as_slice() != GREETING {}
            }
        }
        println!("{kind:?}: {received} messages");
        assert!(received > 0, "{kind:?}");
    }
}
