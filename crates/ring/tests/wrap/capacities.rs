//! Which memories can be rings.

use std::mem::MaybeUninit;

use ringmq_ring::{
    BadCapacity, CAPACITY_LEAST, CAPACITY_MOST, Memory, MemoryMut, Reader, Writer, longest_record,
};

use crate::heap::Heap;

/// Memory that has a size and nothing else.
struct OfSize(usize);

// SAFETY: it touches no memory at all.
unsafe impl Memory for OfSize {
    fn len(&self) -> usize {
        self.0
    }

    unsafe fn load(&self, _: usize) -> u64 {
        0
    }

    unsafe fn copy_out(&self, _: usize, into: &mut [MaybeUninit<u8>]) {
        into.fill(MaybeUninit::new(0));
    }
}

// SAFETY: as above.
unsafe impl MemoryMut for OfSize {
    unsafe fn publish(&self, _: usize, _: u64) {}
    unsafe fn store(&self, _: usize, _: u64) {}
    unsafe fn copy_in(&self, _: usize, _: &[u8]) {}
}

/// What both ends say of a ring's memory and a report of these sizes; they agree.
fn made(bytes: usize, report: usize) -> Result<usize, BadCapacity> {
    let heap = Heap::new(report);
    let writer = Writer::new(OfSize(bytes), heap.mapped(), 0).map(|writer| writer.capacity());
    let reader = Reader::new(OfSize(bytes), heap.mapped_mut(), 0).map(|reader| reader.capacity());
    assert_eq!(writer, reader);
    writer
}

#[test]
fn powers_of_two_within_the_limits_are_capacities() {
    let mut bytes = CAPACITY_LEAST;
    while bytes <= CAPACITY_MOST {
        assert_eq!(made(bytes, 8), Ok(bytes));
        bytes *= 2;
    }
    for bytes in [
        0,
        8,
        CAPACITY_LEAST / 2,
        1000,
        1032,
        1536,
        CAPACITY_MOST + 8,
        2 * CAPACITY_MOST,
    ] {
        assert_eq!(made(bytes, 8), Err(BadCapacity { bytes }));
    }
    assert_eq!(made(CAPACITY_LEAST, 0), Err(BadCapacity { bytes: 0 }));
}

#[test]
fn the_longest_record_is_three_eighths_less_two_lines() {
    assert_eq!(longest_record(1024), 256);
    assert_eq!(longest_record(1 << 16), 24_448);
    let writer = Writer::new(OfSize(4096), OfSize(8), 0).unwrap();
    assert_eq!(writer.longest(), 1408);
}
