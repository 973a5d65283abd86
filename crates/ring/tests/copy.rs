//! Copying out, at every length and from every byte on: what went in comes out, and nothing lands beside it.
//!
//! `--cfg ringmq_portable_copy` runs this over the copy that other processors use.

#[path = "oracle/heap.rs"]
mod heap;

use std::mem::MaybeUninit;

use ringmq_ring::{Kind, Mapped, MappedMut, Reader, Record, Writer};

use heap::{Heap, Held};

const CAPACITY: usize = 1 << 16;
const LONGEST: usize = 5000;
/// What lies around the target.
const UNTOUCHED: u8 = 0xa5;
/// Bytes before the target and behind it that are looked at.
const MARGIN: usize = 80;

/// No two words of it are alike, and no byte is [`UNTOUCHED`].
fn payload(len: usize) -> Vec<u8> {
    let byte = |at: usize| ((at * 31) ^ (at >> 3) ^ (at >> 8)) as u8;
    (0..len)
        .map(|at| byte(at).saturating_sub(u8::from(byte(at) == UNTOUCHED)))
        .collect()
}

/// A ring that holds one record of this payload.
fn holding(payload: &[u8]) -> (Reader<Held<Mapped>, Held<MappedMut>>, Record) {
    let (ring, report) = (Heap::new(CAPACITY), Heap::new(8));
    let mut writer = Writer::new(ring.mapped_mut(), report.mapped(), 0).expect("a capacity");
    let reader = Reader::new(ring.mapped(), report.mapped_mut(), 0).expect("a capacity");
    writer.push(Kind::Last, payload).expect("an empty ring");
    let record = reader.peek().expect("an honest writer").expect("a record");
    (reader, record)
}

/// A target in the midst of bytes that must stay as they are.
struct Target(Vec<MaybeUninit<u8>>);

impl Target {
    fn new() -> Target {
        Target(vec![MaybeUninit::new(UNTOUCHED); LONGEST + 2 * MARGIN])
    }

    /// Copies from byte `from` on into `room` bytes at offset `at`, and looks at every byte around.
    fn check<R: ringmq_ring::Memory, P: ringmq_ring::MemoryMut>(
        &mut self,
        reader: &Reader<R, P>,
        record: &Record,
        payload: &[u8],
        [from, room, at]: [usize; 3],
    ) {
        let expected = &payload[from.min(payload.len())..];
        let expected = &expected[..room.min(expected.len())];
        let taken = reader.copy_out(record, from, &mut self.0[at..at + room]);
        assert_eq!(taken, expected.len(), "{room} bytes from {from}");
        let end = at + taken;
        // SAFETY: initialised in `new`.
        let bytes = unsafe { &mut *(&raw mut self.0[at - 64..end + 64] as *mut [u8]) };
        let (before, rest) = bytes.split_at(64);
        let (copied, behind) = rest.split_at(taken);
        assert!(copied == expected, "{taken} bytes from {from} to {at}");
        assert!(
            before == [UNTOUCHED; 64],
            "before {taken} bytes from {from} to {at}"
        );
        assert!(
            behind == [UNTOUCHED; 64],
            "behind {taken} bytes from {from} to {at}"
        );
        bytes.fill(UNTOUCHED);
    }
}

#[test]
fn every_length_from_the_first_bytes_on() {
    let payload = payload(LONGEST);
    let (reader, record) = holding(&payload);
    let mut target = Target::new();
    for len in 0..=LONGEST {
        for from in 0..=17.min(LONGEST - len) {
            let at = 64 + (len * 7 + from) % 16;
            target.check(&reader, &record, &payload, [from, len, at]);
        }
    }
}

#[test]
fn every_first_byte_to_the_end() {
    let payload = payload(LONGEST);
    let (reader, record) = holding(&payload);
    let mut target = Target::new();
    for from in 0..=LONGEST + 9 {
        for room in [LONGEST, 100, 7] {
            target.check(&reader, &record, &payload, [from, room, 64 + from % 16]);
        }
    }
    target.check(&reader, &record, &payload, [usize::MAX, LONGEST, 64]);
}

#[test]
fn every_length_to_every_alignment() {
    for len in (0..200).chain(2030..2070) {
        // The record itself has this length: its last word is cut.
        let payload = payload(len);
        let (reader, record) = holding(&payload);
        let mut target = Target::new();
        for at in 64..80 {
            for from in [0, 1, 7, 8, 9, len / 2, len.saturating_sub(1), len] {
                target.check(&reader, &record, &payload, [from, len + 8, at]);
            }
        }
    }
}

#[test]
fn what_a_claim_copies_in_is_what_its_slice_shows() {
    let payload = payload(LONGEST);
    let (ring, report) = (Heap::new(CAPACITY), Heap::new(8));
    let mut writer = Writer::new(ring.mapped_mut(), report.mapped(), 0).expect("a capacity");
    for len in 0..=LONGEST {
        let mut claim = writer.claim(len + 16).expect("an empty ring");
        claim.as_mut_slice().fill(UNTOUCHED);
        claim.copy_from(&payload[..len]);
        assert!(claim.as_slice()[..len] == payload[..len], "{len}");
        // The portable copy fills the last word up with zeros.
        let rest = &claim.as_slice()[len..];
        let word = (len.next_multiple_of(8) - len).min(rest.len());
        assert!(
            rest[..word]
                .iter()
                .all(|&byte| byte == UNTOUCHED || byte == 0),
            "{len}"
        );
        assert!(rest[word..].iter().all(|&byte| byte == UNTOUCHED), "{len}");
    }
}
