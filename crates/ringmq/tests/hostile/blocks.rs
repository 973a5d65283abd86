//! Records that name blocks, and memory for them, as no honest sender makes them.

use std::time::Duration;

use ringmq::{Kind, RecvError, Socket, Vow};
use ringmq_sys::OwnMemory;
use ringmq_testing::{Scratch, soon, watchdog};

use crate::by_hand::{
    BLOCKS, ByHand, POSITION, SEGMENT, bound, header, memory, serves_another, store,
};

/// Bytes of the segment of the arena, which has number 0.
const ARENA: usize = 64 << 10;
/// The first word of each block.
const WORD: u64 = u64::from_ne_bytes(*b"in block");

fn name(segment: u64, offset: u64) -> u64 {
    (segment + 1) << 40 | offset
}

/// Writes a record of these words to the start of a ring.
fn record(ring: &OwnMemory, words: &[u64]) {
    for (index, word) in words.iter().enumerate() {
        store(ring, 8 + index * 8, *word);
    }
    store(ring, 0, header(BLOCKS, words.len() as u64 * 8));
}

fn arena() -> OwnMemory {
    let arena = memory(ARENA);
    for page in (0..ARENA).step_by(4096) {
        store(&arena, page, WORD);
    }
    arena
}

/// The socket waits a little for what does not come, so that it looks at its peers.
fn look(pull: &mut Socket) {
    pull.set_recv_timeout(Duration::from_millis(20));
    let came = pull.recv();
    assert!(matches!(came, Err(RecvError::TimedOut)), "{came:?}");
}

#[test]
fn a_record_that_names_what_is_not_there_ends_the_connection() {
    let _guard = watchdog(Duration::from_secs(120));
    let end = ARENA as u64;
    let wrong: [(&str, &[u64]); 14] = [
        ("no parts", &[0]),
        ("more parts than words", &[2, 8, name(0, 0)]),
        ("parts without end", &[1 << 40, 8, name(0, 0)]),
        ("a part beyond the segment", &[1, 8, name(0, end)]),
        ("a part that begins within", &[1, 16, name(0, end - 8)]),
        ("a part longer than all memory", &[1, u64::MAX, name(0, 0)]),
        ("a part that wraps", &[1, u64::MAX - 7, name(0, 16)]),
        (
            "an offset beyond all memory",
            &[1, 8, name(0, (1 << 40) - 8)],
        ),
        ("an odd offset", &[1, 8, name(0, 3)]),
        ("a word that is no name", &[1, 8, 77]),
        ("a part of the record beyond the record", &[1, 64, 0, 1]),
        ("a part of the record that is too short", &[1, 8, 0, 1, 2]),
        (
            "a second part beyond the segment",
            &[2, 8, name(0, 0), 8, name(0, end)],
        ),
        ("a part of the record that wraps", &[1, u64::MAX, 0, 1]),
    ];
    for (what, words) in wrong {
        for in_place in [false, true] {
            let scratch = Scratch::new();
            let (mut pull, path) = bound(&scratch, Kind::Pull);
            // SAFETY: nothing that is received is read.
            pull.set_in_place(in_place.then(|| unsafe { Vow::new() }));
            let mut peer = ByHand::connect(&path, "PUSH");
            let (ring, arena) = (memory(SEGMENT), arena());
            record(&ring, words);
            assert!(peer.send_blocks(0, &arena));
            peer.begin(&ring);
            let until = soon();
            while !peer.is_closed() {
                look(&mut pull);
                assert!(std::time::Instant::now() < until, "{what}: it goes on");
            }
            serves_another(&mut pull, &path);
        }
    }
}

#[test]
fn a_record_is_waited_for_until_its_memory_comes() {
    let _guard = watchdog(Duration::from_secs(60));
    let scratch = Scratch::new();
    let (mut pull, path) = bound(&scratch, Kind::Pull);
    let mut peer = ByHand::connect(&path, "PUSH");
    let (ring, arena) = (memory(SEGMENT), arena());
    record(&ring, &[1, 8, name(5, 4096)]);
    peer.begin(&ring);
    look(&mut pull);
    // Another segment is not the one.
    assert!(peer.send_blocks(4, &arena));
    look(&mut pull);
    serves_another(&mut pull, &path);
    assert!(peer.send_blocks(5, &arena));
    let message = pull.recv_deadline(soon()).unwrap();
    assert_eq!(message[0].as_slice(), WORD.to_ne_bytes());
}

#[test]
fn a_table_that_changes_after_it_was_read_is_not_read_again() {
    let _guard = watchdog(Duration::from_secs(60));
    for in_place in [false, true] {
        let scratch = Scratch::new();
        let (mut pull, path) = bound(&scratch, Kind::Pull);
        // SAFETY: this test writes nothing to the block that it has sent.
        pull.set_in_place(in_place.then(|| unsafe { Vow::new() }));
        let mut peer = ByHand::connect(&path, "PUSH");
        let (ring, arena) = (memory(SEGMENT), arena());
        record(&ring, &[1, 4096, name(0, 8192)]);
        assert!(peer.send_blocks(0, &arena));
        peer.begin(&ring);
        let until = soon();
        while !pull.events().unwrap().readable {
            assert!(std::time::Instant::now() < until);
        }
        // It has been checked.
        record(&ring, &[1, u64::MAX, name(3, ARENA as u64)]);
        let message = pull.recv_deadline(soon()).unwrap();
        assert_eq!(message[0].len(), 4096);
        assert!(message[0].starts_with(&WORD.to_ne_bytes()));
        assert!(peer.seen(POSITION) > 0);
    }
}

#[test]
fn names_that_overlap_are_read_as_they_are() {
    let _guard = watchdog(Duration::from_secs(60));
    for in_place in [false, true] {
        let scratch = Scratch::new();
        let (mut pull, path) = bound(&scratch, Kind::Pull);
        // SAFETY: this test writes nothing to what it has sent.
        pull.set_in_place(in_place.then(|| unsafe { Vow::new() }));
        let mut peer = ByHand::connect(&path, "PUSH");
        let (ring, arena) = (memory(SEGMENT), arena());
        let (all, page) = (ARENA as u64, 4096);
        record(
            &ring,
            &[3, all, name(0, 0), page, name(0, page), page, name(0, page)],
        );
        assert!(peer.send_blocks(0, &arena));
        peer.begin(&ring);
        let message = pull.recv_deadline(soon()).unwrap();
        let lens: Vec<usize> = message.iter().map(|part| part.len()).collect();
        assert_eq!(lens, [ARENA, 4096, 4096]);
        for part in message.iter() {
            for page in part.chunks(4096) {
                assert_eq!(page[..8], WORD.to_ne_bytes());
                assert!(page[8..].iter().all(|byte| *byte == 0));
            }
        }
        serves_another(&mut pull, &path);
    }
}

/// Nothing is read, and the memory of another peer least of all.
#[test]
fn names_of_memory_that_is_gone_or_of_another_peer_are_waited_for() {
    let _guard = watchdog(Duration::from_secs(60));
    let scratch = Scratch::new();
    let (mut pull, path) = bound(&scratch, Kind::Pull);
    let owner = ByHand::connect(&path, "PUSH");
    let mut thief = ByHand::connect(&path, "PUSH");
    let (ring, arena) = (memory(SEGMENT), arena());
    assert!(owner.send_blocks(7, &arena));
    assert!(thief.send_blocks(3, &arena));
    thief.blocks_gone(3);
    record(&ring, &[2, 8, name(7, 0), 8, name(3, 0)]);
    thief.begin(&ring);
    for _ in 0..5 {
        look(&mut pull);
    }
    assert_eq!(thief.seen(POSITION), 0);
    // A number that is used again is another memory.
    assert!(thief.send_blocks(3, &arena));
    look(&mut pull);
    serves_another(&mut pull, &path);
    assert!(!owner.is_closed() && !thief.is_closed());
}

#[test]
fn memory_that_is_gone_stays_for_the_frames_that_refer_to_it() {
    let _guard = watchdog(Duration::from_secs(60));
    let scratch = Scratch::new();
    let (mut pull, path) = bound(&scratch, Kind::Pull);
    // SAFETY: this test writes nothing to what it has sent.
    pull.set_in_place(unsafe { Vow::new() });
    let mut peer = ByHand::connect(&path, "PUSH");
    let (ring, arena) = (memory(SEGMENT), arena());
    record(&ring, &[1, 4096, name(0, 8192)]);
    assert!(peer.send_blocks(0, &arena));
    peer.begin(&ring);
    let message = pull.recv_deadline(soon()).unwrap();
    peer.blocks_gone(0);
    peer.blocks_gone(99);
    serves_another(&mut pull, &path);
    drop((peer, arena, ring));
    look(&mut pull);
    drop(pull);
    assert!(message[0].starts_with(&WORD.to_ne_bytes()));
}

#[test]
fn a_peer_has_so_many_segments_of_its_arena_and_no_more() {
    let _guard = watchdog(Duration::from_secs(60));
    let scratch = Scratch::new();
    let (mut pull, path) = bound(&scratch, Kind::Pull);
    let peer = ByHand::connect(&path, "PUSH");
    let arena = arena();
    let until = soon();
    let mut sent = 0;
    while !peer.is_closed() {
        if peer.send_blocks(sent, &arena) {
            sent += 1;
        }
        assert!(std::time::Instant::now() < until, "{sent} segments");
    }
    // Some were on their way when the connection ended.
    assert!(sent > 64, "{sent} segments");
    serves_another(&mut pull, &path);
}

#[test]
fn memory_that_is_no_memory_ends_the_connection_with_the_record_that_names_it() {
    let _guard = watchdog(Duration::from_secs(60));
    let scratch = Scratch::new();
    let (mut pull, path) = bound(&scratch, Kind::Pull);
    let mut peer = ByHand::connect(&path, "PUSH");
    let (ring, arena) = (memory(SEGMENT), arena());
    // The frame says more than there is.
    assert!(peer.send_blocks_as(0, &arena, 2 * ARENA));
    record(&ring, &[1, 8, name(0, ARENA as u64)]);
    peer.begin(&ring);
    let until = soon();
    while !peer.is_closed() {
        look(&mut pull);
        assert!(std::time::Instant::now() < until);
    }
    serves_another(&mut pull, &path);
}
