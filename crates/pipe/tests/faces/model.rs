//! All faces, all sizes, in any order, against a model that is a list of messages.

use std::collections::VecDeque;
use std::io::{IoSlice, IoSliceMut, Read, Write};
use std::time::{Duration, Instant};

use ringmq_pipe::{HeldBlock, Pipe, RecvError, SendError, Wait};
use ringmq_testing::{Bytes, Random, seed, watchdog};

use crate::{WAITS, pair, small, vow};

/// What lies in the ring.
#[derive(Debug)]
struct Entry {
    bytes: VecDeque<u8>,
    /// Withdrawn in the midst: for the message face it was never there.
    withdrawn: bool,
}

/// A pipe, both ends of it in this thread, and what it should hold.
struct Model {
    left: Pipe,
    right: Pipe,
    ring: VecDeque<Entry>,
    /// Messages that the receiver keeps, and what they are.
    held: Vec<(HeldBlock, Vec<u8>)>,
    content: Bytes,
    /// Bytes that were made for messages so far.
    made: u64,
    sent: (u64, u64),
    random: Random,
}

const PIECE: usize = 512;
/// Bytes of the memory for blocks: of the longest message there is room for eight.
const BLOCKS: usize = 64 << 10;

impl Model {
    fn new(seed: u64, wait: Wait) -> Model {
        let mut random = Random::new(seed);
        // Just below some boundary, or anywhere.
        let boundary = [1 << 12, 1 << 16, 1 << 31, 1 << 32, 1 << 62][random.within(0..5)];
        let start = boundary - random.below(9000).min(boundary);
        let options = small().wait(wait).start_position(start);
        let (left, right) = pair(&options.block_capacity(BLOCKS));
        Model {
            left,
            right,
            ring: VecDeque::new(),
            held: Vec::new(),
            content: Bytes::new(seed),
            made: 0,
            sent: (0, 0),
            random,
        }
    }

    fn message(&mut self, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        self.content.fill(self.made, &mut bytes);
        self.made += len as u64;
        bytes
    }

    /// A length: often small, sometimes about the limits, now and then beyond them.
    fn len(&mut self) -> usize {
        match self.random.below(8) {
            0 => 0,
            1..=4 => self.random.within(1..130),
            5 => PIECE - 2 + self.random.within(0..5),
            6 => self.random.within(130..1400),
            _ => self.random.within(1400..6000),
        }
    }

    fn push(&mut self, bytes: &[u8]) {
        self.ring.push_back(Entry {
            bytes: bytes.iter().copied().collect(),
            withdrawn: false,
        });
        self.sent.0 += 1;
        self.sent.1 += bytes.len() as u64;
    }

    /// What a sender may say: there is no room, but only if there is something in the ring.
    fn refused(&self, error: &SendError, len: usize) {
        let most = 1408;
        match error {
            SendError::WouldBlock => assert!(!self.ring.is_empty() && len <= most),
            SendError::TooLarge { .. } => assert!(len > most, "{error}"),
            other => panic!("{other}"),
        }
    }

    fn send(&mut self) {
        let len = self.len();
        let message = self.message(len);
        match self.random.below(8) {
            0 | 1 => match self.left.sender().try_send(&message) {
                Ok(()) => self.push(&message),
                Err(error) => self.refused(&error, len),
            },
            2 => match self.left.sender().try_write(&message) {
                Ok(0) => assert_eq!(len, 0),
                Ok(taken) => {
                    assert_eq!(taken, len.min(PIECE));
                    self.push(&message[..taken]);
                }
                Err(error) => self.refused(&error, len.min(PIECE)),
            },
            3 => {
                let commit = self.random.within(0..len + 2);
                let kept = !self.random.one_in(4);
                match self.left.sender().try_claim(len) {
                    Ok(mut claim) => {
                        claim.copy_from_slice(&message);
                        if kept {
                            claim.commit_len(commit).unwrap();
                            self.push(&message[..commit.min(len)]);
                        }
                    }
                    Err(error) => self.refused(&error, len),
                }
            }
            6 | 7 => self.send_block(&message),
            4 => match self.left.sender().send_deadline(&message, Instant::now()) {
                Ok(()) => self.push(&message),
                Err(SendError::TimedOut) => self.withdraw(&message),
                Err(error) => panic!("{error}"),
            },
            _ if self.ring.is_empty() => {
                // Blocking calls, where they cannot block: two small ones, and a large one behind them.
                let (first, second) = message.split_at((len / 2).min(100));
                let second = &second[..second.len().min(100)];
                let slices = [first, second].map(IoSlice::new);
                let written = self.left.write_vectored(&slices).unwrap();
                if written > 0 {
                    self.push(&[first, second].concat());
                }
                assert_eq!(
                    self.left
                        .sender()
                        .send_batch([first, second, first])
                        .unwrap(),
                    3
                );
                for part in [first, second, first] {
                    self.push(part);
                }
            }
            _ => {}
        }
    }

    fn send_block(&mut self, message: &[u8]) {
        match self.left.sender().try_block(message.len() + 10) {
            Ok(mut block) => {
                assert!(block.is_shared());
                block.truncate(message.len());
                block.copy_from_slice(message);
                match self.left.sender().try_send_block(block) {
                    Ok(()) => self.push(message),
                    Err(unsent) => {
                        assert!(unsent.block.is_some_and(|block| *block == *message));
                        self.refused(&unsent.reason, 24);
                    }
                }
            }
            Err(SendError::WouldBlock) => {
                assert!(
                    !self.ring.is_empty() || self.held.iter().any(|(held, _)| held.is_in_place())
                );
            }
            Err(error) => panic!("{error}"),
        }
    }

    /// Lets go of one of the messages that are kept, or of none. All are what they were.
    fn let_go(&mut self) {
        for (held, wanted) in &self.held {
            assert!(**held == **wanted, "{held:?}");
        }
        if !self.held.is_empty() && self.random.one_in(2) {
            let one = self.random.within(0..self.held.len());
            self.held.swap_remove(one);
        }
    }

    /// As many pieces of a message as there was room for lie there, until they are passed over.
    fn withdraw(&mut self, message: &[u8]) {
        assert!(!self.ring.is_empty() || message.len() > 3000);
        let bytes = message.iter().copied().collect();
        self.ring.push_back(Entry {
            bytes,
            withdrawn: true,
        });
    }

    /// The message face's next message: what is left of it.
    fn next(&mut self) -> Option<Vec<u8>> {
        while let Some(entry) = self.ring.pop_front() {
            if !entry.withdrawn {
                return Some(entry.bytes.into());
            }
        }
        None
    }

    fn receive_block(&mut self) {
        match (self.right.receiver().try_recv_block(vow()), self.next()) {
            (Ok(held), Some(wanted)) => {
                assert!(*held == *wanted, "{held:?}");
                self.held.push((held, wanted));
            }
            (Err(RecvError::WouldBlock), None) => {}
            (outcome, wanted) => panic!("{outcome:?}, where {wanted:?} is wanted"),
        }
    }

    fn receive(&mut self) {
        self.let_go();
        let way = self.random.below(9);
        match way {
            7 | 8 => self.receive_block(),
            _ if way < 4 || self.ring.iter().any(|entry| entry.withdrawn) => {
                // Some ways wait, where it is certain that there is a message.
                let certain = self.ring.iter().any(|entry| !entry.withdrawn);
                let mut message = vec![1; 3];
                let receiver = self.right.receiver();
                let outcome = match way {
                    1 if certain => receiver.recv(&mut message),
                    2 => receiver
                        .try_recv_in_place(vow())
                        .map(|lent| message = lent.to_vec()),
                    3 => receiver.recv_deadline(&mut message, Instant::now()),
                    _ => receiver.try_recv(&mut message),
                };
                match (outcome, self.next()) {
                    (Ok(()), Some(wanted)) => assert!(message == wanted, "{}", wanted.len()),
                    (Err(RecvError::WouldBlock | RecvError::TimedOut), None) => {}
                    (outcome, wanted) => panic!(
                        "{outcome:?} by way {way}, where {:?} bytes are wanted",
                        wanted.map(|wanted| wanted.len())
                    ),
                }
            }
            _ => self.read(way),
        }
    }

    /// The byte face. (How much of a message that was withdrawn lies there, a model of this kind does not
    /// know, so those are left to the message face.)
    fn read(&mut self, way: u64) {
        let len = self.random.within(0..700);
        let mut into = vec![0; len];
        let certain = self.ring.iter().any(|entry| !entry.bytes.is_empty());
        let outcome = match way {
            4 if certain => self.right.read(&mut into).map_err(RecvError::Os),
            5 if certain => {
                let (first, second) = into.split_at_mut(len / 3);
                let mut slices = [first, second].map(IoSliceMut::new);
                self.right.read_vectored(&mut slices).map_err(RecvError::Os)
            }
            _ => self.right.receiver().try_read(&mut into),
        };
        // As much as there is. On the way to more, empty messages are passed over, also where there is no more.
        let mut wanted = Vec::new();
        while wanted.len() < len
            && let Some(entry) = self.ring.front_mut()
        {
            let take = entry.bytes.len().min(len - wanted.len());
            wanted.extend(entry.bytes.drain(..take));
            if entry.bytes.is_empty() {
                self.ring.pop_front();
            }
        }
        match outcome {
            Ok(got) => assert!(into[..got] == wanted, "{got} of {}", wanted.len()),
            Err(RecvError::WouldBlock) => assert!(wanted.is_empty() && len > 0),
            Err(error) => panic!("{error}"),
        }
    }

    fn run(mut self, steps: u32) {
        for _ in 0..steps {
            // Now mostly one, now mostly the other.
            let eager = (self.sent.0 / 50).is_multiple_of(2);
            if self.random.one_in(if eager { 3 } else { 2 }) {
                self.receive();
            } else {
                self.send();
            }
        }
        let stats = self.left.sender().stats();
        assert_eq!((stats.messages, stats.bytes), self.sent);
        drop(self.left);
        // All that is left, and then the end.
        let mut message = Vec::new();
        for entry in self.ring.into_iter().filter(|entry| !entry.withdrawn) {
            self.right.receiver().recv(&mut message).unwrap();
            assert!(entry.bytes == message);
        }
        let end = self.right.receiver().recv(&mut message);
        assert!(matches!(end, Err(RecvError::Closed)), "{end:?}");
    }
}

#[test]
fn any_calls_in_any_order() {
    let _guard = watchdog(Duration::from_secs(120));
    let seed = seed();
    for round in 0..60 {
        for wait in WAITS {
            Model::new(seed + round, wait).run(2000);
        }
    }
}

#[test]
#[ignore = "soak: a minute or two"]
fn very_many_calls_in_any_order() {
    let _guard = watchdog(Duration::from_secs(900));
    let seed = seed();
    for round in 0..3000 {
        for wait in WAITS {
            Model::new(seed + round, wait).run(4000);
        }
    }
}
