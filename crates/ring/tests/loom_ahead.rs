//! The lines that a writer takes ahead of their time hold nothing that is unread, in every interleaving.
#![cfg(loom)]

mod model;

use std::mem::MaybeUninit;
use std::panic::{AssertUnwindSafe, catch_unwind};

use loom::thread;
use model::{check, explored};
use ringmq_ring::model::Model;
use ringmq_ring::{ClaimError, Kind, LINE, MemoryMut, Reader, Writer};

const CAPACITY: usize = 1024;
/// With its header it fills two lines. Seven of them fill the ring.
const LONG: usize = 120;

/// Receives a message, if there is one, and sees that it is the one expected.
fn take(reader: &mut Reader<Model, Model>, expected: &mut u8) -> bool {
    let Some(record) = reader.peek().expect("the writer is honest") else {
        return false;
    };
    let mut payload = [MaybeUninit::uninit(); LONG];
    assert_eq!(reader.copy_out(&record, 0, &mut payload), LONG);
    reader.release(record);
    // SAFETY: `copy_out` has initialised as many bytes as it says, which is all of them.
    let whole = payload.map(|byte| unsafe { byte.assume_init() });
    assert_eq!(whole, [*expected; LONG], "whole, and in order");
    *expected += 1;
    true
}

/// A writer that finds its ring full, and writes as much as there comes to be room for; and a reader.
fn ahead(beyond: usize) {
    let (ring, report) = (Model::with_owned_beyond(CAPACITY, beyond), Model::new(8));
    let (ring_read, report_read) = (ring.clone(), report.clone());
    let mut writer = Writer::new(ring, report_read, 0).unwrap();
    let mut written = 0_u8;
    while writer.push(Kind::Last, &[written; LONG]).is_ok() {
        written += 1;
    }
    assert_eq!(written, 7);
    let (beside, beside_too) = (Model::new(8), Model::new(8));
    let writing = thread::spawn(move || {
        // SAFETY: one word.
        unsafe { beside.store(0, 1) };
        for _ in 0..2 {
            match writer.push(Kind::Last, &[written; LONG]) {
                Ok(()) => written += 1,
                Err(ClaimError::Full { .. }) => {}
                Err(error) => panic!("{error}"),
            }
        }
        written
    });
    let reading = thread::spawn(move || {
        // SAFETY: one word.
        unsafe { beside_too.store(0, 1) };
        let mut reader = Reader::new(ring_read, report, 0).unwrap();
        let mut next = 0;
        for _ in 0..3 {
            take(&mut reader, &mut next);
        }
        (reader, next)
    });
    let written = writing.join().unwrap();
    let (mut reader, mut next) = reading.join().unwrap();
    while take(&mut reader, &mut next) {}
    assert_eq!(next, written, "a message has gone");
}

#[test]
fn lines_that_are_taken_ahead_hold_nothing_unread() {
    explored(check(|| ahead(0)), 20);
}

/// Must fail: a line farther, and it is that of the oldest message which is unread.
#[test]
fn a_line_too_far_takes_a_message_away() {
    let gone = catch_unwind(AssertUnwindSafe(|| check(|| ahead(LINE as usize))));
    assert!(gone.is_err(), "no interleaving lost the message");
}
