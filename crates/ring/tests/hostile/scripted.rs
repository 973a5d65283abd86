//! Memory that answers every load with another word, and counts the loads.

use std::cell::{Cell, RefCell};
use std::mem::MaybeUninit;
use std::rc::Rc;

use ringmq_ring::Memory;

use crate::lies;
use crate::random::Random;

/// What was asked of a memory since the last [`Script::forget`].
#[derive(Debug)]
pub(crate) struct Script {
    pub(crate) len: usize,
    pub(crate) random: RefCell<Random>,
    /// What a report may lie around.
    pub(crate) around: Cell<(u64, u64)>,
    /// Offsets and words, in the order in which they were loaded.
    loads: RefCell<Vec<(usize, u64)>>,
}

impl Script {
    pub(crate) fn new(len: usize, seed: u64) -> Rc<Script> {
        Rc::new(Script {
            len,
            random: RefCell::new(Random::new(seed)),
            around: Cell::new((0, 0)),
            loads: RefCell::default(),
        })
    }

    /// Begins an operation.
    pub(crate) fn forget(&self) {
        self.loads.borrow_mut().clear();
    }

    /// The loads of an operation, which never loads a word twice.
    pub(crate) fn loads_at_most_one_each(&self) -> Vec<(usize, u64)> {
        let loads = self.loads.borrow().clone();
        for (index, one) in loads.iter().enumerate() {
            assert!(
                loads[..index].iter().all(|other| other.0 != one.0),
                "one word was loaded twice: {loads:#x?}"
            );
        }
        loads
    }

    /// All loads of an operation.
    pub(crate) fn loads(&self) -> Vec<(usize, u64)> {
        self.loads.borrow().clone()
    }

    fn load(&self, offset: usize, word: u64) -> u64 {
        assert!(
            offset.is_multiple_of(8) && offset + 8 <= self.len,
            "{offset}"
        );
        self.loads.borrow_mut().push((offset, word));
        word
    }

    fn copy_out(&self, offset: usize, into: &mut [MaybeUninit<u8>]) {
        let end = offset + into.len().next_multiple_of(8);
        assert!(
            offset.is_multiple_of(8) && end <= self.len,
            "{offset}..{end}"
        );
        into.fill(MaybeUninit::new(self.random.borrow_mut().word() as u8));
    }
}

/// A ring's memory full of headers that a liar would choose.
#[derive(Debug)]
pub(crate) struct Headers(pub(crate) Rc<Script>);

// SAFETY: it touches no memory but its own, and checks the bounds.
unsafe impl Memory for Headers {
    fn len(&self) -> usize {
        self.0.len
    }

    unsafe fn load(&self, offset: usize) -> u64 {
        let capacity = self.0.len as u64;
        let word = lies::header(&mut self.0.random.borrow_mut(), capacity, offset as u64);
        self.0.load(offset, word)
    }

    unsafe fn copy_out(&self, offset: usize, into: &mut [MaybeUninit<u8>]) {
        self.0.copy_out(offset, into);
    }
}

/// A word that holds positions around the possible ones.
#[derive(Debug)]
pub(crate) struct Positions(pub(crate) Rc<Script>);

// SAFETY: as above.
unsafe impl Memory for Positions {
    fn len(&self) -> usize {
        self.0.len
    }

    unsafe fn load(&self, offset: usize) -> u64 {
        let (least, most) = self.0.around.get();
        let word = lies::position(&mut self.0.random.borrow_mut(), least, most);
        self.0.load(offset, word)
    }

    unsafe fn copy_out(&self, offset: usize, into: &mut [MaybeUninit<u8>]) {
        self.0.copy_out(offset, into);
    }
}
