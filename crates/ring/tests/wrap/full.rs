//! A ring with no room left, to the byte.

use ringmq_ring::{ClaimError, Kind};

use super::{LEAST, fill, payload, push_all, ring, take};

#[test]
fn a_claim_that_is_cut_short_stays_within_its_room() {
    // Less than a line remains behind the claimed record; a shorter one is moved on to the line after that.
    for claimed in 57..=128 {
        for len in 0..=claimed {
            // Records above a line are as long as they are: the head stands at every offset in turn.
            for last in (64..232).step_by(8) {
                let (mut writer, mut reader, _) = ring(LEAST, 0);
                push_all(&mut writer, &[248, 248, 248, last]);
                assert_eq!(writer.position(), 768 + 8 + last as u64);
                let Ok(claim) = writer.claim(claimed) else {
                    continue;
                };
                claim.publish(Kind::Last, len);
                let end = writer.position() + 8;
                assert!(end <= LEAST as u64, "{claimed} cut to {len}: {end}");
                assert_eq!(take(&mut reader).1, [0; 248]);
            }
        }
    }
}

#[test]
fn the_end_has_room_in_a_ring_that_is_full() {
    for start in (0..LEAST as u64).step_by(8) {
        for len in [0, 8, 56, 57, 248] {
            let (mut writer, mut reader, _) = ring(LEAST, start);
            let records = fill(&mut writer, len);
            writer.end();
            for number in 0..records {
                assert_eq!(reader.peek().unwrap().unwrap().kind(), Kind::Last);
                let (_, bytes) = take(&mut reader);
                assert!(bytes.iter().all(|&byte| byte == number as u8));
            }
            for _ in 0..2 {
                let end = reader.peek().unwrap().unwrap();
                assert_eq!((end.kind(), end.len()), (Kind::End, 0));
                assert!(!reader.release(end));
            }
        }
    }
}

#[test]
fn an_abort_has_the_room_that_was_spared() {
    for start in (0..LEAST as u64).step_by(8) {
        for len in [0, 8, 56, 57, 248] {
            let (mut writer, mut reader, _) = ring(LEAST, start);
            let mut pieces = 0;
            let mut len = len;
            loop {
                match writer.claim_sparing(len, 8) {
                    Ok(claim) => claim.publish(Kind::More, len),
                    Err(ClaimError::Full { .. }) if len > 0 => {
                        len /= 2;
                        continue;
                    }
                    Err(ClaimError::Full { .. }) => break,
                    Err(error) => panic!("{error}"),
                }
                pieces += 1;
            }
            writer.abort();
            assert!(matches!(writer.claim(0), Err(ClaimError::Full { .. })));
            writer.end();
            for _ in 0..pieces {
                assert_eq!(take(&mut reader).0, Kind::More);
            }
            assert_eq!(take(&mut reader), (Kind::Abort, vec![]));
            assert_eq!(reader.peek().unwrap().unwrap().kind(), Kind::End);
        }
    }
}

#[test]
fn the_smallest_ring_holds_its_longest_record_at_every_offset() {
    for start in (0..LEAST as u64).step_by(8) {
        let (mut writer, mut reader, _) = ring(LEAST, start);
        let longest = writer.longest();
        for round in 0..20_u8 {
            writer.push(Kind::Last, &vec![round; longest]).unwrap();
            let record = reader.peek().unwrap().unwrap();
            assert_eq!(payload(&reader, &record), vec![round; longest]);
            reader.release(record);
        }
        assert_eq!(
            writer.push(Kind::Last, &vec![0; longest + 1]),
            Err(ClaimError::TooLong {
                len: longest + 1,
                longest
            })
        );
    }
}

#[test]
fn a_full_ring_says_where_it_has_room_again() {
    for start in (0..LEAST as u64).step_by(8) {
        for len in (0..=248).step_by(31) {
            let (mut writer, mut reader, _) = ring(LEAST, start);
            fill(&mut writer, len);
            let Err(ClaimError::Full { wanted }) = writer.claim(len) else {
                panic!("it is full");
            };
            assert_eq!(wanted % (LEAST as u64 / 8), 0);
            assert!(wanted > reader.position() && wanted <= writer.position());
            let mut passed = false;
            while reader.position() < wanted {
                assert!(writer.claim(len).is_err() || reader.position() > start);
                let record = reader.peek().unwrap().unwrap();
                passed = reader.release(record);
            }
            assert!(passed, "{wanted} was passed unnoticed");
            assert!(writer.claim(len).is_ok());
        }
    }
}
