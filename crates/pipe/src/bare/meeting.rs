//! How an end is made of what both sides offer.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use ringmq_ring::{
    Generation, GenerationSeen, Mapped, MappedMut, Reader, Wanted, WantedSeen, Writer,
};
use ringmq_sys::{
    Ancillary, Credentials, Doorbell, ForkMark, OwnMemory, Ringer, adopt, allow_other_uid, barrier,
};

use super::block::{OwnBlocks, round_up};
use super::error::ConnectError;
use super::layout::{self, CONTROL};
use super::offer::{DESCRIPTORS, Offer, OfferError};
use super::options::Options;
use super::pipe::Pipe;
use super::receiver::Receiver;
use super::sender::Sender;
use super::shared::Shared;
use super::wait::Waiter;
use crate::maps::Map;
use crate::waiting::Wait;

/// The part of an end that is made before the peer is known, and offered to it.
#[derive(Debug)]
pub(crate) struct Own {
    options: Options,
    mark: ForkMark,
    control: OwnMemory,
    ring: OwnMemory,
    /// The memory for blocks.
    blocks: Option<OwnMemory>,
    data: (Doorbell, OwnedFd),
    room: (Doorbell, OwnedFd),
    generation: Generation<MappedMut>,
    passes_barriers: bool,
}

impl Own {
    pub(crate) fn make(options: &Options) -> Result<Own, ConnectError> {
        options.check()?;
        let mark = ForkMark::current().map_err(ConnectError::os("mmap"))?;
        let control = OwnMemory::create("ringmq-control", CONTROL, &mark)?;
        let ring = OwnMemory::create("ringmq-ring", options.capacity, &mark)?;
        let blocks = match round_up(options.blocks) {
            Some(0) => None,
            Some(bytes) => {
                let huge = options.huge_pages;
                Some(OwnMemory::create_with("ringmq-blocks", bytes, huge, &mark)?)
            }
            None => return Err(options.too_many_blocks().into()),
        };
        if options.prefault {
            for memory in [Some(&ring), blocks.as_ref()].into_iter().flatten() {
                let mapping = memory.mapping();
                mapping.prefault().map_err(ConnectError::os("madvise"))?;
            }
        }
        let identity = layout::own(control.mapping(), layout::IDENTITY);
        identity.publish(layout::MAGIC);
        // Fences are asked for before the peer can publish, and forgone later if they turn out not to be needed.
        let generation = Generation::new(layout::own(control.mapping(), layout::GENERATION), true);
        let bell = || -> Result<(Doorbell, OwnedFd), ConnectError> {
            let (bell, theirs) = Doorbell::new().map_err(ConnectError::os("pipe"))?;
            // The peer opens it anew, perhaps as another user. No other process can reach it: it has no name.
            allow_other_uid(theirs.as_fd()).map_err(ConnectError::os("fchmod"))?;
            Ok((bell, theirs))
        };
        Ok(Own {
            mark,
            data: bell()?,
            room: bell()?,
            control,
            ring,
            blocks,
            generation,
            passes_barriers: barrier::register(),
            options: options.clone(),
        })
    }

    pub(crate) fn offer(&self) -> Offer {
        Offer {
            passes_barriers: self.passes_barriers,
            control: CONTROL as u64,
            ring: self.options.capacity as u64,
            greatest: self.options.max_message,
            start: self.options.start,
            reads_blocks: true,
            blocks: self.blocks_len(),
        }
    }

    /// Bytes of the memory for blocks; 0 if there is none.
    fn blocks_len(&self) -> u64 {
        let memory = self.blocks.as_ref();
        memory.map_or(0, |memory| memory.mapping().len() as u64)
    }

    /// The memory for blocks, to be sent to a peer that has made this offer, if it can read it.
    pub(crate) fn blocks_for(&self, offer: &Offer) -> Option<BorrowedFd<'_>> {
        let memory = self.blocks.as_ref().filter(|_| offer.reads_blocks);
        memory.map(OwnMemory::fd)
    }

    pub(crate) fn descriptors(&self) -> [BorrowedFd<'_>; DESCRIPTORS] {
        [
            self.control.fd(),
            self.ring.fd(),
            self.data.1.as_fd(),
            self.room.1.as_fd(),
        ]
    }

    /// Checks what the peer offers, and puts the end together. The receiver does not have the peer's memory for blocks yet.
    pub(crate) fn meet(
        self,
        offer: &Offer,
        came: Ancillary,
        credentials: Credentials,
    ) -> Result<Pipe, ConnectError> {
        let [control, ring, data, room] = exactly(came.fds)?;
        let memory = |fd, len, what| adopt_as(what, fd, len, &self.mark);
        let peer_control = Arc::new(memory(control, offer.control, "control page")?);
        let peer_ring = memory(ring, offer.ring, "ring")?;
        let identity = layout::seen(&peer_control, layout::IDENTITY);
        let magic = identity.load();
        if magic != layout::MAGIC {
            return Err(OfferError::Layout(magic).into());
        }
        if self.options.prefault {
            peer_ring.prefault().map_err(ConnectError::os("madvise"))?;
        }
        // The peer's doorbells: its data bell is rung by our sender, its room bell by our receiver.
        let data_ringer = Ringer::adopt(data)?;
        let room_ringer = Ringer::adopt(room)?;

        let own_control = Arc::new(Map::from(self.control.into_mapping()));
        let own_ring = Map::from(self.ring.into_mapping());
        let own = |offset| layout::own(&own_control, offset);
        let seen = |offset| layout::seen(&peer_control, offset);
        // SAFETY: the mapping is `len` bytes of ours, kept by `Shared`; this is the only writer that is made of it.
        let writable = unsafe { MappedMut::new(own_ring.as_ptr(), own_ring.len()) };
        // SAFETY: the mapping is `len` bytes, checked to be readable without a trap, kept by `Shared`.
        let readable = unsafe { Mapped::new(peer_ring.as_ptr(), peer_ring.len()) };
        let bad_ring = |bad: ringmq_ring::BadCapacity| {
            let value = bad.bytes as u64;
            OfferError::Field {
                field: "ring",
                value,
            }
        };
        let writer = Writer::new(
            writable,
            seen(layout::POSITION).into_memory(),
            self.options.start,
        )
        .map_err(bad_ring)?;
        let mut reader = Reader::new(readable, own(layout::POSITION).into_memory(), offer.start)
            .map_err(bad_ring)?;
        if offer.blocks > 0 {
            reader = reader.with_blocks();
        }
        let wanted = Wanted::new(own(layout::WANTED));
        let receiver_cpu = own(layout::RECEIVER_CPU);
        let sender_cpu = own(layout::SENDER_CPU);
        let generation_seen = GenerationSeen::new(seen(layout::GENERATION));
        let wanted_seen = WantedSeen::new(seen(layout::WANTED));
        let peer_receiver_cpu = seen(layout::RECEIVER_CPU);
        let peer_sender_cpu = seen(layout::SENDER_CPU);

        let shared = Arc::new(Shared {
            mark: self.mark,
            pidfd: came.pidfd,
            credentials,
            prefault: self.options.prefault,
            own_greatest: self.options.max_message,
            peer_greatest: offer.greatest,
            barrier_reaches_peer: self.passes_barriers && offer.passes_barriers,
            may_change_payment: self.options.fences.is_none(),
            own_control,
            peer_control,
            _own_ring: own_ring,
            _peer_ring: peer_ring,
        });
        let blocks = self.blocks.filter(|_| offer.reads_blocks);
        let blocks = match blocks {
            Some(memory) => Some(
                OwnBlocks::new(memory, &shared.peer_control)
                    .ok_or_else(|| self.options.too_many_blocks())?,
            ),
            None => None,
        };
        let mut generation = self.generation;
        let wait = self.options.wait;
        let fences = self.options.fences.unwrap_or(wait == Wait::Park);
        if shared.barrier_reaches_peer && !fences {
            generation.forgo_fences();
        }
        let waiter = |bell, told, peer| {
            Waiter::new(wait, bell, Arc::clone(&shared), told, peer)
                .map_err(ConnectError::os("epoll_create"))
        };
        let for_data = waiter(self.data.0, receiver_cpu, peer_sender_cpu)?;
        let for_room = waiter(self.room.0, sender_cpu, peer_receiver_cpu)?;
        Ok(Pipe::new(
            Sender::new(
                writer,
                generation_seen,
                data_ringer,
                wanted,
                for_room,
                blocks,
            ),
            Receiver::new(reader, wanted_seen, room_ringer, generation, for_data),
        ))
    }
}

/// Takes the memory for blocks that the peer has sent, of as many bytes as its offer says.
pub(crate) fn take_blocks(
    pipe: &mut Pipe,
    fds: Vec<OwnedFd>,
    bytes: u64,
) -> Result<(), ConnectError> {
    if bytes == 0 {
        let [] = exactly(fds)?;
        return Ok(());
    }
    let [fd] = exactly(fds)?;
    let receiver = pipe.receiver();
    let memory = adopt_as("memory for blocks", fd, bytes, receiver.mark())?;
    if receiver.prefaults() {
        memory.prefault().map_err(ConnectError::os("madvise"))?;
    }
    receiver.set_blocks(memory);
    Ok(())
}

/// The descriptors, if there are exactly so many.
fn exactly<const N: usize>(fds: Vec<OwnedFd>) -> Result<[OwnedFd; N], OfferError> {
    let (got, want) = (fds.len(), N);
    fds.try_into()
        .map_err(|_| OfferError::Descriptors { got, want })
}

fn adopt_as(
    what: &'static str,
    fd: OwnedFd,
    len: u64,
    mark: &ForkMark,
) -> Result<Map, ConnectError> {
    let memory = adopt(fd, len as usize, mark);
    memory
        .map(Map::from)
        .map_err(|refusal| ConnectError::PeerMemory { what, refusal })
}
