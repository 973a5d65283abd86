//! The reader over a script: each word is loaded once, and an error names what was read.

use std::mem::MaybeUninit;

use ringmq_ring::{Corrupt, Kind, Mapped, MappedMut, Reader, Record};

use crate::heap::{Heap, Held};
use crate::random::Random;
use crate::scripted::{Headers, Script};

const ROUNDS: u64 = 1_000_000;

/// How often each answer came: a test whose lies are all refused shows little.
#[derive(Debug, Default)]
struct Tally {
    nothing: u64,
    records: u64,
    behind_pads: u64,
    header: u64,
    length: u64,
    pad: u64,
}

type ScriptedReader = Reader<Headers, Held<MappedMut>>;

#[test]
fn a_reader_believes_nothing() {
    for (seed, capacity) in [(1, 1024), (2, 4096), (3, 1 << 16)] {
        let script = Script::new(capacity, seed);
        let report = Heap::new(8);
        let start = (1 << 32) - 4096;
        let ring = Headers(script.clone());
        let mut reader = Reader::new(ring, report.mapped_mut(), start).expect("a capacity");
        let mut tally = Tally::default();
        let mut random = Random::new(seed);
        for _ in 0..ROUNDS {
            script.forget();
            let found = reader.peek();
            let loads = script.loads_at_most_one_each();
            match found {
                Ok(None) => {
                    assert_eq!(loads.len(), 1);
                    assert_eq!(loads[0].1, 0);
                    tally.nothing += 1;
                }
                Ok(Some(record)) => {
                    check_record(&reader, &record, &loads, &mut tally);
                    copy(&reader, &record, &mut random);
                    check_release(&mut reader, record, &report.mapped());
                }
                Err(corrupt) => check_error(&reader, corrupt, &loads, &mut tally),
            }
            script.forget();
            reader.is_empty();
            assert_eq!(script.loads_at_most_one_each().len(), 1);
        }
        let enough = ROUNDS / 500;
        assert!(
            tally.nothing > enough && tally.records > enough,
            "{tally:?}"
        );
        assert!(
            tally.behind_pads > enough && tally.pad > enough,
            "{tally:?}"
        );
        assert!(tally.header > enough && tally.length > enough, "{tally:?}");
    }
}

/// A record's numbers are those of the header that was loaded last.
fn check_record(
    reader: &ScriptedReader,
    record: &Record,
    loads: &[(usize, u64)],
    tally: &mut Tally,
) {
    let &(offset, word) = loads.last().expect("a header was loaded");
    assert_ne!(record.kind(), Kind::Pad);
    assert_eq!(
        (record.kind() as u64, record.len() as u64),
        (word >> 32, word & 0xffff_ffff)
    );
    assert!(offset + 8 + record.len() <= reader.capacity());
    tally.records += 1;
    if loads.len() == 2 {
        let (pad_offset, pad) = loads[0];
        assert_eq!(
            pad,
            (Kind::Pad as u64) << 32 | (reader.capacity() - pad_offset - 8) as u64
        );
        assert_eq!(offset, 0);
        tally.behind_pads += 1;
    }
    assert!(loads.len() <= 2);
}

/// The script sees to it that the copies stay inside.
fn copy(reader: &ScriptedReader, record: &Record, random: &mut Random) {
    let mut into = [MaybeUninit::new(0); 200];
    let from = random.below(record.len() as u64 + 20) as usize;
    let room = random.below(200) as usize;
    let expected = record.len().saturating_sub(from).min(room);
    assert_eq!(reader.copy_out(record, from, &mut into[..room]), expected);
    if random.below(16) == 0 {
        let mut whole = vec![MaybeUninit::new(0); record.len()];
        assert_eq!(reader.copy_out(record, 0, &mut whole), record.len());
    }
}

/// However the record looks, the reader goes on, by less than two laps, and reports it.
fn check_release(reader: &mut ScriptedReader, record: Record, report: &Held<Mapped>) {
    let before = reader.position();
    let passed = reader.release(record);
    let after = reader.position();
    if record.kind() == Kind::End {
        assert!(!passed && after == before);
        return;
    }
    assert!(after > before && after.is_multiple_of(8));
    assert!(after - before <= 2 * reader.capacity() as u64);
    let eighth = reader.capacity() as u64 / 8;
    assert_eq!(passed, after / eighth > before / eighth);
    // SAFETY: the report is one word.
    assert_eq!(unsafe { ringmq_ring::Memory::load(report, 0) }, after);
}

/// An error's numbers are what was loaded, where it was loaded, and wrong.
fn check_error(
    reader: &ScriptedReader,
    corrupt: Corrupt,
    loads: &[(usize, u64)],
    tally: &mut Tally,
) {
    let capacity = reader.capacity() as u64;
    let loaded = |position: u64, word: u64| {
        assert!(
            loads.contains(&((position % capacity) as usize, word)),
            "{corrupt} {loads:#x?}"
        );
        assert!(position >= reader.position() && position <= reader.position() + capacity);
    };
    match corrupt {
        Corrupt::Header { position, word } => {
            loaded(position, word);
            let (kind, len) = (word >> 32, word & 0xffff_ffff);
            assert!(!(1..=3).contains(&kind) && (!(4..=5).contains(&kind) || len != 0));
            tally.header += 1;
        }
        Corrupt::Length {
            position,
            len,
            room,
        } => {
            let word = loads.last().expect("a header was loaded").1;
            loaded(position, word);
            assert_eq!(
                (len, room),
                (word & 0xffff_ffff, capacity - position % capacity)
            );
            assert!(8 + len > room);
            tally.length += 1;
        }
        Corrupt::Pad { position, word } => {
            loaded(position, word);
            assert_eq!(word >> 32, Kind::Pad as u64);
            tally.pad += 1;
        }
        Corrupt::Position { .. } => panic!("a reader reads no position: {corrupt}"),
        _ => panic!("an error that this test does not know: {corrupt}"),
    }
}
