//! The memory for blocks of random sizes, which several readers hold for random times.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use ringmq_pipe::Vow;
use ringmq_pipe::blocks::{Arena, LentBlock};
use ringmq_pipe::remote::OutPart;
use ringmq_testing::{Random, in_own_process, seed, watchdog};

use crate::blocks::numbered;
use crate::world::{World, world};

const READERS: usize = 8;
/// Blocks that a reader holds at most.
const ENTRIES: usize = 14;
/// Powers of two that lengths lie between. There are as many blocks of each.
const SIZES: std::ops::Range<u64> = 14..20;
/// Blocks whose greatest sum of live bytes is told beside the mean.
const RECENT: usize = 1000;
/// Bytes of a segment at least: an arena has whole ones.
const SEGMENT: usize = 4 << 20;

/// A block that a reader holds.
struct Held {
    lent: LentBlock,
    number: usize,
}

impl Held {
    /// Sees that nothing else was written there.
    fn check(&self) {
        let (bytes, number) = (self.lent.as_slice(), self.number.to_le_bytes());
        assert!(bytes.starts_with(&number) && bytes.ends_with(&number));
    }
}

/// The blocks that readers hold: how many hold each.
#[derive(Default)]
struct Live {
    readers: HashMap<usize, usize>,
    bytes: usize,
    /// The most bytes that were held at one time.
    most: usize,
}

impl Live {
    fn add(&mut self, number: usize, len: usize) {
        let readers = self.readers.entry(number).or_default();
        *readers += 1;
        if *readers == 1 {
            self.bytes += len;
            self.most = self.most.max(self.bytes);
        }
    }

    fn remove(&mut self, number: usize, len: usize) {
        let readers = self.readers.get_mut(&number).unwrap();
        *readers -= 1;
        if *readers == 0 {
            self.bytes -= len;
            self.readers.remove(&number);
        }
    }
}

/// Sends each block to some of the readers, which drop what they hold in a random order.
fn churn(count: usize) {
    let mut random = Random::new(seed());
    let mut readers: Vec<(World, Vec<Held>)> = (0..READERS)
        .map(|_| (world(0, 0, 4 << 30), Vec::new()))
        .collect();
    let mut live = Live::default();
    let mut recent = VecDeque::new();
    // Of the arena, of what was live, and of the most that was live at one time in the last while.
    let mut sums = [0; 3];
    for number in 0..count {
        let order = random.within(SIZES.start as usize..SIZES.end as usize);
        let len = (1 << order) + random.within(0..1 << order);
        let (block, keep) = numbered(number, len);
        // The sender's own.
        live.add(number, len);
        for (world, held) in &mut readers {
            if random.one_in(2) {
                continue;
            }
            let part = OutPart::Block(&block, len, &keep);
            world.sender.push_blocks(&[part]).unwrap();
            while held.len() >= ENTRIES || !held.is_empty() && random.one_in(3) {
                let dropped = held.swap_remove(random.within(0..held.len()));
                dropped.check();
                live.remove(dropped.number, dropped.lent.as_slice().len());
            }
            // SAFETY: both ends are this test's, which does not write to what it has sent.
            let vow = unsafe { Vow::new() };
            let incoming = world.receiver.peek().unwrap();
            let contents = world.receiver.contents(&incoming).unwrap();
            let (place, len) = contents.parts().next().unwrap();
            let lent = world.receiver.hold(place, len, vow).unwrap();
            world.receiver.done(incoming);
            live.add(number, len);
            held.push(Held { lent, number });
        }
        live.remove(number, len);
        let bytes = Arena::current().unwrap().bytes();
        // Memory is given back in time, not with each block: what was in use at one time counts. An arena has whole segments,
        // and one more while it goes from one to another.
        let most = (live.most / 2 * 3).next_multiple_of(SEGMENT) + SEGMENT;
        assert!(
            bytes <= most,
            "{bytes} bytes for {} after {number} blocks",
            live.most
        );
        recent.push_back(live.bytes);
        if recent.len() > RECENT {
            recent.pop_front();
        }
        if number % 100 == 0 {
            let most = recent.iter().copied().max().unwrap();
            for (sum, value) in sums.iter_mut().zip([bytes, live.bytes, most]) {
                *sum += value;
            }
        }
        if number % (count / 10) == 0 {
            println!(
                "{number}: {bytes} bytes, {} of {} live",
                live.bytes, live.most
            );
        }
    }
    let [bytes, now, most] = sums.map(|sum| sum as f64);
    println!(
        "means: {:.2} of what is live, {:.2} of the most that was live within {RECENT} blocks",
        bytes / now,
        bytes / most
    );
}

#[test]
fn blocks_of_random_sizes_take_half_as_much_again_as_is_held_at_most() {
    const TEST: &str = "churn::blocks_of_random_sizes_take_half_as_much_again_as_is_held_at_most";
    in_own_process(TEST, || {
        let _guard = watchdog(Duration::from_secs(120));
        churn(20_000);
    });
}

#[test]
#[ignore = "soak: 1,000,000 blocks"]
fn a_million_blocks_take_half_as_much_again_as_is_held_at_most() {
    const TEST: &str = "churn::a_million_blocks_take_half_as_much_again_as_is_held_at_most";
    in_own_process(TEST, || {
        let _guard = watchdog(Duration::from_secs(600));
        churn(1_000_000);
    });
}
