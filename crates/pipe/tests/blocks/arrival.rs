//! What is sent in a block arrives, whatever face receives it.

use std::io::Read;
use std::time::{Duration, Instant};

use ringmq_pipe::{ConnectError, HeldBlock, Listener, Options, OptionsError, RecvError, SendError};
use ringmq_testing::{Bytes, abstract_name, soon, watchdog};

use crate::{BLOCKS, block, options, pair, recv, send, vow};

/// Lengths about those of words, pages and all of the memory.
const LENS: [usize; 10] = [0, 1, 7, 8, 9, 4095, 4096, 4097, 100_001, BLOCKS];

fn filled(len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    Bytes::new(len as u64).fill(0, &mut bytes);
    bytes
}

#[test]
fn a_block_arrives_at_every_face() {
    let _guard = watchdog(Duration::from_secs(60));
    let (mut left, mut right) = pair();
    for len in LENS {
        let bytes = filled(len);
        for way in 0..8 {
            let mut sent = left.sender().block_deadline(len, soon()).unwrap();
            assert!(sent.is_shared() && sent.len() == len);
            sent.copy_from_slice(&bytes);
            match way % 3 {
                0 => left.sender().send_block(sent).unwrap(),
                1 => left.sender().try_send_block(sent).unwrap(),
                _ => left.sender().send_block_deadline(sent, soon()).unwrap(),
            }
            let receiver = right.receiver();
            let mut message = vec![1; way * 100];
            match way {
                0 => receiver.recv(&mut message).unwrap(),
                1 => receiver.try_recv(&mut message).unwrap(),
                2 => message = receiver.recv_in_place(vow()).unwrap().to_vec(),
                3 => message = receiver.recv_block(vow()).unwrap().to_vec(),
                4 => message = receiver.try_recv_block(vow()).unwrap().to_vec(),
                5 => {
                    message = receiver
                        .recv_block_deadline(vow(), soon())
                        .unwrap()
                        .to_vec()
                }
                6 => {
                    message.resize(len, 0);
                    for piece in message.chunks_mut(777) {
                        right.read_exact(piece).unwrap();
                    }
                    // A message without bytes is passed over with the next read.
                }
                _ => {
                    // What one face has left of it the other returns.
                    let head = len.min(13);
                    let mut first = [0; 13];
                    right.read_exact(&mut first[..head]).unwrap();
                    message = first[..head].to_vec();
                    if len > head {
                        message.extend(recv(&mut right));
                    }
                }
            }
            assert!(message == bytes, "{len} {way}");
            let nothing = right.receiver().try_read(&mut [0]).unwrap_err();
            assert!(matches!(nothing, RecvError::WouldBlock));
        }
    }
    assert_eq!(left.sender().stats().messages, 80);
}

#[test]
fn blocks_and_other_messages_come_in_order() {
    let _guard = watchdog(Duration::from_secs(60));
    let (mut left, mut right) = pair();
    for round in 0..300usize {
        left.sender().send(&[round as u8; 100]).unwrap();
        send(&mut left, 10_000, round as u8);
        left.sender().send(b"").unwrap();
        assert_eq!(recv(&mut right), [round as u8; 100]);
        assert!(recv(&mut right) == [round as u8; 10_000]);
        assert_eq!(recv(&mut right), b"");
    }
    // Another message is kept as a copy.
    left.sender().send(b"in the ring").unwrap();
    let kept = right.receiver().recv_block(vow()).unwrap();
    assert!(!kept.is_in_place());
    assert_eq!(*kept, *b"in the ring");
}

#[test]
fn without_memory_for_blocks_they_are_copied() {
    let _guard = watchdog(Duration::from_secs(60));
    let (mut left, mut right) = Options::new().capacity(4096).pair().unwrap();
    assert_eq!(left.sender().block_capacity(), 0);
    let mut sent = left.sender().block(1000).unwrap();
    assert!(!sent.is_shared() && sent.iter().all(|byte| *byte == 0));
    sent.fill(3);
    sent.truncate(999);
    sent.truncate(5000);
    left.sender().send_block(sent).unwrap();
    let kept = right.receiver().recv_block(vow()).unwrap();
    assert!(!kept.is_in_place());
    assert_eq!(*kept, [3; 999]);
    // One that is longer than the ring goes in pieces, or not at all.
    let long = block(&mut left, 100_000, 4);
    let unsent = left.sender().try_send_block(long).unwrap_err();
    assert!(matches!(unsent.reason, SendError::TooLarge { .. }));
    let long = unsent.block.unwrap();
    ringmq_testing::scope(|scope| {
        scope.spawn(|| left.sender().send_block(long).unwrap());
        assert!(recv(&mut right) == [4; 100_000]);
    });
}

#[test]
fn a_block_of_another_pipe_is_copied() {
    let _guard = watchdog(Duration::from_secs(60));
    let (mut left, mut right) = pair();
    let (mut other, _peer) = pair();
    let sent = block(&mut other, 700, 5);
    left.sender().send_block(sent).unwrap();
    let kept = right.receiver().recv_block(vow()).unwrap();
    assert!(!kept.is_in_place());
    assert_eq!(*kept, [5; 700]);
}

#[test]
fn each_side_has_memory_of_its_own_or_none() {
    let _guard = watchdog(Duration::from_secs(60));
    for (listening, connecting) in [(0, BLOCKS), (BLOCKS, 0), (5000, 3 << 20), (0, 0)] {
        let small = |bytes| Options::new().capacity(4096).block_capacity(bytes);
        let mut listener = Listener::bind(&abstract_name("blocks"), &small(listening)).unwrap();
        let address = listener.address();
        let connect = std::thread::spawn(move || small(connecting).connect(&address).unwrap());
        let mut left = listener.accept().unwrap();
        let mut right = connect.join().unwrap();
        for asked in [listening, connecting] {
            let (from, to) = (&mut left, &mut right);
            let capacity = from.sender().block_capacity();
            assert!(capacity >= asked && capacity <= asked * 9 / 8 + 4096);
            assert_eq!(capacity == 0, asked == 0);
            for len in [10, asked] {
                let mut sent = from.sender().block(len).unwrap();
                sent.fill(9);
                if len <= 10 || asked > 0 {
                    from.sender().send_block(sent).unwrap();
                    let kept: HeldBlock = to.receiver().recv_block(vow()).unwrap();
                    assert_eq!(kept.is_in_place(), asked > 0);
                    assert!(kept.iter().all(|byte| *byte == 9) && kept.len() == len);
                }
            }
            std::mem::swap(&mut left, &mut right);
        }
    }
}

#[test]
fn the_greatest_message_counts_for_blocks_too() {
    let _guard = watchdog(Duration::from_secs(60));
    let (mut left, _right) = options().max_message(1000).pair().unwrap();
    for len in [1001, usize::MAX] {
        let refused = left.sender().block(len).unwrap_err();
        assert!(matches!(refused, SendError::TooLarge { most: 1000, .. }));
    }
    let (mut left, _right) = pair();
    let refused = left.sender().block(BLOCKS + 1).unwrap_err();
    let most = BLOCKS as u64;
    assert!(matches!(refused, SendError::TooLarge { most: is, .. } if is == most));
    for bytes in [(1 << 40) + 1, usize::MAX] {
        let refused = Options::new().block_capacity(bytes).pair().unwrap_err();
        let wrong = matches!(
            refused,
            ConnectError::Options(OptionsError::BlockCapacity { .. })
        );
        assert!(wrong, "{refused}");
    }
    // As much as no machine has.
    let refused = Options::new().block_capacity(1 << 40).pair().unwrap_err();
    assert!(matches!(refused, ConnectError::Memory(_)), "{refused}");
}

/// A ring without room keeps the record out; the block is still the program's.
#[test]
fn a_block_that_is_refused_comes_back() {
    let _guard = watchdog(Duration::from_secs(60));
    let (mut left, mut right) = pair();
    let mut sent = block(&mut left, 5000, 6);
    while left.sender().try_send(&[1; 100]).is_ok() {}
    while left.sender().try_send(b"").is_ok() {}
    let unsent = left.sender().try_send_block(sent).unwrap_err();
    assert!(matches!(unsent.reason, SendError::WouldBlock));
    sent = unsent.block.unwrap();
    let unsent = left
        .sender()
        .send_block_deadline(sent, Instant::now())
        .unwrap_err();
    assert!(matches!(unsent.reason, SendError::TimedOut));
    sent = unsent.block.unwrap();
    assert_eq!(*sent, [6; 5000]);
    while right.receiver().try_recv(&mut Vec::new()).is_ok() {}
    left.sender().send_block(sent).unwrap();
    assert!(recv(&mut right) == [6; 5000]);
    // The receiver has closed: nothing is sent any more.
    let sent = block(&mut left, 5000, 7);
    drop(right);
    let unsent = left.sender().send_block(sent).unwrap_err();
    assert!(matches!(unsent.reason, SendError::Closed));
    assert!(std::io::Error::from(unsent).kind() == std::io::ErrorKind::BrokenPipe);
}

/// What is lent and forgotten is received again, and is not taken for a later message.
#[test]
fn a_block_that_is_lent_and_forgotten_is_still_there() {
    let _guard = watchdog(Duration::from_secs(60));
    let (left, mut right) = pair();
    let (mut sender, _receiver) = left.split();
    for round in 0..20 {
        let mut sent = sender.block(1000).unwrap();
        sent.fill(round);
        sender.send_block(sent).unwrap();
        for _ in 0..3 {
            let lent = right.receiver().recv_in_place(vow()).unwrap();
            assert_eq!(*lent, [round; 1000]);
            std::mem::forget(lent);
        }
        assert_eq!(recv(&mut right), [round; 1000]);
        // Longer than the ring: it comes in pieces.
        ringmq_testing::scope(|scope| {
            scope.spawn(|| sender.send(&[100 + round; 10_000]).unwrap());
            let lent = right.receiver().recv_in_place(vow()).unwrap();
            assert!(*lent == [100 + round; 10_000]);
        });
    }
}
