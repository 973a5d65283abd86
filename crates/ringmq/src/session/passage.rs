//! The streams of one connection. A tcp connection within this machine may go over to a Unix socket, which carries
//! descriptors: from there on it is as one over ipc. docs/handoff.md, section 12, specifies how.
//!
//! ```text
//!   connecting   Introduced ─▶ Ripening ── HELLO ─▶ Asked ── WELCOME came ─▶ Crossing ─▶ Over
//!   binding      Introduced ─▶ Expecting ── HELLO came, WELCOME ─▶ Welcomed ── MOVE came ─▶ Crossing ─▶ Over
//! ```
//!
//! The tcp socket stays open: the connection is known by it, and ends with it. If descriptors run short, it is given up.

mod outcome;

use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::time::Duration;

use ringmq_transport::Stream;

use crate::session::introduction::{Hello, Introduction, Secret, Whence};
use crate::session::strangers::{Heard, is_left, is_of_our_user, receive, sends};
use crate::session::supply::Supply;
use crate::switch::{OVERRIPE, RIPE};
pub(crate) use outcome::{Arrival, Obstacle, OutOfTurn, Outlook, Step};

/// How long the other side may take to come to the Unix socket, or to answer there.
const PATIENCE: Duration = Duration::from_secs(2);
/// Between two attempts to come to a Unix socket where too many others are in line.
const AGAIN: Duration = Duration::from_millis(10);

/// The streams of a connection, and which of them carries it.
#[derive(Debug)]
pub(crate) struct Passage {
    /// That the connection was made with.
    stream: Stream,
    state: State,
    /// The Unix socket was dialed, and is not registered.
    dialed: bool,
    /// The descriptor that the connection is known by, also if that is closed.
    fd: RawFd,
}

#[derive(Debug)]
enum State {
    /// No other stream carries it.
    Stays,
    /// This side has given up its tcp socket. The other one may have done so at the same time.
    Released,
    /// READY of this side has this secret. That of the peer has not come.
    Introduced {
        secret: Secret,
        /// What came to the Unix socket before.
        early: Option<Box<(Hello, Stream)>>,
    },
    /// The connection is too young: a peer that asks once and goes does not pay for the move.
    Ripening {
        since: Duration,
        secret: Secret,
        peer: Box<Introduction>,
        /// Not before this time.
        next: Duration,
    },
    /// HELLO was sent.
    Asked {
        unix: Stream,
        since: Duration,
        secret: Secret,
        until: Duration,
    },
    /// The peer is to come, with this secret.
    Expecting {
        since: Duration,
        secret: Secret,
        peer: Secret,
        until: Duration,
        /// Why it stays on tcp from then on.
        otherwise: Obstacle,
    },
    /// WELCOME was sent. There is no time limit: MOVE comes behind messages, for which the application may have no room.
    Welcomed {
        unix: Stream,
        since: Duration,
        outlook: Outlook,
    },
    Crossing(Crossing),
    /// The Unix socket carries both directions.
    Over {
        unix: Stream,
        tcp: Tcp,
    },
}

/// Between the first MOVE and the last byte on tcp.
#[derive(Debug)]
struct Crossing {
    unix: Stream,
    since: Duration,
    outlook: Outlook,
    reads: Reads,
    writes: Writes,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reads {
    Tcp,
    Unix,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Writes {
    /// MOVE is to be said, between two messages.
    Owed,
    /// MOVE is in the output, which has so many bytes up to its end.
    Draining(usize),
    Unix,
}

/// The tcp socket of a connection that has gone over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tcp {
    /// It is registered by the number of the session.
    Left,
    /// It is registered by a number of its own.
    Watched,
    Ended,
}

impl Passage {
    /// `secret`: READY of this side has it.
    pub(crate) fn new(stream: Stream, secret: Option<Secret>) -> Passage {
        let state = secret.map_or(State::Stays, |secret| State::Introduced {
            secret,
            early: None,
        });
        Passage {
            fd: stream.as_raw_fd(),
            stream,
            state,
            dialed: false,
        }
    }

    /// The number of the descriptor that the connection is known by.
    pub(crate) fn fd(&self) -> RawFd {
        self.fd
    }

    /// The stream that the connection is known by. If that was given up, the Unix socket.
    #[inline]
    pub(crate) fn known(&self) -> &Stream {
        &self.stream
    }

    /// The stream that is read.
    #[inline]
    pub(crate) fn reader(&self) -> &Stream {
        match &self.state {
            State::Over { unix, .. } => unix,
            State::Crossing(crossing) if crossing.reads == Reads::Unix => &crossing.unix,
            _ => &self.stream,
        }
    }

    /// The stream that is written.
    #[inline]
    pub(crate) fn writer(&self) -> &Stream {
        match &self.state {
            State::Over { unix, .. } => unix,
            State::Crossing(crossing) if crossing.writes == Writes::Unix => &crossing.unix,
            _ => &self.stream,
        }
    }

    /// As [`writer`](Passage::writer).
    pub(crate) fn writer_mut(&mut self) -> &mut Stream {
        match &mut self.state {
            State::Over { unix, .. } => unix,
            State::Crossing(crossing) if crossing.writes == Writes::Unix => &mut crossing.unix,
            _ => &mut self.stream,
        }
    }

    /// Returns the Unix socket that was dialed, once: it is to be registered.
    #[inline]
    pub(crate) fn take_dialed(&mut self) -> Option<&mut Stream> {
        if !std::mem::take(&mut self.dialed) {
            return None;
        }
        match &mut self.state {
            State::Asked { unix, .. } => Some(unix),
            _ => None,
        }
    }

    /// Returns true if READY of this side has the property, and that of the peer has not come.
    pub(crate) fn is_introduced(&self) -> bool {
        matches!(self.state, State::Introduced { .. })
    }

    /// Returns true if a step may be due.
    #[inline]
    pub(crate) fn has_steps(&self) -> bool {
        matches!(
            self.state,
            State::Ripening { .. }
                | State::Asked { .. }
                | State::Expecting { .. }
                | State::Welcomed { .. }
        )
    }

    /// Returns true between the first MOVE and the last byte on tcp.
    #[inline]
    pub(crate) fn is_crossing(&self) -> bool {
        matches!(self.state, State::Crossing(_))
    }

    /// The time of the next step, although nothing happens.
    pub(crate) fn deadline(&self) -> Option<Duration> {
        match &self.state {
            State::Ripening { since, next, .. } => Some((*since + OVERRIPE).max(*next)),
            State::Asked { until, .. } | State::Expecting { until, .. } => Some(*until),
            _ => None,
        }
    }

    /// The handshake is done. `peer`: what the peer has said of itself. `connected`: this side has dialed. Returns false if
    /// the connection stays on tcp.
    pub(crate) fn ready(
        &mut self,
        peer: Option<Introduction>,
        connected: bool,
        now: Duration,
    ) -> bool {
        let State::Introduced { secret, early } = std::mem::replace(&mut self.state, State::Stays)
        else {
            return false;
        };
        let Some(peer) = peer else {
            return false;
        };
        self.state = match (connected, &peer.place) {
            (true, Some(_)) => State::Ripening {
                since: now,
                secret,
                peer: Box::new(peer),
                next: now,
            },
            (false, None) => State::Expecting {
                since: now,
                secret,
                peer: peer.secret,
                until: now + PATIENCE,
                otherwise: Obstacle::Unproven,
            },
            // Both have dialed, or neither has.
            _ => return false,
        };
        if let Some(early) = early {
            let (hello, unix) = *early;
            self.hello_came(&hello, unix);
        }
        true
    }

    /// Does what is due at this time. `now`: since the thread began.
    pub(crate) fn step(&mut self, now: Duration) -> Step {
        match &mut self.state {
            State::Ripening { since, next, .. } if now < (*since + RIPE).max(*next) => {
                Step::Nothing
            }
            State::Ripening { .. } => self.ask(now),
            State::Asked { .. } => self.hear(now),
            State::Expecting {
                until, otherwise, ..
            } if *until <= now => {
                let why = *otherwise;
                self.stay(why)
            }
            State::Welcomed { unix, outlook, .. }
                if *outlook == Outlook::Undecided && is_left(unix) =>
            {
                *outlook = Outlook::GivenUp;
                Step::Stays(Obstacle::Unproven)
            }
            _ => Step::Nothing,
        }
    }

    fn stay(&mut self, why: Obstacle) -> Step {
        self.state = State::Stays;
        Step::Stays(why)
    }

    /// Comes to the Unix socket of the peer, and says HELLO.
    fn ask(&mut self, now: Duration) -> Step {
        let State::Ripening {
            since,
            secret,
            peer,
            next,
        } = &mut self.state
        else {
            return Step::Nothing;
        };
        let (Some(place), Some(ends)) = (&peer.place, self.stream.tcp_ends()) else {
            return self.stay(Obstacle::Unproven);
        };
        let unix = match ringmq_sys::Stream::try_connect(&place.address()) {
            Ok(unix) => Stream::from(unix),
            Err(error) if error.source.kind() == io::ErrorKind::WouldBlock => {
                if *since + PATIENCE <= now {
                    return self.stay(Obstacle::Unproven);
                }
                *next = now + AGAIN;
                return Step::Nothing;
            }
            Err(error) => {
                return self.stay(match ringmq_sys::Setback::of(&error.source) {
                    ringmq_sys::Setback::Shortage => Obstacle::Resources,
                    _ => Obstacle::Unproven,
                });
            }
        };
        let hello = Hello {
            from: Whence::Connecting,
            ticket: peer.ticket,
            secret: peer.secret,
            ends,
        };
        if Supply::at(&unix) == Supply::Short {
            return self.stay(Obstacle::Resources);
        }
        let said = unix.unix().is_some_and(|unix| {
            // No other user learns the secret.
            is_of_our_user(unix.peer_cred().ok()) && sends(unix, &hello)
        });
        if !said {
            return self.stay(Obstacle::Unproven);
        }
        self.dialed = true;
        self.state = State::Asked {
            unix,
            since: *since,
            secret: *secret,
            until: now + PATIENCE,
        };
        Step::Nothing
    }

    /// Looks for the answer to HELLO.
    fn hear(&mut self, now: Duration) -> Step {
        let State::Asked {
            unix,
            secret,
            until,
            ..
        } = &self.state
        else {
            return Step::Nothing;
        };
        let heard = unix.unix().map(receive);
        match heard {
            Some(Heard::Nothing) if now < *until => Step::Nothing,
            Some(Heard::Hello(welcome))
                if welcome.from == Whence::Binding
                    && welcome.secret.is(secret)
                    && now < *until
                    && self.is_opposite(&welcome) =>
            {
                let State::Asked { unix, since, .. } =
                    std::mem::replace(&mut self.state, State::Stays)
                else {
                    return Step::Nothing;
                };
                self.state = State::Crossing(Crossing {
                    unix,
                    since,
                    outlook: Outlook::Undecided,
                    reads: Reads::Tcp,
                    writes: Writes::Owed,
                });
                Step::Nothing
            }
            _ => self.stay(Obstacle::Unproven),
        }
    }

    fn is_opposite(&self, hello: &Hello) -> bool {
        let ends = self.stream.tcp_ends();
        ends.is_some_and(|ends| hello.is_opposite(ends))
    }

    /// Descriptors run short: a peer that is to come is not waited for. Returns true if one was.
    pub(crate) fn expect_none(&mut self) -> bool {
        let State::Expecting {
            until, otherwise, ..
        } = &mut self.state
        else {
            return false;
        };
        (*until, *otherwise) = (Duration::ZERO, Obstacle::Resources);
        true
    }

    /// A process of this user has come to our Unix socket with the ticket of this connection. If it is not the
    /// other end, its socket is closed.
    pub(crate) fn hello_came(&mut self, hello: &Hello, unix: Stream) {
        if hello.from != Whence::Connecting || !self.is_opposite(hello) {
            return;
        }
        match &mut self.state {
            // READY of the peer is under way still.
            State::Introduced { secret, early } if hello.secret.is(secret) && early.is_none() => {
                *early = Some(Box::new((*hello, unix)));
            }
            State::Expecting {
                since,
                secret,
                peer,
                ..
            } if hello.secret.is(secret) => {
                let Some(ends) = self.stream.tcp_ends() else {
                    return;
                };
                let welcome = Hello {
                    from: Whence::Binding,
                    ticket: hello.ticket,
                    secret: *peer,
                    ends,
                };
                if unix.unix().is_some_and(|unix| sends(unix, &welcome)) {
                    self.state = State::Welcomed {
                        unix,
                        since: *since,
                        outlook: Outlook::Undecided,
                    };
                }
            }
            _ => {}
        }
    }

    /// Gives up the tcp socket, for descriptors run short. MOVE was written to the Unix socket, and says so.
    pub(crate) fn release(&mut self) {
        match std::mem::replace(&mut self.state, State::Released) {
            State::Over { unix, .. } => self.stream = unix,
            state => self.state = state,
        }
    }

    /// Returns true if the connection has a tcp socket that carries nothing.
    pub(crate) fn is_over(&self) -> bool {
        matches!(
            self.state,
            State::Over {
                tcp: Tcp::Left | Tcp::Watched,
                ..
            }
        )
    }

    /// The peer has said MOVE: what follows comes by the Unix socket. A second one, which comes by that, says that the end of
    /// the tcp socket is none of the connection.
    ///
    /// # Errors
    ///
    /// It was out of turn.
    pub(crate) fn move_came(&mut self) -> Result<Option<Arrival>, OutOfTurn> {
        match std::mem::replace(&mut self.state, State::Stays) {
            State::Welcomed {
                unix,
                since,
                outlook,
            } => {
                self.state = State::Crossing(Crossing {
                    unix,
                    since,
                    outlook,
                    reads: Reads::Unix,
                    writes: Writes::Owed,
                });
                Ok(None)
            }
            // It answers ours, which was written.
            State::Crossing(crossing)
                if crossing.reads == Reads::Tcp && crossing.writes == Writes::Unix =>
            {
                let reads = Reads::Unix;
                self.state = State::Crossing(Crossing { reads, ..crossing });
                Ok(self.arrive())
            }
            State::Over { unix, .. } => {
                self.stream = unix;
                Ok(None)
            }
            State::Released => Ok(None),
            _ => Err(OutOfTurn),
        }
    }

    /// Returns true if MOVE is to be said as soon as a message is whole.
    #[inline]
    pub(crate) fn owes_move(&self) -> bool {
        matches!(&self.state, State::Crossing(crossing) if crossing.writes == Writes::Owed)
    }

    /// MOVE is in the output, which has so many bytes.
    pub(crate) fn said_move(&mut self, bytes: usize) {
        if let State::Crossing(crossing) = &mut self.state {
            crossing.writes = Writes::Draining(bytes);
        }
    }

    /// Returns the number of bytes of the output that go to the present writer; `None` if all do.
    #[inline]
    pub(crate) fn limit(&self) -> Option<usize> {
        match &self.state {
            State::Crossing(Crossing {
                writes: Writes::Draining(left),
                ..
            }) => Some(*left),
            _ => None,
        }
    }

    /// So many bytes of the output were written, within the limit. Returns true if the writer is another one from now on.
    pub(crate) fn wrote(&mut self, bytes: usize) -> bool {
        let State::Crossing(crossing) = &mut self.state else {
            return false;
        };
        let Writes::Draining(left) = &mut crossing.writes else {
            return false;
        };
        *left = left.saturating_sub(bytes);
        let is_over = *left == 0;
        if is_over {
            crossing.writes = Writes::Unix;
        }
        is_over
    }

    /// Returns the arrival, once, when both directions are on the Unix socket.
    pub(crate) fn arrive(&mut self) -> Option<Arrival> {
        match std::mem::replace(&mut self.state, State::Stays) {
            State::Crossing(crossing)
                if crossing.reads == Reads::Unix && crossing.writes == Writes::Unix =>
            {
                self.state = State::Over {
                    unix: crossing.unix,
                    tcp: Tcp::Left,
                };
                Some(Arrival {
                    since: crossing.since,
                    outlook: crossing.outlook,
                })
            }
            state => {
                self.state = state;
                None
            }
        }
    }

    /// Returns the tcp socket, once, of a connection that has gone over: its end is told by a number of its own.
    pub(crate) fn take_left(&mut self) -> Option<&mut Stream> {
        match &mut self.state {
            State::Over {
                tcp: tcp @ Tcp::Left,
                ..
            } => {
                *tcp = Tcp::Watched;
                Some(&mut self.stream)
            }
            _ => None,
        }
    }

    /// Something has happened to the tcp socket of a connection that has gone over. Nothing comes there any more but the end.
    pub(crate) fn look_at_tcp(&mut self) {
        if let State::Over { tcp, .. } = &mut self.state {
            let read = self.stream.read(&mut [0; 1]);
            if !matches!(&read, Err(error) if error.kind() == io::ErrorKind::WouldBlock) {
                *tcp = Tcp::Ended;
            }
        }
    }

    /// Returns true if the connection ends behind what is in the stream that is read.
    #[inline]
    pub(crate) fn has_ended(&self) -> bool {
        matches!(
            self.state,
            State::Over {
                tcp: Tcp::Ended,
                ..
            }
        )
    }
}
