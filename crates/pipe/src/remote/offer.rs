//! What each side offers, the checks of the peer's offer, and the two ends that are made of both.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use ringmq_sys::{Ancillary, Credentials, Ringer, adopt_file};

use super::control::{Control, Slot};
use super::courier::{Carry, Courier};
use super::frame::{MeetError, Offer};
use super::layout::{self, PAGE};
use super::ringers::Ringers;
use super::sender::Sender;
use super::unread::Witness;
use super::{Common, Marks, Receiver};
use crate::blocks::Readers;
use crate::local::Waker;
use crate::maps::{Counted, Map};

/// Connections of a process that have ended, and of which it still uses blocks, at most. Then it has no other one in shared
/// memory.
const KEPT_MOST: usize = 64;

/// The part of one side that is made before the peer is known, and offered to it.
#[derive(Debug)]
pub struct Own {
    slot: Slot,
    /// The descriptors of the pages and of the doorbell, which are sent. None is needed after that.
    descriptors: Vec<OwnedFd>,
    /// Mappings that count from now on: a segment for each direction, until it is there.
    reserved: [Counted; 2],
}

/// The peer's offer after all checks.
#[derive(Debug)]
pub struct Peer {
    page: Map,
    slot_page: Option<Map>,
    slot: u32,
    /// The name of the peer's end.
    name: u64,
    ringer: Option<Arc<Ringer>>,
    /// The process at the other end; 0 if it has no number in this pid namespace.
    pub pid: i32,
    /// The process: readable once it is dead.
    pub pidfd: Option<OwnedFd>,
}

/// What a connection in shared memory needs of the stream on which it was agreed upon.
#[derive(Debug)]
pub struct Lines {
    /// The stream, for frames of this side.
    pub carry: Box<dyn Carry>,
    /// Wakes the session of this side.
    pub session: Waker,
    /// Wakes the socket of this side.
    pub socket: Waker,
}

/// The parts of one side, once both have accepted the other's offer.
#[derive(Debug)]
pub struct Parts {
    /// Sends.
    pub sender: Sender,
    /// Receives.
    pub receiver: Receiver,
    /// For the session, which learns that the peer is gone.
    pub witness: Witness,
    /// For the session, too.
    pub courier: Arc<Courier>,
    /// The names of this end and of the peer's, which are the same in both processes; 0 if one is not known.
    pub names: (u64, u64),
}

impl Own {
    /// Makes an offer.
    ///
    /// # Errors
    ///
    /// There is no memory or descriptor for it, or the socket [offers nothing more](super::LateControl::shed).
    pub fn make(control: &Arc<Control>, marks: Marks) -> io::Result<Own> {
        let (slot, mut descriptors) = control.slot()?;
        slot.own(layout::SENDING_MARK).publish(marks.sending);
        slot.own(layout::RECEIVING_MARK).publish(marks.receiving);
        descriptors.push(control.bell()?);
        Ok(Own {
            slot,
            descriptors,
            reserved: [Counted::new(1), Counted::new(1)],
        })
    }

    /// What is offered.
    pub fn offer(&self) -> Offer {
        Offer {
            slot: self.slot.at() as u32,
            other_page: self.slot.is_in_other_page(),
        }
    }

    /// The descriptors that are sent with it.
    pub fn descriptors(&self) -> Vec<BorrowedFd<'_>> {
        self.descriptors.iter().map(AsFd::as_fd).collect()
    }

    /// Closes the descriptors, once the offer is sent.
    pub fn sent(&mut self) {
        self.descriptors.clear();
    }

    /// Checks what the peer offers. Without `ringers` its doorbell is not kept: the peer is woken by frames.
    ///
    /// # Errors
    ///
    /// [`MeetError`]; all descriptors are closed then.
    pub fn judge(
        &self,
        offer: &Offer,
        came: Ancillary,
        ringers: Option<&mut Ringers>,
    ) -> Result<Peer, MeetError> {
        let want = offer.descriptors();
        let got = came.fds.len();
        if got != want {
            return Err(MeetError::Descriptors { got, want });
        }
        let own = Credentials::own().uid;
        if came.credentials.is_none_or(|peer| peer.uid != own) {
            return Err(MeetError::OtherUser);
        }
        let pid = came.credentials.map_or(0, |peer| peer.pid);
        // Each connection may have a message beyond the limit of the socket.
        let readers = Readers::current();
        let kept = readers.map_or(0, |readers| readers.orphans_of(pid));
        if kept >= KEPT_MOST {
            return Err(MeetError::Keeps(kept));
        }
        let mut fds = came.fds.into_iter();
        let missing = || MeetError::Descriptors { got, want };
        let mark = self.slot.control().mark();
        let mut file = 0;
        let mut page = || -> Result<Map, MeetError> {
            let adopted = adopt_file(fds.next().ok_or_else(missing)?, PAGE, mark)?;
            file = adopted.1;
            let page = Map::from(adopted.0);
            match layout::seen(&page, layout::IDENTITY).load() {
                layout::MAGIC => Ok(page),
                other => Err(MeetError::Layout(other)),
            }
        };
        let first = page()?;
        let slot_page = offer.other_page.then(page).transpose()?;
        let bell = fds.next().ok_or_else(missing)?;
        let ringer = ringers.map(|ringers| ringers.adopt(bell)).transpose()?;
        Ok(Peer {
            page: first,
            slot_page,
            slot: offer.slot,
            name: layout::end_name(file, offer.slot as usize),
            ringer,
            pid,
            pidfd: came.pidfd,
        })
    }

    /// Makes both ends of this side, once both sides have accepted the other's offer.
    pub fn meet(self, peer: Peer, lines: Lines, limit: u64) -> Parts {
        let mark = self.slot.control().mark().clone();
        let names = (self.slot.name(), peer.name);
        let Lines {
            carry,
            session,
            socket,
        } = lines;
        let slot = Arc::new(self.slot);
        let courier = Courier::new(&slot, carry, peer.ringer, session, socket);
        let courier = Arc::new(courier);
        let common = Arc::new(Common {
            mark,
            slot_at: peer.slot as usize,
            page: Arc::new(peer.page),
            slot_page: peer.slot_page.map(Arc::new),
            pid: peer.pid,
            courier: Arc::clone(&courier),
            slot,
        });
        let [to_send, to_receive] = self.reserved;
        let (sender, witness) = Sender::new(&common, limit, to_send);
        Parts {
            sender,
            receiver: Receiver::new(&common, to_receive),
            witness,
            courier,
            names,
        }
    }
}
