//! How a connection goes over to shared memory. docs/handoff.md specifies it.
//!
//! ```text
//!   Waiting ── the peer can, too ──▶ Ripening ── in time ──▶ Offering ── both have accepted ──▶ Agreed
//!      └── it does not, or anything goes wrong ──▶ Off: ZMTP goes on
//!
//!   Agreed, each direction: by ZMTP ── the socket has gone over ──▶ in shared memory ── no memory is left ──▶ by ZMTP again
//! ```

mod ways;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use ringmq_pipe::has_mappings_for_connections;
use ringmq_pipe::local::Waker;
use ringmq_pipe::remote::{
    Courier, Descriptor, Lines, MeetError, OfferFrame, Own, Peer, Receiver, Refuse, Sender, Witness,
};
use ringmq_sys::Ancillary;
use ringmq_transport::Stream;
use ringmq_zmtp::Connection;

use crate::mail::{Link, Marks, SharedOffer as Sharing, WhyZmtp};
use crate::reactor::processes::Process;
use crate::session::carry::OverStream;
use crate::session::kinds::{blocks, receives, sends};
use crate::session::supply::{Supplies, Supply};

/// The property by which a side says that it can: its version.
pub(crate) const PROPERTY: &str = "X-Ringmq-Shm";
pub(crate) const VERSION: &[u8] = b"2";
/// The command that carries the frames of the handoff.
pub(crate) const COMMAND: &str = "X-RINGMQ-SHM";
/// So old is a connection when this side offers shared memory, as soon as something happens on it. Making and judging the
/// offers takes both sides about 0.1 ms, and the socket's page is made with the first, which a peer that wants an answer
/// and goes would pay for nothing (docs/performance.md).
const RIPE: Duration = Duration::from_millis(1);
/// So old is it when this side offers although nothing happens. A timer of 1 ms delays whoever sleeps meanwhile: it is the
/// CPU's next event each time, and has to be set and taken back.
const OVERRIPE: Duration = Duration::from_millis(20);
/// Descriptors that come with an offer, at most, and with a segment.
const DESCRIPTORS: usize = 3;
const OF_SEGMENT: usize = 1;

/// The handoff of one connection. Its end is that of the stream.
#[derive(Debug)]
pub(crate) struct Handoff {
    stage: Stage,
    /// What came beside the bytes, until the frame is read that it belongs to.
    came: Option<Ancillary>,
    /// Some of it was lost on the way, or there was more than belongs to one frame.
    lost: bool,
    /// The socket knows that ZMTP it is.
    told: bool,
    /// This side has sent a REFUSE. It sends one for a connection at most: a peer that does not read could otherwise have
    /// any number of them written to our memory.
    has_refused: bool,
    /// The peer has asked for what it cannot read in shared memory, since the last look.
    takes_back: bool,
    /// The peer has accepted BACK, since the last look.
    back_accepted: bool,
    /// This side has asked the peer to say BACK, and the peer this side: each may once.
    yields: [bool; 2],
    /// The peer has asked for it since the last look.
    yield_asked: bool,
}

/// Which side has asked for BACK, in `Handoff::yields`.
const OURS: usize = 0;
const THEIRS: usize = 1;

/// The peer sends by ZMTP already.
#[derive(Debug)]
pub(crate) struct TooLate;

/// How far it is.
#[derive(Debug)]
enum Stage {
    /// ZMTP it is.
    Off(WhyZmtp),
    /// Nothing was said yet.
    Waiting(Sharing),
    /// Both sides can, and the connection is young.
    Ripening(Box<Ripening>),
    /// Offers are under way.
    Offering(Box<Offering>),
    /// Both sides have what they need.
    Agreed {
        /// How we send, as the peer was told.
        ours: Way,
        /// How it does, as it has told us.
        theirs: Way,
        /// It was asked to take back what we cannot read.
        asked: bool,
        courier: Arc<Courier>,
    },
}

/// Where messages of one direction go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Zmtp,
    Memory,
    /// BACK was said, and not answered. Nothing is sent before the answer, which may be TAKE BACK.
    Leaving,
    ZmtpAgain,
}

/// What an offer will be made of, and when.
#[derive(Debug)]
struct Ripening {
    sharing: Sharing,
    marks: Marks,
    /// When the handshake was done.
    since: Duration,
}

#[derive(Debug)]
struct Offering {
    limit: u64,
    own: Own,
    /// The frame of our offer waits to be written.
    framed: bool,
    /// It has left, with its descriptors.
    sent: bool,
    /// What the peer offers, once we have accepted it.
    peer: Option<Peer>,
    /// The process that it is, by what came last.
    process: Option<Process>,
    /// It has accepted what we offer.
    accepted: bool,
}

/// What both sides need, of one of them.
#[derive(Debug)]
pub(crate) struct Met {
    pub(crate) sender: Option<Sender>,
    pub(crate) receiver: Option<Receiver>,
    pub(crate) witness: Witness,
    pub(crate) process: Option<Process>,
}

impl Drop for Handoff {
    fn drop(&mut self) {
        self.close();
    }
}

impl Handoff {
    /// Of a new connection. `short` if memory or descriptors ran short lately.
    pub(crate) fn new(sharing: Option<&Sharing>, stream: &Stream, short: bool) -> Handoff {
        let stage = match sharing {
            _ if stream.unix().is_none() => Stage::Off(WhyZmtp::NotIpc),
            Some(_) if short || Supply::at(stream) == Supply::Short => {
                Stage::Off(WhyZmtp::Resources)
            }
            Some(_) if !has_mappings_for_connections() => Stage::Off(WhyZmtp::Resources),
            Some(sharing) => Stage::Waiting(sharing.clone()),
            None => Stage::Off(WhyZmtp::TurnedOff),
        };
        Handoff {
            stage,
            came: None,
            lost: false,
            told: false,
            has_refused: false,
            takes_back: false,
            back_accepted: false,
            yields: [false; 2],
            yield_asked: false,
        }
    }

    /// Why the connection stays on ZMTP, once that is settled, and once only.
    pub(crate) fn news(&mut self) -> Option<WhyZmtp> {
        match &self.stage {
            Stage::Off(why) if !self.told => {
                self.told = true;
                Some(*why)
            }
            _ => None,
        }
    }

    /// Whether the property is to be said.
    pub(crate) fn is_open(&self) -> bool {
        matches!(&self.stage, Stage::Waiting(_))
    }

    /// The handshake is done: there will be an offer, if the peer can, too.
    pub(crate) fn begin(&mut self, connection: &Connection, marks: Marks, now: Duration) {
        let Stage::Waiting(sharing) = &self.stage else {
            return;
        };
        let theirs = connection.peer().is_some_and(|peer| {
            let mut all = peer.metadata();
            all.any(|(name, value)| name.eq_ignore_ascii_case(PROPERTY) && is_ours(value))
        });
        if !theirs {
            self.stage = Stage::Off(WhyZmtp::NotOffered);
            return;
        }
        self.stage = Stage::Ripening(Box::new(Ripening {
            sharing: sharing.clone(),
            marks,
            since: now,
        }));
    }

    /// When there is something to do, if nothing else happens.
    pub(crate) fn deadline(&self) -> Option<Duration> {
        match &self.stage {
            Stage::Ripening(ripening) => Some(ripening.since + OVERRIPE),
            _ => None,
        }
    }

    /// Makes an offer, if it is time for that.
    #[inline]
    pub(crate) fn ripen(&mut self, stream: &Stream, now: Duration) {
        if matches!(&self.stage, Stage::Ripening(ripening) if ripening.since + RIPE <= now) {
            self.make_offer(stream);
        }
    }

    #[cold]
    fn make_offer(&mut self, stream: &Stream) {
        let Stage::Ripening(ripening) = &self.stage else {
            return;
        };
        let Ripening { sharing, marks, .. } = &**ripening;
        let marks = ringmq_pipe::remote::Marks {
            sending: marks.sending,
            receiving: marks.receiving,
        };
        // Many may have come before the first of them has made anything.
        if !has_mappings_for_connections() {
            self.stage = Stage::Off(WhyZmtp::Resources);
            return;
        }
        let made = sharing.control.get();
        let made = made.and_then(|control| Own::make(&control, marks));
        self.stage = match made {
            Ok(own) if Supply::at_all(&own.descriptors()) == Supply::Short => {
                Stage::Off(WhyZmtp::Resources)
            }
            Ok(own) => Stage::Offering(Box::new(Offering {
                limit: sharing.limit,
                own,
                framed: false,
                sent: false,
                peer: None,
                process: None,
                accepted: false,
            })),
            // The peer's offer is refused when it comes.
            Err(_) => Stage::Off(WhyZmtp::Resources),
        };
        if let (Stage::Offering(_), Some(unix)) = (&self.stage, stream.unix()) {
            // The peer answers to what we offer, so that one read at least is to come. Asked for earlier, the kernel would
            // make a pidfd for each read of a connection that is too young for an offer.
            unix.ask_for_pidfd();
        }
    }

    /// Whether what comes beside the bytes that are read next matters.
    pub(crate) fn expects(&self) -> bool {
        !matches!(&self.stage, Stage::Off(_))
    }

    /// Reads, with what comes beside the bytes.
    pub(crate) fn read(
        &mut self,
        stream: &Stream,
        into: &mut [u8],
        supplies: &mut Supplies,
    ) -> io::Result<usize> {
        let Some(unix) = stream.unix() else {
            return stream.read(into);
        };
        let most = match &self.stage {
            Stage::Agreed { .. } => OF_SEGMENT,
            Stage::Offering(offering) if offering.peer.is_some() => OF_SEGMENT,
            _ => DESCRIPTORS,
        };
        let agreed = self.is_agreed();
        if agreed {
            supplies.reserve.give_up();
        }
        let came = unix.receive_now(into, most);
        let brought = |came: &ringmq_sys::Came| !came.ancillary.fds.is_empty() || came.lost;
        if agreed && !came.as_ref().is_ok_and(brought) {
            supplies.reserve.refill();
        }
        let mut came = came?;
        if let Stage::Offering(offering) = &mut self.stage
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

    /// Whether our offer has to be written before anything else.
    pub(crate) fn has_offer(&self) -> bool {
        matches!(&self.stage, Stage::Offering(offering) if !offering.sent)
    }

    /// Whether its frame waits to be written.
    pub(crate) fn is_framed(&self) -> bool {
        matches!(&self.stage, Stage::Offering(offering) if offering.framed)
    }

    /// Whether both sides have agreed.
    pub(crate) fn is_agreed(&self) -> bool {
        matches!(&self.stage, Stage::Agreed { .. })
    }

    /// Writes our offer. Everything before it was written, and nothing else is added before it is.
    pub(crate) fn send_offer(
        &mut self,
        stream: &Stream,
        connection: &mut Connection,
    ) -> io::Result<()> {
        let (Stage::Offering(offering), Some(unix)) = (&mut self.stage, stream.unix()) else {
            return Ok(());
        };
        if !offering.framed {
            offering.framed = true;
            let frame = OfferFrame::Offer(offering.own.offer()).encode();
            connection.command(COMMAND, &frame);
        }
        let bytes: Vec<u8> = connection.output().flatten().copied().collect();
        match unix.send_now(&bytes, &offering.own.descriptors()) {
            Ok(written) => {
                offering.sent = true;
                offering.own.sent();
                connection.sent(written);
                Ok(())
            }
            Err(error) => match error.kind() {
                io::ErrorKind::WouldBlock
                | io::ErrorKind::BrokenPipe
                | io::ErrorKind::ConnectionReset
                | io::ErrorKind::Interrupted => Err(error),
                // Too many descriptors are under way: the frame goes without, and is refused for that.
                _ => {
                    offering.sent = true;
                    offering.own.sent();
                    Ok(())
                }
            },
        }
    }

    /// Takes a frame of the peer's. What comes out is for the socket.
    pub(crate) fn take(
        &mut self,
        data: &[u8],
        stream: &Stream,
        connection: &mut Connection,
        link: &Link,
        session: &Waker,
        supplies: &mut Supplies,
    ) -> Result<Option<Met>, Refuse> {
        let frame = match OfferFrame::decode(data) {
            Ok(frame) => frame,
            // The messages have gone over by then, and nothing can be refused any more.
            Err(error) if self.is_agreed() => return Err(error.refuse()),
            Err(error) => {
                self.came = None;
                self.refuse(connection, error.refuse());
                return Ok(None);
            }
        };
        // Whatever becomes of an offer, nothing of what came with it is kept here.
        let came = match frame {
            OfferFrame::Offer(_) | OfferFrame::Segment(_) => self.came.take().unwrap_or_default(),
            _ => Ancillary::default(),
        };
        if let OfferFrame::Offer(_) = frame {
            // Whoever offers has waited for long enough.
            self.make_offer(stream);
        }
        match (frame, &mut self.stage) {
            (OfferFrame::Offer(_), Stage::Offering(_))
                if Supply::at_all(&came.fds) == Supply::Short =>
            {
                self.refuse(connection, Refuse::Resources);
            }
            (OfferFrame::Offer(offer), Stage::Offering(offering)) => {
                let ample = Supply::at_all(&came.fds) == Supply::Ample;
                let ringers = ample.then_some(&mut supplies.ringers);
                let judged = if offering.peer.is_some() {
                    Err(MeetError::Frame)
                } else if self.lost {
                    let (got, want) = (0, offer.descriptors());
                    Err(MeetError::Descriptors { got, want })
                } else {
                    offering.own.judge(&offer, came, ringers)
                };
                match judged {
                    Ok(peer) => {
                        offering.peer = Some(peer);
                        connection.command(COMMAND, &OfferFrame::Accept.encode());
                    }
                    Err(error) => self.refuse(connection, error.refuse()),
                }
            }
            (OfferFrame::Accept, Stage::Offering(offering)) => offering.accepted = true,
            (OfferFrame::Switch, Stage::Agreed { theirs, .. }) if *theirs == Way::Zmtp => {
                *theirs = Way::Memory;
            }
            (
                OfferFrame::Back,
                Stage::Agreed {
                    theirs,
                    asked,
                    courier,
                    ..
                },
            ) if *theirs == Way::Memory => {
                // Otherwise the peer is asked, or will be, to send first what cannot be read; TAKEN BACK is its answer.
                if !*asked && !courier.is_short() {
                    *theirs = Way::ZmtpAgain;
                    connection.command(COMMAND, &OfferFrame::BackAccepted.encode());
                }
            }
            (OfferFrame::BackAccepted, Stage::Agreed { ours, .. }) if *ours == Way::Leaving => {
                *ours = Way::ZmtpAgain;
                self.back_accepted = true;
            }
            (OfferFrame::Yield, Stage::Agreed { .. }) if !self.yields[THEIRS] => {
                self.yields[THEIRS] = true;
                self.yield_asked = true;
            }
            (OfferFrame::TakenBack, Stage::Agreed { theirs, asked, .. })
                if *theirs == Way::Memory && *asked =>
            {
                *theirs = Way::ZmtpAgain;
            }
            (OfferFrame::TakeBack, Stage::Agreed { ours, .. })
                if matches!(*ours, Way::Memory | Way::Leaving) =>
            {
                // SWITCH came behind everything that went by ZMTP before: this is between two messages.
                *ours = Way::ZmtpAgain;
                self.takes_back = true;
                connection.command(COMMAND, &OfferFrame::TakenBack.encode());
            }
            (OfferFrame::Segment(note), Stage::Agreed { courier, .. }) => {
                let mut fds = came.fds;
                let lost = std::mem::take(&mut self.lost);
                let descriptor = match fds.pop() {
                    Some(fd) if fds.is_empty() && !lost => Descriptor::Came(fd),
                    None if lost => Descriptor::Lost,
                    _ => Descriptor::None,
                };
                let delivered = courier.deliver(note, descriptor);
                supplies.reserve.refill();
                delivered.map_err(|_| Refuse::Offer)?;
            }
            (OfferFrame::Ring, Stage::Agreed { courier, .. }) => courier.wake_socket(),
            (OfferFrame::Refuse(why), Stage::Offering(_)) => {
                self.stage = Stage::Off(WhyZmtp::RefusedByPeer(why));
            }
            // What we have refused, or cannot answer to, is refused.
            (OfferFrame::Offer(_), Stage::Off(_)) => {
                self.say_refuse(connection, Refuse::Resources);
            }
            (OfferFrame::Accept | OfferFrame::Refuse(_), Stage::Off(_)) => {}
            // Out of turn.
            _ => return Err(Refuse::Offer),
        }
        Ok(self.meet(stream, link, session, supplies))
    }

    fn refuse(&mut self, connection: &mut Connection, why: Refuse) {
        self.stage = Stage::Off(match why {
            Refuse::Resources => WhyZmtp::Resources,
            why => WhyZmtp::Refused(why),
        });
        self.say_refuse(connection, why);
    }

    /// Sends a REFUSE, unless one was sent on this connection.
    fn say_refuse(&mut self, connection: &mut Connection, why: Refuse) {
        if !std::mem::replace(&mut self.has_refused, true) {
            connection.command(COMMAND, &OfferFrame::Refuse(why).encode());
        }
    }

    /// Puts the ends together, once both sides have accepted.
    fn meet(
        &mut self,
        stream: &Stream,
        link: &Link,
        session: &Waker,
        supplies: &mut Supplies,
    ) -> Option<Met> {
        let unix = stream.share_unix()?;
        let Stage::Offering(offering) = &mut self.stage else {
            return None;
        };
        if !offering.accepted || !offering.sent {
            return None;
        }
        let mut peer = offering.peer.take()?;
        // Nothing that comes from now on names its sender.
        unix.forgo_pidfd();
        supplies.reserve.refill();
        // What came with its offer was opened by number, where our own was not made by then.
        let pid = peer.pid;
        let by_number = peer.pidfd.take().map(|pidfd| Process { pid, pidfd });
        let process = offering.process.take().or(by_number);
        let lines = Lines {
            carry: Box::new(OverStream::new(unix)),
            session: session.clone(),
            socket: Waker::from(link.bellpull.clone()),
        };
        let undecided = Stage::Off(WhyZmtp::Undecided);
        let Stage::Offering(offering) = std::mem::replace(&mut self.stage, undecided) else {
            return None;
        };
        let Offering { limit, own, .. } = *offering;
        let parts = own.meet(peer, lines, limit);
        self.stage = Stage::Agreed {
            ours: Way::Zmtp,
            theirs: Way::Zmtp,
            asked: false,
            courier: parts.courier,
        };
        let mut sender = parts.sender;
        sender.set_patient(blocks(link.kind));
        Some(Met {
            sender: sends(link.kind).then_some(sender),
            receiver: receives(link.kind).then_some(parts.receiver),
            witness: parts.witness,
            process,
        })
    }

    /// What carries segments and rings, once both sides have agreed.
    pub(crate) fn courier(&self) -> Option<&Courier> {
        match &self.stage {
            Stage::Agreed { courier, .. } => Some(courier),
            _ => None,
        }
    }

    /// The stream has ended.
    pub(crate) fn close(&self) {
        if let Some(courier) = self.courier() {
            courier.close();
        }
    }
}

/// Whether a value names a version that we speak: [`VERSION`], and perhaps limits behind a semicolon.
fn is_ours(value: &[u8]) -> bool {
    let version = value.split(|byte| *byte == b';').next();
    version == Some(VERSION)
}
