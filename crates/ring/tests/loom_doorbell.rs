//! Every interleaving of a sleeper and a publisher: no wake-up is lost.
//!
//! ```text
//! cargo xtask loom
//! ```
#![cfg(loom)]

mod model;

use std::panic::{AssertUnwindSafe, catch_unwind};

use loom::sync::Arc;
use loom::sync::atomic::{AtomicBool, Ordering};
use loom::thread;
use model::{check, explored};
use ringmq_ring::model::Model;
use ringmq_ring::{Generation, GenerationSeen, Look, Memory, MemoryMut, Wanted, WantedSeen, Word};

/// What is published, counted.
fn publish(work: &Model, value: u64) {
    // SAFETY: one word.
    unsafe { work.publish(0, value) };
}

fn published(work: &Model) -> u64 {
    // SAFETY: one word.
    unsafe { work.load(0) }
}

/// One sleep against one publication. With `fences` the publisher fences; without, the sleeper owes a barrier and
/// does not run it.
fn one_sleep(fences: bool) {
    let (work, word) = (Model::new(8), Model::new(8));
    let bell = Arc::new(AtomicBool::new(false));
    let mut generation = Generation::new(Word::new(word.clone()).unwrap(), fences);
    let (work_too, bell_too) = (work.clone(), Arc::clone(&bell));
    let sleeper = thread::spawn(move || {
        let _ = generation.arm();
        // Says whether it sleeps.
        published(&work) == 0
    });
    let publisher = thread::spawn(move || {
        publish(&work_too, 1);
        if GenerationSeen::new(Word::new(word).unwrap()).look() == Look::Ring {
            bell_too.store(true, Ordering::Release);
        }
    });
    let asleep = sleeper.join().unwrap();
    publisher.join().unwrap();
    assert!(
        !asleep || bell.load(Ordering::Acquire),
        "asleep without a ring"
    );
}

#[test]
fn a_sleeper_is_rung() {
    explored(check(|| one_sleep(true)), 4);
}

/// Must fail: without the fence each side misses the other's store.
#[test]
fn without_the_fence_a_wake_up_is_lost() {
    let lost = catch_unwind(AssertUnwindSafe(|| {
        check(|| one_sleep(false));
    }));
    assert!(lost.is_err(), "the model has not found the missing fence");
}

/// A thread polls the doorbell, level-triggered: drain, arm, look, and then poll, whatever the look found. Two messages
/// come.
fn watched(drain_first: bool) {
    let (work, word) = (Model::new(8), Model::new(8));
    let bell = Arc::new(AtomicBool::new(false));
    let mut generation = Generation::new(Word::new(word.clone()).unwrap(), true);
    let (work_too, bell_too, bell_end) = (work.clone(), Arc::clone(&bell), Arc::clone(&bell));
    let watcher = thread::spawn(move || {
        if drain_first {
            bell.swap(false, Ordering::AcqRel);
        }
        let _ = generation.arm();
        if !drain_first {
            bell.swap(false, Ordering::AcqRel);
        }
        let taken = published(&work);
        // The poll: it sleeps if the bell is silent.
        (taken, !bell.load(Ordering::Acquire))
    });
    let publisher = thread::spawn(move || {
        let mut seen = GenerationSeen::new(Word::new(word).unwrap());
        for value in 1..=2 {
            publish(&work_too, value);
            if seen.look() == Look::Ring {
                bell_too.store(true, Ordering::Release);
            }
        }
    });
    let (taken, asleep) = watcher.join().unwrap();
    publisher.join().unwrap();
    let left = taken < 2;
    assert!(
        !(asleep && left) || bell_end.load(Ordering::Acquire),
        "asleep over {taken} of 2"
    );
}

#[test]
fn a_watcher_is_told_of_everything() {
    explored(check(|| watched(true)), 10);
}

/// Must fail: draining after arming swallows the ring that belongs to this sleep.
#[test]
fn draining_after_arming_loses_a_wake_up() {
    let lost = catch_unwind(AssertUnwindSafe(|| {
        check(|| watched(false));
    }));
    assert!(lost.is_err(), "the model has not found the late drain");
}

/// A sleeper is rung once for each sleep, and again for the next.
#[test]
fn one_ring_for_one_sleep() {
    let count = check(|| {
        let (work, word) = (Model::new(8), Model::new(8));
        let mut generation = Generation::new(Word::new(word.clone()).unwrap(), true);
        let sleeper = thread::spawn(move || {
            let mut sleeps = 0;
            for seen in 0..2 {
                let _ = generation.arm();
                if published(&work) == seen {
                    sleeps += 1;
                }
                generation.disarm();
            }
            sleeps
        });
        let publisher = thread::spawn(move || {
            publish(&Model::new(8), 1);
            let mut seen = GenerationSeen::new(Word::new(word).unwrap());
            (0..3).filter(|_| seen.look() == Look::Ring).count()
        });
        let sleeps = sleeper.join().unwrap();
        let rings = publisher.join().unwrap();
        assert!(sleeps <= 2 && rings <= 2, "{rings} rings for 2 sleeps");
    });
    explored(count, 10);
}

/// A writer that waits for room, against a reader that reports.
#[test]
fn a_waiting_writer_is_rung() {
    const WANTED: u64 = 64;
    let count = check(|| {
        let (report, word) = (Model::new(8), Model::new(8));
        let bell = Arc::new(AtomicBool::new(false));
        let mut wanted = Wanted::new(Word::new(word.clone()).unwrap());
        let (report_too, bell_too) = (report.clone(), Arc::clone(&bell));
        let writer = thread::spawn(move || {
            wanted.arm(WANTED);
            published(&report) < WANTED
        });
        let reader = thread::spawn(move || {
            let mut seen = WantedSeen::new(Word::new(word).unwrap());
            for position in [32, 64, 96] {
                publish(&report_too, position);
                if seen.look(position) == Look::Ring {
                    assert!(!bell_too.swap(true, Ordering::AcqRel), "rung twice");
                }
            }
        });
        let asleep = writer.join().unwrap();
        reader.join().unwrap();
        assert!(
            !asleep || bell.load(Ordering::Acquire),
            "asleep without a ring"
        );
    });
    explored(count, 10);
}

/// A look after the close sees a closed generation.
#[test]
fn closing_is_seen() {
    let count = check(|| {
        let (work, word) = (Model::new(8), Model::new(8));
        let mut generation = Generation::new(Word::new(word.clone()).unwrap(), true);
        let work_too = work.clone();
        let closer = thread::spawn(move || {
            generation.close();
            publish(&work_too, 1);
        });
        let publisher = thread::spawn(move || {
            publish(&Model::new(8), 0);
            let mut seen = GenerationSeen::new(Word::new(word).unwrap());
            if published(&work) == 1 {
                assert_eq!(seen.look(), Look::Closed);
                assert!(seen.is_closed());
            }
        });
        closer.join().unwrap();
        publisher.join().unwrap();
    });
    explored(count, 2);
}
