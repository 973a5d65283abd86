//! From the stream to the pipe of the socket.

use std::io;

use ringmq_message::{Frame, Kind};
use ringmq_pipe::local::Sender;
use ringmq_zmtp::{Event, Mechanism};

use crate::mail::Notices;
use crate::session::broken::Broken;
use crate::session::carry;
use crate::session::ends::Ends;
use crate::session::handoff;
use crate::session::introduction;
use crate::session::stream::{Liveness, Open, Turn};
use crate::switch::Input;

/// Bytes of a peer that are kept before the authenticator has replied. Then no more are read.
const AHEAD: usize = 64 << 10;

/// Bytes that a server of PLAIN reads at once before the handshake is done, and then wipes.
const WIPED: usize = 4 << 10;

/// Bytes that are read at once behind a large message.
const HEAD_READ: usize = 8 << 10;

/// Reads from one look at the CPU of the peer to the next.
const CPU_LOOK: u32 = 16;

impl Open {
    /// Reads, and hands the socket what it has room for. Says whether anything was done.
    pub(super) fn take_input(
        &mut self,
        ends: &mut Ends,
        turn: &mut Turn<'_>,
        scratch: &mut [u8],
    ) -> Result<bool, Broken> {
        if self.connection.is_ready() {
            self.read_and_decode(ends, turn, scratch)
        } else {
            self.take_early_input(ends, turn, scratch)
        }
    }

    /// As [`take_input`](Open::take_input), before the handshake is done.
    #[cold]
    fn take_early_input(
        &mut self,
        ends: &mut Ends,
        turn: &mut Turn<'_>,
        scratch: &mut [u8],
    ) -> Result<bool, Broken> {
        if turn.link.is_raw() {
            // Nothing has to come before it is ready.
            self.decode(ends, turn, &mut &[][..], false)?;
            return Ok(true);
        }
        if !matches!(self.connection.settings().mechanism, Mechanism::PlainServer) {
            return self.read_and_decode(ends, turn, scratch);
        }
        let room = scratch.len().min(WIPED);
        let scratch = &mut scratch[..room];
        let taken = self.read_and_decode(ends, turn, scratch);
        if !matches!(taken, Ok(false)) {
            // A password may be in it.
            scratch.fill(0);
        }
        taken
    }

    fn read_and_decode(
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
            if left > 0 && self.exchange.is_some() {
                return self.read_ahead(scratch);
            }
            if left > 0 {
                return Ok(left < before);
            }
            self.leftover.clear();
            self.used = 0;
        }
        if !self.readable || !(self.in_midst || ends.has_room()) {
            return Ok(false);
        }
        if let Some((target, room)) = self.connection.large_target() {
            self.reads_little = true;
            return match self.passage.reader().read_behind(target, room) {
                Ok(0) => Err(Broken::Closed),
                Ok(read) => {
                    self.moved[0] += read as u64;
                    self.was_read(read == room);
                    self.connection.large_filled(read);
                    self.decode(ends, turn, &mut &[][..], false)?;
                    Ok(true)
                }
                Err(error) => self.unread(error),
            };
        }
        // Another large message may follow: little of it is to come by way of `scratch`.
        let room = if self.reads_little {
            HEAD_READ.min(scratch.len())
        } else {
            scratch.len()
        };
        let scratch = &mut scratch[..room];
        let switch = &turn.driver.switch;
        let read = if switch.reads_descriptors() {
            let most = switch.descriptors();
            self.handoff
                .read(self.passage.reader(), scratch, most, turn.supplies)
        } else {
            self.passage.reader().read(scratch)
        };
        match read {
            Ok(0) => Err(Broken::Closed),
            Ok(read) => {
                self.moved[0] += read as u64;
                self.look_at_cpu(ends);
                let mut input = &scratch[..read];
                let streams = read == scratch.len();
                self.was_read(streams);
                self.decode(ends, turn, &mut input, streams)?;
                self.reads_little &= !streams || self.connection.large_target().is_some();
                if !input.is_empty() {
                    self.leftover.extend_from_slice(input);
                }
                Ok(true)
            }
            Err(error) => self.unread(error),
        }
    }

    /// After a read that has filled all its room, or has not.
    #[inline]
    fn was_read(&mut self, filled: bool) {
        if !filled && !self.may_have_ended && self.passage.reader().unix().is_none() {
            // There is no more, and the kernel tells of what comes from now on. A Unix socket may have more, of another
            // sender.
            self.readable = false;
        }
    }

    /// Tells the socket where the peer runs, if it is on this machine.
    #[inline]
    fn look_at_cpu(&mut self, ends: &mut Ends) {
        if self.reads.is_multiple_of(CPU_LOOK)
            && let Some(cpu) = self.passage.reader().incoming_cpu()
        {
            ends.announcement.tell_cpu(cpu);
        }
        self.reads = self.reads.wrapping_add(1);
    }

    /// Reads while the authenticator has not replied, so that the end of the connection is noticed.
    #[cold]
    fn read_ahead(&mut self, scratch: &mut [u8]) -> Result<bool, Broken> {
        if !self.readable || self.leftover.len() >= AHEAD {
            return Ok(false);
        }
        match self.passage.reader().read(scratch) {
            Ok(0) => Err(Broken::Closed),
            Ok(read) => {
                self.leftover.extend_from_slice(&scratch[..read]);
                Ok(true)
            }
            Err(error) => self.unread(error),
        }
    }

    pub(super) fn unread(&mut self, error: io::Error) -> Result<bool, Broken> {
        match error.kind() {
            io::ErrorKind::WouldBlock
                if matches!(self.liveness, Liveness::Dead(_)) || self.passage.has_ended() =>
            {
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
    /// to a batch; where more waits than was read (`streams`), each message at once, for then it reads while this
    /// decodes. Messages of CURVE come in batches always.
    pub(super) fn decode(
        &mut self,
        ends: &mut Ends,
        turn: &mut Turn<'_>,
        input: &mut &[u8],
        streams: bool,
    ) -> Result<(), Broken> {
        // It takes longer to open a box than to receive a message: a socket that sees each message at once would sleep
        // before the next, and be woken for each.
        let together = if streams && !self.connection.settings().mechanism.encrypts() {
            1
        } else {
            turn.link.batches.receiving
        };
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
        let mut is_first = true;
        while self.in_midst || ends.has_room() {
            if unseen - input.len() >= together {
                unseen = input.len();
                ends.flush();
            }
            if self.pass_bytes(ends, input, is_first) {
                continue;
            }
            is_first = false;
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
                    if !matches!(turn.link.kind, Kind::Pub | Kind::Xpub | Kind::Radio) => {}
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
                    let peer_can = self.peer_can_share();
                    turn.check_sharing(peer_can)?;
                    self.tell_properties();
                    ends.tells_properties = true;
                    turn.driver.ready();
                    if let Some(notices) = &turn.link.notices {
                        self.greet(notices, ends);
                    }
                    if !self.begins_to_cross(peer_can, now) {
                        // A tcp connection that does not go over cannot carry descriptors.
                        let peer_can = peer_can && self.passage.known().unix().is_some();
                        self.input(ends, turn, Input::Ready { peer_can, now })?;
                    }
                }
                Some(Event::Authenticate(credentials)) => {
                    self.ask(ends, turn, &credentials)?;
                }
                Some(Event::Command(command)) if command.name == introduction::MOVE => {
                    self.move_came(ends, turn, input)?;
                }
                Some(Event::Command(command)) => {
                    self.hand_off(ends, turn, &command.data)?;
                }
            }
        }
        Ok(())
    }

    /// Gives the socket a message as bytes. Returns false if it has to be a frame: the first one tells of the peer, and a pipe
    /// by which messages come one at a time needs no room for bodies.
    #[inline]
    fn pass_bytes(&mut self, ends: &mut Ends, input: &mut &[u8], is_first: bool) -> bool {
        if ends.tells_properties || self.reply.is_some() || !self.deferred.is_empty() {
            return false;
        }
        let Some(inbound) = &mut ends.inbound else {
            return false;
        };
        self.connection.receive_bytes(input, |bytes| {
            (!is_first || bytes.len() <= Sender::<Frame>::SHORT)
                && inbound.push_bytes_deferred(bytes)
        })
    }

    /// Begins with the messages about a new connection.
    #[cold]
    fn greet(&mut self, notices: &Notices, ends: &mut Ends) {
        // Behind our offer, which goes before all messages.
        self.greeting = notices.greeting().map(Box::new);
        if notices.on_connect {
            let _ = ends.give(Frame::new(), true);
        }
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
