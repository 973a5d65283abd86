//! The record ring of ringmq: one writer, one reader, memory that the caller provides.
//!
//! ```text
//!    writer's memory (the reader only reads it)
//!    +-----------------------------------------------------------------------+
//!    | ... read ... | rec | rec | rec | 0 |            free                   |
//!    +-----------------------------------------------------------------------+
//!                   ^ position        ^ published: a header of zero
//!    reader's memory (the writer only reads it)
//!    +----------+
//!    | position |   stored with every record, loaded when the writer runs out of room
//!    +----------+
//! ```
//!
//! # The contract
//!
//! * Each side writes only its own memory (invariant I1) and believes nothing that it reads from the
//!   other's (I3): each word is loaded once, checked, then used. A wrong word is a [`Corrupt`] error.
//! * A record is whole or absent (I5): it is published by one store, of its header.
//! * Nothing here waits, allocates, or calls the system. Readiness goes up as returned values (I10).
//!
//! # The path of one message
//!
//! 1. The writer [claims](Writer::claim) room: arithmetic on private words, unless the room it knows of is spent.
//! 2. It copies the payload in, clears the header that will follow, and
//! 3. stores the record's header with release: the message is [published](Writer::publish).
//! 4. It [looks](GenerationSeen::look) at the reader's [announcement](Generation): the reader is awake.
//! 5. The reader, polling that header, [sees it](Reader::peek): one cache line has travelled.
//! 6. It checks kind and length, copies the payload out, and
//! 7. stores its position: the room is the writer's again.
//!
//! The reader polls the header itself, not an index beside it, so a small message costs the transfer of
//! one line, not of two. docs/performance.md has the comparison.
//!
//! # Example
//!
//! ```
//! use std::ptr::NonNull;
//! use ringmq_ring::{Kind, Mapped, MappedMut, Reader, Writer};
//!
//! // In a process of its own each side would map the other's memory read-only.
//! let ring: &'static mut [u64] = vec![0; 512].leak();
//! let ring = NonNull::new(ring.as_mut_ptr().cast::<u8>()).unwrap();
//! let report: &'static mut [u64] = vec![0; 1].leak();
//! let report = NonNull::new(report.as_mut_ptr().cast::<u8>()).unwrap();
//!
//! // SAFETY: leaked memory of these sizes, written by one side each.
//! let (mut writer, mut reader) = unsafe {
//!     (
//!         Writer::new(MappedMut::new(ring, 4096), Mapped::new(report, 8), 0)?,
//!         Reader::new(Mapped::new(ring, 4096), MappedMut::new(report, 8), 0)?,
//!     )
//! };
//! writer.push(Kind::Last, b"hello")?;
//! let record = reader.peek()?.expect("published");
//! let mut payload = [std::mem::MaybeUninit::uninit(); 5];
//! assert_eq!((record.len(), reader.copy_out(&record, 0, &mut payload)), (5, 5));
//! reader.release(record);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![no_std]

extern crate alloc;
#[cfg(any(test, loom))]
extern crate std;

mod announcement;
mod atomics;
mod copy;
mod error;
mod heap;
mod lending;
mod mapped;
mod memory;
#[cfg(loom)]
pub mod model;
mod reader;
mod record;
mod room;
mod tally;
mod word;
mod words;
mod writer;

pub use announcement::{Generation, GenerationSeen, Look, Owed, Wanted, WantedSeen};
pub use error::{BadCapacity, ClaimError, Corrupt};
pub use heap::{BODY_MOST, Consumer, Producer, elements};
pub use lending::{ENTRIES, Lending, LendingSeen, Lent, Returning};
pub use mapped::{Mapped, MappedMut};
pub use memory::{Contiguous, Memory, MemoryBits, MemoryMut};
pub use reader::{Reader, Record};
pub use record::{HEADER, Kind, LENGTH_LIMIT, LINE};
pub use room::Room;
pub use tally::Tally;
pub use word::Word;
pub use words::{Words, WordsMut, words};
pub use writer::{Claim, Writer};

/// The smallest capacity in bytes.
pub const CAPACITY_LEAST: usize = 1024;

/// The greatest capacity in bytes: a header can name every length in it.
pub const CAPACITY_MOST: usize = 1 << 31;

/// The longest payload that fits one record in a ring of `capacity` bytes.
///
/// Three eighths, less a line: then a writer that finds the ring full, pad and all, can wait for a multiple of
/// an eighth that lies at or before the end of what it has published, and the reader passes that for certain.
pub const fn longest_record(capacity: u64) -> usize {
    (capacity / 8 * 3 - 2 * LINE) as usize
}

/// Orders every store before it against every load after it, in this thread: a full fence.
pub fn order() {
    atomics::fence();
}

/// Where memory of this capacity begins that is jumped to from `position`: at its own start, and behind that.
fn behind(position: u64, capacity: u64) -> u64 {
    (position / capacity + 1) * capacity
}

fn check_capacity(bytes: usize) -> Result<u64, BadCapacity> {
    if bytes.is_power_of_two() && (CAPACITY_LEAST..=CAPACITY_MOST).contains(&bytes) {
        Ok(bytes as u64)
    } else {
        Err(BadCapacity { bytes })
    }
}
