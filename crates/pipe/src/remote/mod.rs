//! Pipes between sockets of two processes, in shared memory.
//!
//! ```text
//!   socket of process A                                                  socket of process B
//!   Control: page [ sleep | slots ]  ◀───── read by every peer ────▶  Control: page [ sleep | slots ]
//!   Sender  ═▶ segment ═▶ segment ════════ A writes, B reads ═════════▶ Receiver
//!   Receiver ◀═════════════════════════════ B writes, A reads ═════════ segment ◀═ Sender
//! ```
//!
//! A socket has one [`Control`], [made](LateControl) with its first offer. The pages of a control hold the word that
//! announces a sleep of the socket, and a *slot* of words for each of its connections. Two sides that have
//! [met](Own::meet) have a [`Sender`] and a [`Receiver`] each.
//!
//! * **A record is a whole message**, with all of its parts (invariant I5).
//! * **The mark counts messages, the ring grows** (I8): the sender makes a larger segment when the one that it writes is
//!   full and the mark admits more, hands its descriptor over, and publishes a jump. When a burst is over, it jumps to
//!   a small one again.
//! * **No memory before it is needed**: a direction has no segment before its first message.
//! * **Nothing is lost with its sender.** The receiver keeps the memory, and the descriptors that are under way, when the
//!   sender is gone. When the receiver is gone, the sender's side can [read](Unread) the messages that were not taken.

mod contents;
mod control;
mod courier;
mod flow;
mod frame;
mod layout;
mod offer;
mod patience;
mod receiver;
mod ringers;
mod segment;
mod sender;
mod unread;

use std::sync::Arc;

use ringmq_ring::{Lending, LendingSeen, Mapped, MappedMut, Returning, Word};
use ringmq_sys::ForkMark;

pub use contents::{Contents, Incoming, PARTS_MOST, PartPlace};
pub use control::{Control, LateControl};
pub use courier::{Carry, Courier, Descriptor, News, SegmentError};
pub use frame::{FRAME, MeetError, Offer, OfferFrame, SegmentNote};
pub use offer::{Lines, Own, Parts, Peer};
pub use patience::{LatePolicy, LatePolicySeen, LateReader};
pub use receiver::{Broken, One, Receiver};
pub use ringers::Ringers;
pub use ringmq_ring::Room;
pub use segment::{FIRST, LONGEST};
pub use sender::{OutPart, PushError, Sender};
pub use unread::{Unread, Witness};

pub use crate::refusal::RefusalReason;

use crate::blocks::{Lender, LentTable, Loan, Readers, RingsOwner, TellsPeer, Told, Words};
use crate::maps::Map;
use control::Slot;

/// Messages that may wait, as one side has them set; 0 for no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Marks {
    /// In what we send.
    pub sending: u64,
    /// In what we receive.
    pub receiving: u64,
}

/// What both halves of one side need: where the words are, and how to wake the peer.
#[derive(Debug)]
struct Common {
    mark: ForkMark,
    slot: Arc<Slot>,
    /// The peer's first page, and the one with its slot for us, if that is another.
    page: Arc<Map>,
    slot_page: Option<Arc<Map>>,
    /// Where that slot is.
    slot_at: usize,
    courier: Arc<Courier>,
    /// The process of the peer; 0 if it has no number in this pid namespace.
    pid: i32,
}

impl Common {
    /// A word of our slot. To be taken once: it is the word's writer.
    fn own(&self, word: usize) -> Word<MappedMut> {
        self.slot.own(word)
    }

    /// A word of the peer's slot.
    fn seen(&self, word: usize) -> Word<Mapped> {
        let page = self.slot_page.as_ref().unwrap_or(&self.page);
        layout::seen(page, self.slot_at + word)
    }

    /// The CPU that the peer last ran on, if it has said so.
    fn cpu(&self) -> Option<u32> {
        let told = layout::seen(&self.page, layout::CPU).load();
        u32::try_from(told.checked_sub(1)?).ok()
    }

    /// The blocks that this side sends and the peer may use.
    fn loan(&self) -> Arc<Loan> {
        let entries = std::array::from_fn(|entry| self.seen(layout::LENT + 8 * entry));
        let courier: Arc<dyn TellsPeer> = Arc::clone(&self.courier) as _;
        let courier = Arc::downgrade(&courier);
        let words = Words {
            page: Arc::clone(self.slot_page.as_ref().unwrap_or(&self.page)),
            lending: LendingSeen::new(
                self.seen(layout::POSITION),
                self.seen(layout::LENT_USED),
                entries,
            ),
            epoch: Some(self.seen(layout::EPOCH)),
            pid: self.pid,
            total: Arc::clone(self.slot.control().memory()),
            told: Told::new(courier),
        };
        let loan = Loan::new(words);
        if let Some(readers) = Readers::current() {
            readers.add(&loan);
        }
        loan
    }

    /// The table of the peer's blocks that this side holds. To be made once: it is the writer of its words.
    fn lender(self: &Arc<Common>) -> Lender {
        let entries = std::array::from_fn(|entry| self.own(layout::LENT + 8 * entry));
        let lending = Lending::new(self.own(layout::LENT_USED), entries);
        let returning = Returning::new(self.own(layout::LENT_USED));
        let wanted = self.seen(layout::WANTED_POSITION);
        let owner = Arc::clone(self);
        let table = LentTable::new(self.mark.clone(), returning, wanted, owner);
        Lender::new(lending, table)
    }

    fn generation(&self) -> Word<Mapped> {
        layout::seen(&self.page, layout::GENERATION)
    }
}

impl RingsOwner for Common {
    fn ring_owner(&self) {
        self.courier.ring();
    }
}
