//! A ring that goes on in other memory, in every interleaving.
#![cfg(loom)]

mod model;

use std::mem::MaybeUninit;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;

use loom::thread;
use model::{check, explored};
use ringmq_ring::model::Model;
use ringmq_ring::{Kind, MemoryMut, Reader, Writer};

const SMALL: usize = 1024;
const LARGE: usize = 2048;
const FIRST: &[u8] = b"12345678";
const SECOND: &[u8] = b"abcdefghijkl";

/// A writer that jumps between two messages and uses the memory that it has left as soon as it may; and a reader that
/// follows. `start` is where the first memory begins.
fn jump(start: u64, publish: Ordering) {
    let small = Model::with_publish(SMALL, publish);
    let large = Model::with_publish(LARGE, publish);
    let report = Model::new(8);
    let (small_read, large_read, report_read) = (small.clone(), large.clone(), report.clone());
    let mut reader = Reader::new(small_read, report, start).unwrap().growing();
    let beside = Model::new(8);
    let writing = thread::spawn(move || {
        let mut writer = Writer::new(small, report_read, start).unwrap();
        writer.push(Kind::Last, FIRST).unwrap();
        let left = writer.jump(large).unwrap();
        writer.push(Kind::Last, SECOND).unwrap();
        for _ in 0..2 {
            let seen = writer.look_at_reader().unwrap();
            assert_eq!(writer.is_reader_here(), seen >= LARGE as u64);
            if writer.is_reader_here() {
                for offset in (0..SMALL).step_by(8) {
                    // SAFETY: words within the memory, which the reader has left.
                    unsafe { left.store(offset, u64::MAX) };
                }
                return;
            }
        }
    });
    let reading = thread::spawn(move || {
        // SAFETY: one word.
        unsafe { beside.store(0, 1) };
        let mut expected = [FIRST, SECOND].into_iter();
        for _ in 0..5 {
            let Some(record) = reader.peek().expect("the writer is honest") else {
                continue;
            };
            if record.kind() == Kind::Jump {
                assert_eq!(expected.len(), 1, "the jump comes between the two");
                reader.jump(large_read.clone()).unwrap();
                continue;
            }
            let mut payload = [MaybeUninit::uninit(); 16];
            let len = reader.copy_out(&record, 0, &mut payload);
            // SAFETY: `copy_out` has initialised as many bytes as it says.
            let payload = payload[..len]
                .iter()
                .map(|byte| unsafe { byte.assume_init() });
            let expected = expected.next().expect("two messages");
            assert!(payload.eq(expected.iter().copied()), "whole, and in order");
            reader.release(record);
        }
    });
    writing.join().unwrap();
    reading.join().unwrap();
}

#[test]
fn a_ring_goes_on_in_other_memory() {
    // In the midst of the memory, and where its last word is the jump.
    for start in [0, SMALL as u64 - 24] {
        let count = check(move || jump(start, Ordering::Release));
        explored(count, 100);
    }
}

/// Must fail: without the release, the jump can be seen before what was written in front of it.
#[test]
fn without_the_release_the_jump_overtakes() {
    let wrong = catch_unwind(AssertUnwindSafe(|| {
        check(move || jump(0, Ordering::Relaxed));
    }));
    assert!(
        wrong.is_err(),
        "the model has not found the missing release"
    );
}
