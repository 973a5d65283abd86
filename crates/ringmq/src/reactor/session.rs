//! One peer over a byte stream: ZMTP on one side, the pipe of the socket on the other.

use std::io::{self, IoSlice};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::time::Duration;

use ringmq_message::{Frame, names};
use ringmq_pattern::Kind;
use ringmq_pipe::local::{Announcement, Receiver, Sender};
use ringmq_transport::Stream;
use ringmq_zmtp::{Connection, Error as ZmtpError, Event, Peer};

use super::order::Link;

/// Bytes that wait to be written before more messages are encoded.
const PENDING_MOST: usize = 64 << 10;
/// Slices of one write.
const SLICES: usize = 32;
/// Reads, or writes, of one session before another has its turn.
const TURNS: usize = 16;

/// The ends of the pipe that the session has, and what it remembers of them.
#[derive(Debug)]
pub(crate) struct Ends {
    pub(crate) inbound: Sender<Frame>,
    pub(crate) outbound: Receiver<Frame>,
    pub(crate) announcement: Announcement,
    /// A part with more to follow was taken from the socket.
    pub(crate) out_midst: bool,
}

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
    /// Subscriptions that came between two parts of a message.
    deferred: Vec<Frame>,
    /// The handshake has been completed since somebody last looked.
    pub(crate) fresh: bool,
}

/// Why a stream has ended.
#[derive(Debug)]
pub(crate) enum Broken {
    /// The peer closed it.
    Closed,
    /// The kernel said so.
    Io(io::Error),
    /// The peer does not keep to ZMTP, or to the time, or is not for us.
    Protocol(ZmtpError),
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
    pub(crate) fn new(stream: Stream, link: &Link, now: Duration) -> Open {
        Open {
            stream,
            connection: Connection::new(link.settings.clone(), now),
            readable: true,
            writable: true,
            leftover: Vec::new(),
            used: 0,
            in_midst: false,
            deferred: Vec::new(),
            fresh: false,
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
        self.connection.set_properties(Some(Arc::new(properties)));
    }

    /// Does all that can be done now, up to a turn's worth. `scratch` is room to read into.
    pub(crate) fn work(
        &mut self,
        ends: &mut Ends,
        kind: Kind,
        scratch: &mut [u8],
        now: Duration,
    ) -> Result<Worked, Broken> {
        for _ in 0..TURNS {
            let took = self.take_input(ends, scratch, now)?;
            let gave = self.give_output(ends, kind)?;
            if !took && !gave {
                if !self.sleep(ends) {
                    continue;
                }
                let finished = self.connection.is_ready()
                    && self.connection.pending() == 0
                    && ends.outbound.is_at_end();
                return Ok(if finished {
                    Worked::Finished
                } else {
                    Worked::Idle
                });
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
        if ends.outbound.is_ready() && self.connection.pending() < PENDING_MOST {
            ends.announcement.disarm();
            return false;
        }
        true
    }

    /// Encodes what the socket has sent, and writes. Says whether anything was done.
    fn give_output(&mut self, ends: &mut Ends, kind: Kind) -> Result<bool, Broken> {
        let mut done = false;
        if self.connection.is_ready() {
            while self.connection.pending() < PENDING_MOST
                && let Some(frame) = ends.outbound.pop()
            {
                done = true;
                self.encode(ends, kind, frame);
            }
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
        Ok(done)
    }

    fn encode(&mut self, ends: &mut Ends, kind: Kind, frame: Frame) {
        let first = !ends.out_midst;
        ends.out_midst = frame.more();
        if !ends.out_midst {
            // The credit is there, even if its receiver cannot be woken.
            let _ = ends.outbound.done();
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
        scratch: &mut [u8],
        now: Duration,
    ) -> Result<bool, Broken> {
        if self.used < self.leftover.len() {
            let leftover = std::mem::take(&mut self.leftover);
            let mut input = &leftover[self.used..];
            let before = input.len();
            let outcome = self.decode(ends, &mut input, now);
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
        if !self.readable || !(self.in_midst || ends.inbound.has_room()) {
            return Ok(false);
        }
        if let Some(target) = self.connection.large_target() {
            return match self.stream.read(target) {
                Ok(0) => Err(Broken::Closed),
                Ok(read) => {
                    self.connection.large_filled(read);
                    self.decode(ends, &mut &[][..], now)?;
                    Ok(true)
                }
                Err(error) => self.unread(error),
            };
        }
        match self.stream.read(scratch) {
            Ok(0) => Err(Broken::Closed),
            Ok(read) => {
                let mut input = &scratch[..read];
                self.decode(ends, &mut input, now)?;
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
            io::ErrorKind::WouldBlock => {
                self.readable = false;
                Ok(false)
            }
            io::ErrorKind::Interrupted => Ok(true),
            _ => Err(Broken::Io(error)),
        }
    }

    /// Decodes until the input is used up, or the socket has no room.
    fn decode(&mut self, ends: &mut Ends, input: &mut &[u8], now: Duration) -> Result<(), Broken> {
        while self.in_midst || ends.inbound.has_room() {
            let event = self.connection.receive(input, now);
            match event.map_err(Broken::Protocol)? {
                None => break,
                Some(Event::Frame(frame)) => {
                    self.in_midst = frame.more();
                    // It is there; a socket that cannot be woken finds it at its next call.
                    let _ = ends.inbound.push(frame, !self.in_midst);
                    if !self.in_midst {
                        for frame in self.deferred.drain(..) {
                            let _ = ends.inbound.push(frame, true);
                        }
                    }
                }
                Some(Event::Subscribe { topic, on }) => {
                    let mut bytes = Vec::with_capacity(topic.len() + 1);
                    bytes.push(u8::from(on));
                    bytes.extend_from_slice(&topic);
                    let mut frame = Frame::from(bytes);
                    frame.set_properties(topic.properties().cloned());
                    if self.in_midst {
                        self.deferred.push(frame);
                    } else {
                        let _ = ends.inbound.push(frame, true);
                    }
                }
                Some(Event::Ready) => {
                    self.tell_properties();
                    self.fresh = true;
                }
                Some(Event::Command(_)) => {}
            }
        }
        Ok(())
    }
}
