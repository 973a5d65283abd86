//! The frames of the handoff between two sockets. docs/handoff.md specifies them; this is their codec.
//!
//! ```text
//!  0  kind       u8     1 offer, 2 accept, 3 refuse, 4 switch, 5 back, 6 take back, 7 taken back, 8 segment, 9 ring,
//!                   10 back accepted, 11 yield, 12 blocks, 13 blocks gone
//!  1  version    u8     3
//!  2  zero       u16
//!  4  reason     u32    refuse: why; otherwise 0
//!  8  number     u64    segment: its number, from 0 on; blocks, blocks gone: the number of a segment of the arena
//! 16  slot       u32    offer: where our slot for this connection is in its page, in bytes
//! 20  flags      u32    offer: bit 0, the slot is in a page of its own; back: bit 0, the socket has closed
//! 24  capacity   u64    segment, blocks: its bytes
//! ```

use ringmq_sys::{AdoptMemoryError, AdoptRingerError, page_size};

use super::{layout, segment};
use crate::refusal::RefusalReason;

/// Bytes of every frame.
pub const FRAME: usize = 32;
const VERSION: u8 = 3;
const OTHER_PAGE: u32 = 1;
const HAS_CLOSED: u32 = 1;

/// A frame of the handoff.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OfferFrame {
    /// What one side offers, with its descriptors.
    Offer(Offer),
    /// This side accepts the other's offer.
    Accept,
    /// This side refuses shared memory.
    Refuse(RefusalReason),
    /// Everything that goes by ZMTP is sent: the next message is in shared memory.
    Switch,
    /// The sender has no memory. It sends by ZMTP after the end in shared memory, once the receiver has accepted this, or
    /// has asked for what it cannot read.
    Back,
    /// The sender's socket has closed, and sends nothing more. The answers are those to [`Back`](OfferFrame::Back).
    Closing,
    /// The receiver can read everything in shared memory: the sender may send later messages by ZMTP.
    BackAccepted,
    /// The receiver is short of mappings: the sender says BACK when it can.
    Yield,
    /// The receiver cannot read on in shared memory, for want of memory or descriptors. It asks for all that it has not
    /// read by ZMTP.
    TakeBack,
    /// The sender sends all messages from the reported position on by ZMTP.
    TakenBack,
    /// The descriptor of a segment comes with it.
    Segment(SegmentNote),
    /// The descriptor of a segment of the sender's arena comes with it.
    Blocks(SegmentNote),
    /// The segment of the arena with this number holds no blocks any more.
    BlocksGone(u64),
    /// The receiver of this frame is to wake its socket, for the sender has no descriptor of its bell.
    Ring,
}

/// The number and size of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SegmentNote {
    /// How many came before it in its direction.
    pub number: u64,
    /// Its bytes.
    pub capacity: usize,
}

/// What one side offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offer {
    pub(super) slot: u32,
    pub(super) other_page: bool,
}

/// Why a frame or an offer of the peer is refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MeetError {
    /// The frame has an impossible value, or came out of turn.
    #[error("a frame that is not of this handoff")]
    Frame,
    /// Another version.
    #[error("version {got} of the handoff; this is version {VERSION}")]
    Version {
        /// The peer's.
        got: u8,
    },
    /// Too few descriptors, or too many, or some were lost.
    #[error("{got} descriptors came, {want} were expected")]
    Descriptors {
        /// How many came.
        got: usize,
        /// How many should have.
        want: usize,
    },
    /// The process keeps memory of ours that it used by connections that have ended.
    #[error("its process keeps blocks of {0} connections that have ended")]
    Keeps(usize),
    /// A process of another user, or one that the kernel does not name.
    #[error("a process of another user")]
    OtherUser,
    /// Memory that cannot be trusted.
    #[error("its page: {0}")]
    Page(#[from] AdoptMemoryError),
    /// A page of another layout.
    #[error("its page begins with {0:#018x}")]
    Layout(u64),
    /// A descriptor that is no doorbell.
    #[error("its doorbell: {0}")]
    Bell(#[from] AdoptRingerError),
}

impl MeetError {
    /// The reason that is sent to the peer.
    pub fn refuse(&self) -> RefusalReason {
        match self {
            MeetError::Frame => RefusalReason::Offer,
            MeetError::Version { .. } => RefusalReason::Version,
            MeetError::OtherUser => RefusalReason::OtherUser,
            MeetError::Keeps(_) => RefusalReason::Resources,
            MeetError::Page(AdoptMemoryError::Os { .. }) => RefusalReason::Resources,
            MeetError::Bell(AdoptRingerError::Reopen { .. }) => RefusalReason::Resources,
            _ => RefusalReason::Descriptor,
        }
    }
}

impl OfferFrame {
    /// The bytes that are sent.
    pub fn encode(&self) -> [u8; FRAME] {
        let mut bytes = [0; FRAME];
        bytes[1] = VERSION;
        match self {
            OfferFrame::Offer(offer) => {
                bytes[0] = 1;
                bytes[16..20].copy_from_slice(&offer.slot.to_le_bytes());
                let flags = if offer.other_page { OTHER_PAGE } else { 0 };
                bytes[20..24].copy_from_slice(&flags.to_le_bytes());
            }
            OfferFrame::Accept => bytes[0] = 2,
            OfferFrame::Refuse(why) => {
                bytes[0] = 3;
                bytes[4..8].copy_from_slice(&why.code().to_le_bytes());
            }
            OfferFrame::Switch => bytes[0] = 4,
            OfferFrame::Back => bytes[0] = 5,
            OfferFrame::Closing => {
                bytes[0] = 5;
                bytes[20..24].copy_from_slice(&HAS_CLOSED.to_le_bytes());
            }
            OfferFrame::TakeBack => bytes[0] = 6,
            OfferFrame::TakenBack => bytes[0] = 7,
            OfferFrame::Segment(note) => {
                bytes[0] = 8;
                bytes[8..16].copy_from_slice(&note.number.to_le_bytes());
                bytes[24..].copy_from_slice(&(note.capacity as u64).to_le_bytes());
            }
            OfferFrame::Blocks(note) => {
                bytes[0] = 12;
                bytes[8..16].copy_from_slice(&note.number.to_le_bytes());
                bytes[24..].copy_from_slice(&(note.capacity as u64).to_le_bytes());
            }
            OfferFrame::BlocksGone(number) => {
                bytes[0] = 13;
                bytes[8..16].copy_from_slice(&number.to_le_bytes());
            }
            OfferFrame::Ring => bytes[0] = 9,
            OfferFrame::BackAccepted => bytes[0] = 10,
            OfferFrame::Yield => bytes[0] = 11,
        }
        bytes
    }

    /// Reads a frame, and ignores its zeros: a later version may have a use for them.
    ///
    /// # Errors
    ///
    /// `Frame` or `Version`. A refusal is understood whatever version it comes from.
    pub fn decode(bytes: &[u8]) -> Result<OfferFrame, MeetError> {
        let bytes: &[u8; FRAME] = bytes.try_into().map_err(|_| MeetError::Frame)?;
        let long = |at| u32::from_le_bytes(std::array::from_fn(|index| bytes[at + index]));
        let quad = |at| u64::from_le_bytes(std::array::from_fn(|index| bytes[at + index]));
        if bytes[0] == 3 {
            return Ok(OfferFrame::Refuse(RefusalReason::from_code(long(4))));
        }
        if bytes[1] != VERSION {
            return Err(MeetError::Version { got: bytes[1] });
        }
        match bytes[0] {
            1 => {
                let (slot, flags) = (long(16), long(20));
                if !layout::is_slot(slot as usize) || flags & !OTHER_PAGE != 0 {
                    return Err(MeetError::Frame);
                }
                Ok(OfferFrame::Offer(Offer {
                    slot,
                    other_page: flags & OTHER_PAGE != 0,
                }))
            }
            2 => Ok(OfferFrame::Accept),
            4 => Ok(OfferFrame::Switch),
            5 if long(20) & HAS_CLOSED != 0 => Ok(OfferFrame::Closing),
            5 => Ok(OfferFrame::Back),
            6 => Ok(OfferFrame::TakeBack),
            7 => Ok(OfferFrame::TakenBack),
            8 => {
                let capacity = segment::possible(quad(24)).ok_or(MeetError::Frame)?;
                let number = quad(8);
                Ok(OfferFrame::Segment(SegmentNote { number, capacity }))
            }
            12 => {
                let capacity = blocks_capacity(quad(24)).ok_or(MeetError::Frame)?;
                let number = quad(8);
                Ok(OfferFrame::Blocks(SegmentNote { number, capacity }))
            }
            13 => Ok(OfferFrame::BlocksGone(quad(8))),
            9 => Ok(OfferFrame::Ring),
            10 => Ok(OfferFrame::BackAccepted),
            11 => Ok(OfferFrame::Yield),
            _ => Err(MeetError::Frame),
        }
    }
}

/// A size that a segment of an arena can have.
fn blocks_capacity(capacity: u64) -> Option<usize> {
    let capacity = usize::try_from(capacity).ok()?;
    let fits = capacity > 0 && isize::try_from(capacity).is_ok();
    (fits && capacity.is_multiple_of(page_size())).then_some(capacity)
}

impl Offer {
    /// The number of descriptors that come with it.
    pub fn descriptors(&self) -> usize {
        2 + usize::from(self.other_page)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// These bytes are a contract with every ringmq that was ever built.
    #[test]
    fn golden_bytes() {
        let offer = Offer {
            slot: 0x300,
            other_page: true,
        };
        let mut golden = [0; FRAME];
        golden[..2].copy_from_slice(&[1, 3]);
        golden[16..18].copy_from_slice(&[0, 3]);
        golden[20] = 1;
        let note = SegmentNote {
            number: 0x102,
            capacity: 1 << 16,
        };
        let mut segment = head(&[8, 3]);
        segment[8..10].copy_from_slice(&[2, 1]);
        segment[26] = 1;
        let blocks = SegmentNote {
            number: 0x102,
            capacity: 3 << 16,
        };
        let mut blocks_frame = head(&[12, 3]);
        blocks_frame[8..10].copy_from_slice(&[2, 1]);
        blocks_frame[26] = 3;
        let mut gone = head(&[13, 3]);
        gone[8..10].copy_from_slice(&[2, 1]);
        let mut closing = head(&[5, 3]);
        closing[20] = 1;
        let frames = [
            (OfferFrame::Offer(offer), golden),
            (OfferFrame::Accept, head(&[2, 3])),
            (
                OfferFrame::Refuse(RefusalReason::Descriptor),
                head(&[3, 3, 0, 0, 4]),
            ),
            (OfferFrame::Switch, head(&[4, 3])),
            (OfferFrame::Back, head(&[5, 3])),
            (OfferFrame::Closing, closing),
            (OfferFrame::TakeBack, head(&[6, 3])),
            (OfferFrame::TakenBack, head(&[7, 3])),
            (OfferFrame::Segment(note), segment),
            (OfferFrame::Blocks(blocks), blocks_frame),
            (OfferFrame::BlocksGone(0x102), gone),
            (OfferFrame::Ring, head(&[9, 3])),
            (OfferFrame::BackAccepted, head(&[10, 3])),
            (OfferFrame::Yield, head(&[11, 3])),
        ];
        for (frame, bytes) in frames {
            assert_eq!(frame.encode(), bytes);
            assert_eq!(OfferFrame::decode(&bytes).unwrap(), frame);
        }
        assert_eq!(offer.descriptors(), 3);
    }

    fn head(first: &[u8]) -> [u8; FRAME] {
        let mut bytes = [0; FRAME];
        bytes[..first.len()].copy_from_slice(first);
        bytes
    }

    #[test]
    fn what_is_no_frame_is_refused() {
        let refused = |bytes: &[u8]| OfferFrame::decode(bytes).unwrap_err().refuse();
        assert_eq!(refused(&[]), RefusalReason::Offer);
        assert_eq!(refused(&head(&[2, 1])), RefusalReason::Version);
        assert_eq!(refused(&head(&[99, 3])), RefusalReason::Offer);
        // A slot in the midst of another, before the first, behind the last.
        for slot in [0x208_u32, 0x180, 4096] {
            let mut offer = head(&[1, 3]);
            offer[16..20].copy_from_slice(&slot.to_le_bytes());
            assert_eq!(refused(&offer), RefusalReason::Offer);
        }
        // Sizes that no segment has.
        for capacity in [0, 2048, (1 << 16) + 1, 1_u64 << 32] {
            let mut segment = head(&[8, 3]);
            segment[24..].copy_from_slice(&capacity.to_le_bytes());
            assert_eq!(refused(&segment), RefusalReason::Offer);
        }
        let mut later = head(&[3, 9]);
        later[4] = 77;
        let told = OfferFrame::decode(&later).unwrap();
        assert_eq!(told, OfferFrame::Refuse(RefusalReason::Other(77)));
    }
}
