//! One peer over a byte stream: ZMTP on one side, the pipe of the socket on the other.

use std::io::{self, IoSlice};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::time::Duration;

use ringmq_message::{Frame, Properties, names};
use ringmq_pattern::Kind;
use ringmq_pipe::local::Receiver;
use ringmq_pipe::remote::{self, Courier};
use ringmq_transport::Stream;
use ringmq_zmtp::{Connection, Event, Peer};

use crate::mail::{Link, Reply, WhyZmtp, pipes};
use crate::session::broken::Broken;
use crate::session::ends::Ends;
use crate::session::handoff;
use crate::session::handoff::{Handoff, Met};
use crate::session::supply::Supplies;

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
    /// The handshake has been completed since somebody last looked.
    pub(crate) fresh: bool,
    /// On its way to shared memory.
    pub(crate) handoff: Handoff,
    /// Both sides have agreed on it since somebody last looked.
    pub(crate) agreed: Option<Met>,
    /// The peer has told, since somebody last looked, that the rest comes in shared memory.
    pub(crate) heard: bool,
    /// The receiver for ZMTP messages after the peer said BACK or TAKEN BACK, and why it did.
    pub(crate) back: Option<(Receiver<Frame>, WhyZmtp)>,
    /// The peer has asked, since the last look, for what it cannot read in shared memory.
    pub(crate) takes_back: bool,
    /// Where that goes which the socket sends, once everything before it is on its way.
    pub(crate) sender: Option<(remote::Sender, remote::Witness)>,
    /// Where that will come. Before the peer has told, there is a gap between the last message that came by ZMTP and the
    /// first one there; if it dies in between, nothing behind the gap is received.
    pub(crate) receiver: Option<remote::Receiver>,
    /// It was dropped, for mappings run short: what the peer sends there has to be taken back.
    receiver_dropped: bool,
    pub(crate) properties: Option<Arc<Properties>>,
    /// Whether the kernel tells of room.
    pub(crate) told_of_room: bool,
    /// The number under which the process at the other end is watched, which may have left the stream to a child; and
    /// whether it is dead.
    pub(crate) process: Option<usize>,
    is_dead: bool,
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
    pub(crate) fn new(
        stream: Stream,
        link: &Link,
        connected: bool,
        shy: bool,
        short: bool,
        now: Duration,
    ) -> Open {
        let sharing = link.sharing.as_ref().filter(|_| !shy);
        let handoff = Handoff::new(sharing, &stream, short);
        let mut settings = link.settings.clone();
        if handoff.is_open() {
            let version = handoff::VERSION.to_vec();
            settings
                .metadata
                .push((handoff::PROPERTY.to_owned(), version));
            settings.extensions.push(handoff::COMMAND.to_owned());
        }
        Open {
            stream,
            connection: Connection::new(settings, now),
            // Whoever listens has nothing to say yet; what is there all the same is told once the stream is registered.
            readable: !connected,
            writable: true,
            leftover: Vec::new(),
            used: 0,
            in_midst: false,
            reply: (link.kind == Kind::Req).then_some(Reply::Begins),
            deferred: Vec::new(),
            fresh: false,
            handoff,
            agreed: None,
            heard: false,
            back: None,
            takes_back: false,
            sender: None,
            receiver: None,
            receiver_dropped: false,
            properties: None,
            told_of_room: false,
            process: None,
            is_dead: false,
        }
    }

    /// The process at the other end is dead: the stream ends behind what is in it now.
    pub(crate) fn process_ended(&mut self) {
        self.is_dead = true;
        self.readable = true;
    }

    /// Gives mappings back: the peer is asked to send by ZMTP again. What it has not begun to send in shared memory is not
    /// mapped any longer.
    pub(crate) fn give_back(&mut self) {
        self.handoff.ask_to_yield(&mut self.connection);
        if !self.handoff.has_heard() && self.receiver.take().is_some() {
            self.receiver_dropped = true;
        }
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
        link: &Link,
        letting_go: bool,
        (scratch, supplies): (&mut [u8], &mut Supplies),
        now: Duration,
    ) -> Result<Worked, Broken> {
        self.handoff.ripen(&self.stream, now);
        for _ in 0..TURNS {
            let took = self.take_input(ends, link, (&mut *scratch, &mut *supplies), now)?;
            let gave = self.give_output(ends, link.kind)?;
            if !took && !gave {
                if !self.sleep(ends) {
                    continue;
                }
                let finished = self.connection.is_ready()
                    && (letting_go || !self.handoff.is_agreed())
                    && self.connection.pending() == 0
                    && !self.handoff.courier().is_some_and(Courier::wants)
                    && ends.is_at_end();
                return Ok(if finished {
                    Worked::Finished
                } else {
                    Worked::Idle
                });
            }
        }
        Ok(Worked::More)
    }

    /// Reads what the peer still sends, which nobody wants, until it has closed.
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
    fn sleep(&mut self, ends: &mut Ends) -> bool {
        if !self.connection.is_ready() {
            return true;
        }
        ends.announcement.arm();
        // The end of what the socket sends by us comes like a message, and wakes like one.
        let may_encode = self.connection.pending() < PENDING_MOST;
        let ends_here = self.handoff.may_tell() && ends.outbound.is_at_end();
        let carries = self.writable && self.handoff.courier().is_some_and(Courier::wants);
        if may_encode && (ends.outbound.is_ready() || ends_here) || carries {
            ends.announcement.disarm();
            return false;
        }
        true
    }

    /// Encodes what the socket has sent, and writes. Says whether anything was done.
    fn give_output(&mut self, ends: &mut Ends, kind: Kind) -> Result<bool, Broken> {
        let mut done = false;
        if self.handoff.has_offer() {
            // It goes before all messages.
            return self.give_offer();
        }
        if self.connection.is_ready() {
            // What the socket waits for goes before more messages.
            let wanted = self.handoff.courier().is_some_and(Courier::wants);
            while !wanted
                && self.connection.pending() < PENDING_MOST
                && let Some(frame) = ends.outbound.pop()
            {
                done = true;
                self.encode(ends, kind, frame);
            }
            if self.handoff.may_tell() && ends.outbound.is_at_end() {
                done = true;
                self.handoff.tell(&mut self.connection);
            }
            if ends.back.is_some() && self.handoff.may_tell_back() {
                done = true;
                self.handoff.tell_back(&mut self.connection);
            }
        }
        Ok(self.write()? || done)
    }

    /// Writes our offer of shared memory, once everything before it is written.
    #[cold]
    fn give_offer(&mut self) -> Result<bool, Broken> {
        let mut done = false;
        if !self.handoff.is_framed() {
            done = self.write()?;
            if self.connection.pending() > 0 {
                return Ok(done);
            }
        }
        if !self.writable {
            return Ok(done);
        }
        match self.handoff.send_offer(&self.stream, &mut self.connection) {
            Ok(()) => Ok(true),
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
        link: &Link,
        (scratch, supplies): (&mut [u8], &mut Supplies),
        now: Duration,
    ) -> Result<bool, Broken> {
        if self.used < self.leftover.len() {
            let leftover = std::mem::take(&mut self.leftover);
            let mut input = &leftover[self.used..];
            let before = input.len();
            let outcome = self.decode(ends, link, &mut input, (true, supplies), now);
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
                    self.decode(ends, link, &mut &[][..], (false, supplies), now)?;
                    Ok(true)
                }
                Err(error) => self.unread(error),
            };
        }
        let read = if self.handoff.expects() {
            self.handoff.read(&self.stream, scratch, supplies)
        } else {
            self.stream.read(scratch)
        };
        match read {
            Ok(0) => Err(Broken::Closed),
            Ok(read) => {
                let mut input = &scratch[..read];
                let streams = read == scratch.len();
                self.decode(ends, link, &mut input, (streams, supplies), now)?;
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
            io::ErrorKind::WouldBlock if self.is_dead => Err(Broken::Closed),
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
        link: &Link,
        input: &mut &[u8],
        (streams, supplies): (bool, &mut Supplies),
        now: Duration,
    ) -> Result<(), Broken> {
        let together = if streams { 1 } else { TOGETHER };
        let decoded = self.decode_parts(ends, link, input, (together, supplies), now);
        ends.flush();
        decoded
    }

    fn decode_parts(
        &mut self,
        ends: &mut Ends,
        link: &Link,
        input: &mut &[u8],
        (together, supplies): (usize, &mut Supplies),
        now: Duration,
    ) -> Result<(), Broken> {
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
                    ends.give(frame, !self.in_midst)?;
                    if !self.in_midst {
                        for frame in self.deferred.drain(..) {
                            ends.give(frame, true)?;
                        }
                    }
                }
                // Whoever has nothing to subscribe to ignores it, as it does other commands.
                Some(Event::Subscribe { .. }) if !matches!(link.kind, Kind::Pub | Kind::Xpub) => {}
                Some(Event::Subscribe { topic, on }) => {
                    let mut bytes = Vec::with_capacity(topic.len() + 1);
                    bytes.push(u8::from(on));
                    bytes.extend_from_slice(&topic);
                    let mut frame = Frame::from(bytes);
                    frame.set_properties(topic.properties().cloned());
                    if self.in_midst {
                        self.deferred.push(frame);
                    } else {
                        ends.give(frame, true)?;
                    }
                }
                Some(Event::Ready) => {
                    self.tell_properties();
                    self.fresh = true;
                    self.handoff.begin(&self.connection, link.marks, now);
                }
                Some(Event::Command(command)) => {
                    self.hand_off(ends, link, &command.data, supplies)?;
                }
            }
        }
        Ok(())
    }

    /// Takes a frame of the handoff.
    #[cold]
    fn hand_off(
        &mut self,
        ends: &mut Ends,
        link: &Link,
        data: &[u8],
        supplies: &mut Supplies,
    ) -> Result<(), Broken> {
        let (stream, connection) = (&self.stream, &mut self.connection);
        let handoff = &mut self.handoff;
        let taken = handoff.take(data, stream, connection, link, &ends.waker, supplies);
        let met = taken.map_err(|_| Broken::Handoff)?;
        if met.is_some() {
            self.agreed = met;
        }
        if self.handoff.has_heard() && ends.inbound.is_some() {
            // The socket reads on in shared memory when it has read this to its end.
            if self.in_midst {
                return Err(Broken::Handoff);
            }
            ends.inbound = None;
            self.heard = true;
            if self.receiver_dropped {
                let asked = self.handoff.ask_to_take_back(&mut self.connection);
                asked.map_err(|_| Broken::Handoff)?;
            }
        }
        self.takes_back |= self.handoff.takes_back();
        if self.handoff.back_accepted() {
            ends.go_back();
        }
        if self.handoff.has_heard_back() && ends.inbound.is_none() {
            let (inbound, receiver) = pipes::inbound(link, &ends.waker);
            ends.inbound = Some(inbound);
            self.back = Some((receiver, self.handoff.why_back()));
        }
        Ok(())
    }
}
