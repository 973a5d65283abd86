//! Every interleaving of an owner that writes memory again once it is home with a reader that uses the memory beyond its
//! record: the reader never sees what was written later.
//!
//! ```text
//! cargo xtask loom
//! ```
#![cfg(loom)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "model/failing.rs"]
mod failing;
mod model;

use std::array;

use failing::must_fail;
use loom::thread;
use model::{check, explored};
use ringmq_ring::model::Model;
use ringmq_ring::{ENTRIES, Lending, LendingSeen, MemoryMut, Returning, Word};

/// The name of the memory, and the position behind the record that names it.
const NAME: u64 = 77;
const END: u64 = 64;

fn words<const N: usize>(memory: &Model) -> [Word<Model>; N] {
    // Only two of the entries are used: each word that loom watches costs it time.
    array::from_fn(|_| Word::new(memory.clone()).unwrap())
}

/// What the reader does in the wrong order.
#[derive(Clone, Copy, PartialEq)]
enum Fault {
    None,
    /// It stores its position before it names the memory.
    PositionFirst,
    /// It gives the entry up before it has read the memory.
    GivenUpFirst,
}

/// The reader passes a record, and uses its memory twice: where it lies, and as another record has it. The owner writes it
/// when it is home.
fn lending(fault: Fault) {
    let (position, used, entry, memory) =
        (Model::new(8), Model::new(8), Model::new(8), Model::new(8));
    let (one, other) = (Model::new(8), Model::new(8));
    let seen = LendingSeen::new(
        Word::new(position.clone()).unwrap(),
        Word::new(used.clone()).unwrap(),
        words::<ENTRIES>(&entry),
    );
    let written = Word::new(memory.clone()).unwrap();
    let mut table = Lending::new(Word::new(used.clone()).unwrap(), words::<ENTRIES>(&entry));
    let returning = Returning::new(Word::new(used).unwrap());
    let owner = thread::spawn(move || {
        // SAFETY: one word.
        unsafe { one.publish(0, 1) };
        for _ in 0..3 {
            if seen.look().is_home(END, NAME) {
                written.publish(1);
                return;
            }
            thread::yield_now();
        }
    });
    let reader = thread::spawn(move || {
        // SAFETY: one word.
        unsafe { other.publish(0, 1) };
        let position = Word::new(position).unwrap();
        let memory = Word::new(memory).unwrap();
        if fault == Fault::PositionFirst {
            position.publish(END);
        }
        let entry = table.lend(NAME).unwrap();
        position.publish(END);
        if fault == Fault::GivenUpFirst {
            returning.give_up(entry);
        }
        assert_eq!(memory.load(), 0, "written while it was read");
        returning.give_up(entry);
        // The entry has another name, which is none of the owner's affair.
        table.lend(NAME + 1).unwrap();
    });
    owner.join().unwrap();
    reader.join().unwrap();
}

#[test]
fn memory_is_written_only_when_the_reader_has_given_it_up() {
    explored(check(|| lending(Fault::None)), 100);
}

/// Must fail: the owner finds neither the record nor the name.
#[test]
fn a_position_before_the_name_is_too_early() {
    must_fail("written while it was read", || {
        lending(Fault::PositionFirst)
    });
}

/// Must fail.
#[test]
fn an_entry_that_is_given_up_too_early_is_written() {
    must_fail("written while it was read", || lending(Fault::GivenUpFirst));
}

/// One thread gives an entry up while another lends the next one: neither change is lost.
#[test]
fn entries_that_two_threads_change_do_not_undo_each_other() {
    let lend_and_give_up = || {
        let (position, used) = (Model::new(8), Model::new(8));
        let entries: [Model; ENTRIES] = array::from_fn(|_| Model::new(8));
        let words = || entries.clone().map(|entry| Word::new(entry).unwrap());
        let seen = LendingSeen::new(
            Word::new(position).unwrap(),
            Word::new(used.clone()).unwrap(),
            words(),
        );
        let mut table = Lending::new(Word::new(used.clone()).unwrap(), words());
        let returning = Returning::new(Word::new(used).unwrap());
        let first = table.lend(NAME).unwrap();
        let other = thread::spawn(move || returning.give_up(first));
        table.lend(NAME + 1).unwrap();
        other.join().unwrap();
        let seen = seen.look();
        assert!(seen.is_home(0, NAME), "a bit that was cleared is set");
        assert!(!seen.is_home(0, NAME + 1), "a bit that was set is clear");
    };
    explored(check(lend_and_give_up), 2);
}
