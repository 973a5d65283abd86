//! Which memory a reader still uses where it lies, beyond the records that it has passed.
//!
//! ```text
//!   reader                                           owner
//!   write the name into an entry                     load the position
//!   set the entry's bit                              load the bits, and the entries of those that are set
//!   store the position behind the record             the record is passed, and no entry has the name:
//!   ... load the memory ...                          write the memory
//!   clear the bit
//! ```
//!
//! The bits are changed one at a time, by atomic operations, so that any thread can give an entry up. Each store has
//! release ordering, and each load acquire ordering. An owner that sees the position behind the record sees
//! the bit, too, or that it was cleared, and then the reader's loads came before. An entry that got another name since its
//! bit was loaded was given up before that.

use crate::atomics;
use crate::mapped::MappedMut;
use crate::memory::{Memory, MemoryBits};
use crate::word::Word;

/// The entries of a table.
pub const ENTRIES: usize = 14;

/// The table of a reader: what it uses. One thread at a time names memory, and others may [give it up](Returning).
#[derive(Debug)]
pub struct Lending<M> {
    used: Word<M>,
    entries: [Word<M>; ENTRIES],
}

/// The side of a table that gives entries up, in any thread.
#[derive(Debug)]
pub struct Returning<M> {
    used: Word<M>,
}

// SAFETY: the word is changed by atomic operations of single bits only, in any number of threads.
unsafe impl Sync for Returning<MappedMut> {}

impl<M: MemoryBits> Lending<M> {
    /// An empty table in these words. Nothing else writes them, but for the [`Returning`] over the same word `used`.
    pub fn new(used: Word<M>, entries: [Word<M>; ENTRIES]) -> Lending<M> {
        used.publish(0);
        Lending { used, entries }
    }

    /// Names memory that the reader uses from now on, and returns its entry. `None` if the table is full. The reader's
    /// position must be stored after that.
    #[inline]
    pub fn lend(&mut self, name: u64) -> Option<usize> {
        // Bits are set here only, so that those that are clear stay so.
        let used = self.used.load();
        let entry = used.trailing_ones() as usize;
        // SYNC POINT `lent`: pairs with the loads in `LendingSeen::look`.
        self.entries.get(entry)?.publish(name);
        if used == 0 {
            // No entry can be given up meanwhile.
            self.used.publish(1);
        } else {
            self.used.set_bits(1 << entry);
        }
        Some(entry)
    }
}

impl<M: MemoryBits> Returning<M> {
    /// For the table with this word, which a [`Lending`] has, too.
    pub fn new(used: Word<M>) -> Returning<M> {
        Returning { used }
    }

    /// The reader uses the memory of this entry no more. Orders that before every load that follows, as
    /// [`order`](crate::order) does.
    #[inline]
    pub fn give_up(&self, entry: usize) {
        // SYNC POINT `lent`: as in `Lending::lend`; the reader's loads of the memory come before.
        self.used.clear_bits(1 << entry);
        atomics::fence_behind_change();
    }
}

/// The words of a reader as the owner of the memory sees them.
#[derive(Debug)]
pub struct LendingSeen<M> {
    position: Word<M>,
    used: Word<M>,
    entries: [Word<M>; ENTRIES],
}

/// What the owner has seen at one time.
#[derive(Debug, Clone, Copy)]
pub struct Lent {
    position: u64,
    names: [u64; ENTRIES],
    count: usize,
}

impl<M: Memory> LendingSeen<M> {
    /// The words of the reader's position, and of its table.
    pub fn new(position: Word<M>, used: Word<M>, entries: [Word<M>; ENTRIES]) -> LendingSeen<M> {
        LendingSeen {
            position,
            used,
            entries,
        }
    }

    /// Looks at the position, and then at the table.
    pub fn look(&self) -> Lent {
        let mut lent = Lent {
            // SYNC POINT `report`: as in `Writer::look_at_reader`.
            position: self.position.load(),
            names: [0; ENTRIES],
            count: 0,
        };
        // SYNC POINT `lent`: pairs with `Lending`.
        let mut used = self.used.load() & ((1 << ENTRIES) - 1);
        while used != 0 {
            lent.names[lent.count] = self.entries[used.trailing_zeros() as usize].load();
            lent.count += 1;
            used &= used - 1;
        }
        lent
    }
}

impl Lent {
    /// The reader's position.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Returns true if the reader does not use the memory of this name any more, which a record that ends at `end` names.
    pub fn is_home(&self, end: u64, name: u64) -> bool {
        end <= self.position && !self.names[..self.count].contains(&name)
    }
}
