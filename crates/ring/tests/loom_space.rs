//! Every interleaving of a writer that found the ring full and a reader that empties it: the writer is rung.
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
use loom::sync::atomic::{AtomicBool, Ordering};
use loom::thread;
use model::{check, explored};
use ringmq_ring::model::Model;
use ringmq_ring::{ClaimError, Kind, Look, MemoryMut, Reader, Wanted, WantedSeen, Word, Writer};

const CAPACITY: usize = 1024;
/// Three of these fill the ring.
const LONG: usize = 248;

/// The rule, and two ways to break it.
#[derive(Clone, Copy, PartialEq)]
enum Rule {
    Kept,
    /// The writer arms without a fence.
    NoFence,
    /// The reader looks at what is wanted, and only then reports.
    LookFirst,
}

/// The reader takes so many records; the first makes the room that is wanted.
fn full_ring(rule: Rule, records: u64) {
    let (ring, report, word) = (Model::new(CAPACITY), Model::new(8), Model::new(8));
    let bell = Arc::new(AtomicBool::new(false));
    let mut writer = Writer::new(ring.clone(), report.clone(), 0).unwrap();
    for _ in 0..3 {
        writer.claim(LONG).unwrap().publish(Kind::Last, LONG);
    }
    let mut wanted = Wanted::new(Word::new(word.clone()).unwrap());
    let seen = WantedSeen::new(Word::new(word.clone()).unwrap());
    let (start, rung) = (Model::new(8), Arc::clone(&bell));
    let writing = thread::spawn(move || {
        // SAFETY: one word.
        unsafe { start.publish(0, 1) };
        let Err(ClaimError::Full { wanted: position }) = writer.claim(LONG) else {
            return (false, writer);
        };
        if rule == Rule::NoFence {
            // SAFETY: one word.
            unsafe { word.publish(0, position | 1) };
        } else {
            wanted.arm(position);
        }
        // It would sleep now, if it is still full.
        (writer.claim(LONG).is_err(), writer)
    });
    let reading = thread::spawn(move || {
        let mut reader = Reader::new(ring, report, 0).unwrap();
        take(&mut reader, seen, records, rule, &rung);
    });
    let (asleep, mut writer) = writing.join().unwrap();
    reading.join().unwrap();
    assert!(
        !asleep || bell.load(Ordering::Acquire),
        "a wake-up was lost"
    );
    assert!(writer.claim(LONG).is_ok(), "rung, and there is room");
}

fn take(
    reader: &mut Reader<Model, Model>,
    mut seen: WantedSeen<Model>,
    records: u64,
    rule: Rule,
    bell: &AtomicBool,
) {
    let mut look = |position| {
        if seen.look(position) == Look::Ring {
            assert!(
                !bell.swap(true, Ordering::AcqRel),
                "rung twice for one sleep"
            );
        }
    };
    for number in 1..=records {
        let record = reader.peek().unwrap().unwrap();
        if rule == Rule::LookFirst {
            look(number * 256);
        }
        let passed = reader.release(record);
        assert!(passed && reader.position() == number * 256);
        if rule != Rule::LookFirst {
            look(reader.position());
        }
    }
}

#[test]
fn a_writer_that_waits_for_room_is_rung_once() {
    explored(check(|| full_ring(Rule::Kept, 1)), 100);
    explored(check(|| full_ring(Rule::Kept, 3)), 400);
}

/// Must fail: the writer's look at the report may overtake its announcement.
#[test]
fn without_the_fence_a_writer_sleeps_beside_free_room() {
    must_fail("a wake-up was lost", || full_ring(Rule::NoFence, 3));
}

/// Must fail: a reader that looks before the report misses the writer that arms in between.
#[test]
fn a_look_before_the_report_misses_the_writer() {
    must_fail("a wake-up was lost", || full_ring(Rule::LookFirst, 1));
}
