//! A model of blocks: what is sent, read, held and dropped in any order, and what a sender says that lies.
//!
//! The seeded test and the fuzz target `blocks` make the choices.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};

use ringmq_pipe::Vow;
use ringmq_pipe::blocks::{Arena, Block, Keep, LentBlock, Readers};
use ringmq_pipe::remote::{OutPart, PartPlace, PushError};
use ringmq_testing::Choices;

use super::world::{World, pattern, world};

/// Blocks that a receiver holds at most.
const ENTRIES: usize = 14;
const LIMIT: u64 = 3 << 20;
const LONGEST: u64 = 300_000;

/// A part of a message that is under way.
#[derive(Debug)]
struct Sent {
    number: usize,
    len: usize,
    /// It was sent as a block.
    block: Option<Weak<Block>>,
}

/// A block that the receiver holds.
#[derive(Debug)]
struct Held {
    lent: LentBlock,
    number: usize,
    block: Weak<Block>,
}

struct Model {
    world: World,
    /// Blocks of the program, which it may send again.
    own: Vec<(Arc<Block>, usize, usize)>,
    /// Messages that the receiver has not read.
    under_way: VecDeque<Vec<Sent>>,
    held: Vec<Held>,
    number: usize,
    /// Blocks that nothing uses any more.
    unused: Vec<Weak<Block>>,
}

/// Plays until the choices are over, and sees that everything is as it should be.
pub(crate) fn walk(choices: &mut impl Choices) {
    let mut model = Model {
        world: world(0, 0, LIMIT),
        own: Vec::new(),
        under_way: VecDeque::new(),
        held: Vec::new(),
        number: 0,
        unused: Vec::new(),
    };
    while !choices.is_over() {
        match choices.below(16) {
            0..4 => model.send(choices),
            4..7 => model.read(false),
            7..10 => model.read(true),
            10..12 => model.drop_held(choices),
            12 => model.drop_own(choices),
            13 => model.jam(choices),
            14 => model.tidy(),
            _ => {
                if choices.below(8) == 0 {
                    return model.lie(choices);
                }
            }
        }
        model.check();
    }
    model.end();
}

impl Model {
    /// A message of one to three parts, each copied or in a block: a new one, or one that was sent before.
    fn send(&mut self, choices: &mut impl Choices) {
        let count = 1 + choices.below(3) as usize;
        let mut blocks = Vec::new();
        for _ in 0..count {
            if choices.below(3) == 0 {
                blocks.push(None);
            } else if choices.below(3) > 0 || self.own.is_empty() {
                self.number += 1;
                let len = 1 + choices.below(LONGEST) as usize;
                let mut block = Arena::current().unwrap().allocate(len).unwrap();
                block.as_mut_slice()[..len].copy_from_slice(&pattern(self.number, len));
                self.own.push((Arc::new(block), self.number, len));
                blocks.push(self.own.last().cloned());
            } else {
                let which = choices.below(self.own.len() as u64) as usize;
                blocks.push(Some(self.own[which].clone()));
            }
        }
        let short = pattern(7, if choices.below(2) == 0 { 0 } else { 100 });
        let keeps: Vec<Option<Keep>> = blocks
            .iter()
            .map(|block| block.as_ref().map(|(block, ..)| Arc::clone(block) as Keep))
            .collect();
        let parts: Vec<OutPart<'_>> = blocks
            .iter()
            .zip(&keeps)
            .map(|(block, keep)| match (block, keep) {
                (Some((block, _, len)), Some(keep)) => OutPart::Block(block, *len, keep),
                _ => OutPart::Bytes(&short),
            })
            .collect();
        // ORDERING: one thread.
        let is_jammed = self.world.stream.is_jammed.load(Ordering::Relaxed);
        match self.world.sender.push_blocks(&parts) {
            Ok(()) => {}
            // Only whole messages: nothing of it comes.
            Err(PushError::Full) => return,
            Err(PushError::Resources) if is_jammed => return,
            Err(error) => panic!("{error:?}"),
        }
        let sent = blocks.iter().map(|block| match block {
            None => Sent {
                number: 7,
                len: short.len(),
                block: None,
            },
            Some((block, number, len)) => Sent {
                number: *number,
                len: *len,
                block: Some(Arc::downgrade(block)),
            },
        });
        self.under_way.push_back(sent.collect());
    }

    /// The next message, whose blocks are copied out or held.
    fn read(&mut self, holds: bool) {
        let receiver = &mut self.world.receiver;
        let Some(incoming) = receiver.peek() else {
            // A segment of the ring may be on its way, which the stream had no room for.
            // ORDERING: one thread.
            let is_jammed = self.world.stream.is_jammed.load(Ordering::Relaxed);
            assert!(self.under_way.is_empty() || is_jammed);
            return;
        };
        let sent = self.under_way.pop_front().expect("no other message");
        // A socket takes the empty part of an envelope by itself, and the other part by one of these.
        let mut is_taken = receiver.sole_block(true).is_some();
        receiver.take_one(true, |_| {
            is_taken = true;
            None::<()>
        });
        assert_eq!(
            receiver.is_enveloped(),
            is_taken,
            "of lengths {:?}",
            sent.iter().map(|part| part.len).collect::<Vec<_>>()
        );
        let contents = receiver.contents(&incoming).unwrap();
        assert_eq!(contents.parts().len(), sent.len());
        for ((place, len), sent) in contents.parts().zip(sent) {
            assert_eq!(len, sent.len);
            // SAFETY: both ends are here, and what was sent is not written.
            let vow = unsafe { Vow::new() };
            let held = holds.then(|| receiver.hold(place, len, vow)).flatten();
            match held {
                Some(lent) => {
                    assert!(matches!(place, PartPlace::Block(_)));
                    let block = sent.block.expect("it was sent as a block");
                    let number = sent.number;
                    self.held.push(Held {
                        lent,
                        number,
                        block,
                    });
                }
                None => {
                    let is_full = self.held.len() == ENTRIES;
                    let in_record = matches!(place, PartPlace::Record(_));
                    assert!(!holds || is_full || in_record);
                    let mut bytes = Vec::new();
                    let copied = receiver.append_to(&incoming, place, len, &mut bytes);
                    copied.unwrap();
                    assert_eq!(bytes, pattern(sent.number, len));
                    self.unused.extend(sent.block);
                }
            }
        }
        assert!(self.held.len() <= ENTRIES);
        receiver.done(incoming);
    }

    fn drop_held(&mut self, choices: &mut impl Choices) {
        if !self.held.is_empty() {
            let which = choices.below(self.held.len() as u64) as usize;
            let held = self.held.swap_remove(which);
            held.check();
            self.unused.push(held.block);
        }
    }

    fn drop_own(&mut self, choices: &mut impl Choices) {
        if !self.own.is_empty() {
            let which = choices.below(self.own.len() as u64) as usize;
            self.unused
                .push(Arc::downgrade(&self.own.swap_remove(which).0));
        }
    }

    /// The stream has no room for a while, or has room again.
    fn jam(&mut self, choices: &mut impl Choices) {
        let is_jammed = choices.below(3) == 0;
        // ORDERING: one thread.
        self.world
            .stream
            .is_jammed
            .store(is_jammed, Ordering::Relaxed);
        if !is_jammed {
            let courier = self.world.courier.get().unwrap().upgrade();
            courier.unwrap().flush().unwrap();
        }
    }

    /// All blocks come home that nothing uses.
    fn tidy(&mut self) {
        Readers::current().unwrap().tidy();
        let under_way = self.under_way.iter().flatten();
        let under_way = under_way.filter_map(|sent| sent.block.clone());
        let held = self.held.iter().map(|held| held.block.clone());
        let used: Vec<Weak<Block>> = under_way.chain(held).collect();
        self.unused.retain(|block| {
            let is_used = used.iter().any(|used| used.ptr_eq(block));
            let is_owned = self
                .own
                .iter()
                .any(|(own, ..)| Arc::as_ptr(own) == block.as_ptr());
            assert!(
                is_used || is_owned || block.strong_count() == 0,
                "it is not home"
            );
            is_used || is_owned
        });
    }

    /// What is held and under way is as it was sent.
    fn check(&self) {
        self.held.iter().for_each(Held::check);
        let blocks = self.under_way.iter().flatten();
        for block in blocks.filter_map(|sent| sent.block.as_ref()) {
            // One that was copied to the ring may be gone.
            if let Some(block) = block.upgrade() {
                assert!(!block.as_slice().is_empty());
            }
        }
    }

    /// Everything is dropped, and comes home.
    fn end(mut self) {
        // ORDERING: one thread.
        self.world.stream.is_jammed.store(false, Ordering::Relaxed);
        let courier = self.world.courier.get().unwrap().upgrade();
        courier.unwrap().flush().unwrap();
        while !self.under_way.is_empty() {
            self.read(false);
        }
        self.own
            .drain(..)
            .for_each(|(block, ..)| self.unused.push(Arc::downgrade(&block)));
        self.held
            .drain(..)
            .for_each(|held| self.unused.push(held.block));
        self.tidy();
        assert!(self.unused.is_empty());
    }

    /// The last record says something else than it did: it is refused, waited for, or within the sender's memory.
    fn lie(mut self, choices: &mut impl Choices) {
        // The receiver is there.
        while !self.under_way.is_empty() {
            self.read(true);
            if self.world.receiver.peek().is_none() {
                return;
            }
        }
        let len = 4096 * 5 + 8 * choices.below(64) as usize;
        let block = Arc::new(Arena::current().unwrap().allocate(len).unwrap());
        let keep = Arc::clone(&block) as Keep;
        let parts = [OutPart::Block(&block, len, &keep)];
        if self.world.sender.push_blocks(&parts).is_err() {
            return;
        }
        let Some(table) = find(len as u64) else {
            return;
        };
        for _ in 0..1 + choices.below(3) {
            let word = choices.below(3);
            let value = match choices.below(4) {
                0 => choices.below(4),
                1 => u64::MAX - choices.below(16),
                2 => 1 << choices.below(64),
                _ => (1 + choices.below(3)) << 40 | choices.below(1 << 26),
            };
            table
                .1
                .write_all_at(&value.to_ne_bytes(), table.0 + 8 * word)
                .unwrap();
        }
        let receiver = &mut self.world.receiver;
        if let Some(incoming) = receiver.peek()
            && let Ok(contents) = receiver.contents(&incoming)
        {
            for (place, len) in contents.parts() {
                assert!(len <= Arena::current().unwrap().bytes().max(1 << 20));
                // SAFETY: nothing is written there meanwhile.
                let vow = unsafe { Vow::new() };
                if let Some(held) = receiver.hold(place, len, vow) {
                    let sum = held
                        .as_slice()
                        .iter()
                        .map(|byte| u64::from(*byte))
                        .sum::<u64>();
                    assert!(sum <= len as u64 * 255);
                }
                let mut bytes = Vec::new();
                receiver
                    .append_to(&incoming, place, len, &mut bytes)
                    .unwrap();
            }
            receiver.done(incoming);
        }
        // What was held before is as it was.
        self.check();
    }
}

impl Held {
    fn check(&self) {
        let bytes = self.lent.as_slice();
        let (first, last) = (bytes[0], bytes[bytes.len() - 1]);
        let at = |place: usize| (place + self.number) as u8;
        assert_eq!((first, last), (at(0), at(bytes.len() - 1)));
        assert!(self.block.strong_count() > 0, "it was freed");
    }
}

/// Where the table of the record of one block of this length lies in a ring of this process, and a way to write there.
fn find(len: u64) -> Option<(u64, File)> {
    let memory = File::options()
        .read(true)
        .write(true)
        .open("/proc/self/mem")
        .unwrap();
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    let writable = |line: &&str| line.contains("/memfd:ringmq-ring") && line.contains(" rw-s ");
    for line in maps.lines().filter(writable) {
        let (from, to) = line.split_once(' ').unwrap().0.split_once('-').unwrap();
        let number = |text| u64::from_str_radix(text, 16).unwrap();
        let (from, to) = (number(from), number(to));
        let mut bytes = vec![0; (to - from) as usize];
        memory.read_exact_at(&mut bytes, from).unwrap();
        let word = |at: usize| u64::from_ne_bytes(bytes[at..at + 8].try_into().unwrap());
        let found = (0..bytes.len() - 24)
            .step_by(8)
            .rev()
            .find(|at| word(*at) == 9 << 32 | 24 && word(at + 8) == 1 && word(at + 16) == len);
        if let Some(found) = found {
            return Some((from + found as u64 + 8, memory));
        }
    }
    None
}
