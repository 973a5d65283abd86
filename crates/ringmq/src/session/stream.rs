//! One peer over a byte stream: ZMTP on one side, the pipe of the socket on the other.

use std::io::{self, IoSlice};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::time::Duration;

use ringmq_message::{Frame, Properties, names};
use ringmq_pattern::Kind;
use ringmq_pipe::remote::Courier;
use ringmq_transport::Stream;
use ringmq_zmtp::{Connection, Event, Peer};

use crate::mail::{Link, Reply};
use crate::session::broken::Broken;
use crate::session::carry;
use crate::session::driver::{Driver, Site, Wire};
use crate::session::ends::Ends;
use crate::session::handoff::{self, Handoff};
use crate::session::supply::Supplies;
use crate::switch::{Input, Switch};

/// Bytes that wait to be written before more messages are encoded.
const PENDING_MOST: usize = 64 << 10;
/// Slices of one write.
const SLICES: usize = 32;
/// Bytes that are decoded, at most, before the socket sees what is in them. As many as libzmq reads at a time: with more,
/// the application would wait while a long burst is decoded.
const TOGETHER: usize = 8 << 10;
/// Reads, or writes, of one session before another has its turn.
const TURNS: usize = 16;

/// A stream that stands, and its ZMTP.
#[derive(Debug)]
pub(crate) struct Open {
    pub(crate) stream: Stream,
    pub(crate) connection: Connection,
    /// What the kernel has told, and we have not used up.
    pub(crate) readable: bool,
    pub(crate) writable: bool,
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
    /// What messages tell of the peer.
    pub(crate) properties: Option<Arc<Properties>>,
    /// Whether the kernel tells of room.
    pub(crate) told_of_room: bool,
    pub(crate) liveness: Liveness,
}

/// What is known of the process at the other end, which may have left the stream to a child.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Liveness {
    Unwatched,
    /// Its end is told, under this number.
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
    pub(crate) now: Duration,
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
    /// `connected`: this side has dialed. `offers`: its READY has the property of shared memory.
    pub(crate) fn new(
        stream: Stream,
        link: &Link,
        connected: bool,
        offers: bool,
        now: Duration,
    ) -> Open {
        let mut settings = link.settings.clone();
        if offers {
            let version = carry::VERSION.to_vec();
            settings
                .metadata
                .push((carry::PROPERTY.to_owned(), version));
            settings.extensions.push(carry::COMMAND.to_owned());
        }
        Open {
            stream,
            connection: Connection::new(settings, now),
            // A listening peer has nothing to send yet. If there is data all the same, an event reports it once the
            // stream is registered.
            readable: !connected,
            writable: true,
            leftover: Vec::new(),
            used: 0,
            in_midst: false,
            reply: (link.kind == Kind::Req).then_some(Reply::Begins),
            deferred: Vec::new(),
            handoff: Handoff::default(),
            properties: None,
            told_of_room: false,
            liveness: Liveness::Unwatched,
        }
    }

    /// The process at the other end is dead: the stream ends behind what is in it now.
    pub(crate) fn process_ended(&mut self) {
        if let Liveness::Watched(number) = self.liveness {
            self.liveness = Liveness::Dead(number);
        }
        self.readable = true;
    }

    /// The parts that actions of the switch need.
    pub(crate) fn wire(&mut self) -> Wire<'_> {
        Wire {
            stream: &self.stream,
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
        turn.driver.input(input, site)
    }

    /// What frames of this connection tell of their peer.
    pub(crate) fn tell_properties(&mut self) {
        let Some(peer) = self.connection.peer() else {
            return;
        };
        let mut properties = Peer::properties(peer);
        let address = self.stream.peer_address();
        properties.set(names::PEER_ADDRESS, address.as_bytes());
        properties.set_source(Some(self.stream.as_raw_fd()));
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
        for _ in 0..TURNS {
            let took = self.take_input(ends, turn, scratch)?;
            let gave = self.give_output(ends, turn)?;
            if !took && !gave {
                if !self.sleep(ends, &turn.driver.switch) {
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
            match self.stream.read(scratch) {
                Ok(0) => return Err(Broken::Closed),
                Ok(_) => {}
                Err(error) => drop(self.unread(error)?),
            }
        }
        Ok(Worked::More)
    }

    /// Announces that nothing is left to do; false if there is something after all.
    fn sleep(&mut self, ends: &mut Ends, switch: &Switch) -> bool {
        if !self.connection.is_ready() {
            return true;
        }
        ends.announcement.arm();
        // The end of what the socket sends by us comes like a message, and wakes like one.
        let may_encode = self.connection.pending() < PENDING_MOST;
        let ends_here = switch.wants_end() && ends.outbound.is_at_end();
        let carries = self.writable && self.handoff.courier().is_some_and(Courier::wants);
        if may_encode && (ends.outbound.is_ready() || ends_here) || carries {
            ends.announcement.disarm();
            return false;
        }
        true
    }

    /// Encodes what the socket has sent, and writes. Says whether anything was done.
    fn give_output(&mut self, ends: &mut Ends, turn: &mut Turn<'_>) -> Result<bool, Broken> {
        let mut done = false;
        if turn.driver.switch.has_offer() {
            // It goes before all messages.
            return self.give_offer(&mut turn.driver.switch);
        }
        if self.connection.is_ready() {
            // What the socket waits for goes before more messages.
            let wanted = self.handoff.courier().is_some_and(Courier::wants);
            while !wanted
                && self.connection.pending() < PENDING_MOST
                && let Some(frame) = ends.outbound.pop()
            {
                done = true;
                self.encode(ends, turn.link.kind, frame);
            }
            let switch = &turn.driver.switch;
            let at_end = switch.wants_end() && ends.outbound.is_at_end();
            if at_end || switch.wants_output() {
                done = true;
                self.input(ends, turn, Input::Output { at_end })?;
            }
        }
        Ok(self.write()? || done)
    }

    /// Writes our offer of shared memory, once everything before it is written.
    #[cold]
    fn give_offer(&mut self, switch: &mut Switch) -> Result<bool, Broken> {
        let mut done = false;
        if !switch.is_framed() {
            done = self.write()?;
            if self.connection.pending() > 0 {
                return Ok(done);
            }
        }
        if !self.writable {
            return Ok(done);
        }
        // Neither of these inputs has actions.
        if !switch.is_framed() {
            self.handoff.frame_offer(&mut self.connection);
            switch.input(Input::OfferFramed);
        }
        match self.handoff.send_offer(&self.stream, &mut self.connection) {
            Ok(()) => {
                switch.input(Input::OfferSent);
                Ok(true)
            }
            Err(error) => match error.kind() {
                io::ErrorKind::WouldBlock => {
                    self.writable = false;
                    Ok(done)
                }
                io::ErrorKind::Interrupted => Ok(true),
                _ => Err(Broken::Io(error)),
            },
        }
    }

    /// Writes what waits. Says whether anything was done.
    fn write(&mut self) -> Result<bool, Broken> {
        let mut done = false;
        if self.connection.pending() > 0
            && let Some(courier) = self.handoff.courier()
        {
            courier.hold();
        }
        while self.writable && self.connection.pending() > 0 {
            let written = {
                let mut slices = [IoSlice::new(&[]); SLICES];
                let mut count = 0;
                for (slot, slice) in slices.iter_mut().zip(self.connection.output()) {
                    *slot = IoSlice::new(slice);
                    count += 1;
                }
                self.stream.write_vectored(&slices[..count])
            };
            match written {
                Ok(0) => return Err(Broken::Closed),
                Ok(written) => {
                    self.connection.sent(written);
                    done = true;
                }
                Err(error) => match error.kind() {
                    io::ErrorKind::WouldBlock => self.writable = false,
                    io::ErrorKind::Interrupted => {}
                    _ => return Err(Broken::Io(error)),
                },
            }
        }
        if let Some(courier) = self.handoff.courier() {
            if self.connection.pending() > 0 {
                courier.full();
            } else if courier.flush().is_err() {
                // There is no room, and nothing else is an error here.
                self.writable = false;
            }
        }
        Ok(done)
    }

    fn encode(&mut self, ends: &mut Ends, kind: Kind, frame: Frame) {
        let first = !ends.out_midst;
        ends.out_midst = frame.more();
        if !ends.out_midst {
            ends.outbound.done();
        }
        // Subscriptions are commands on the wire, and frames everywhere else.
        if first
            && !frame.more()
            && matches!(kind, Kind::Sub | Kind::Xsub)
            && let Some((on @ (0 | 1), topic)) = frame.split_first()
        {
            self.connection.subscribe(topic, *on == 1);
        } else {
            self.connection.send(frame);
        }
    }

    /// Reads, and hands the socket what it has room for. Says whether anything was done.
    fn take_input(
        &mut self,
        ends: &mut Ends,
        turn: &mut Turn<'_>,
        scratch: &mut [u8],
    ) -> Result<bool, Broken> {
        if self.used < self.leftover.len() {
            let leftover = std::mem::take(&mut self.leftover);
            let mut input = &leftover[self.used..];
            let before = input.len();
            let outcome = self.decode(ends, turn, &mut input, true);
            let left = input.len();
            self.used = leftover.len() - left;
            self.leftover = leftover;
            outcome?;
            if left > 0 {
                return Ok(left < before);
            }
            self.leftover.clear();
            self.used = 0;
        }
        if !self.readable || !(self.in_midst || ends.has_room()) {
            return Ok(false);
        }
        if let Some(target) = self.connection.large_target() {
            return match self.stream.read(target) {
                Ok(0) => Err(Broken::Closed),
                Ok(read) => {
                    self.connection.large_filled(read);
                    self.decode(ends, turn, &mut &[][..], false)?;
                    Ok(true)
                }
                Err(error) => self.unread(error),
            };
        }
        let switch = &turn.driver.switch;
        let read = if switch.reads_descriptors() {
            let most = switch.descriptors();
            self.handoff
                .read(&self.stream, scratch, most, turn.supplies)
        } else {
            self.stream.read(scratch)
        };
        match read {
            Ok(0) => Err(Broken::Closed),
            Ok(read) => {
                let mut input = &scratch[..read];
                let streams = read == scratch.len();
                self.decode(ends, turn, &mut input, streams)?;
                if !input.is_empty() {
                    self.leftover.extend_from_slice(input);
                }
                Ok(true)
            }
            Err(error) => self.unread(error),
        }
    }

    fn unread(&mut self, error: io::Error) -> Result<bool, Broken> {
        match error.kind() {
            io::ErrorKind::WouldBlock if matches!(self.liveness, Liveness::Dead(_)) => {
                Err(Broken::Closed)
            }
            io::ErrorKind::WouldBlock => {
                self.readable = false;
                Ok(false)
            }
            io::ErrorKind::Interrupted => Ok(true),
            _ => Err(Broken::Io(error)),
        }
    }

    /// Decodes until the input is used up, or the socket has no room. The socket sees what has come together together, up
    /// to [`TOGETHER`]; where more waits than was read (`streams`), each message at once, for then it reads while this
    /// decodes.
    fn decode(
        &mut self,
        ends: &mut Ends,
        turn: &mut Turn<'_>,
        input: &mut &[u8],
        streams: bool,
    ) -> Result<(), Broken> {
        let together = if streams { 1 } else { TOGETHER };
        let decoded = self.decode_parts(ends, turn, input, together);
        ends.flush();
        decoded
    }

    fn decode_parts(
        &mut self,
        ends: &mut Ends,
        turn: &mut Turn<'_>,
        input: &mut &[u8],
        together: usize,
    ) -> Result<(), Broken> {
        let now = turn.now;
        let mut unseen = input.len();
        while self.in_midst || ends.has_room() {
            if unseen - input.len() >= together {
                unseen = input.len();
                ends.flush();
            }
            let event = self.connection.receive(input, now);
            match event.map_err(Broken::Protocol)? {
                None => break,
                Some(Event::Frame(frame)) => {
                    if let Some(reply) = &mut self.reply
                        && !reply.takes(frame.more(), frame.len())
                    {
                        return Err(Broken::NoReply);
                    }
                    self.in_midst = frame.more();
                    let mut given = ends.give(frame, !self.in_midst);
                    if !self.in_midst {
                        for frame in self.deferred.drain(..) {
                            given &= ends.give(frame, true);
                        }
                    }
                    if !given {
                        self.input(ends, turn, Input::Message)?;
                    }
                }
                // A socket of a type that takes no subscriptions ignores it, as it does other commands.
                Some(Event::Subscribe { .. })
                    if !matches!(turn.link.kind, Kind::Pub | Kind::Xpub) => {}
                Some(Event::Subscribe { topic, on }) => {
                    let mut bytes = Vec::with_capacity(topic.len() + 1);
                    bytes.push(u8::from(on));
                    bytes.extend_from_slice(&topic);
                    let mut frame = Frame::from(bytes);
                    frame.set_properties(topic.properties().cloned());
                    if self.in_midst {
                        self.deferred.push(frame);
                    } else if !ends.give(frame, true) {
                        self.input(ends, turn, Input::Message)?;
                    }
                }
                Some(Event::Ready) => {
                    self.tell_properties();
                    turn.driver.ready();
                    let peer_can = self.peer_can_share();
                    self.input(ends, turn, Input::Ready { peer_can, now })?;
                }
                Some(Event::Command(command)) => {
                    self.hand_off(ends, turn, &command.data)?;
                }
            }
        }
        Ok(())
    }

    /// Returns true if the READY of the peer has the property of shared memory.
    fn peer_can_share(&self) -> bool {
        self.connection.peer().is_some_and(|peer| {
            let mut all = peer.metadata();
            all.any(|(name, value)| {
                name.eq_ignore_ascii_case(carry::PROPERTY) && handoff::is_our_version(value)
            })
        })
    }

    /// Takes a frame of the handoff.
    #[cold]
    fn hand_off(
        &mut self,
        ends: &mut Ends,
        turn: &mut Turn<'_>,
        data: &[u8],
    ) -> Result<(), Broken> {
        match self.handoff.decode(data, self.in_midst, turn.supplies)? {
            Some(input) => self.input(ends, turn, input),
            None => Ok(()),
        }
    }
}
