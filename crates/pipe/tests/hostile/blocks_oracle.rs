//! A model of the blocks of a bare pipe. One end of the pipe is made by hand, and tells lies now and then.
//!
//! The seeded test and the fuzz target `bare_blocks` make the choices.

use std::collections::VecDeque;
use std::mem::MaybeUninit;
use std::ops::Range;
use std::time::{Duration, Instant};

use ringmq_pipe::{Block, Corrupt, HeldBlock, Listener, Options, Pipe, RecvError, SendError, Vow};
use ringmq_ring::{Kind, Mapped, MappedMut, Reader};
use ringmq_testing::{Choices, abstract_name};

use super::by_hand::{BLOCKS, ByHand, LAST, POSITION};

/// Bytes of either side's memory for blocks.
const MEMORY: u64 = 64 << 10;
const PAGE: u64 = 4096;
/// The longest message that the honest end accepts.
const LONGEST: u64 = 40_000;
/// Bytes of a ring.
const RING: usize = 4096;
/// Records of 32 bytes that are under way to the honest end at most.
const UNDER_WAY: usize = 100;
/// The table of blocks that are held: its bits, and its first entry.
const USED: usize = 0x108;
const ENTRIES: usize = 0x110;
const ENTRIES_MOST: usize = 14;

/// A message that the honest end has not received.
struct Coming {
    bytes: Vec<u8>,
    /// Its name, if it lies in a block.
    name: Option<u64>,
    /// The byte face has taken a part of it.
    is_begun: bool,
}

/// A message that the honest end has sent.
struct Sent {
    /// The addresses of its block; empty if it lies in the ring.
    block: Range<usize>,
    len: usize,
}

/// A block that the end by hand has received. The table names those in use.
struct Taken {
    block: Range<usize>,
    name: u64,
    /// The position behind its record.
    end: u64,
}

struct Model {
    pipe: Pipe,
    peer: ByHand,
    consumer: Reader<Mapped, MappedMut>,
    coming: VecDeque<Coming>,
    held: Vec<(HeldBlock, Vec<u8>, Option<u64>)>,
    /// Blocks that the honest end has not sent.
    own: Vec<Block>,
    sent: VecDeque<Sent>,
    taken: Vec<Taken>,
    /// The table of the end by hand, as it is written there.
    table: [u64; ENTRIES_MOST],
    used: u64,
    /// The table says what is not so.
    lies: bool,
}

fn name(offset: u64) -> u64 {
    1 << 40 | offset
}

/// The word at an offset of the memory of the end by hand.
fn word(offset: u64) -> u64 {
    (offset + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

fn content(offset: u64, len: u64) -> Vec<u8> {
    let words = (0..len.div_ceil(8)).flat_map(|at| word(offset + 8 * at).to_ne_bytes());
    words.take(len as usize).collect()
}

fn vow() -> Vow {
    // SAFETY: the memory for blocks of the end by hand is written before its first record, and not again.
    unsafe { Vow::new() }
}

fn range(block: &Block) -> Range<usize> {
    let first = block.as_ptr() as usize;
    first..first + block.len().max(1).next_multiple_of(PAGE as usize)
}

/// Plays until the choices are over, and sees that everything is as it should be.
pub(crate) fn walk(choices: &mut impl Choices) {
    if choices.below(8) == 0 {
        return meet(choices);
    }
    let options = Options::new()
        .capacity(RING)
        .block_capacity(MEMORY as usize)
        .max_message(LONGEST);
    let (pipe, peer) = ByHand::pair_with(&options, RING, MEMORY as usize);
    for offset in (0..MEMORY).step_by(8) {
        peer.fill(offset as usize, word(offset));
    }
    let mut model = Model {
        consumer: peer.consumer(),
        pipe,
        peer,
        coming: VecDeque::new(),
        held: Vec::new(),
        own: Vec::new(),
        sent: VecDeque::new(),
        taken: Vec::new(),
        table: [0; ENTRIES_MOST],
        used: 0,
        lies: false,
    };
    while !choices.is_over() {
        match choices.below(24) {
            0..4 => model.publish(choices),
            4..10 => model.receive(choices),
            10..12 => model.drop_held(choices),
            12..15 => model.allocate(choices),
            15..18 => model.send(choices),
            18..20 => model.take(choices),
            20..22 => model.give_back(choices),
            22 => {
                if choices.below(4) == 0 {
                    model.lie_in_table(choices);
                }
            }
            _ => match choices.below(16) {
                0 => return model.lie_in_record(choices),
                1 => return model.lie_about_position(choices),
                _ => {}
            },
        }
        model.check();
    }
    model.end();
}

/// A handshake in which words of the offer, the memory or the number of descriptors may be wrong.
fn meet(choices: &mut impl Choices) {
    let options = Options::new()
        .capacity(RING)
        .block_capacity(MEMORY as usize);
    let mut listener = Listener::bind(&abstract_name("meet"), &options).unwrap();
    let memory = PAGE * choices.below(4);
    let mut features = if memory > 0 { 3 } else { 1 };
    let mut says = memory;
    let mut lies = Vec::new();
    if choices.below(3) == 0 {
        features = choices.below(8);
        lies.push((16, features));
    }
    if choices.below(3) == 0 {
        says = number(choices);
        lies.push((56, says));
    }
    let kind = if choices.below(8) == 0 {
        choices.below(5) as u8
    } else {
        2
    };
    let count = if choices.below(4) == 0 {
        choices.below(4)
    } else {
        u64::from(memory > 0)
    };
    let knows = features & 2 != 0;
    let wants = if knows { says } else { 0 };
    let comes = if memory > 0 { count } else { 0 };
    let is_good = kind == 2
        && if wants == 0 {
            comes == 0
        } else {
            comes == 1 && wants == memory
        };
    let stream = ByHand::connect_lying(
        &listener.address(),
        memory as usize,
        &lies,
        kind,
        count as usize,
    );
    // All that comes is there before the listener looks: nothing waits for this time.
    let outcome = listener.attempt(Some(Instant::now() + Duration::from_secs(20)));
    match outcome {
        Ok(mut pipe) => {
            assert!(is_good, "{lies:?} {kind} {memory} {count}");
            let capacity = if knows { MEMORY } else { 0 };
            assert_eq!(pipe.sender().block_capacity() as u64, capacity);
            let received = pipe.receiver().try_recv_block(vow());
            assert!(matches!(received, Err(RecvError::WouldBlock)));
        }
        Err(error) => assert!(!is_good, "{error}: {lies:?} {kind} {memory} {count}"),
    }
    drop(stream);
}

/// A number that is often near a limit.
fn number(choices: &mut impl Choices) -> u64 {
    match choices.below(6) {
        0 => choices.below(4),
        1 => u64::MAX - choices.below(16),
        2 => 1 << choices.below(64),
        3 => (1 + choices.below(3)) << 40 | choices.below(MEMORY + 16),
        4 => MEMORY - 8 + choices.below(16),
        _ => 8 * choices.below(MEMORY / 8 + 2),
    }
}

impl Model {
    /// The end by hand publishes a message, in the ring or in a block.
    fn publish(&mut self, choices: &mut impl Choices) {
        if self.coming.len() >= UNDER_WAY {
            return;
        }
        if choices.below(3) == 0 {
            let words = std::array::from_fn::<u64, 3, _>(|_| choices.below(1 << 20));
            self.peer.publish(LAST, &words);
            let bytes = words.iter().flat_map(|word| word.to_ne_bytes()).collect();
            self.coming.push_back(Coming {
                bytes,
                name: None,
                is_begun: false,
            });
            return;
        }
        let offset = 8 * choices.below(MEMORY / 8 + 1);
        let most = (MEMORY - offset).min(LONGEST);
        let len = match choices.below(3) {
            0 => choices.below(most.min(100) + 1),
            1 => choices.below(most + 1),
            _ => most,
        };
        self.peer.publish(BLOCKS, &[1, len, name(offset)]);
        self.coming.push_back(Coming {
            bytes: content(offset, len),
            name: Some(name(offset)),
            is_begun: false,
        });
    }

    /// The honest end receives what comes next.
    fn receive(&mut self, choices: &mut impl Choices) {
        // Each step looks at all of them.
        self.held.truncate(20);
        let receiver = self.pipe.receiver();
        let way = choices.below(5);
        let Some(front) = self.coming.front_mut() else {
            let nothing = match way {
                0 => receiver.try_recv(&mut Vec::new()),
                1 => receiver.try_recv_in_place(vow()).map(drop),
                2 => receiver.try_read(&mut [0; 10]).map(drop),
                _ => receiver.try_recv_block(vow()).map(drop),
            };
            assert!(matches!(nothing, Err(RecvError::WouldBlock)), "{nothing:?}");
            return;
        };
        if way == 2 && !front.bytes.is_empty() {
            // No more than is left of this message: a read goes on to the next.
            let want = 1 + choices.below(front.bytes.len() as u64) as usize;
            let mut read = vec![0; want];
            assert_eq!(receiver.try_read(&mut read).unwrap(), want);
            assert!(read == front.bytes[..want]);
            front.bytes.drain(..want);
            front.is_begun = true;
            if front.bytes.is_empty() {
                self.coming.pop_front();
            }
            return;
        }
        let Some(coming) = self.coming.pop_front() else {
            return;
        };
        match way {
            0 | 2 => {
                let mut bytes = vec![1; 3];
                receiver.try_recv(&mut bytes).unwrap();
                assert!(bytes == coming.bytes);
            }
            1 => assert!(*receiver.try_recv_in_place(vow()).unwrap() == *coming.bytes),
            _ => {
                let held = receiver.try_recv_block(vow()).unwrap();
                let in_place = self.held.iter().filter(|(_, _, name)| name.is_some());
                let has_room = in_place.count() < ENTRIES_MOST;
                let name = coming.name.filter(|_| has_room && !coming.is_begun);
                assert_eq!(held.is_in_place(), name.is_some());
                self.held.push((held, coming.bytes, name));
            }
        }
    }

    fn drop_held(&mut self, choices: &mut impl Choices) {
        if !self.held.is_empty() {
            let which = choices.below(self.held.len() as u64) as usize;
            self.held.swap_remove(which);
        }
    }

    /// Blocks that the honest end must not give out again: those that are under way, or named by an honest table.
    fn is_busy(&self, taken: &Taken) -> bool {
        self.peer.said(POSITION) < taken.end || (!self.lies && self.names(taken.name))
    }

    fn names(&self, name: u64) -> bool {
        (0..ENTRIES_MOST).any(|entry| self.used >> entry & 1 != 0 && self.table[entry] == name)
    }

    /// The honest end takes a block, which overlaps no other.
    fn allocate(&mut self, choices: &mut impl Choices) {
        let len = match choices.below(4) {
            0 => 1 + choices.below(100),
            1 => 1 + choices.below(MEMORY + 10),
            _ => 1 + choices.below(MEMORY / 8),
        };
        let outcome = self.pipe.sender().try_block(len as usize);
        let mut block = match outcome {
            Ok(block) => block,
            Err(SendError::WouldBlock) => {
                let busy = self.taken.iter().any(|taken| self.is_busy(taken));
                let under_way = self.sent.iter().any(|sent| !sent.block.is_empty());
                assert!(self.lies || busy || under_way, "all are home");
                return;
            }
            Err(SendError::OutOfMemory { .. }) => {
                assert!(!self.own.is_empty(), "the program has none");
                return;
            }
            Err(SendError::TooLarge { most, .. }) => {
                assert!(most == MEMORY && len > MEMORY);
                return;
            }
            Err(error) => panic!("{error}"),
        };
        assert!(block.is_shared() && block.len() as u64 == len);
        let new = range(&block);
        let own = self.own.iter().map(range);
        let under_way = self.sent.iter().map(|sent| sent.block.clone());
        let busy = self.taken.iter().filter(|taken| self.is_busy(taken));
        let busy = busy.map(|taken| taken.block.clone());
        for other in own.chain(under_way).chain(busy) {
            let is_apart = new.end <= other.start || other.end <= new.start;
            assert!(is_apart || other.is_empty(), "{new:?} and {other:?}");
        }
        block.fill(len as u8);
        self.own.push(block);
    }

    /// The honest end sends a message, in the ring or in a block, or drops a block.
    fn send(&mut self, choices: &mut impl Choices) {
        let which = choices.below(self.own.len() as u64 + 1) as usize;
        let sender = self.pipe.sender();
        if which == self.own.len() {
            match sender.try_send(&[9; 50]) {
                Ok(()) => self.sent.push_back(Sent {
                    block: 0..0,
                    len: 50,
                }),
                Err(SendError::WouldBlock) => assert!(!self.sent.is_empty()),
                Err(error) => panic!("{error}"),
            }
            return;
        }
        let mut block = self.own.swap_remove(which);
        if choices.below(6) == 0 {
            return;
        }
        let block_range = range(&block);
        block.truncate(1 + choices.below(MEMORY) as usize);
        let len = block.len();
        match sender.try_send_block(block) {
            Ok(()) => self.sent.push_back(Sent {
                block: block_range,
                len,
            }),
            Err(unsent) => {
                assert!(matches!(unsent.reason, SendError::WouldBlock));
                assert!(!self.sent.is_empty());
                self.own.extend(unsent.block);
            }
        }
    }

    /// The end by hand takes the next message, and may name its block in the table before it passes the record.
    fn take(&mut self, choices: &mut impl Choices) {
        let Some(record) = self.consumer.peek().unwrap() else {
            assert!(self.sent.is_empty());
            return;
        };
        if record.kind() == Kind::Pad {
            self.consumer.release(record);
            return;
        }
        let sent = self.sent.pop_front().expect("a record that was not sent");
        if sent.block.is_empty() {
            assert_eq!((record.kind(), record.len()), (Kind::Last, sent.len));
            self.consumer.release(record);
            return;
        }
        assert_eq!((record.kind(), record.len()), (Kind::Blocks, 24));
        let words: [u64; 3] = std::array::from_fn(|at| {
            let mut bytes = [MaybeUninit::new(0); 8];
            assert_eq!(self.consumer.copy_out(&record, 8 * at, &mut bytes), 8);
            // SAFETY: all are initialised.
            u64::from_ne_bytes(bytes.map(|byte| unsafe { byte.assume_init() }))
        });
        let [1, len, name] = words else {
            panic!("{words:x?}");
        };
        assert_eq!(len, sent.len as u64);
        assert!(name >> 40 == 1 && (name & ((1 << 40) - 1)) + len <= MEMORY);
        let entry = self.used.trailing_ones() as usize;
        if entry < ENTRIES_MOST && choices.below(2) == 0 {
            self.table[entry] = name;
            self.peer.announce(ENTRIES + 8 * entry, name);
            self.used |= 1 << entry;
            self.peer.announce(USED, self.used);
        }
        self.consumer.release(record);
        let end = self.consumer.position();
        self.taken.retain(|taken| taken.name != name);
        self.taken.push(Taken {
            block: sent.block,
            name,
            end,
        });
    }

    /// The end by hand gives up an entry of its table.
    fn give_back(&mut self, choices: &mut impl Choices) {
        self.used &= !(1 << choices.below(ENTRIES_MOST as u64));
        self.peer.announce(USED, self.used);
        let names = std::mem::take(&mut self.taken);
        let kept = names.into_iter().filter(|taken| self.is_busy(taken));
        self.taken = kept.collect();
    }

    fn lie_in_table(&mut self, choices: &mut impl Choices) {
        self.lies = true;
        if choices.below(2) == 0 {
            self.used = number(choices);
            self.peer.announce(USED, self.used);
        } else {
            let entry = choices.below(ENTRIES_MOST as u64) as usize;
            self.table[entry] = match choices.below(2) {
                0 => number(choices),
                _ => name(PAGE * choices.below(MEMORY / PAGE)),
            };
            self.peer.announce(ENTRIES + 8 * entry, self.table[entry]);
        }
    }

    /// What is held is as it was sent, and the table names it.
    fn check(&self) {
        let mut named = Vec::new();
        for (held, bytes, name) in &self.held {
            assert!(**held == **bytes, "{held:?}");
            named.extend(*name);
        }
        let used = self.peer.seen(USED);
        let entries = (0..ENTRIES_MOST).filter(|entry| used >> entry & 1 != 0);
        let mut entries: Vec<u64> = entries
            .map(|entry| self.peer.seen(ENTRIES + 8 * entry))
            .collect();
        entries.sort_unstable();
        named.sort_unstable();
        assert_eq!(entries, named);
    }

    /// The last record says anything. It is what it says, or refused by each way to receive.
    fn lie_in_record(mut self, choices: &mut impl Choices) {
        while let Some(coming) = self.coming.pop_front() {
            let mut bytes = Vec::new();
            self.pipe.receiver().try_recv(&mut bytes).unwrap();
            assert!(bytes == coming.bytes);
        }
        let mut words = [1, choices.below(100), name(8 * choices.below(1000))];
        for _ in 0..1 + choices.below(3) {
            let at = choices.below(3) as usize;
            words[at] = number(choices);
        }
        let [parts, len, block] = words;
        let offset = block & ((1 << 40) - 1);
        let end = offset.checked_add(len);
        let is_there =
            block >> 40 == 1 && offset.is_multiple_of(8) && end.is_some_and(|end| end <= MEMORY);
        self.peer.publish(BLOCKS, &words);
        let way = choices.below(4);
        let mut receive = |way| {
            let receiver = self.pipe.receiver();
            match way {
                0 => {
                    let mut bytes = Vec::new();
                    receiver.try_recv(&mut bytes).map(|()| bytes)
                }
                1 => receiver.try_recv_in_place(vow()).map(|lent| lent.to_vec()),
                2 => receiver.try_recv_block(vow()).map(|held| held.to_vec()),
                _ => {
                    let mut bytes = vec![0; MEMORY as usize];
                    receiver.try_read(&mut bytes).map(|got| {
                        bytes.truncate(got);
                        bytes
                    })
                }
            }
        };
        match receive(way) {
            Ok(bytes) => {
                assert!(parts == 1 && is_there, "{words:x?}");
                // The byte face has no limit.
                assert!(len <= LONGEST || way == 3);
                assert!(bytes == content(offset, len));
            }
            Err(RecvError::WouldBlock) => assert!(way == 3 && is_there && len == 0),
            Err(error) => {
                match error {
                    RecvError::Corrupt(Corrupt::Table { parts: got, .. }) => {
                        assert!(got == parts && parts != 1);
                    }
                    RecvError::Corrupt(Corrupt::Block { .. }) => assert!(!is_there),
                    RecvError::TooLarge { .. } => assert!(is_there && len > LONGEST),
                    error => panic!("{error}"),
                }
                for way in 0..4 {
                    let again = receive(way).unwrap_err();
                    assert_eq!(again.to_string(), error.to_string());
                }
            }
        }
        self.end();
    }

    /// The end by hand says that it has passed what was not sent.
    fn lie_about_position(mut self, choices: &mut impl Choices) {
        let lie = self.consumer.position() + (1 << (20 + choices.below(43)));
        self.peer.announce(POSITION, lie);
        let error = (0..2000).find_map(|_| self.pipe.sender().try_send(&[0; 100]).err());
        assert!(
            matches!(error, Some(SendError::Corrupt(Corrupt::Position { .. }))),
            "{error:?}"
        );
        self.end();
    }

    /// What is held outlives the pipe, and is given back.
    fn end(self) {
        self.check();
        let Model {
            pipe, peer, held, ..
        } = self;
        drop(pipe);
        for (held, bytes, _) in &held {
            assert!(**held == **bytes, "{held:?}");
        }
        drop(held);
        assert_eq!(peer.seen(USED), 0);
    }
}
