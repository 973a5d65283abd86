//! Every interleaving of a writer that waits for room with a reader that gives it back: nothing is overwritten
//! that is still to be read.
//!
//! ```text
//! cargo xtask loom
//! ```
#![cfg(loom)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "model/failing.rs"]
mod failing;
mod model;

use std::mem::MaybeUninit;

use failing::must_fail;
use loom::thread;
use model::{check, explored};
use ringmq_ring::model::Model;
use ringmq_ring::{ClaimError, Kind, Memory, MemoryMut, Reader, Record, Writer};

const CAPACITY: usize = 1024;
/// Three of these fill the ring. Only their first word is written and read.
const LONG: usize = 248;

type ModelWriter = Writer<Model, Model>;

fn write(writer: &mut ModelWriter, number: u64, len: usize) -> Result<(), ClaimError> {
    let mut claim = writer.claim(len)?;
    claim.copy_from(&number.to_ne_bytes());
    claim.publish(Kind::Last, len);
    Ok(())
}

/// Whatever comes in a few tries.
fn write_soon(writer: &mut ModelWriter, number: u64, len: usize) -> bool {
    for _ in 0..2 {
        match write(writer, number, len) {
            Ok(()) => return true,
            Err(ClaimError::Full { wanted }) => {
                assert!(wanted > writer.seen_reader() && wanted <= writer.position());
            }
            Err(error) => panic!("{error}"),
        }
        thread::yield_now();
    }
    false
}

/// The record's first word.
fn number<R: Memory>(reader: &Reader<R, Model>, record: &Record) -> u64 {
    let mut word = [MaybeUninit::new(0xff); 8];
    assert_eq!(reader.copy_out(record, 0, &mut word), 8);
    // SAFETY: initialised above.
    u64::from_ne_bytes(word.map(|byte| unsafe { byte.assume_init() }))
}

/// A full ring. The writer refills it: with a long record, and with a short one that lies where the first
/// payload lay. `early` lets the reader release before it copies out.
fn refill(early: bool) {
    let (ring, report) = (Model::new(CAPACITY), Model::new(8));
    let mut writer = Writer::new(ring.clone(), report.clone(), 0).unwrap();
    for number in 0..3 {
        write(&mut writer, number, LONG).unwrap();
    }
    assert!(write(&mut writer, 3, LONG).is_err(), "three fill it");
    let (one, other) = (Model::new(8), Model::new(8));
    let writing = thread::spawn(move || {
        // SAFETY: one word.
        unsafe { one.publish(0, 1) };
        let _both = write_soon(&mut writer, 3, LONG) && write_soon(&mut writer, 4, 8);
    });
    let reading = thread::spawn(move || {
        // SAFETY: one word.
        unsafe { other.publish(0, 1) };
        let mut reader = Reader::new(ring, report, 0).unwrap();
        for expected in 0..5 {
            let Some(record) = reader.peek().unwrap() else {
                assert!(expected >= 3, "what was published before is there");
                return;
            };
            if early {
                reader.release(record);
            }
            assert_eq!(number(&reader, &record), expected, "overwritten");
            assert_eq!(record.len(), if expected < 4 { LONG } else { 8 });
            reader.release(record);
        }
    });
    writing.join().unwrap();
    reading.join().unwrap();
}

#[test]
fn room_is_taken_only_when_it_was_given_back() {
    explored(check(|| refill(false)), 1000);
}

/// Must fail: the writer may overwrite what was released.
#[test]
fn a_release_before_the_copy_reads_the_next_lap() {
    must_fail("overwritten", || refill(true));
}

/// Memory whose loads order nothing.
struct Unordered(Model);

// SAFETY: the model does the work.
unsafe impl Memory for Unordered {
    fn len(&self) -> usize {
        self.0.len()
    }

    unsafe fn load(&self, offset: usize) -> u64 {
        let mut word = [MaybeUninit::new(0); 8];
        // SAFETY: passed on.
        unsafe { self.0.copy_out(offset, &mut word) };
        // SAFETY: initialised above.
        u64::from_ne_bytes(word.map(|byte| unsafe { byte.assume_init() }))
    }

    unsafe fn copy_out(&self, offset: usize, into: &mut [MaybeUninit<u8>]) {
        // SAFETY: passed on.
        unsafe { self.0.copy_out(offset, into) };
    }
}

/// Two records, the second behind a pad, read through memory that a caller chooses.
fn publication<R: Memory + Send + 'static>(seen: impl Fn(Model) -> R) {
    let start = CAPACITY as u64 - 32;
    let (ring, report) = (Model::new(CAPACITY), Model::new(8));
    let mut writer = Writer::new(ring.clone(), report.clone(), start).unwrap();
    let ring = seen(ring);
    let writing = thread::spawn(move || {
        write(&mut writer, 1, 8).unwrap();
        write(&mut writer, 2, 16).unwrap();
    });
    let reading = thread::spawn(move || {
        let mut reader = Reader::new(ring, report, start).unwrap();
        let mut expected = 1;
        for _ in 0..4 {
            if let Some(record) = reader.peek().expect("a pad with a record behind it") {
                assert_eq!(number(&reader, &record), expected, "torn");
                reader.release(record);
                expected += 1;
            }
        }
    });
    writing.join().unwrap();
    reading.join().unwrap();
}

#[test]
fn a_header_brings_its_payload_along() {
    explored(check(|| publication(|ring| ring)), 200);
}

/// Must fail: the release is only half of it.
#[test]
fn without_the_acquire_a_message_is_torn() {
    must_fail("torn", || publication(Unordered));
}
