//! The offers of shared memory on one connection: descriptors beside the bytes of its stream, and the ends that both sides
//! agree on. [`switch`](crate::switch) decides what is done and when; docs/handoff.md specifies the frames.

use std::io;
use std::sync::Arc;

use ringmq_message::provide_large_memory;
use ringmq_pipe::has_mappings_for_connections;
use ringmq_pipe::local::Waker;
use ringmq_pipe::remote::{
    Courier, Descriptor, Lines, MeetError, Offer, OfferFrame, Own, Peer, Receiver, RefusalReason,
    SegmentError, SegmentNote, Sender, Witness,
};
use ringmq_sys::Ancillary;
use ringmq_transport::Stream;
use ringmq_zmtp::Connection;

use crate::block;
use crate::mail::row;
use crate::mail::{Link, RowOrNone, SharedOffer};
use crate::session::broken::Broken;
use crate::session::carry::{COMMAND, OverStream, VERSION};
use crate::session::kinds::{blocks, receives, sends};
use crate::session::process::Process;
use crate::session::supply::{Supplies, Supply};
use crate::switch::{Frame, Input, Short, Why};

/// The offers of one connection, and its courier.
#[derive(Debug, Default)]
pub(crate) struct Handoff {
    /// This side's offer, until both sides have agreed or one has refused.
    offering: Option<Box<Offering>>,
    /// The peer's offer and its descriptors, until it is judged.
    offered: Option<(Offer, Ancillary)>,
    /// What came beside the bytes, until the frame is decoded that it belongs to.
    came: Option<Ancillary>,
    /// Descriptors were lost on the way, or more came than belong to one frame.
    lost: bool,
    /// Carries segments and rings, once both sides have agreed.
    courier: Option<Arc<Courier>>,
}

/// The offer of this side.
#[derive(Debug)]
struct Offering {
    limit: u64,
    own: Own,
    /// The peer's offer, once this side has accepted it.
    peer: Option<Peer>,
    /// The process at the other end, by what came last.
    process: Option<Process>,
}

/// The ends that both sides have agreed on.
#[derive(Debug)]
pub(crate) struct Met {
    /// With the witness of its segments; `None` if this type of socket sends nothing in shared memory.
    pub(crate) sender: Option<(Sender, Witness)>,
    /// `None` if this type of socket receives nothing in shared memory.
    pub(crate) receiver: Option<Receiver>,
    pub(crate) process: Option<Process>,
}

impl Drop for Handoff {
    fn drop(&mut self) {
        self.close();
    }
}

/// Returns the reason if this side cannot share memory on a new connection. `short`: memory or descriptors have run short
/// lately.
pub(crate) fn possible(
    sharing: Option<&SharedOffer>,
    stream: &Stream,
    short: bool,
) -> Result<(), Why> {
    if sharing.is_none() {
        return Err(Why::TurnedOff);
    }
    // A process that is new has to read how many mappings it may have. Over tcp it does so with its offer: a peer that asks
    // once and goes does not pay for it.
    let has_mappings = || stream.unix().is_none() || has_mappings_for_connections();
    if short || !has_mappings() {
        return Err(Why::Resources);
    }
    Ok(())
}

impl Handoff {
    /// Makes the offer of this side.
    pub(crate) fn make_offer(
        &mut self,
        stream: &Stream,
        link: &Link,
        supplies: &Supplies,
    ) -> Result<(), Short> {
        // Many connections may have been made before the first of them has mapped anything.
        if !has_mappings_for_connections() {
            return Err(Short);
        }
        let sharing = link.sharing.as_ref().ok_or(Short)?;
        let marks = ringmq_pipe::remote::Marks {
            sending: link.marks.sending,
            receiving: link.marks.receiving,
        };
        let control = sharing.control.get().map_err(|_| Short)?;
        let own = Own::make(&control, marks).map_err(|_| Short)?;
        if supplies.at_all(&own.descriptors()) == Supply::Short {
            return Err(Short);
        }
        self.offering = Some(Box::new(Offering {
            limit: sharing.limit,
            own,
            peer: None,
            process: None,
        }));
        if let Some(unix) = stream.unix() {
            // The peer answers the offer, so that at least one read follows. If it were asked for earlier, the kernel would
            // make a pidfd for each read of a connection that is too young for an offer.
            unix.ask_for_pidfd();
        }
        Ok(())
    }

    /// Drops the offer of this side: the connection stays on ZMTP.
    pub(crate) fn withdraw(&mut self) {
        self.offering = None;
    }

    /// Puts the frame of this side's offer into the output of ZMTP.
    pub(crate) fn frame_offer(&self, connection: &mut Connection) {
        if let Some(offering) = &self.offering {
            let frame = OfferFrame::Offer(offering.own.offer()).encode();
            connection.command(COMMAND, &frame);
        }
    }

    /// Writes the output of ZMTP, which is the frame of this side's offer, with its descriptors.
    ///
    /// # Errors
    ///
    /// The stream has no room or has ended, or a signal came: nothing was written.
    pub(crate) fn send_offer(
        &mut self,
        stream: &Stream,
        connection: &mut Connection,
    ) -> io::Result<()> {
        let (Some(offering), Some(unix)) = (&mut self.offering, stream.unix()) else {
            return Ok(());
        };
        let bytes: Vec<u8> = connection.output().flatten().copied().collect();
        match unix.send_now(&bytes, &offering.own.descriptors()) {
            Ok(written) => connection.sent(written),
            Err(error) => match error.kind() {
                io::ErrorKind::WouldBlock
                | io::ErrorKind::BrokenPipe
                | io::ErrorKind::ConnectionReset
                | io::ErrorKind::Interrupted => return Err(error),
                // Too many descriptors are under way. The frame goes without them, and is refused for that.
                _ => {}
            },
        }
        offering.own.sent();
        Ok(())
    }

    /// Reads from the stream, with at most `most` descriptors beside the bytes.
    pub(crate) fn read(
        &mut self,
        stream: &Stream,
        into: &mut [u8],
        most: usize,
        supplies: &mut Supplies,
    ) -> io::Result<usize> {
        let Some(unix) = stream.unix() else {
            return stream.read(into);
        };
        let agreed = self.courier.is_some();
        if agreed {
            supplies.reserve.give_up();
        }
        let came = unix.receive_now(into, most);
        let brought = |came: &ringmq_sys::Came| !came.ancillary.fds.is_empty() || came.lost;
        if agreed && !came.as_ref().is_ok_and(brought) {
            supplies.reserve.refill();
        }
        let mut came = came?;
        if let Some(offering) = &mut self.offering
            && let Some(pidfd) = came.ancillary.pidfd.take()
        {
            let sender = came.ancillary.credentials;
            let pid = sender.map_or(0, |sender| sender.pid);
            offering.process = Some(Process { pid, pidfd });
        }
        if brought(&came) {
            self.lost |= came.lost || self.came.is_some();
            self.came = Some(came.ancillary);
        }
        Ok(came.bytes)
    }

    /// Decodes a frame of the peer. Segments and rings go to the courier; everything else is an input of the switch.
    /// `in_midst`: the last message part before it has more to follow.
    ///
    /// # Errors
    ///
    /// A segment or a ring came out of turn, or a segment cannot be the next one.
    pub(crate) fn decode(
        &mut self,
        data: &[u8],
        in_midst: bool,
        supplies: &mut Supplies,
    ) -> Result<Option<Input>, Broken> {
        let frame = match OfferFrame::decode(data) {
            Ok(frame) => frame,
            Err(error) => {
                self.came = None;
                return Ok(Some(Input::Undecodable(error.refuse().code())));
            }
        };
        let frame = match frame {
            OfferFrame::Offer(offer) => {
                self.offered = Some((offer, self.came.take().unwrap_or_default()));
                Frame::Offer
            }
            OfferFrame::Accept => Frame::Accept,
            OfferFrame::Refuse(why) => Frame::Refuse(why.code()),
            OfferFrame::Switch => Frame::Switch,
            OfferFrame::Back => Frame::Back,
            OfferFrame::Closing => Frame::Closing,
            OfferFrame::BackAccepted => Frame::BackAccepted,
            OfferFrame::Yield => Frame::Yield,
            OfferFrame::TakeBack => Frame::TakeBack,
            OfferFrame::TakenBack => Frame::TakenBack,
            OfferFrame::Segment(note) => {
                self.deliver(note, supplies, Courier::deliver)?;
                return Ok(None);
            }
            OfferFrame::Blocks(note) => {
                self.deliver(note, supplies, Courier::deliver_blocks)?;
                return Ok(None);
            }
            OfferFrame::BlocksGone(number) => {
                self.courier().ok_or(Broken::Handoff)?.blocks_gone(number);
                return Ok(None);
            }
            OfferFrame::Ring => {
                self.courier().ok_or(Broken::Handoff)?.wake_socket();
                return Ok(None);
            }
        };
        let asks = matches!(frame, Frame::Back | Frame::Closing);
        let short = asks && self.courier().is_some_and(Courier::is_short);
        Ok(Some(Input::Frame {
            frame,
            in_midst,
            short,
        }))
    }

    /// Gives a segment, with the descriptor that came with it, to the courier.
    fn deliver(
        &mut self,
        note: SegmentNote,
        supplies: &mut Supplies,
        to: fn(&Courier, SegmentNote, Descriptor) -> Result<(), SegmentError>,
    ) -> Result<(), Broken> {
        let mut fds = self.came.take().unwrap_or_default().fds;
        let courier = self.courier.as_deref().ok_or(Broken::Handoff)?;
        let lost = std::mem::take(&mut self.lost);
        let descriptor = match fds.pop() {
            Some(fd) if fds.is_empty() && !lost => Descriptor::Came(fd),
            None if lost => Descriptor::Lost,
            _ => Descriptor::None,
        };
        let delivered = to(courier, note, descriptor);
        supplies.reserve.refill();
        delivered.map_err(|_| Broken::Handoff)
    }

    /// Judges the peer's offer, which [`decode`](Handoff::decode) has kept. `Err` is the reason for which it is refused.
    pub(crate) fn judge(&mut self, supplies: &mut Supplies) -> Result<(), RefusalReason> {
        let Some((offer, came)) = self.offered.take() else {
            return Err(MeetError::Frame.refuse());
        };
        let supply = supplies.at_all(&came.fds);
        let offering = match &mut self.offering {
            Some(offering) if supply != Supply::Short => offering,
            _ => return Err(RefusalReason::Resources),
        };
        if offering.peer.is_some() {
            return Err(MeetError::Frame.refuse());
        }
        if self.lost {
            let (got, want) = (0, offer.descriptors());
            return Err(MeetError::Descriptors { got, want }.refuse());
        }
        let ringers = (supply == Supply::Ample).then_some(&mut supplies.ringers);
        let judged = offering.own.judge(&offer, came, ringers);
        offering.peer = Some(judged.map_err(|error| error.refuse())?);
        Ok(())
    }

    /// Drops the peer's offer, if it was not judged.
    pub(crate) fn forget_offer(&mut self) {
        self.offered = None;
    }

    /// Makes the ends, once both sides have accepted. `session` wakes the session.
    pub(crate) fn meet(
        &mut self,
        stream: &Stream,
        link: &Link,
        session: &Waker,
        row: &RowOrNone,
        supplies: &mut Supplies,
    ) -> Option<Met> {
        let unix = stream.share_unix()?;
        let Offering {
            limit,
            own,
            peer,
            process,
        } = *self.offering.take()?;
        let mut peer = peer?;
        // No read from now on needs to name the process that has sent.
        unix.forgo_pidfd();
        supplies.reserve.refill();
        // What came with its offer was opened by number, where our own was not made by then.
        let pid = peer.pid;
        let by_number = peer.pidfd.take().map(|pidfd| Process { pid, pidfd });
        let process = process.or(by_number);
        let lines = Lines {
            carry: Box::new(OverStream::new(unix)),
            session: session.clone(),
            socket: Waker::from(link.bellpull.clone()),
        };
        let parts = own.meet(peer, lines, limit);
        // From now on long bodies are made where such a peer can read them.
        provide_large_memory(block::large_for_peers);
        self.courier = Some(parts.courier);
        row::set_ends(row, parts.names.0, parts.names.1);
        let mut sender = parts.sender;
        sender.set_patient(blocks(link.kind));
        let sharing = link.sharing.as_ref();
        if let Some(arena) = sharing.and_then(|sharing| sharing.own_arena.clone()) {
            sender.set_arena(arena);
        }
        Some(Met {
            sender: sends(link.kind).then_some((sender, parts.witness)),
            receiver: receives(link.kind).then_some(parts.receiver),
            process,
        })
    }

    /// What carries segments and rings, once both sides have agreed.
    pub(crate) fn courier(&self) -> Option<&Courier> {
        self.courier.as_deref()
    }

    /// Closes the courier: the stream has ended.
    pub(crate) fn close(&self) {
        if let Some(courier) = self.courier() {
            courier.close();
        }
    }
}

/// Returns true if a value of [`PROPERTY`](crate::session::carry::PROPERTY) names the version of this side: [`VERSION`], and perhaps limits behind a
/// semicolon.
pub(crate) fn is_our_version(value: &[u8]) -> bool {
    let version = value.split(|byte| *byte == b';').next();
    version == Some(VERSION)
}
