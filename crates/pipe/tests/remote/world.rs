//! Two sides with both ends here, and no stream between them.

use std::io;
use std::os::fd::BorrowedFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, Weak};

use ringmq_pipe::Wait;
use ringmq_pipe::local::Waker;
use ringmq_pipe::remote::{
    Carry, Courier, Descriptor, FRAME, Lines, Marks, MeetError, OfferFrame, Own, Parts, Peer,
    Receiver, Ringers, Sender, Witness,
};
use ringmq_pipe::sleeper::Sleeper;
use ringmq_sys::{Ancillary, Credentials};

/// Where the courier of one side is, once there is one, and for as long as that side has it.
pub(crate) type Place = Arc<OnceLock<Weak<Courier>>>;

/// What the stream between the two sides does.
#[derive(Debug, Default)]
pub(crate) struct Stream {
    /// It has no room.
    pub(crate) is_jammed: AtomicBool,
    /// The other side's kernel cannot hand over descriptors.
    pub(crate) loses: AtomicBool,
}

/// Hands frames to the courier of the other side, as the two sessions do, unless there is no room.
#[derive(Debug)]
pub(crate) struct ToTheOther(Place, Arc<Stream>);

impl Carry for ToTheOther {
    fn carry(&mut self, frame: &[u8; FRAME], descriptor: Option<BorrowedFd<'_>>) -> io::Result<()> {
        // ORDERING: one thread.
        if self.1.is_jammed.load(Ordering::Relaxed) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let courier = self.0.get().unwrap().upgrade();
        let courier = courier.ok_or(io::ErrorKind::BrokenPipe)?;
        match OfferFrame::decode(frame).unwrap() {
            OfferFrame::Segment(note) => {
                let descriptor = descriptor.unwrap().try_clone_to_owned().unwrap();
                // ORDERING: one thread.
                let came = match self.1.loses.load(Ordering::Relaxed) {
                    true => Descriptor::Lost,
                    false => Descriptor::Came(descriptor),
                };
                courier.deliver(note, came).unwrap();
            }
            OfferFrame::Blocks(note) => {
                let descriptor = descriptor.unwrap().try_clone_to_owned().unwrap();
                // ORDERING: one thread.
                let came = match self.1.loses.load(Ordering::Relaxed) {
                    true => Descriptor::Lost,
                    false => Descriptor::Came(descriptor),
                };
                courier.deliver_blocks(note, came).unwrap();
            }
            OfferFrame::BlocksGone(number) => courier.blocks_gone(number),
            OfferFrame::Ring => courier.wake_socket(),
            other => panic!("{other:?}"),
        }
        Ok(())
    }
}

/// One side, and its sleeper.
pub(crate) struct Side {
    pub(crate) sleeper: Sleeper,
    pub(crate) own: Option<Own>,
    pub(crate) place: Place,
    /// Whether it keeps a descriptor of the other's bell.
    pub(crate) rings: bool,
    /// What its stream to the other does.
    pub(crate) stream: Arc<Stream>,
}

impl Side {
    pub(crate) fn new(marks: Marks) -> Side {
        let mut sleeper = Sleeper::new(Wait::Adaptive).unwrap();
        let control = sleeper.control().unwrap().get().unwrap();
        sleeper.show().unwrap();
        let own = Own::make(&control, marks).unwrap();
        Side {
            sleeper,
            own: Some(own),
            place: Place::default(),
            rings: true,
            stream: Arc::default(),
        }
    }

    /// Judges what another side offers, as it would have come by a socket.
    pub(crate) fn judge(&self, other: &Side) -> Result<Peer, MeetError> {
        let (own, other) = (self.own.as_ref().unwrap(), other.own.as_ref().unwrap());
        let bytes = OfferFrame::Offer(other.offer()).encode();
        let OfferFrame::Offer(offer) = OfferFrame::decode(&bytes)? else {
            panic!("an offer");
        };
        let fds = other.descriptors();
        let fds = fds.iter().map(|fd| fd.try_clone_to_owned().unwrap());
        let mut ringers = Ringers::default();
        let ringers = self.rings.then_some(&mut ringers);
        own.judge(&offer, ancillary(fds.collect()), ringers)
    }

    pub(crate) fn meet(
        &mut self,
        peer: Peer,
        other: &Side,
        limit: u64,
    ) -> (Sender, Receiver, Witness) {
        let lines = Lines {
            carry: Box::new(ToTheOther(
                Arc::clone(&other.place),
                Arc::clone(&self.stream),
            )),
            session: Waker::unset(),
            socket: Waker::from(self.sleeper.bellpull()),
        };
        let Parts {
            sender,
            receiver,
            witness,
            courier,
            ..
        } = self.own.take().unwrap().meet(peer, lines, limit);
        courier.flush().unwrap();
        self.place.set(Arc::downgrade(&courier)).unwrap();
        (sender, receiver, witness)
    }
}

pub(crate) fn ancillary(fds: Vec<std::os::fd::OwnedFd>) -> Ancillary {
    Ancillary {
        fds,
        credentials: Some(Credentials::own()),
        pidfd: None,
    }
}

/// Both ends of one direction, and the sleepers of both.
pub(crate) struct World {
    pub(crate) sender: Sender,
    pub(crate) receiver: Receiver,
    pub(crate) witness: Option<Witness>,
    pub(crate) sending: Sleeper,
    pub(crate) receiving: Sleeper,
    /// The session's part of the sender's side, and its stream.
    pub(crate) courier: Place,
    pub(crate) stream: Arc<Stream>,
    /// The session's part of the receiver's side.
    pub(crate) receiving_courier: Place,
    /// The other direction.
    pub(crate) _back: (Sender, Receiver),
}

pub(crate) fn world(sending: u64, receiving: u64, limit: u64) -> World {
    world_that_rings(true, sending, receiving, limit)
}

pub(crate) fn world_that_rings(rings: bool, sending: u64, receiving: u64, limit: u64) -> World {
    let mark = |sending, receiving| Marks { sending, receiving };
    let mut left = Side::new(mark(sending, 1));
    let mut right = Side::new(mark(1, receiving));
    left.rings = rings;
    right.rings = rings;
    let (for_left, for_right) = (left.judge(&right).unwrap(), right.judge(&left).unwrap());
    let (sender, back_receiver, witness) = left.meet(for_left, &right, limit);
    let (back_sender, receiver, _) = right.meet(for_right, &left, limit);
    World {
        sender,
        receiver,
        witness: Some(witness),
        sending: left.sleeper,
        receiving: right.sleeper,
        courier: left.place,
        stream: left.stream,
        receiving_courier: right.place,
        _back: (back_sender, back_receiver),
    }
}

pub(crate) fn take(receiver: &mut Receiver) -> Option<Vec<Vec<u8>>> {
    let incoming = receiver.peek()?;
    let contents = receiver.contents(&incoming).unwrap();
    let parts = contents.parts();
    let parts = parts.map(|(place, len)| {
        let mut part = Vec::new();
        let copied = receiver.append_to(&incoming, place, len, &mut part);
        copied.unwrap();
        part
    });
    let parts = parts.collect();
    receiver.done(incoming);
    Some(parts)
}

pub(crate) fn pattern(number: usize, len: usize) -> Vec<u8> {
    (0..len).map(|at| (at + number) as u8).collect()
}
