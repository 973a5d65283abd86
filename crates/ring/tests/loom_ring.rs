//! Every interleaving of a writer and a reader, over the very code that runs on mapped memory.
//!
//! ```text
//! cargo xtask loom
//! ```
//!
//! Both threads begin with a store, the executions are counted, and what must fail is seen to fail: a
//! model that explores nothing passes everything.
#![cfg(loom)]

mod model;

use std::mem::MaybeUninit;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;

use loom::thread;
use model::{check, explored};
use ringmq_ring::model::Model;
use ringmq_ring::{ClaimError, Kind, MemoryMut, Reader, Writer};

const CAPACITY: usize = 1024;

type ModelWriter = Writer<Model, Model>;
type ModelReader = Reader<Model, Model>;

/// Receives one message if one is there.
fn take(reader: &mut ModelReader) -> Option<Vec<u8>> {
    let record = reader.peek().expect("the writer is honest")?;
    let mut payload = vec![MaybeUninit::uninit(); record.len()];
    assert_eq!(reader.copy_out(&record, 0, &mut payload), record.len());
    reader.release(record);
    // SAFETY: `copy_out` has initialised as many bytes as it says, which is all of them.
    Some(
        payload
            .into_iter()
            .map(|byte| unsafe { byte.assume_init() })
            .collect(),
    )
}

/// Takes what comes in a few looks, and asserts that it is a beginning of `sent`.
fn take_in_order(reader: &mut ModelReader, sent: &[Vec<u8>]) {
    let mut next = sent.iter();
    for _ in 0..sent.len() + 2 {
        if let Some(message) = take(reader) {
            assert_eq!(Some(&message), next.next(), "whole, and in order");
        }
    }
}

/// A writer of `messages` from `start` on, one by one or as a batch, against a reader.
fn publication(start: u64, messages: &'static [&'static [u8]], batch: bool, publish: Ordering) {
    let ring = Model::with_publish(CAPACITY, publish);
    let report = Model::new(8);
    let (ring_read, report_read) = (ring.clone(), report.clone());
    let writing = thread::spawn(move || {
        let mut writer: ModelWriter = Writer::new(ring, report_read, start).unwrap();
        for message in messages {
            let mut claim = writer.claim(message.len()).unwrap();
            claim.copy_from(message);
            claim.commit(Kind::Last);
            if !batch {
                writer.publish();
            }
        }
        writer.publish();
    });
    let reading = thread::spawn(move || {
        let mut reader: ModelReader = Reader::new(ring_read, report, start).unwrap();
        let sent: Vec<Vec<u8>> = messages.iter().map(|message| message.to_vec()).collect();
        take_in_order(&mut reader, &sent);
    });
    writing.join().unwrap();
    reading.join().unwrap();
}

#[test]
fn a_message_is_whole_or_absent() {
    let count =
        check(move || publication(0, &[b"12345678", b"abcdefghijkl"], false, Ordering::Release));
    explored(count, 50);
}

#[test]
fn a_pad_is_never_seen_without_the_record_behind_it() {
    // 24 bytes remain before the wrap: the first record fits exactly, or the second needs a pad.
    let start = (CAPACITY - 24) as u64;
    let count =
        check(move || publication(start, &[b"123456789", b"abc"], false, Ordering::Release));
    explored(count, 50);
    let count = check(move || {
        publication(
            start,
            &[b"12345678901234567", b"abc"],
            false,
            Ordering::Release,
        )
    });
    explored(count, 50);
}

#[test]
fn a_batch_is_published_by_one_store() {
    let start = (CAPACITY - 24) as u64;
    let count = check(move || {
        publication(
            start,
            &[b"1", b"12345678901234567", b"2"],
            true,
            Ordering::Release,
        )
    });
    explored(count, 50);
}

/// Must fail: without the release, a header can be seen before its payload.
#[test]
fn without_the_release_a_message_is_torn() {
    let torn = catch_unwind(AssertUnwindSafe(|| {
        check(move || publication(0, &[b"12345678", b"abcdefghijkl"], false, Ordering::Relaxed));
    }));
    assert!(torn.is_err(), "the model has not found the missing release");
}

/// A full ring: what is written anew never reaches a record that is still being read.
#[test]
fn room_is_reused_only_when_it_was_released() {
    const LONG: usize = 248;
    let count = check(|| {
        let (ring, report) = (Model::new(CAPACITY), Model::new(8));
        let (ring_read, report_read) = (ring.clone(), report.clone());
        let mut writer: ModelWriter = Writer::new(ring, report_read, 0).unwrap();
        let mut filled = 0u8;
        loop {
            match writer.push(Kind::Last, &[filled; LONG]) {
                Ok(()) => filled += 1,
                Err(ClaimError::Full { .. }) => break,
                Err(error) => panic!("{error}"),
            }
        }
        assert_eq!(filled, 3);
        let beside = Model::new(8);
        let beside_too = beside.clone();
        let writing = thread::spawn(move || {
            // SAFETY: one word.
            unsafe { beside.store(0, 1) };
            for _ in 0..2 {
                match writer.push(Kind::Last, &[filled; LONG]) {
                    Ok(()) => return,
                    Err(ClaimError::Full { wanted }) => assert!(wanted <= writer.position()),
                    Err(error) => panic!("{error}"),
                }
            }
        });
        let reading = thread::spawn(move || {
            // SAFETY: one word.
            unsafe { beside_too.store(0, 2) };
            let mut reader: ModelReader = Reader::new(ring_read, report, 0).unwrap();
            let sent: Vec<Vec<u8>> = (0..4).map(|number| vec![number; LONG]).collect();
            take_in_order(&mut reader, &sent);
        });
        writing.join().unwrap();
        reading.join().unwrap();
    });
    explored(count, 20);
}

/// The end is seen after everything that was published before it.
#[test]
fn the_end_comes_last() {
    let count = check(|| {
        let (ring, report) = (Model::new(CAPACITY), Model::new(8));
        let (ring_read, report_read) = (ring.clone(), report.clone());
        let writing = thread::spawn(move || {
            let mut writer: ModelWriter = Writer::new(ring, report_read, 0).unwrap();
            writer.push(Kind::Last, b"12345678").unwrap();
            writer.end();
        });
        let reading = thread::spawn(move || {
            let mut reader: ModelReader = Reader::new(ring_read, report, 0).unwrap();
            let mut received = false;
            for _ in 0..4 {
                match reader.peek().unwrap() {
                    Some(record) if record.kind() == Kind::End => {
                        assert!(received, "the end has come before the message");
                        return;
                    }
                    Some(record) => {
                        received = true;
                        reader.release(record);
                    }
                    None => {}
                }
            }
        });
        writing.join().unwrap();
        reading.join().unwrap();
    });
    explored(count, 10);
}
