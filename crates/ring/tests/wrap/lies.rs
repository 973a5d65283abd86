//! Headers that no honest writer writes: each is refused by name.

use ringmq_ring::{Corrupt, Kind, Writer};

use super::{LEAST, TestReader, ring, take};
use crate::heap::Heap;

fn header(kind: Kind, len: u64) -> u64 {
    (kind as u64) << 32 | len
}

/// A reader at `start` over a memory that holds these words at these offsets.
fn lied_to(start: u64, words: &[(usize, u64)]) -> TestReader {
    let (_, reader, memory) = ring(LEAST, start);
    for &(offset, word) in words {
        memory.scribble(offset, word);
    }
    reader
}

#[test]
fn a_pad_behind_a_pad_is_refused() {
    let start = LEAST as u64 - 64;
    for second in [0, 8, 56, LEAST as u64 - 8] {
        let word = header(Kind::Pad, second);
        let reader = lied_to(start, &[(LEAST - 64, header(Kind::Pad, 56)), (0, word)]);
        let position = LEAST as u64;
        assert_eq!(reader.peek(), Err(Corrupt::Pad { position, word }));
    }
}

#[test]
fn a_pad_with_nothing_behind_it_is_refused() {
    let (position, word) = (LEAST as u64 - 64, header(Kind::Pad, 56));
    let reader = lied_to(position, &[(LEAST - 64, word)]);
    assert_eq!(reader.peek(), Err(Corrupt::Pad { position, word }));
}

#[test]
fn a_pad_ends_where_the_memory_ends() {
    let position = LEAST as u64 - 64;
    for len in [0, 48, 55, 57, 64, LEAST as u64 - 8, u64::from(u32::MAX)] {
        let word = header(Kind::Pad, len);
        let reader = lied_to(position, &[(LEAST - 64, word), (0, header(Kind::Last, 8))]);
        assert_eq!(reader.peek(), Err(Corrupt::Pad { position, word }));
    }
}

#[test]
fn a_pad_over_the_whole_memory_is_refused() {
    for lap in [0, 1, 1 << 23] {
        let (position, word) = (lap * LEAST as u64, header(Kind::Pad, LEAST as u64 - 8));
        let reader = lied_to(position, &[(0, word)]);
        assert_eq!(reader.peek(), Err(Corrupt::Pad { position, word }));
    }
}

#[test]
fn one_pad_is_skipped_in_a_call() {
    // What lies behind the record is a pad again; the call that finds the record knows nothing of it.
    let mut reader = lied_to(
        LEAST as u64 - 64,
        &[
            (LEAST - 64, header(Kind::Pad, 56)),
            (0, header(Kind::More, 64)),
            (72, header(Kind::Pad, LEAST as u64 - 80)),
        ],
    );
    assert_eq!(take(&mut reader), (Kind::More, vec![0; 64]));
    assert_eq!(reader.position(), LEAST as u64 + 72);
    // One skip again, to a record that was released before: a lie, but one within the memory.
    assert_eq!(take(&mut reader), (Kind::More, vec![0; 64]));
    assert_eq!(reader.position(), 2 * LEAST as u64 + 72);
}

#[test]
fn a_record_ends_within_the_memory() {
    let position = LEAST as u64 - 64;
    for (len, fits) in [
        (55, true),
        (56, true),
        (57, false),
        (u64::from(u32::MAX), false),
    ] {
        let reader = lied_to(position, &[(LEAST - 64, header(Kind::Last, len))]);
        let expected = if fits {
            Ok(len as usize)
        } else {
            let room = 64;
            Err(Corrupt::Length {
                position,
                len,
                room,
            })
        };
        assert_eq!(reader.peek().map(|record| record.unwrap().len()), expected);
    }
}

#[test]
fn unknown_kinds_and_lengths_that_cannot_be_are_refused() {
    let words = [
        1,
        6 << 32,
        7 << 32,
        1 << 36 | 1 << 32,
        1 << 63 | 1 << 32,
        u64::MAX,
    ];
    for word in words
        .into_iter()
        .chain([header(Kind::End, 1), header(Kind::Abort, 8)])
    {
        let position = 64;
        let reader = lied_to(position, &[(64, word)]);
        assert_eq!(reader.peek(), Err(Corrupt::Header { position, word }));
    }
}

#[test]
fn positions_that_cannot_be_are_refused_and_forgotten() {
    let (ring, report) = (Heap::new(LEAST), Heap::new(8));
    let mut writer = Writer::new(ring.mapped_mut(), report.mapped(), 0).unwrap();
    writer.push(Kind::Last, &[1; 100]).unwrap();
    let (least, most) = (0, writer.position());
    for reported in [most + 8, 4, most - 1, u64::MAX, u64::MAX - 7] {
        report.scribble(0, reported);
        let expected = Err(Corrupt::Position {
            reported,
            least,
            most,
        });
        assert_eq!(
            (writer.look_at_reader(), writer.seen_reader()),
            (expected, 0)
        );
    }
    report.scribble(0, most);
    assert_eq!(writer.look_at_reader(), Ok(most));
    report.scribble(0, most - 8);
    let back = Corrupt::Position {
        reported: most - 8,
        least: most,
        most,
    };
    assert_eq!(writer.look_at_reader(), Err(back));
}
