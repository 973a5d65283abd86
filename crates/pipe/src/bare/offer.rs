//! The frames of connection set-up. docs/handoff.md specifies them; this is its codec.
//!
//! ```text
//!   0  magic      8 bytes   "ringmqP" and a NUL
//!   8  version    u16       1
//!  10  kind       u16       1 offer, 2 accept, 3 refuse
//!  12  reason     u32       refuse: why; otherwise 0
//!  16  features   u64       offer: bit 0, this process passes the barriers of others; bit 1, this side reads blocks
//!  24  control    u64       offer: bytes of the control page, 4096
//!  32  ring       u64       offer: bytes of the ring, a power of two
//!  40  greatest   u64       offer: the greatest message that is accepted, in bytes
//!  48  start      u64       offer: the position at which the ring starts, a multiple of 8
//!  56  blocks     u64       offer with bit 1: bytes of this side's memory for blocks, 0 for none
//! ```

use crate::refusal::RefusalReason;

/// Bytes of every frame.
pub(crate) const FRAME: usize = 64;
/// Descriptors that travel with an offer: control page, ring, doorbell for data, doorbell for room. The memory for blocks
/// travels with the first frame that a side sends once it has the peer's offer.
pub(crate) const DESCRIPTORS: usize = 4;

/// Bytes of the most memory for blocks: their names have room for no more.
pub(crate) const BLOCKS_MOST: u64 = 1 << 40;

const MAGIC: [u8; 8] = *b"ringmqP\0";
const VERSION: u16 = 1;
/// Feature: registered for `membarrier(GLOBAL_EXPEDITED)`.
const BARRIER: u64 = 1;
/// Feature: reads blocks, and says in its last word how much memory for blocks it has.
const BLOCKS: u64 = 2;

/// What one end offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Offer {
    pub(crate) passes_barriers: bool,
    pub(crate) control: u64,
    pub(crate) ring: u64,
    pub(crate) greatest: u64,
    pub(crate) start: u64,
    /// Whether this side can read blocks.
    pub(crate) reads_blocks: bool,
    /// Bytes of its memory for blocks; 0 if it has none.
    pub(crate) blocks: u64,
}

/// A frame of connection set-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Frame {
    Offer(Offer),
    Accept,
    Refuse(RefusalReason),
}

/// What is wrong with a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OfferError {
    /// It does not begin as every frame does: the peer is not ringmq.
    #[error("it begins with {0:02x?}, not as a frame of ringmq does")]
    Magic([u8; 8]),
    /// Another version.
    #[error("it is of version {got}; this is version {own}")]
    Version {
        /// The peer's.
        got: u16,
        /// Ours.
        own: u16,
    },
    /// No frame has this kind, or it came out of turn.
    #[error("a frame of kind {0} is out of place")]
    Kind(u16),
    /// A field that cannot have this value.
    #[error("its field {field} is {value}")]
    Field {
        /// Which, as docs/handoff.md names it.
        field: &'static str,
        /// What it says.
        value: u64,
    },
    /// Too few descriptors.
    #[error("{got} descriptors came, {want} were expected")]
    Descriptors {
        /// How many came.
        got: usize,
        /// How many should have.
        want: usize,
    },
    /// The kernel did not say who sent it.
    #[error("it came without credentials")]
    Anonymous,
    /// The control page does not begin with the magic of its layout.
    #[error("its control page begins with {0:#018x}")]
    Layout(u64),
}

impl Frame {
    pub(crate) fn encode(&self) -> [u8; FRAME] {
        let mut bytes = [0; FRAME];
        let mut put = |at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
        put(0, &MAGIC);
        put(8, &VERSION.to_le_bytes());
        match self {
            Frame::Offer(offer) => {
                put(10, &1u16.to_le_bytes());
                let mut features = if offer.passes_barriers { BARRIER } else { 0 };
                if offer.reads_blocks {
                    features |= BLOCKS;
                    put(56, &offer.blocks.to_le_bytes());
                }
                put(16, &features.to_le_bytes());
                put(24, &offer.control.to_le_bytes());
                put(32, &offer.ring.to_le_bytes());
                put(40, &offer.greatest.to_le_bytes());
                put(48, &offer.start.to_le_bytes());
            }
            Frame::Accept => put(10, &2u16.to_le_bytes()),
            Frame::Refuse(reason) => {
                put(10, &3u16.to_le_bytes());
                put(12, &reason.code().to_le_bytes());
            }
        }
        bytes
    }

    /// Features that this version does not know are ignored, and so are the zeros.
    pub(crate) fn decode(bytes: &[u8; FRAME]) -> Result<Frame, OfferError> {
        let magic: [u8; 8] = word(bytes, 0);
        if magic != MAGIC {
            return Err(OfferError::Magic(magic));
        }
        let version = u16::from_le_bytes(word(bytes, 8));
        let kind = u16::from_le_bytes(word(bytes, 10));
        // A refusal is understood whatever version it comes from.
        if kind == 3 {
            let code = u32::from_le_bytes(word(bytes, 12));
            return Ok(Frame::Refuse(RefusalReason::from_code(code)));
        }
        if version != VERSION {
            return Err(OfferError::Version {
                got: version,
                own: VERSION,
            });
        }
        match kind {
            1 => Offer::decode(bytes).map(Frame::Offer),
            2 => Ok(Frame::Accept),
            other => Err(OfferError::Kind(other)),
        }
    }

    pub(crate) fn kind(&self) -> u16 {
        match self {
            Frame::Offer(_) => 1,
            Frame::Accept => 2,
            Frame::Refuse(_) => 3,
        }
    }
}

impl Offer {
    fn decode(bytes: &[u8; FRAME]) -> Result<Offer, OfferError> {
        let number = |at| u64::from_le_bytes(word(bytes, at));
        let reads_blocks = number(16) & BLOCKS != 0;
        let offer = Offer {
            passes_barriers: number(16) & BARRIER != 0,
            control: number(24),
            ring: number(32),
            greatest: number(40),
            start: number(48),
            reads_blocks,
            blocks: if reads_blocks { number(56) } else { 0 },
        };
        let wrong = |field, value| Err(OfferError::Field { field, value });
        if offer.control != super::layout::CONTROL as u64 {
            return wrong("control", offer.control);
        }
        let possible = ringmq_sys::page_size() as u64..=ringmq_ring::CAPACITY_MOST as u64;
        if !offer.ring.is_power_of_two() || !possible.contains(&offer.ring) {
            return wrong("ring", offer.ring);
        }
        if offer.greatest == 0 {
            return wrong("greatest", offer.greatest);
        }
        // Positions count bytes and never come near the end of 64 bits; one that starts there would.
        if !offer.start.is_multiple_of(8) || offer.start >= 1 << 63 {
            return wrong("start", offer.start);
        }
        let page = ringmq_sys::page_size() as u64;
        if !offer.blocks.is_multiple_of(page) || offer.blocks > BLOCKS_MOST {
            return wrong("blocks", offer.blocks);
        }
        Ok(offer)
    }
}

fn word<const N: usize>(bytes: &[u8; FRAME], at: usize) -> [u8; N] {
    std::array::from_fn(|index| bytes[at + index])
}

#[cfg(test)]
mod tests {
    use super::*;

    const OFFER: Offer = Offer {
        passes_barriers: true,
        control: 4096,
        ring: 65536,
        greatest: 1 << 30,
        start: 0x1_0000_0008,
        reads_blocks: false,
        blocks: 0,
    };

    /// These bytes are a contract with every ringmq that was ever built.
    #[test]
    fn golden_bytes() {
        let mut golden = [0u8; FRAME];
        golden[..12].copy_from_slice(b"ringmqP\0\x01\0\x01\0");
        golden[16] = 1;
        golden[25] = 0x10;
        golden[34] = 1;
        golden[43] = 0x40;
        golden[48..53].copy_from_slice(&[8, 0, 0, 0, 1]);
        assert_eq!(Frame::Offer(OFFER).encode(), golden);
        assert_eq!(Frame::decode(&golden), Ok(Frame::Offer(OFFER)));

        golden[16] = 3;
        golden[58] = 0x40;
        let with_blocks = Offer {
            reads_blocks: true,
            blocks: 4 << 20,
            ..OFFER
        };
        assert_eq!(Frame::Offer(with_blocks).encode(), golden);
        assert_eq!(Frame::decode(&golden), Ok(Frame::Offer(with_blocks)));

        let mut accept = [0u8; FRAME];
        accept[..12].copy_from_slice(b"ringmqP\0\x01\0\x02\0");
        assert_eq!(Frame::Accept.encode(), accept);
        assert_eq!(Frame::decode(&accept), Ok(Frame::Accept));

        let mut refuse = [0u8; FRAME];
        refuse[..13].copy_from_slice(b"ringmqP\0\x01\0\x03\0\x02");
        assert_eq!(Frame::Refuse(RefusalReason::OtherUser).encode(), refuse);
        assert_eq!(
            Frame::decode(&refuse),
            Ok(Frame::Refuse(RefusalReason::OtherUser))
        );
    }

    #[test]
    fn a_refusal_is_understood_from_any_version() {
        let mut refuse = Frame::Refuse(RefusalReason::Version).encode();
        refuse[8] = 9;
        assert_eq!(
            Frame::decode(&refuse),
            Ok(Frame::Refuse(RefusalReason::Version))
        );
        let mut offer = Frame::Offer(OFFER).encode();
        offer[8] = 9;
        assert_eq!(
            Frame::decode(&offer),
            Err(OfferError::Version { got: 9, own: 1 })
        );
    }

    #[test]
    fn numbers_out_of_bounds_are_named() {
        let wrong = |offer: Offer| Frame::decode(&Frame::Offer(offer).encode()).unwrap_err();
        let field = |field, value| OfferError::Field { field, value };
        assert_eq!(
            wrong(Offer {
                control: 0,
                ..OFFER
            }),
            field("control", 0)
        );
        assert_eq!(
            wrong(Offer {
                ring: 65537,
                ..OFFER
            }),
            field("ring", 65537)
        );
        assert_eq!(
            wrong(Offer {
                ring: 2048,
                ..OFFER
            }),
            field("ring", 2048)
        );
        assert_eq!(
            wrong(Offer {
                ring: 1 << 40,
                ..OFFER
            }),
            field("ring", 1 << 40)
        );
        assert_eq!(
            wrong(Offer {
                greatest: 0,
                ..OFFER
            }),
            field("greatest", 0)
        );
        for blocks in [1, 4095, BLOCKS_MOST + 4096, u64::MAX] {
            let offer = Offer {
                reads_blocks: true,
                blocks,
                ..OFFER
            };
            assert_eq!(wrong(offer), field("blocks", blocks));
        }
        assert_eq!(wrong(Offer { start: 7, ..OFFER }), field("start", 7));
        assert_eq!(
            wrong(Offer {
                start: 1 << 63,
                ..OFFER
            }),
            field("start", 1 << 63)
        );
        let mut kind = Frame::Accept.encode();
        kind[10] = 4;
        assert_eq!(Frame::decode(&kind), Err(OfferError::Kind(4)));
        assert_eq!(Frame::decode(&[0; FRAME]), Err(OfferError::Magic([0; 8])));
    }
}
