//! How an end is made of what both sides offer.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use ringmq_ring::{
    Generation, GenerationSeen, Mapped, MappedMut, Reader, Wanted, WantedSeen, Writer,
};
use ringmq_sys::{
    Ancillary, Credentials, Doorbell, ForkMark, OwnMemory, Ringer, adopt, allow_other_uid, barrier,
};

use super::error::ConnectError;
use super::layout::{self, CONTROL};
use super::offer::{DESCRIPTORS, Offer, OfferError};
use super::options::Options;
use super::pipe::Pipe;
use super::receiver::Receiver;
use super::sender::Sender;
use super::shared::Shared;
use super::wait::Waiter;
use crate::maps::Counted;
use crate::waiting::Wait;

/// The part of an end that is made before the peer is known, and offered to it.
#[derive(Debug)]
pub(crate) struct Own {
    options: Options,
    mark: ForkMark,
    control: OwnMemory,
    ring: OwnMemory,
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
        if options.prefault {
            ring.mapping()
                .prefault()
                .map_err(ConnectError::os("madvise"))?;
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
        }
    }

    pub(crate) fn descriptors(&self) -> [BorrowedFd<'_>; DESCRIPTORS] {
        [
            self.control.fd(),
            self.ring.fd(),
            self.data.1.as_fd(),
            self.room.1.as_fd(),
        ]
    }

    /// Checks what the peer offers, and puts the end together.
    pub(crate) fn meet(
        self,
        offer: &Offer,
        came: Ancillary,
        credentials: Credentials,
    ) -> Result<Pipe, ConnectError> {
        let got = came.fds.len();
        let Ok([control, ring, data, room]) = <[OwnedFd; DESCRIPTORS]>::try_from(came.fds) else {
            return Err(OfferError::Descriptors {
                got,
                want: DESCRIPTORS,
            }
            .into());
        };
        let memory = |fd, len: u64, what| {
            adopt(fd, len as usize, &self.mark)
                .map_err(|refusal| ConnectError::PeerMemory { what, refusal })
        };
        let peer_control = memory(control, offer.control, "control page")?;
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

        let own_control = self.control.into_mapping();
        let own_ring = self.ring.into_mapping();
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
        let reader = Reader::new(readable, own(layout::POSITION).into_memory(), offer.start)
            .map_err(bad_ring)?;
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
            own_greatest: self.options.max_message,
            peer_greatest: offer.greatest,
            barrier_reaches_peer: self.passes_barriers && offer.passes_barriers,
            may_change_payment: self.options.fences.is_none(),
            _own_control: own_control,
            _own_ring: own_ring,
            _peer_control: peer_control,
            _peer_ring: peer_ring,
            _counted: Counted::new(4),
        });
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
            Sender::new(writer, generation_seen, data_ringer, wanted, for_room),
            Receiver::new(reader, wanted_seen, room_ringer, generation, for_data),
        ))
    }
}
