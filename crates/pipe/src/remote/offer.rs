//! How two sides meet. docs/handoff.md specifies it; this is its codec, and its checks.
//!
//! ```text
//!  0  kind       u8     1 offer, 2 accept, 3 refuse, 4 switch, 5 back, 6 take back, 7 taken back
//!  1  version    u8     1
//!  2  zero       u16
//!  4  reason     u32    refuse: why; otherwise 0
//!  8  zero       u64
//! 16  slot       u32    offer: where our slot for this connection is in its page, in bytes
//! 20  carries    u32    offer: bit 0, the slot is in a page of its own; bit 1, a courier comes along
//! 24  zero       u64
//! ```

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use ringmq_sys::{
    Ancillary, Courier, CreateError, Credentials, Refusal, Ringer, RingerRefusal, adopt,
};

use super::control::{Control, Slot};
use super::layout::{self, PAGE};
use super::sender::Sender;
use super::unread::Witness;
use super::{Common, Marks, Receiver};
use crate::maps::Map;

/// Bytes of every frame.
const FRAME: usize = 32;
const VERSION: u8 = 1;
const OTHER_PAGE: u32 = 1;
const COURIER: u32 = 2;

/// A frame of the handoff.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OfferFrame {
    /// What one side offers, with its descriptors.
    Offer(Offer),
    /// It takes what the other offers.
    Accept,
    /// It does not.
    Refuse(Refuse),
    /// All that was sent by ZMTP is sent: the next message is in shared memory.
    Switch,
    /// What comes behind the end in shared memory comes by ZMTP again.
    Back,
    /// The receiver cannot read on in shared memory, for want of memory or descriptors. It asks for all that it has not
    /// read by ZMTP.
    TakeBack,
    /// The sender does so: all messages from the reported position on follow by ZMTP.
    TakenBack,
}

/// What one side offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offer {
    slot: u32,
    other_page: bool,
    courier: bool,
}

/// Why shared memory was refused. The number travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Refuse {
    /// 1: another version of the handoff.
    Version,
    /// 2: another user.
    OtherUser,
    /// 3: a number in the offer is out of bounds, or a frame out of turn.
    Offer,
    /// 4: a descriptor is missing, superfluous, or not what it has to be.
    Descriptor,
    /// 5: no memory, descriptors or maps left.
    Resources,
    /// Something that this version knows no name for.
    Other(u32),
}

impl Refuse {
    fn code(self) -> u32 {
        match self {
            Refuse::Version => 1,
            Refuse::OtherUser => 2,
            Refuse::Offer => 3,
            Refuse::Descriptor => 4,
            Refuse::Resources => 5,
            Refuse::Other(code) => code,
        }
    }

    fn from_code(code: u32) -> Refuse {
        match code {
            1 => Refuse::Version,
            2 => Refuse::OtherUser,
            3 => Refuse::Offer,
            4 => Refuse::Descriptor,
            5 => Refuse::Resources,
            other => Refuse::Other(other),
        }
    }
}

impl std::fmt::Display for Refuse {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Refuse::Version => f.write_str("another version of the handoff"),
            Refuse::OtherUser => f.write_str("a process of another user"),
            Refuse::Offer => f.write_str("a frame that is out of bounds or out of turn"),
            Refuse::Descriptor => f.write_str("a descriptor that is not what it has to be"),
            Refuse::Resources => f.write_str("no memory, descriptors or maps left"),
            Refuse::Other(code) => write!(f, "a reason with the number {code}"),
        }
    }
}

/// Why what a peer offers is not taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MeetError {
    /// The frame says something that it cannot, or came out of turn.
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
    /// A process of another user, or one that the kernel does not name.
    #[error("a process of another user")]
    OtherUser,
    /// Memory that cannot be trusted.
    #[error("its page: {0}")]
    Page(#[from] Refusal),
    /// A page of another layout.
    #[error("its page begins with {0:#018x}")]
    Layout(u64),
    /// A descriptor that is no doorbell.
    #[error("its doorbell: {0}")]
    Bell(#[from] RingerRefusal),
    /// A descriptor that is no courier.
    #[error("its courier: {0}")]
    Courier(#[source] io::Error),
}

impl MeetError {
    /// What the peer is told.
    pub fn refuse(&self) -> Refuse {
        match self {
            MeetError::Frame => Refuse::Offer,
            MeetError::Version { .. } => Refuse::Version,
            MeetError::OtherUser => Refuse::OtherUser,
            MeetError::Page(Refusal::Os { .. }) => Refuse::Resources,
            MeetError::Bell(RingerRefusal::Reopen { .. }) => Refuse::Resources,
            _ => Refuse::Descriptor,
        }
    }
}

/// Why nothing can be offered: memory or descriptors run short.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Goodbye {
    /// No memory.
    #[error(transparent)]
    Memory(#[from] CreateError),
    /// No descriptors.
    #[error("cannot offer shared memory: {0}")]
    Os(#[from] io::Error),
}

impl OfferFrame {
    /// The frame, as it travels.
    pub fn encode(&self) -> [u8; FRAME] {
        let mut bytes = [0; FRAME];
        bytes[1] = VERSION;
        match self {
            OfferFrame::Offer(offer) => {
                bytes[0] = 1;
                bytes[16..20].copy_from_slice(&offer.slot.to_le_bytes());
                let carries = if offer.other_page { OTHER_PAGE } else { 0 }
                    | if offer.courier { COURIER } else { 0 };
                bytes[20..24].copy_from_slice(&carries.to_le_bytes());
            }
            OfferFrame::Accept => bytes[0] = 2,
            OfferFrame::Refuse(why) => {
                bytes[0] = 3;
                bytes[4..8].copy_from_slice(&why.code().to_le_bytes());
            }
            OfferFrame::Switch => bytes[0] = 4,
            OfferFrame::Back => bytes[0] = 5,
            OfferFrame::TakeBack => bytes[0] = 6,
            OfferFrame::TakenBack => bytes[0] = 7,
        }
        bytes
    }

    /// Reads a frame. The zeros are not looked at: a later version may have a use for them.
    ///
    /// # Errors
    ///
    /// `Frame` or `Version`. A refusal is understood whatever version it comes from.
    pub fn decode(bytes: &[u8]) -> Result<OfferFrame, MeetError> {
        let bytes: &[u8; FRAME] = bytes.try_into().map_err(|_| MeetError::Frame)?;
        let long = |at| u32::from_le_bytes(std::array::from_fn(|index| bytes[at + index]));
        if bytes[0] == 3 {
            return Ok(OfferFrame::Refuse(Refuse::from_code(long(4))));
        }
        if bytes[1] != VERSION {
            return Err(MeetError::Version { got: bytes[1] });
        }
        match bytes[0] {
            1 => {
                let (slot, carries) = (long(16), long(20));
                if !layout::is_slot(slot as usize) || carries & !(OTHER_PAGE | COURIER) != 0 {
                    return Err(MeetError::Frame);
                }
                Ok(OfferFrame::Offer(Offer {
                    slot,
                    other_page: carries & OTHER_PAGE != 0,
                    courier: carries & COURIER != 0,
                }))
            }
            2 => Ok(OfferFrame::Accept),
            4 => Ok(OfferFrame::Switch),
            5 => Ok(OfferFrame::Back),
            6 => Ok(OfferFrame::TakeBack),
            7 => Ok(OfferFrame::TakenBack),
            _ => Err(MeetError::Frame),
        }
    }
}

impl Offer {
    /// How many descriptors come with it.
    pub fn descriptors(&self) -> usize {
        2 + usize::from(self.other_page) + usize::from(self.courier)
    }
}

/// What one side makes before it knows the other: the part that it offers.
#[derive(Debug)]
pub struct Own {
    slot: Slot,
    courier: Option<Courier>,
    /// What travels, beside the pages: the doorbell, and the other end of the courier.
    bell: OwnedFd,
    other_courier: Option<Courier>,
}

/// What came from the peer, and was found to be what it has to be.
#[derive(Debug)]
pub struct Peer {
    page: Map,
    slot_page: Option<Map>,
    slot: u32,
    ringer: Ringer,
    courier: Option<Courier>,
    /// The process at the other end: readable once it is dead.
    pub pidfd: Option<OwnedFd>,
}

impl Own {
    /// Makes it. The side that has connected brings the courier.
    ///
    /// # Errors
    ///
    /// [`Goodbye`].
    pub fn make(control: &Arc<Control>, marks: Marks, connected: bool) -> Result<Own, Goodbye> {
        let slot = control.slot()?;
        slot.own(layout::SENDING_MARK).publish(marks.sending);
        slot.own(layout::RECEIVING_MARK).publish(marks.receiving);
        let (courier, other_courier) = if connected {
            let (ours, theirs) = Courier::pair()?;
            (Some(ours), Some(theirs))
        } else {
            (None, None)
        };
        Ok(Own {
            slot,
            courier,
            bell: control.bell()?,
            other_courier,
        })
    }

    /// What is offered.
    pub fn offer(&self) -> Offer {
        Offer {
            slot: self.slot.at() as u32,
            other_page: self.slot.other_page().is_some(),
            courier: self.other_courier.is_some(),
        }
    }

    /// The descriptors that go with it.
    pub fn descriptors(&self) -> Vec<BorrowedFd<'_>> {
        let mut fds = vec![self.slot.control().first().fd()];
        fds.extend(self.slot.other_page().map(|page| page.fd()));
        fds.push(self.bell.as_fd());
        fds.extend(self.other_courier.as_ref().map(AsFd::as_fd));
        fds
    }

    /// Judges what the peer offers.
    ///
    /// # Errors
    ///
    /// [`MeetError`]; all descriptors are closed then.
    pub fn judge(&self, offer: &Offer, came: Ancillary) -> Result<Peer, MeetError> {
        let want = offer.descriptors();
        let got = came.fds.len();
        if got != want || offer.courier == self.courier.is_some() {
            return Err(MeetError::Descriptors { got, want });
        }
        let own = Credentials::own().uid;
        if came.credentials.is_none_or(|peer| peer.uid != own) {
            return Err(MeetError::OtherUser);
        }
        let mut fds = came.fds.into_iter();
        let missing = || MeetError::Descriptors { got, want };
        let mark = self.slot.control().mark();
        let mut page = || -> Result<Map, MeetError> {
            let page = Map::from(adopt(fds.next().ok_or_else(missing)?, PAGE, mark)?);
            match layout::seen(&page, layout::IDENTITY).load() {
                layout::MAGIC => Ok(page),
                other => Err(MeetError::Layout(other)),
            }
        };
        let first = page()?;
        let slot_page = offer.other_page.then(page).transpose()?;
        let ringer = Ringer::adopt(fds.next().ok_or_else(missing)?)?;
        let courier = fds.next().map(Courier::adopt).transpose();
        Ok(Peer {
            page: first,
            slot_page,
            slot: offer.slot,
            ringer,
            courier: courier.map_err(MeetError::Courier)?,
            pidfd: came.pidfd,
        })
    }

    /// Puts this side together, once both have taken what the other offers. The witness is for whoever finds out that
    /// the peer is gone. `None` if there is no courier, which cannot be: one side brought it.
    pub fn meet(self, peer: Peer, limit: u64) -> Option<(Sender, Receiver, Witness)> {
        let common = Arc::new(Common {
            mark: self.slot.control().mark().clone(),
            slot_at: peer.slot as usize,
            page: peer.page,
            slot_page: peer.slot_page,
            ringer: peer.ringer,
            courier: self.courier.or(peer.courier)?,
            slot: self.slot,
        });
        let (sender, witness) = Sender::new(&common, limit);
        Some((sender, Receiver::new(&common), witness))
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
            courier: true,
        };
        let mut golden = [0; FRAME];
        golden[..2].copy_from_slice(&[1, 1]);
        golden[16..18].copy_from_slice(&[0, 3]);
        golden[20] = 3;
        let frames = [
            (OfferFrame::Offer(offer), golden),
            (OfferFrame::Accept, head(&[2, 1])),
            (
                OfferFrame::Refuse(Refuse::Descriptor),
                head(&[3, 1, 0, 0, 4]),
            ),
            (OfferFrame::Switch, head(&[4, 1])),
            (OfferFrame::Back, head(&[5, 1])),
            (OfferFrame::TakeBack, head(&[6, 1])),
            (OfferFrame::TakenBack, head(&[7, 1])),
        ];
        for (frame, bytes) in frames {
            assert_eq!(frame.encode(), bytes);
            assert_eq!(OfferFrame::decode(&bytes).unwrap(), frame);
        }
        assert_eq!(offer.descriptors(), 4);
    }

    fn head(first: &[u8]) -> [u8; FRAME] {
        let mut bytes = [0; FRAME];
        bytes[..first.len()].copy_from_slice(first);
        bytes
    }

    #[test]
    fn what_is_no_frame_is_refused() {
        let refused = |bytes: &[u8]| OfferFrame::decode(bytes).unwrap_err().refuse();
        assert_eq!(refused(&[]), Refuse::Offer);
        assert_eq!(refused(&head(&[2, 2])), Refuse::Version);
        assert_eq!(refused(&head(&[9, 1])), Refuse::Offer);
        // A slot in the midst of another, before the first, behind the last.
        for slot in [0x208_u32, 0x180, 4096] {
            let mut offer = head(&[1, 1]);
            offer[16..20].copy_from_slice(&slot.to_le_bytes());
            assert_eq!(refused(&offer), Refuse::Offer);
        }
        let mut later = head(&[3, 9]);
        later[4] = 77;
        let told = OfferFrame::decode(&later).unwrap();
        assert_eq!(told, OfferFrame::Refuse(Refuse::Other(77)));
    }
}
