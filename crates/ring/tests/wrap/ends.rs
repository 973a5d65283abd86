//! Records that end at, before and behind the end of the memory.

use ringmq_ring::{Kind, Record};

use super::{LEAST, TestReader, payload, ring, take};

/// The header at an offset, as kind and length.
fn header(word: u64) -> (u64, u64) {
    (word >> 32, word & 0xffff_ffff)
}

#[test]
fn a_record_that_ends_with_the_memory_needs_no_pad() {
    for len in [0, 8, 40, 57, 248, 256] {
        let extent = 8 + (len as u64).next_multiple_of(8);
        let (mut writer, mut reader, memory) = ring(LEAST, LEAST as u64 - extent);
        writer.push(Kind::Last, &vec![1; len]).unwrap();
        assert_eq!(writer.position(), LEAST as u64);
        assert_eq!(
            memory.word_at(0),
            0,
            "the next header is cleared, at the start"
        );
        writer.push(Kind::Last, b"next").unwrap();
        assert_eq!(header(memory.word_at(0)), (Kind::Last as u64, 4));
        assert_eq!(take(&mut reader), (Kind::Last, vec![1; len]));
        assert_eq!(take(&mut reader).1, b"next");
    }
}

#[test]
fn a_record_that_is_one_word_too_long_lies_behind_a_pad() {
    for room in (8..=256).step_by(8) {
        let (mut writer, mut reader, memory) = ring(LEAST, LEAST as u64 - room);
        // With its header one word longer than the room.
        let bytes = vec![1; room as usize];
        writer.push(Kind::Last, &bytes).unwrap();
        let pad = memory.word_at(LEAST - room as usize);
        assert_eq!(header(pad), (Kind::Pad as u64, room - 8));
        assert_eq!(header(memory.word_at(0)), (Kind::Last as u64, room));
        assert_eq!(take(&mut reader), (Kind::Last, bytes));
        assert_eq!(reader.position(), writer.position());
    }
}

#[test]
fn a_short_record_still_fits_where_a_long_claim_was_dropped() {
    let (mut writer, mut reader, memory) = ring(LEAST, LEAST as u64 - 16);
    let mut claim = writer.claim(200).unwrap();
    claim.copy_from(&[0xff; 200]);
    drop(claim);
    assert!(!writer.has_unpublished());
    assert_eq!(memory.word_at(LEAST - 16), 0, "no pad is left behind");
    writer.push(Kind::Last, b"short").unwrap();
    assert_eq!(writer.position(), LEAST as u64);
    assert_eq!(take(&mut reader).1, b"short");
    assert_eq!(reader.peek(), Ok(None));
}

#[test]
fn abort_and_end_lie_before_the_wrap_and_behind_it() {
    for room in [8, 16, 24] {
        let (mut writer, mut reader, _) = ring(LEAST, LEAST as u64 - room);
        writer.abort();
        writer.abort();
        writer.abort();
        writer.end();
        for _ in 0..3 {
            assert_eq!(take(&mut reader), (Kind::Abort, vec![]));
        }
        assert_eq!(reader.peek().unwrap().unwrap().kind(), Kind::End);
        assert_eq!(reader.position(), writer.position());
    }
}

#[test]
fn a_record_that_was_released_changes_nothing() {
    let (mut writer, mut reader, _) = ring(LEAST, 0);
    let mut released: Vec<Record> = Vec::new();
    for round in 0..100_u8 {
        writer.push(Kind::Last, &[round; 40]).unwrap();
        let record = reader.peek().unwrap().unwrap();
        for &old in &released {
            check_unmoved(&mut reader, old);
        }
        assert_eq!(payload(&reader, &record), [round; 40]);
        reader.release(record);
        check_unmoved(&mut reader, record);
        released.push(record);
    }
}

fn check_unmoved(reader: &mut TestReader, old: Record) {
    let before = reader.position();
    assert!(!reader.release(old));
    assert_eq!(reader.position(), before);
    // SAFETY: the writer is honest.
    assert!(unsafe { reader.in_place(&old) }.is_empty());
}

#[test]
fn a_record_of_a_larger_ring_copies_nothing_out() {
    let (mut writer, large, _) = ring(1 << 16, 1 << 15);
    let (_, small, _) = ring(LEAST, 1 << 15);
    writer.push(Kind::Last, &[7; 2000]).unwrap();
    let record = large.peek().unwrap().unwrap();
    for from in [0, 1, 8, 1999, 2000, usize::MAX] {
        let mut into = [std::mem::MaybeUninit::new(0xa5); 2000];
        assert_eq!(small.copy_out(&record, from, &mut into), 0);
        // SAFETY: initialised above.
        let into = into.map(|byte| unsafe { byte.assume_init() });
        assert!(into == [0xa5; 2000]);
    }
    // SAFETY: both writers are honest.
    assert!(unsafe { small.in_place(&record) }.is_empty());
}
