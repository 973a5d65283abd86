//! The order in which a writer stores: the one publication comes last, and names what is complete.

use std::cell::RefCell;
use std::mem::MaybeUninit;
use std::rc::Rc;

use ringmq_ring::{Kind, Mapped, Memory, MemoryMut, Writer};

use super::LEAST;
use crate::heap::{Heap, Held};

/// What was done to the memory, in order: the offset, and a word or how many bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    CopyIn(usize, usize),
    Store(usize, u64),
    Publish(usize, u64),
}

use Step::{CopyIn, Publish, Store};

/// Memory that remembers only what was done to it.
#[derive(Debug, Clone, Default)]
struct Recorded(Rc<RefCell<Vec<Step>>>);

// SAFETY: it touches no memory at all.
unsafe impl Memory for Recorded {
    fn len(&self) -> usize {
        LEAST
    }

    unsafe fn load(&self, offset: usize) -> u64 {
        panic!("the writer read its own memory at {offset}")
    }

    unsafe fn copy_out(&self, offset: usize, _: &mut [MaybeUninit<u8>]) {
        panic!("the writer read its own memory at {offset}")
    }
}

// SAFETY: as above.
unsafe impl MemoryMut for Recorded {
    unsafe fn publish(&self, offset: usize, word: u64) {
        self.0.borrow_mut().push(Publish(offset, word));
    }

    unsafe fn store(&self, offset: usize, word: u64) {
        self.0.borrow_mut().push(Store(offset, word));
    }

    unsafe fn copy_in(&self, offset: usize, from: &[u8]) {
        self.0.borrow_mut().push(CopyIn(offset, from.len()));
    }
}

fn header(kind: Kind, len: u64) -> u64 {
    (kind as u64) << 32 | len
}

/// What `write` does to a ring at `start`.
fn steps(start: u64, write: impl FnOnce(&mut Writer<Recorded, Held<Mapped>>)) -> Vec<Step> {
    let memory = Recorded::default();
    let report = Heap::new(8);
    report.scribble(0, start);
    let mut writer = Writer::new(memory.clone(), report.mapped(), start).unwrap();
    write(&mut writer);
    memory.0.take()
}

#[test]
fn a_record_is_published_by_the_last_store_of_all() {
    let steps = steps(0, |writer| writer.push(Kind::Last, b"hello").unwrap());
    assert_eq!(
        steps,
        [
            CopyIn(8, 5),
            Store(16, 0),
            Publish(0, header(Kind::Last, 5))
        ]
    );
}

#[test]
fn a_pad_is_published_after_the_record_behind_it() {
    let steps = steps(1000, |writer| writer.push(Kind::Last, &[1; 64]).unwrap());
    assert_eq!(
        steps,
        [
            CopyIn(8, 64),
            Store(72, 0),
            Store(0, header(Kind::Last, 64)),
            Publish(1000, header(Kind::Pad, 16)),
        ]
    );
}

#[test]
fn a_batch_is_published_by_its_first_header() {
    let steps = steps(992, |writer| {
        for len in [8, 64, 0] {
            writer.claim(len).unwrap().commit(Kind::More);
        }
        assert!(writer.has_unpublished());
        assert_eq!(writer.position(), 992);
        writer.publish();
        writer.publish();
    });
    assert_eq!(
        steps,
        [
            Store(1008, 0),
            // The pad and the record behind it are invisible until the first header is there.
            Store(72, 0),
            Store(0, header(Kind::More, 64)),
            Store(1008, header(Kind::Pad, 8)),
            Store(80, 0),
            Store(72, header(Kind::More, 0)),
            Publish(992, header(Kind::More, 8)),
        ]
    );
}

#[test]
fn the_end_publishes_what_was_committed_and_then_itself() {
    let steps = steps(0, |writer| {
        writer.claim(0).unwrap().commit(Kind::Last);
        writer.end();
    });
    assert_eq!(
        steps,
        [
            Store(8, 0),
            Publish(0, header(Kind::Last, 0)),
            Publish(8, header(Kind::End, 0)),
        ]
    );
}

#[test]
fn nothing_is_stored_for_a_claim_that_is_dropped_or_refused() {
    let steps = steps(1000, |writer| {
        drop(writer.claim(64).unwrap());
        drop(writer.claim_sparing(8, 8).unwrap());
        assert!(writer.claim(LEAST).is_err());
        writer.publish();
    });
    assert_eq!(steps, []);
}
