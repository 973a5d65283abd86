//! The control page: an end's own words, in a memfd that the peer maps read-only.
//!
//! ```text
//!  offset   word                          written by           read by the peer's
//!  0x000    magic, layout version         set-up, once         set-up
//!  0x080    generation                    our receiver         sender, after every publication
//!  0x100    position                      our receiver         sender, when it runs out of room
//!  0x108    entries in use, a bit each     our receiver         sender, when it needs memory for blocks
//!  0x110    14 entries: blocks that our    our receiver         sender, as above
//!           side holds
//!  0x180    wanted position               our sender           receiver, eight times a lap
//!  0x200    receiver's CPU + 1            our receiver         sender, before it spins
//!  0x208    sender's CPU + 1              our sender           receiver, before it spins
//! ```
//!
//! Words that are written at different times lie 128 bytes apart: processors fetch lines in pairs. The table of blocks lies
//! behind the position, because the sender reads both together. It is zero where the peer has no memory for blocks.
//! Words are 64 bits in native byte order. Everything else in the page is zero.

use ringmq_ring::{Mapped, MappedMut, Word};
use ringmq_sys::Mapping;

/// Bytes of a control page.
pub(crate) const CONTROL: usize = 4096;

/// First word of a control page: layout version 1.
pub(crate) const MAGIC: u64 = u64::from_le_bytes(*b"ringmq\0\x01");

pub(crate) const IDENTITY: usize = 0x000;
pub(crate) const GENERATION: usize = 0x080;
pub(crate) const POSITION: usize = 0x100;
pub(crate) const LENT_USED: usize = 0x108;
pub(crate) const LENT: usize = 0x110;
pub(crate) const WANTED: usize = 0x180;
pub(crate) const RECEIVER_CPU: usize = 0x200;
pub(crate) const SENDER_CPU: usize = 0x208;

const _: () = assert!(LENT + 8 * ringmq_ring::ENTRIES == WANTED);

/// One word of the peer's control page.
pub(crate) fn seen(control: &Mapping, offset: usize) -> Word<Mapped> {
    assert!(
        offset.is_multiple_of(8) && offset + 8 <= control.len(),
        "within the page"
    );
    // SAFETY: within the mapping.
    let at = unsafe { control.as_ptr().add(offset) };
    // SAFETY: aligned, readable without a trap (the memfd is sealed and was checked), never a Rust object. It lives
    // as long as the mapping, which every holder of such a word keeps by its `Arc<Shared>`.
    unsafe { Word::at(at) }
}

/// One word of our own control page. To be taken once for each offset: it is the word's writer.
pub(crate) fn own(control: &Mapping, offset: usize) -> Word<MappedMut> {
    assert!(
        control.is_writable() && offset.is_multiple_of(8) && offset + 8 <= control.len(),
        "within the page"
    );
    // SAFETY: as in `seen`.
    let at = unsafe { control.as_ptr().add(offset) };
    // SAFETY: as in `seen`; writable, and there is no other writer: each offset is taken once, in `Own`.
    unsafe { Word::at_mut(at) }
}
