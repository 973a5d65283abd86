//! One peer over a byte stream: ZMTP on one side, the pipe of the socket on the other.

mod authentication;
mod crossing;
mod input;
mod output;

use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::time::Duration;

use ringmq_message::Kind;
use ringmq_message::{Frame, Properties, names};
use ringmq_pipe::remote::Courier;
use ringmq_pipe::status::layout;
use ringmq_transport::Stream;
use ringmq_zmtp::{Connection, Peer};

use crate::mail::{Link, Reply, RowOrNone};
use crate::names::SharedNames;
use crate::session::broken::Broken;
use crate::session::carry;
use crate::session::driver::{Driver, Site, Wire};
use crate::session::ends::Ends;
use crate::session::handoff::Handoff;
use crate::session::introduction::{self, Introduction};
use crate::session::passage::Passage;
use crate::session::supply::Supplies;
use crate::session::zap::Exchange;
use crate::switch::Input;

/// Reads, or writes, of one session before another has its turn.
const TURNS: usize = 16;

/// A stream that stands, and its ZMTP.
#[derive(Debug)]
pub(crate) struct Open {
    pub(crate) passage: Passage,
    pub(crate) connection: Connection,
    /// What the kernel has told, and we have not used up.
    pub(crate) readable: bool,
    pub(crate) writable: bool,
    /// The kernel has told of an end, which comes behind what can be read.
    pub(crate) may_have_ended: bool,
    reads: u32,
    /// The last message was large.
    reads_little: bool,
    /// This side has dialed.
    connected: bool,
    /// Bytes that were read, and that the socket had no room for.
    leftover: Vec<u8>,
    used: usize,
    /// A part with more to follow was given to the socket.
    in_midst: bool,
    /// Of a REQ: what may come next.
    reply: Option<Reply>,
    /// Subscriptions that came between two parts of a message.
    deferred: Vec<Frame>,
    pub(crate) handoff: Handoff,
    /// What the authenticator of the context is asked about the peer.
    exchange: Option<Box<Exchange>>,
    /// What messages tell of the peer.
    pub(crate) properties: Option<Arc<Properties>>,
    /// The message that the peer gets first.
    greeting: Option<Box<Frame>>,
    /// Whether the kernel tells of room.
    pub(crate) told_of_room: bool,
    pub(crate) liveness: Liveness,
    /// Bytes that were read, and written, and that the status page does not show yet.
    moved: [u64; 2],
}

/// What is known of the process at the other end, which may have left the stream to a child.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Liveness {
    Unwatched,
    /// The reactor reports its end, under this number.
    Watched(usize),
    /// It is dead. The watch still has this number.
    Dead(usize),
}

impl Liveness {
    /// Returns the number of the watch, and forgets it.
    pub(crate) fn unwatch(&mut self) -> Option<usize> {
        match std::mem::replace(self, Liveness::Unwatched) {
            Liveness::Unwatched => None,
            Liveness::Watched(number) | Liveness::Dead(number) => Some(number),
        }
    }
}

/// What the work on a stream needs beside the ends of the pipe.
#[derive(Debug)]
pub(crate) struct Turn<'a> {
    pub(crate) driver: &'a mut Driver,
    pub(crate) link: &'a Link,
    pub(crate) supplies: &'a mut Supplies,
    pub(crate) names: &'a SharedNames,
    pub(crate) now: Duration,
}

impl Turn<'_> {
    /// Checks, before socket and monitor hear of the peer, whether shared memory is required and impossible with it.
    fn check_sharing(&self, peer_can: bool) -> Result<(), Broken> {
        let required = self.link.requires_sharing();
        let reason = required.and_then(|_| self.driver.reason_at_ready(peer_can));
        reason.map_or(Ok(()), |why| Err(Broken::NotShared(why)))
    }
}

/// What came of working on a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Worked {
    /// Nothing more can be done now.
    Idle,
    /// There is more to do; it is another one's turn.
    More,
    /// The socket has let go, and everything was sent.
    Finished,
}

impl Open {
    /// `connected`: this side has dialed. `offers`: its READY has the property of shared memory. `introduction`: what that
    /// says to go over from tcp.
    pub(crate) fn new(
        stream: Stream,
        link: &Link,
        connected: bool,
        offers: bool,
        introduction: Option<&Introduction>,
        now: Duration,
    ) -> Open {
        let mut settings = link.settings.clone();
        if offers {
            let mut properties = vec![(carry::PROPERTY.to_owned(), carry::VERSION.to_vec())];
            settings.extensions.push(carry::COMMAND.to_owned());
            match introduction {
                None => settings.metadata.append(&mut properties),
                // What is on this machine may be anything: other peers see no property that they do not know.
                Some(introduction) => {
                    properties.push((introduction::PROPERTY.to_owned(), introduction.encode()));
                    settings.extensions.push(introduction::MOVE.to_owned());
                    settings.filler = introduction::FILLER.to_vec();
                    settings.filler_metadata = properties;
                }
            }
        }
        Open {
            passage: Passage::new(stream, introduction.map(|own| own.secret)),
            connection: Connection::new(settings, now),
            // A listening peer has nothing to send yet. If there is data all the same, an event reports it once the
            // stream is registered.
            readable: !connected,
            writable: true,
            may_have_ended: false,
            reads: 0,
            reads_little: false,
            connected,
            leftover: Vec::new(),
            used: 0,
            in_midst: false,
            reply: (link.kind == Kind::Req).then_some(Reply::Begins),
            deferred: Vec::new(),
            handoff: Handoff::default(),
            exchange: None,
            properties: None,
            greeting: None,
            told_of_room: false,
            liveness: Liveness::Unwatched,
            moved: [0; 2],
        }
    }

    /// Shows in the status page how many bytes were read and written. Returns how many were written.
    pub(crate) fn show(&mut self, row: &RowOrNone) -> u64 {
        let [read, written] = std::mem::take(&mut self.moved);
        if let Some(row) = row {
            row.add(layout::STREAM_RECEIVED_BYTES, read);
            row.add(layout::STREAM_SENT_BYTES, written);
        }
        written
    }

    /// The process at the other end is dead: the stream ends behind what is in it now.
    pub(crate) fn process_ended(&mut self) {
        if let Liveness::Watched(number) = self.liveness {
            self.liveness = Liveness::Dead(number);
        }
        self.readable = true;
    }

    /// Returns true if the handshake was done, also once the peer has broken the protocol: then the connection is not ready
    /// any more.
    pub(crate) fn is_handshake_done(&self) -> bool {
        self.properties.is_some()
    }

    /// The parts that actions of the switch need.
    pub(crate) fn wire(&mut self) -> Wire<'_> {
        Wire {
            stream: self.passage.writer(),
            connection: &mut self.connection,
            handoff: &mut self.handoff,
            properties: self.properties.as_ref(),
        }
    }

    /// Gives the switch an input, and performs its actions.
    fn input(&mut self, ends: &mut Ends, turn: &mut Turn<'_>, input: Input) -> Result<(), Broken> {
        let site = Site {
            wire: Some(self.wire()),
            ends,
            link: turn.link,
            supplies: turn.supplies,
        };
        turn.driver.input(input, site)?;
        match turn.driver.stays() {
            Some(why) if turn.link.requires_sharing().is_some() => Err(Broken::NotShared(why)),
            _ => Ok(()),
        }
    }

    /// What frames of this connection tell of their peer.
    pub(crate) fn tell_properties(&mut self) {
        let Some(peer) = self.connection.peer() else {
            return;
        };
        let mut properties = Peer::properties(peer);
        let address = self.passage.known().peer_address();
        properties.set(names::PEER_ADDRESS, address.as_bytes());
        properties.set_source(Some(self.passage.known().as_raw_fd()));
        let properties = Arc::new(properties);
        self.properties = Some(Arc::clone(&properties));
        self.connection.set_properties(Some(properties));
    }

    /// Does all that can be done now, up to a turn's worth. `scratch` is room to read into.
    pub(crate) fn work(
        &mut self,
        ends: &mut Ends,
        turn: &mut Turn<'_>,
        letting_go: bool,
        scratch: &mut [u8],
    ) -> Result<Worked, Broken> {
        if turn.driver.switch.wants_time() {
            self.input(ends, turn, Input::Time(turn.now))?;
        }
        if self.exchange.is_some() {
            self.hear_verdict(ends, turn)?;
        }
        if self.passage.has_steps() {
            self.step(ends, turn)?;
        }
        for _ in 0..TURNS {
            let took = self.take_input(ends, turn, scratch)?;
            let gave = self.give_output(ends, turn)?;
            if !took && !gave {
                if !self.sleep(ends, turn) {
                    continue;
                }
                let finished = self.connection.is_ready()
                    && (letting_go || !turn.driver.switch.is_agreed())
                    && self.connection.pending() == 0
                    && !self.handoff.courier().is_some_and(Courier::wants)
                    && ends.is_at_end();
                if finished && letting_go && turn.driver.wants_to_leave() {
                    ends.announcement.disarm();
                    self.input(ends, turn, Input::Leave)?;
                    continue;
                }
                return Ok(if finished && !turn.driver.awaits_answer() {
                    Worked::Finished
                } else {
                    Worked::Idle
                });
            }
        }
        Ok(Worked::More)
    }

    /// Reads and discards what the peer still sends, until it has closed.
    pub(crate) fn wait_for_end(&mut self, scratch: &mut [u8]) -> Result<Worked, Broken> {
        for _ in 0..TURNS {
            if !self.readable {
                return Ok(Worked::Idle);
            }
            match self.passage.reader().read(scratch) {
                Ok(0) => return Err(Broken::Closed),
                Ok(_) => {}
                Err(error) => drop(self.unread(error)?),
            }
        }
        Ok(Worked::More)
    }

    /// Announces that nothing is left to do; false if there is something after all.
    fn sleep(&mut self, ends: &mut Ends, turn: &Turn<'_>) -> bool {
        let switch = &turn.driver.switch;
        if !self.connection.is_ready() {
            return self.sleep_until_verdict(ends);
        }
        if self.passage.owes_move() && !ends.out_midst {
            return false;
        }
        ends.announcement.arm();
        // The end of what the socket sends by us comes like a message, and wakes like one.
        let may_encode = self.connection.pending() < turn.link.batches.sending;
        let ends_here = switch.wants_end() && ends.outbound.is_at_end();
        let carries = self.writable && self.handoff.courier().is_some_and(Courier::wants);
        if may_encode && (ends.outbound.is_ready() || ends_here) || carries {
            ends.announcement.disarm();
            return false;
        }
        true
    }
}
