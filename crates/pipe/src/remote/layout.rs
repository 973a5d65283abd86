//! The pages of a socket: its own words, in memfds that its peers map read-only.
//!
//! ```text
//!  offset   word                          written by           read by the peer's
//!  0x000    magic, layout version         set-up, once         set-up
//!  0x080    generation                    the socket           sender, after every publication  (first page only)
//!  0x100    CPU + 1                       the socket           a peer, before it waits for us      (first page only)
//!  0x200    slot 0, of 256 bytes, and 13 more, one for each connection:
//!    +00    position                      our receiver         sender, when it runs out of room
//!    +08    entries in use, a bit each    our receiver         sender, when it looks for blocks that came home
//!    +10    14 entries: blocks that our   our receiver         sender, as above
//!           side holds
//!    +80    messages received             our receiver         sender, when it runs out of credit
//!    +c0    wanted position               our sender           receiver, eight times a lap
//!    +c8    wanted count                  our sender           receiver, when it gives credit
//!    +d0    segments sent                 our sender           receiver, before the first
//!    +d8    mark for sending              the socket           receiver, when it gives credit
//!    +e0    mark for receiving            the socket           sender, when it runs out of credit
//!    +e8    epoch: changes when the slot  the socket           sender, once the connection has ended
//!           is given up
//! ```
//!
//! The position has lines of its own: a sender that waits for credit looks at the count again and again, and would take
//! the line from the receiver's hands with each message otherwise.
//!
//! The table of blocks lies behind the position, because the sender reads both together.
//!
//! Words are 64 bits in native byte order; marks of 0 stand for no limit. Everything else is zero.

use ringmq_ring::{ENTRIES, Mapped, MappedMut, Word};
use ringmq_sys::Mapping;

/// Bytes of a page.
pub(super) const PAGE: usize = 4096;

/// First word of a page: layout version 2.
pub(super) const MAGIC: u64 = u64::from_le_bytes(*b"ringmqS\x02");

pub(super) const IDENTITY: usize = 0x000;
pub(super) const GENERATION: usize = 0x080;
pub(super) const CPU: usize = 0x100;
pub(super) const SLOTS_AT: usize = 0x200;
pub(super) const SLOT: usize = 256;
pub(super) const SLOTS: usize = (PAGE - SLOTS_AT) / SLOT;

// Words of a slot.
pub(super) const POSITION: usize = 0x00;
pub(super) const LENT_USED: usize = 0x08;
pub(super) const LENT: usize = 0x10;
pub(super) const RECEIVED: usize = 0x80;
pub(super) const WANTED_POSITION: usize = 0xc0;
pub(super) const WANTED_COUNT: usize = 0xc8;
pub(super) const SEGMENTS: usize = 0xd0;
pub(super) const SENDING_MARK: usize = 0xd8;
pub(super) const RECEIVING_MARK: usize = 0xe0;
pub(super) const EPOCH: usize = 0xe8;

const _: () = assert!(LENT + 8 * ENTRIES == RECEIVED);

/// Whether a slot may begin there.
pub(super) fn is_slot(at: usize) -> bool {
    at >= SLOTS_AT && at + SLOT <= PAGE && (at - SLOTS_AT).is_multiple_of(SLOT)
}

/// A name for the end of a connection whose slot is at this offset of the page in this file: both processes name it so.
pub(super) fn end_name(file: u64, at: usize) -> u64 {
    // A file of 0 is not known.
    match file {
        0 => 0,
        file => file << 4 & (u64::MAX >> 1) | (at.saturating_sub(SLOTS_AT) / SLOT) as u64 & 0xf,
    }
}

/// One word of a peer's page.
pub(super) fn seen(page: &Mapping, at: usize) -> Word<Mapped> {
    assert!(
        at.is_multiple_of(8) && at + 8 <= page.len(),
        "within the page"
    );
    // SAFETY: within the mapping.
    let word = unsafe { page.as_ptr().add(at) };
    // SAFETY: aligned, readable without a trap (sealed, and checked), never a Rust object. The mapping lives as long as
    // the `Common` or the `Page` that every holder of such a word keeps.
    unsafe { Word::at(word) }
}

/// One word of a page of our own. To be taken once at a time: it is the word's writer.
pub(super) fn own(page: &Mapping, at: usize) -> Word<MappedMut> {
    assert!(
        page.is_writable() && at.is_multiple_of(8) && at + 8 <= page.len(),
        "within the page"
    );
    // SAFETY: within the mapping.
    let word = unsafe { page.as_ptr().add(at) };
    // SAFETY: as in `seen`; writable, and each word has one writer at a time, as the callers say.
    unsafe { Word::at_mut(word) }
}
