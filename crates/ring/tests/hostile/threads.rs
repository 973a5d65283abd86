//! A hostile thread stores words as fast as it can while the other end works: it ends, and nothing breaks.

use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use ringmq_ring::{ClaimError, Kind, Reader, Writer};

use crate::heap::Heap;
use crate::lies;
use crate::random::Random;

const ROUNDS: u64 = 2_000_000;
/// How often each answer should come; the rounds go on until then, for the liar may get little of the processor.
const ENOUGH: u64 = 50_000;

/// Ends the liar with the test, however it ends.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn a_reader_survives_a_ring_that_changes_under_it() {
    let (ring, report) = (Heap::new(4096), Heap::new(8));
    let mut reader = Reader::new(ring.mapped(), report.mapped_mut(), 0).expect("a capacity");
    let stop = AtomicBool::new(false);
    let (mut accepted, mut refused) = (0_u64, 0_u64);
    thread::scope(|scope| {
        let stopped = Stop(&stop);
        scope.spawn(|| {
            let mut random = Random::new(7);
            while !stop.load(Ordering::Relaxed) {
                // More often at the reader's next header, which it may look up, than elsewhere.
                let offset = match random.below(4) {
                    0 => random.below(4096) / 8 * 8,
                    _ => report.word_at(0) % 4096,
                };
                let word = lies::header(&mut random, 4096, offset);
                ring.scribble(offset as usize, word);
            }
        });
        let mut into = vec![MaybeUninit::new(0); 4096];
        let mut rounds = 0..100 * ROUNDS;
        while let Some(round) = rounds.next()
            && (round < ROUNDS || accepted.min(refused) < ENOUGH)
        {
            match reader.peek() {
                Ok(None) => {}
                Ok(Some(record)) => {
                    let from = (round % 50) as usize;
                    let taken = reader.copy_out(&record, from, &mut into);
                    assert_eq!(taken, record.len().saturating_sub(from));
                    reader.release(record);
                    accepted += 1;
                }
                Err(_) => refused += 1,
            }
        }
        drop(stopped);
    });
    println!("{accepted} records accepted, {refused} refused");
    assert!(accepted.min(refused) > 0, "{accepted} and {refused}");
}

#[test]
fn a_writer_survives_a_report_that_changes_under_it() {
    let (ring, report) = (Heap::new(4096), Heap::new(8));
    let mut writer = Writer::new(ring.mapped_mut(), report.mapped(), 0).expect("a capacity");
    let (stop, published) = (AtomicBool::new(false), AtomicU64::new(0));
    let (mut accepted, mut full, mut refused) = (0_u64, 0_u64, 0_u64);
    thread::scope(|scope| {
        let stopped = Stop(&stop);
        scope.spawn(|| {
            let mut random = Random::new(8);
            while !stop.load(Ordering::Relaxed) {
                let most = published.load(Ordering::Relaxed);
                let word = lies::position(&mut random, most.saturating_sub(4096), most);
                report.scribble(0, word);
            }
        });
        let mut rounds = 0..100 * ROUNDS;
        while let Some(round) = rounds.next()
            && (round < ROUNDS || accepted.min(refused) < ENOUGH)
        {
            let len = (round * 31 % 300) as usize;
            match writer.claim(len) {
                Ok(mut claim) => {
                    claim.copy_from(&[0x5a; 200]);
                    claim.publish(Kind::Last, (round % 300) as usize);
                    published.store(writer.position(), Ordering::Relaxed);
                    accepted += 1;
                }
                Err(ClaimError::Full { wanted }) => {
                    assert!(wanted > writer.seen_reader() && wanted <= writer.position());
                    full += 1;
                }
                Err(ClaimError::Corrupt(_)) => refused += 1,
                Err(ClaimError::TooLong { .. }) => panic!("{len} bytes are not too long"),
            }
        }
        drop(stopped);
    });
    println!("{accepted} records accepted, {full} times full, {refused} refused");
    assert!(accepted.min(refused) > 0, "{accepted} and {refused}");
}
