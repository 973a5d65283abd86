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
//! Each store has release ordering, and each load acquire ordering. An owner that sees the position behind the record sees
//! the bit, too, or that it was cleared, and then the reader's loads came before. An entry that got another name since its
//! bit was loaded was given up before that.

use crate::memory::{Memory, MemoryMut};
use crate::word::Word;

/// The entries of a table.
pub const ENTRIES: usize = 14;

/// The table of a reader: what it uses.
#[derive(Debug)]
pub struct Lending<M> {
    used: Word<M>,
    entries: [Word<M>; ENTRIES],
    value: u64,
}

impl<M: MemoryMut> Lending<M> {
    /// An empty table in these words, of which it is the only writer.
    pub fn new(used: Word<M>, entries: [Word<M>; ENTRIES]) -> Lending<M> {
        used.publish(0);
        Lending {
            used,
            entries,
            value: 0,
        }
    }

    /// Names memory that the reader uses from now on, and returns its entry. `None` if the table is full. The reader's
    /// position must be stored after that.
    pub fn lend(&mut self, name: u64) -> Option<usize> {
        let entry = self.value.trailing_ones() as usize;
        // SYNC POINT `lent`: pairs with the loads in `LendingSeen::look`.
        self.entries.get(entry)?.publish(name);
        self.value |= 1 << entry;
        self.used.publish(self.value);
        Some(entry)
    }

    /// The reader uses the memory of this entry no more.
    pub fn give_up(&mut self, entry: usize) {
        self.value &= !(1 << entry);
        // SYNC POINT `lent`: as above; the reader's loads of the memory come before.
        self.used.publish(self.value);
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
