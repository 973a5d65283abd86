//! Records that name blocks that are not there, and tables that lie.

use std::time::{Duration, Instant};

use ringmq_pipe::{Corrupt, HeldBlock, Options, Pipe, RecvError, SendError, Vow};
use ringmq_testing::{Random, seed, watchdog};

use crate::by_hand::{BLOCKS, ByHand, LAST, MORE, POSITION, header};

/// Bytes of the memory for blocks.
const MEMORY: u64 = 64 << 10;
/// The table of blocks that are held: its bits, and its first entry.
const USED: usize = 0x108;
const ENTRIES: usize = 0x110;

fn vow() -> Vow {
    // SAFETY: the peer is made by these tests, which write nothing while a block is held.
    unsafe { Vow::new() }
}

fn name(segment: u64, offset: u64) -> u64 {
    (segment + 1) << 40 | offset
}

/// A peer that has published a record with these words, and the honest end.
fn published(kind: u64, words: &[u64]) -> (Pipe, ByHand) {
    let options = Options::new().capacity(4096);
    let (pipe, peer) = ByHand::pair_with(&options, 4096, MEMORY as usize);
    for (at, word) in words.iter().enumerate() {
        peer.scribble(8 + 8 * at, *word);
    }
    peer.scribble(0, header(kind, 8 * words.len() as u64));
    (pipe, peer)
}

/// A way to receive.
type Way = fn(&mut Pipe) -> Result<(), RecvError>;

/// What each way to receive answers, each on a pipe of its own.
fn answers(words: &[u64]) -> Vec<RecvError> {
    let ways: [Way; 5] = [
        |pipe| pipe.receiver().recv(&mut Vec::new()),
        |pipe| pipe.receiver().recv_in_place(vow()).map(drop),
        |pipe| pipe.receiver().recv_block(vow()).map(drop),
        |pipe| pipe.receiver().try_recv_block(vow()).map(drop),
        |pipe| pipe.receiver().try_read(&mut [0; 100]).map(drop),
    ];
    ways.map(|way| {
        let (mut pipe, _peer) = published(BLOCKS, words);
        let first = way(&mut pipe).unwrap_err();
        // It stays that way.
        let again = pipe.receiver().recv(&mut Vec::new()).unwrap_err();
        assert_eq!(first.to_string(), again.to_string());
        first
    })
    .into()
}

#[test]
fn names_of_blocks_that_are_not_there() {
    let _guard = watchdog(Duration::from_secs(60));
    for (len, name) in [
        (8, 0),
        (8, 77),
        (0, 0),
        (8, name(1, 0)),
        (8, name((1 << 24) - 2, 0)),
        (8, u64::MAX),
        (8, name(0, 4)),
        (0, name(0, 1)),
        (8, name(0, MEMORY)),
        (1, name(0, MEMORY)),
        (9, name(0, MEMORY - 8)),
        (MEMORY + 1, name(0, 0)),
        (u64::MAX, name(0, 0)),
        (u64::MAX, name(0, 8)),
        (u64::MAX - 7, name(0, 8)),
        (8, name(0, (1 << 40) - 8)),
    ] {
        for answer in answers(&[1, len, name]) {
            match answer {
                RecvError::Corrupt(Corrupt::Block {
                    position: 0,
                    name: got,
                    len: long,
                    memory: MEMORY,
                }) => assert_eq!((got, long), (name, len)),
                other => panic!("{name:#x}, {len}: {other}"),
            }
        }
    }
}

#[test]
fn tables_that_are_none() {
    let _guard = watchdog(Duration::from_secs(60));
    let good = [1, 8, name(0, 0)];
    let (mut pipe, _peer) = published(BLOCKS, &good);
    assert_eq!(*pipe.receiver().recv_block(vow()).unwrap(), [0; 8]);
    for (words, named) in [
        (&[0, 8, name(0, 0)][..], 0),
        (&[2, 8, name(0, 0)], 2),
        (&[u64::MAX, 8, name(0, 0)], u64::MAX),
        (&[], 0),
        (&[1], 0),
        (&[1, 8], 0),
        (&[1, 8, name(0, 0), 0], 0),
        (&[2, 8, name(0, 0), 8, name(0, 8)], 0),
    ] {
        for answer in answers(words) {
            let Corrupt::Table { position: 0, parts } = corrupt(answer) else {
                panic!("{words:?}");
            };
            assert_eq!(parts, named);
        }
    }
}

fn corrupt(error: RecvError) -> Corrupt {
    match error {
        RecvError::Corrupt(corrupt) => corrupt,
        other => panic!("{other}"),
    }
}

/// A block is a whole message, and no piece of one.
#[test]
fn a_block_in_the_midst_of_a_message() {
    let _guard = watchdog(Duration::from_secs(60));
    let (mut pipe, peer) = published(MORE, &[7]);
    peer.scribble(24, 1);
    peer.scribble(32, 8);
    peer.scribble(40, name(0, 0));
    peer.scribble(16, header(BLOCKS, 24));
    let error = pipe.receiver().recv(&mut Vec::new()).unwrap_err();
    assert!(matches!(corrupt(error), Corrupt::Table { .. }));
}

/// Without memory for blocks, no record can be of that kind.
#[test]
fn a_block_of_a_peer_that_has_none() {
    let _guard = watchdog(Duration::from_secs(60));
    let (mut pipe, peer) = ByHand::pair(&Options::new(), 4096);
    peer.scribble(0, header(BLOCKS, 24));
    let error = pipe.receiver().recv_block(vow()).unwrap_err();
    assert!(matches!(corrupt(error), Corrupt::Header { .. }));
}

/// A message longer than this end accepts ends the direction, as one in the ring does.
#[test]
fn a_block_that_is_too_long() {
    let _guard = watchdog(Duration::from_secs(60));
    let options = Options::new().capacity(4096).max_message(1000);
    let (mut pipe, peer) = ByHand::pair_with(&options, 4096, MEMORY as usize);
    for (at, word) in [1, 1001, name(0, 0)].into_iter().enumerate() {
        peer.scribble(8 + 8 * at, word);
    }
    peer.scribble(0, header(BLOCKS, 24));
    let error = pipe.receiver().recv_block(vow()).unwrap_err();
    let refused = matches!(
        error,
        RecvError::TooLarge {
            len: 1001,
            most: 1000
        }
    );
    assert!(refused, "{error}");
}

/// A record that changes all the time: each message is one of those that it named, or the end of the pipe.
#[test]
fn a_table_that_changes_while_it_is_read() {
    let _guard = watchdog(Duration::from_secs(60));
    let mut random = Random::new(seed());
    for _ in 0..200 {
        let (mut pipe, peer) = published(BLOCKS, &[1, 8, name(0, 0)]);
        ringmq_testing::scope(|scope| {
            let (told, done) = std::sync::mpsc::channel::<()>();
            let seed = random.next();
            let peer = &peer;
            scope.spawn(move || {
                let mut random = Random::new(seed);
                while done.try_recv() != Err(std::sync::mpsc::TryRecvError::Disconnected) {
                    let words = [
                        1,
                        random.below(MEMORY + 8),
                        name(0, 4 * random.below(20_000)),
                    ];
                    let at = random.within(0..3);
                    peer.scribble(8 + 8 * at, words[at]);
                }
            });
            let mut read = [0; 300];
            // The pipe is not passed on: what was read of a record may be read again.
            for _ in 0..50 {
                match pipe.receiver().try_read(&mut read) {
                    Ok(_) | Err(RecvError::WouldBlock | RecvError::Corrupt(_)) => {}
                    Err(error) => panic!("{error}"),
                }
            }
            let mut message = Vec::new();
            match pipe.receiver().try_recv(&mut message) {
                Ok(()) => assert!(message.len() as u64 <= MEMORY),
                Err(RecvError::WouldBlock | RecvError::Corrupt(_)) => {}
                Err(error) => panic!("{error}"),
            }
            drop(told);
        });
    }
}

/// A receiver that says that it holds everything, or nothing, or that was never sent: its sender waits, or goes on.
#[test]
fn a_table_that_lies() {
    let _guard = watchdog(Duration::from_secs(60));
    let mut random = Random::new(seed());
    let options = Options::new()
        .capacity(4096)
        .block_capacity(MEMORY as usize);
    // A peer without memory of its own that can read ours says so with a page.
    let (mut pipe, peer) = ByHand::pair_with(&options, 4096, 4096);
    let mut consumer = peer.consumer();
    let (mut sent, mut refused) = (0, 0);
    for _ in 0..20_000 {
        let word = match random.below(3) {
            0 => random.next(),
            1 => u64::MAX,
            _ => 0,
        };
        match random.below(3) {
            0 => peer.announce(USED, word),
            1 => {
                let own = name(0, 4096 * random.below(16));
                let word = if word == 0 { own } else { word };
                peer.announce(ENTRIES + 8 * random.within(0..14), word);
            }
            _ => {}
        }
        let outcome = match pipe.sender().try_block(random.within(1..20_000)) {
            Ok(block) => pipe.sender().try_send_block(block).map_err(SendError::from),
            Err(error) => Err(error),
        };
        match outcome {
            Ok(()) => sent += 1,
            Err(SendError::WouldBlock) => refused += 1,
            Err(error) => panic!("{error}"),
        }
        if random.one_in(3)
            && let Some(record) = consumer.peek().unwrap()
        {
            consumer.release(record);
        }
    }
    assert!(sent > 0 && refused > 0, "{sent} {refused}");
    // One that holds everything keeps a sender waiting for as long as that may wait.
    peer.announce(USED, u64::MAX);
    let soon = Instant::now() + Duration::from_millis(5);
    match pipe.sender().block_deadline(MEMORY as usize, soon) {
        Ok(_) | Err(SendError::TimedOut) => {}
        Err(error) => panic!("{error}"),
    }
    // One that passed what was not published breaks the protocol.
    peer.announce(USED, 0);
    peer.announce(POSITION, 1 << 40);
    let error = loop {
        let sent = pipe.sender().try_send(&[0; 100]);
        if let Err(error) = sent {
            break error;
        }
    };
    assert!(
        matches!(error, SendError::Corrupt(Corrupt::Position { .. })),
        "{error}"
    );
}

/// Blocks that were held before the peer broke the protocol are as they were.
#[test]
fn held_blocks_survive_a_peer_that_breaks_the_protocol() {
    let _guard = watchdog(Duration::from_secs(60));
    let (mut pipe, peer) = published(BLOCKS, &[1, 100, name(0, 4096)]);
    for offset in (4096..4200).step_by(8) {
        peer.fill(offset, u64::from_ne_bytes([6; 8]));
    }
    let held: HeldBlock = pipe.receiver().recv_block(vow()).unwrap();
    assert_eq!((peer.seen(USED), peer.seen(ENTRIES)), (1, name(0, 4096)));
    peer.scribble(32, header(LAST, 1 << 20));
    let error = pipe.receiver().recv(&mut Vec::new()).unwrap_err();
    assert!(matches!(corrupt(error), Corrupt::Length { .. }));
    drop(pipe);
    assert_eq!(*held, [6; 100]);
    drop(held);
    assert_eq!(peer.seen(USED), 0);
}
