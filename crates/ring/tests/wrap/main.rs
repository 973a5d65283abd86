//! Where rings go wrong: the end of the memory, the last free byte, records that are not what they seem.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../oracle/heap.rs"]
mod heap;

mod capacities;
mod ends;
mod full;
mod lies;
mod order;
mod pads;
mod stalls;

use std::mem::MaybeUninit;

use ringmq_ring::{ClaimError, Kind, Mapped, MappedMut, Memory, MemoryMut, Reader, Record, Writer};

use heap::{Heap, Held};

/// The smallest ring. Most tests use it: everything is near.
const LEAST: usize = ringmq_ring::CAPACITY_LEAST;

type TestWriter = Writer<Held<MappedMut>, Held<Mapped>>;
type TestReader = Reader<Held<Mapped>, Held<MappedMut>>;

/// Both ends, and the memory to look at behind their backs.
fn ring(capacity: usize, start: u64) -> (TestWriter, TestReader, Heap) {
    let (ring, report) = (Heap::new(capacity), Heap::new(8));
    let writer = Writer::new(ring.mapped_mut(), report.mapped(), start).unwrap();
    let reader = Reader::new(ring.mapped(), report.mapped_mut(), start).unwrap();
    (writer, reader, ring)
}

/// Writes records of these lengths, each filled with its number.
fn push_all(writer: &mut TestWriter, lens: &[usize]) {
    for (number, &len) in lens.iter().enumerate() {
        writer.push(Kind::Last, &vec![number as u8; len]).unwrap();
    }
}

/// The payload of a record.
fn payload<R: Memory, P: MemoryMut>(reader: &Reader<R, P>, record: &Record) -> Vec<u8> {
    let mut into = vec![MaybeUninit::new(0xa5); record.len()];
    assert_eq!(reader.copy_out(record, 0, &mut into), record.len());
    // SAFETY: initialised above.
    into.iter()
        .map(|byte| unsafe { byte.assume_init() })
        .collect()
}

/// Reads and releases one record.
fn take(reader: &mut TestReader) -> (Kind, Vec<u8>) {
    let record = reader.peek().unwrap().unwrap();
    let bytes = payload(reader, &record);
    reader.release(record);
    (record.kind(), bytes)
}

/// Fills the ring until not even an empty record fits, and returns how many records went in.
fn fill(writer: &mut TestWriter, mut len: usize) -> usize {
    let mut records = 0;
    loop {
        match writer.push(Kind::Last, &vec![records as u8; len]) {
            Ok(()) => records += 1,
            Err(ClaimError::Full { .. }) if len > 0 => len /= 2,
            Err(ClaimError::Full { .. }) => return records,
            Err(error) => panic!("{error}"),
        }
    }
}
