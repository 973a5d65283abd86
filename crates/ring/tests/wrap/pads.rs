//! Bytes that belong to no record keep what the ring held before, or are zero: nothing of the heap gets into them.

use ringmq_ring::{Kind, LINE};

use super::{LEAST, ring, take};
use crate::heap::Heap;

fn bytes(memory: &Heap) -> Vec<u8> {
    let words = (0..LEAST)
        .step_by(8)
        .map(|offset| memory.word_at(offset).to_ne_bytes());
    words.flatten().collect()
}

#[test]
fn a_record_changes_its_payload_and_three_headers() {
    for start in [0, 1000, (1 << 32) - 24] {
        let (mut writer, mut reader, memory) = ring(LEAST, start);
        for round in 0..1000 {
            let len = round * 37 % (writer.longest() + 1);
            let (before, head) = (bytes(&memory), writer.position() as usize % LEAST);
            writer.push(Kind::Last, &vec![0x11; len]).unwrap();
            let (after, next) = (bytes(&memory), writer.position() as usize % LEAST);
            assert_eq!(take(&mut reader).1, vec![0x11; len]);
            let at = if head + 8 + len <= LEAST { head } else { 0 };
            let payload = at + 8..at + 8 + len;
            for offset in 0..LEAST {
                let header = [head, at, next].contains(&(offset / 8 * 8));
                // The portable copy stores whole words, with zeros behind the payload.
                let rest_of_word =
                    offset >= payload.end && offset < payload.end.next_multiple_of(8);
                // The first word of a line that is taken from the reader ahead of its time.
                let ahead = (offset as u64 % LINE) < 8;
                let kept = after[offset] == before[offset]
                    || (rest_of_word || ahead) && after[offset] == 0;
                assert!(
                    header || payload.contains(&offset) || kept,
                    "{offset}, {payload:?}"
                );
            }
        }
    }
}
