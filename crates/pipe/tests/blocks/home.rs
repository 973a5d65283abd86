//! Blocks that come home, and what a sender does until then.

use std::collections::VecDeque;
use std::os::fd::{AsFd, AsRawFd};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use ringmq_pipe::{HeldBlock, Options, SendError, Wait};
use ringmq_testing::{Counters, Random, seed, soon, thread_id, until, until_asleep, watchdog};

use crate::ends::STRATEGIES;
use crate::{BLOCKS, block, options, pair, recv, send, vow};

/// A quarter of the memory.
const QUARTER: usize = BLOCKS / 4;

#[test]
fn memory_comes_home_when_the_reader_has_passed_it() {
    let _guard = watchdog(Duration::from_secs(60));
    let (mut left, mut right) = pair();
    for number in 0..4 {
        send(&mut left, QUARTER, number);
    }
    let refused = left.sender().try_block(1).unwrap_err();
    assert!(matches!(refused, SendError::WouldBlock));
    let refused = left.sender().block_deadline(1, Instant::now()).unwrap_err();
    assert!(matches!(refused, SendError::TimedOut));
    assert!(recv(&mut right) == [0; QUARTER]);
    drop(left.sender().try_block(QUARTER).unwrap());
    assert!(recv(&mut right) == [1; QUARTER]);
    drop(left.sender().try_block(QUARTER * 2).unwrap());
    assert!(recv(&mut right) == [2; QUARTER]);
    assert!(recv(&mut right) == [3; QUARTER]);
    drop(left.sender().try_block(BLOCKS).unwrap());
}

#[test]
fn memory_that_is_held_comes_home_when_it_is_dropped() {
    let _guard = watchdog(Duration::from_secs(60));
    let (mut left, mut right) = pair();
    let mut held = Vec::new();
    for number in 0..4 {
        send(&mut left, QUARTER, number);
        held.push(right.receiver().recv_block(vow()).unwrap());
    }
    let refused = left.sender().try_block(1).unwrap_err();
    assert!(matches!(refused, SendError::WouldBlock));
    drop(held.remove(2));
    let mut other = left.sender().try_block(QUARTER).unwrap();
    other.fill(9);
    assert!(left.sender().try_block(1).is_err());
    let numbers: Vec<u8> = held.iter().map(|held| held[QUARTER - 1]).collect();
    assert_eq!(numbers, [0, 1, 3]);
    drop((other, held));
    drop(left.sender().try_block(BLOCKS).unwrap());
}

#[test]
fn memory_that_the_program_has_itself_is_no_reason_to_wait() {
    let _guard = watchdog(Duration::from_secs(60));
    let (mut left, _right) = pair();
    let own = block(&mut left, BLOCKS, 1);
    let refused = left.sender().block(1).unwrap_err();
    assert!(matches!(refused, SendError::OutOfMemory { len: 1 }));
    drop(own);
    drop(left.sender().block(1).unwrap());
}

#[test]
fn a_sender_waits_for_memory() {
    let _guard = watchdog(Duration::from_secs(120));
    for wait in STRATEGIES {
        for held in [false, true] {
            let (mut left, mut right) = options().wait(wait).pair().unwrap();
            for number in 0..4 {
                send(&mut left, QUARTER, number);
            }
            let (told, threads) = mpsc::channel();
            let waiting = std::thread::spawn(move || {
                told.send(thread_id()).unwrap();
                for number in 4..20 {
                    send(&mut left, QUARTER, number);
                }
            });
            if wait == Wait::Park {
                until_asleep(std::process::id(), threads.recv().unwrap());
            }
            let mut kept = VecDeque::<HeldBlock>::new();
            for number in 0..20 {
                if held {
                    kept.push_back(right.receiver().recv_block(vow()).unwrap());
                    assert!(
                        kept.iter()
                            .zip(number + 1 - kept.len()..)
                            .all(|(held, number)| {
                                held.is_in_place() && held.iter().all(|byte| *byte == number as u8)
                            })
                    );
                    // The sender waits for the next one, now for this and now for that to be dropped.
                    if kept.len() == 4 {
                        kept.pop_front();
                    }
                } else {
                    assert!(recv(&mut right) == [number as u8; QUARTER]);
                }
            }
            waiting.join().unwrap();
        }
    }
}

/// A sender is woken by a message that was passed, also if one before it was passed, for which it was woken in vain.
#[test]
fn a_message_that_is_held_does_not_hide_the_next_one() {
    let _guard = watchdog(Duration::from_secs(120));
    for _ in 0..100 {
        let (mut left, mut right) = options().wait(Wait::Park).pair().unwrap();
        for number in 0..4 {
            send(&mut left, QUARTER, number);
        }
        let (told, threads) = mpsc::channel();
        let waiting = std::thread::spawn(move || {
            told.send(thread_id()).unwrap();
            left.sender().block(QUARTER * 2).map(drop).unwrap();
        });
        let thread = threads.recv().unwrap();
        until_asleep(std::process::id(), thread);
        let held = right.receiver().recv_block(vow()).unwrap();
        for _ in 0..2 {
            until_asleep(std::process::id(), thread);
            recv(&mut right);
        }
        waiting.join().unwrap();
        drop(held);
    }
}

/// The fifteenth block is copied, and so is free for its sender.
#[test]
fn more_blocks_than_the_table_has_room_for_are_copied() {
    let _guard = watchdog(Duration::from_secs(60));
    let (mut left, mut right) = pair();
    let mut held = Vec::new();
    for number in 0..20 {
        send(&mut left, 5000, number);
        let one = right.receiver().recv_block(vow()).unwrap();
        assert_eq!(one.is_in_place(), number < 14);
        held.push(one);
    }
    drop(held.remove(3));
    send(&mut left, 5000, 20);
    held.push(right.receiver().recv_block(vow()).unwrap());
    assert!(held.last().unwrap().is_in_place());
    let numbers: Vec<u8> = held.iter().map(|held| held[4999]).collect();
    assert_eq!(
        numbers,
        [&[0, 1, 2][..], &(4..21).collect::<Vec<u8>>()].concat()
    );
}

#[test]
fn held_blocks_outlive_both_ends() {
    let _guard = watchdog(Duration::from_secs(60));
    let before = mappings();
    let (mut left, mut right) = options().block_capacity(BLOCKS * 3).pair().unwrap();
    send(&mut left, 300_000, 7);
    send(&mut left, 1000, 8);
    let first = right.receiver().recv_block(vow()).unwrap();
    let (sender, mut receiver) = right.split();
    let second = receiver.recv_block(vow()).unwrap();
    drop(receiver);
    let unsent = block(&mut left, 1000, 9);
    // The receiver has closed, and the memory of what it holds is not used again.
    let refused = left.sender().block(BLOCKS * 3).err();
    assert!(matches!(refused, Some(SendError::Closed)), "{refused:?}");
    assert!(first.iter().all(|byte| *byte == 7));
    drop((left, sender));
    assert_eq!(*second, [8; 1000]);
    drop(second);
    let reading = std::thread::spawn(move || assert!(first.iter().all(|byte| *byte == 7)));
    reading.join().unwrap();
    assert_eq!(*unsent, [9; 1000]);
    drop(unsent);
    assert_eq!(mappings(), before);
}

/// Mappings of memory that pipes made.
fn mappings() -> usize {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    // Tests run beside each other: the memory for blocks has this name.
    let own = maps
        .lines()
        .filter(|line| line.contains("/memfd:ringmq-blocks"));
    own.filter(|line| {
        let range = line.split(' ').next().unwrap();
        let (start, end) = range.split_once('-').unwrap();
        let at = |text| u64::from_str_radix(text, 16).unwrap();
        at(end) - at(start) == BLOCKS as u64 * 3
    })
    .count()
}

/// The descriptor of a sender that was refused a block becomes readable when there is one.
#[test]
fn a_descriptor_tells_of_memory() {
    let _guard = watchdog(Duration::from_secs(60));
    for held in [false, true] {
        let (mut left, mut right) = pair();
        let descriptor = left.sender().as_fd().as_raw_fd();
        for round in 0..50 {
            let mut refused = false;
            for number in 0..4 {
                send(&mut left, QUARTER, number + round);
            }
            while !refused {
                refused = left.sender().try_block(1).is_err();
            }
            assert!(!is_readable(descriptor));
            let first = right.receiver().recv_block(vow()).unwrap();
            if held {
                assert!(left.sender().try_block(1).is_err());
            }
            drop(first);
            until(|| is_readable(descriptor));
            drop(left.sender().try_block(QUARTER).unwrap());
            for _ in 0..3 {
                recv(&mut right);
            }
        }
    }
}

fn is_readable(descriptor: i32) -> bool {
    let mut polled = libc::pollfd {
        fd: descriptor,
        events: libc::POLLIN,
        revents: 0,
    };
    // SAFETY: one structure of ours.
    let count = unsafe { libc::poll(&mut polled, 1, 0) };
    count == 1
}

/// Blocks of random lengths, held for random times: the memory is as much as was asked for, and no more.
#[test]
fn memory_stays_as_it_is() {
    let _guard = watchdog(Duration::from_secs(120));
    let mut random = Random::new(seed());
    let (mut left, mut right) = options().pair().unwrap();
    let mut held = Vec::<(HeldBlock, u8)>::new();
    let mut before = None;
    for number in 0..60_000_u64 {
        if number == 5_000 {
            before = Some(Counters::now());
        }
        let byte = number as u8;
        let len = random.within(1..60_000);
        let mut block = left.sender().block_deadline(len, soon()).unwrap();
        block[0] = byte;
        block[len - 1] = byte;
        left.sender().send_block(block).unwrap();
        let one = right.receiver().recv_block(vow()).unwrap();
        assert_eq!((one.len(), one[0], one[len - 1]), (len, byte, byte));
        held.push((one, byte));
        while held.len() > 8 || (!held.is_empty() && random.one_in(3)) {
            let (one, byte) = held.swap_remove(random.within(0..held.len()));
            assert_eq!((one[0], one[one.len() - 1]), (byte, byte));
        }
    }
    let (before, now) = (before.unwrap(), Counters::now());
    // Other tests of this program come and go.
    assert!(
        now.rss_kib < before.rss_kib + 64 * 1024,
        "{before:?} {now:?}"
    );
    drop(held);
    drop(left.sender().try_block(BLOCKS).unwrap());
}

/// A ring that is much larger than its memory for blocks.
#[test]
fn a_small_memory_for_blocks_is_enough() {
    let _guard = watchdog(Duration::from_secs(60));
    let small = Options::new().block_capacity(1);
    let (left, mut right) = small.pair().unwrap();
    let (mut sender, _receiver) = left.split();
    assert_eq!(sender.block_capacity(), 4096);
    let sending = std::thread::spawn(move || {
        for number in 0..2_000_u32 {
            let mut block = sender.block(4).unwrap();
            block.copy_from_slice(&number.to_ne_bytes());
            sender.send_block(block).unwrap();
        }
    });
    for number in 0..2_000_u32 {
        if number % 2 == 0 {
            assert_eq!(recv(&mut right), number.to_ne_bytes());
        } else {
            let held = right.receiver().recv_block(vow()).unwrap();
            assert_eq!(*held, number.to_ne_bytes());
        }
    }
    sending.join().unwrap();
}
