//! Every interleaving of a receiver that sleeps over a real ring and a sender that publishes, ends, or finds the
//! receiver gone.
//!
//! ```text
//! cargo xtask loom
//! ```
#![cfg(loom)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "model/failing.rs"]
mod failing;
mod model;

use failing::must_fail;
use loom::sync::Arc;
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread;
use model::{check, explored};
use ringmq_ring::model::Model;
use ringmq_ring::{Generation, GenerationSeen, Kind, Look, Owed, Reader, Word, Writer};

const CAPACITY: usize = 1024;

/// The rule, and ways to break it.
#[derive(Clone, Copy, PartialEq)]
enum Rule {
    Kept,
    /// The publisher is not asked for a fence, and the sleeper does not run the barrier that it owes instead.
    NoFence,
    /// The sender looks who sleeps, and only then publishes.
    LookFirst,
    /// The receiver drains the doorbell when it has armed and looked.
    DrainLast,
}

/// A receiver, awake or asleep when its rounds are over.
struct Receiver {
    reader: Reader<Model, Model>,
    generation: Generation<Model>,
    /// How many rings wait in the doorbell. It orders nothing: the ring's own words must do that.
    bell: Arc<AtomicUsize>,
    rule: Rule,
    taken: u64,
    ended: bool,
    sleeps: usize,
}

impl Receiver {
    fn drain(&self) {
        self.bell.swap(0, Ordering::Relaxed);
    }

    /// Drain, arm, look, sleep: until it sleeps with nothing in the doorbell, or has done enough.
    fn run(&mut self) -> bool {
        for _ in 0..3 {
            if self.rule != Rule::DrainLast {
                self.drain();
            }
            let owed = self.generation.arm();
            self.sleeps += 1;
            assert_eq!(owed == Owed::Nothing, self.rule != Rule::NoFence);
            let empty = self.reader.is_empty();
            if self.rule == Rule::DrainLast {
                self.drain();
            }
            if empty && self.bell.load(Ordering::Relaxed) == 0 {
                return true;
            }
            self.generation.disarm();
            self.take_all();
            if self.ended {
                return false;
            }
        }
        false
    }

    fn take_all(&mut self) {
        while let Some(record) = self.reader.peek().unwrap() {
            if record.kind() == Kind::End {
                self.ended = true;
                return;
            }
            self.reader.release(record);
            self.taken += 1;
        }
    }
}

/// A sender of one record and of the end, against a receiver that sleeps whenever there is nothing.
fn conversation(rule: Rule) {
    let (ring, report, word) = (Model::new(CAPACITY), Model::new(8), Model::new(8));
    let bell = Arc::new(AtomicUsize::new(0));
    let mut receiver = Receiver {
        reader: Reader::new(ring.clone(), report.clone(), 0).unwrap(),
        generation: Generation::new(Word::new(word.clone()).unwrap(), rule != Rule::NoFence),
        bell: Arc::clone(&bell),
        rule,
        taken: 0,
        ended: false,
        sleeps: 0,
    };
    let receiving = thread::spawn(move || {
        let asleep = receiver.run();
        (asleep, receiver)
    });
    let rung = Arc::clone(&bell);
    let sending = thread::spawn(move || {
        let mut writer = Writer::new(ring, report, 0).unwrap();
        let mut seen = GenerationSeen::new(Word::new(word).unwrap());
        let mut rings = 0;
        for step in 0..2 {
            let mut look = || {
                if seen.look() == Look::Ring {
                    rings += 1;
                    rung.fetch_add(1, Ordering::Relaxed);
                }
            };
            if rule == Rule::LookFirst {
                look();
            }
            match step {
                0 => writer.claim(0).unwrap().publish(Kind::Last, 0),
                _ => writer.end(),
            }
            if rule != Rule::LookFirst {
                look();
            }
        }
        rings
    });
    let (asleep, mut receiver) = receiving.join().unwrap();
    let rings = sending.join().unwrap();
    assert!(rings <= receiver.sleeps, "rung once for each sleep at most");
    if asleep && !receiver.reader.is_empty() {
        assert!(bell.load(Ordering::Relaxed) > 0, "a wake-up was lost");
    }
    receiver.take_all();
    assert!(
        receiver.ended && receiver.taken == 1,
        "all is there, and then the end"
    );
}

#[test]
fn a_receiver_that_sleeps_is_rung_for_records_and_for_the_end() {
    explored(check(|| conversation(Rule::Kept)), 1000);
}

/// Must fail: both sides may miss each other's store.
#[test]
fn without_fence_or_barrier_a_receiver_sleeps_over_a_record() {
    must_fail("a wake-up was lost", || conversation(Rule::NoFence));
}

/// Must fail: the receiver arms and looks between the sender's look and its publication.
#[test]
fn a_look_before_the_publication_misses_the_receiver() {
    must_fail("a wake-up was lost", || conversation(Rule::LookFirst));
}

/// Must fail: the ring that belongs to this sleep is drained.
#[test]
fn a_drain_after_the_look_swallows_the_ring() {
    must_fail("a wake-up was lost", || conversation(Rule::DrainLast));
}

/// A receiver that goes away while the sender publishes: once it is seen to be gone it stays gone, and it is
/// never rung again.
#[test]
fn a_receiver_that_closes_is_not_rung_any_more() {
    let count = check(|| {
        let (ring, report, word) = (Model::new(CAPACITY), Model::new(8), Model::new(8));
        let mut generation = Generation::new(Word::new(word.clone()).unwrap(), true);
        let closing = thread::spawn(move || {
            let _ = generation.arm();
            generation.close();
            // Too late to matter: a closed generation stays closed.
            generation.disarm();
            assert!(generation.is_armed());
        });
        let sending = thread::spawn(move || {
            let mut writer = Writer::new(ring, report, 0).unwrap();
            let mut seen = GenerationSeen::new(Word::new(word).unwrap());
            let (mut rings, mut closed) = (0, false);
            for _ in 0..3 {
                writer.claim(0).unwrap().publish(Kind::Last, 0);
                let look = seen.look();
                assert!(!closed || look == Look::Closed, "{look:?} after the close");
                closed = look == Look::Closed;
                rings += usize::from(look == Look::Ring);
                assert!(!closed || seen.is_closed());
            }
            assert!(rings <= 1);
            seen
        });
        closing.join().unwrap();
        let mut seen = sending.join().unwrap();
        assert_eq!(seen.look(), Look::Closed);
    });
    explored(count, 100);
}
