//! From the first byte to the first message.

use std::time::Duration;

use super::{Connection, Sender, Stage};
use crate::authenticate::{Refusal, User, Verdict};
use crate::command;
use crate::error::Error;
use crate::event::Event;
use crate::greeting::{Greeting, Spoken};
use crate::head::Framing;
use crate::mechanism::{Handshake, Step};
use crate::output::Output;
use crate::peer::Peer;
use crate::sealed::{self, Sealed};
use crate::settings::Settings;
use ringmq_message::{Frame, INLINE, Kind};
use zeroize::Zeroize;

/// The longest routing id of ZMTP 1.0 and 2.0 in bytes.
const ROUTING_ID_LIMIT: u64 = 255;

/// How far the peer is known.
#[derive(Debug)]
pub(super) enum Early {
    /// Its greeting comes.
    Greeting(Greeting),
    /// Its commands come.
    Handshake {
        minor: u8,
        handshake: Handshake,
        /// What comes next.
        step: Step,
    },
    /// Its first frame comes, which is its routing id.
    RoutingId {
        version: (u8, u8),
        socket_type: Option<Kind>,
        /// Whether it will not say what it subscribes to.
        silent: bool,
    },
    /// The application gets a subscription to everything: a peer of this version sends none.
    SubscribedToAll,
}

impl Early {
    /// Sends the first bytes.
    pub(super) fn new(settings: &Settings, output: &mut Output) -> Early {
        Early::Greeting(Greeting::new(settings, output))
    }
}

impl Connection {
    /// Receives until there is an event, and messages may pass.
    #[cold]
    pub(super) fn receive_early(
        &mut self,
        input: &mut &[u8],
        now: Duration,
    ) -> Result<Option<Event>, Error> {
        loop {
            let early = match &mut self.stage {
                Stage::Early(early) => &mut **early,
                Stage::Traffic => return self.receive_traffic(input, now),
                Stage::Sealed => return self.receive_sealed(input, now),
                Stage::Raw(_) => return Ok(self.receive_raw(input)),
                Stage::Failed(error) => return Err(error.clone()),
            };
            match early {
                Early::Greeting(greeting) => {
                    let spoken = greeting.take(input, &self.settings, &mut self.output)?;
                    let Some(spoken) = spoken else {
                        return Ok(None);
                    };
                    if spoken == Spoken::Unversioned {
                        self.decoder.replay(greeting.bytes());
                    }
                    self.greeted(spoken)?;
                }
                Early::Handshake {
                    minor,
                    handshake,
                    step,
                } => match std::mem::replace(step, Step::Wait) {
                    Step::Wait => {
                        let Some((frame, _)) = self.decoder.next(input)? else {
                            return Ok(None);
                        };
                        let (settings, output) = (&self.settings, &mut self.output);
                        let next = handshake.command(&frame, settings, output, now);
                        if matches!(handshake, Handshake::PlainServer(_)) {
                            wipe(frame);
                        }
                        *step = next?;
                    }
                    Step::Ask(credentials) => {
                        *step = Step::Asked;
                        return Ok(Some(Event::Authenticate(credentials)));
                    }
                    Step::Asked => {
                        *step = Step::Asked;
                        return Ok(None);
                    }
                    Step::Done(done) => {
                        let done = *done;
                        let (ours, version) = (self.settings.socket_type, (3, *minor));
                        let peer = Peer::new(ours, version, done.metadata, done.user)?;
                        self.life.ready(now, self.settings.heartbeat);
                        return Ok(Some(match done.sealed {
                            Some(sealed) => self.ready_sealed(peer, sealed),
                            None => self.ready(peer, false),
                        }));
                    }
                },
                Early::RoutingId {
                    version,
                    socket_type,
                    silent,
                } => {
                    let silent = *silent;
                    let Some((frame, _)) = self.decoder.next(input)? else {
                        return Ok(None);
                    };
                    let peer = Peer::older(*version, *socket_type, &frame)?;
                    // Without commands there are no heartbeats.
                    self.life.ready(now, None);
                    return Ok(Some(self.ready(peer, silent)));
                }
                Early::SubscribedToAll => {
                    self.stage = Stage::Traffic;
                    let topic = Frame::new();
                    return Ok(Some(Event::Subscribe { topic, on: true }));
                }
            }
        }
    }

    /// The peer's greeting has come.
    fn greeted(&mut self, spoken: Spoken) -> Result<(), Error> {
        let (early, framing) = match spoken {
            Spoken::Current { minor, is_kin } => {
                let more = std::mem::take(&mut self.settings.filler_metadata);
                if is_kin {
                    self.settings.metadata.extend(more);
                }
                let (handshake, step) = Handshake::new(&self.settings, &mut self.output)?;
                let early = Early::Handshake {
                    minor,
                    handshake,
                    step,
                };
                (early, Framing::Current)
            }
            Spoken::Unversioned if !self.settings.takes_older() => return Err(Error::Unversioned),
            Spoken::Unversioned => {
                // RFC 13: the first frame is the routing id, and the signature was its head.
                self.output.push(&self.settings.routing_id);
                let early = Early::RoutingId {
                    version: (1, 0),
                    socket_type: None,
                    silent: self.settings.socket_type.publishes(),
                };
                (early, Framing::First)
            }
            Spoken::Older {
                revision,
                socket_type,
            } => {
                let (version, framing) = match revision {
                    0 => ((1, 0), Framing::First),
                    _ => ((2, 0), Framing::Second),
                };
                let socket_type = self.older_socket_type(socket_type)?;
                // RFC 15: the first frame is the routing id.
                let routing_id = Frame::copy_from_slice(&self.settings.routing_id);
                self.output.push_frame(framing, routing_id);
                let early = Early::RoutingId {
                    version,
                    socket_type,
                    silent: false,
                };
                (early, framing)
            }
        };
        if matches!(early, Early::RoutingId { .. }) {
            self.decoder.allow_messages(Some(ROUTING_ID_LIMIT));
        }
        self.decoder.set_framing(framing);
        self.stage = Stage::Early(Box::new(early));
        Ok(())
    }

    /// The socket type of an older peer. A type that we know has to be one that our type accepts.
    fn older_socket_type(&self, octet: u8) -> Result<Option<Kind>, Error> {
        let ours = self.settings.socket_type;
        match Kind::try_from(octet) {
            Ok(theirs) if !ours.accepts(theirs) => Err(Error::SocketType {
                ours,
                theirs: theirs.name().to_owned(),
            }),
            known => Ok(known.ok()),
        }
    }

    /// The peer is known.
    fn ready(&mut self, peer: Peer, silent: bool) -> Event {
        // RFC 13: its subscribers filter what they get, and do not say what they want. Those that have a greeting do.
        self.stage = if silent {
            Stage::Early(Box::new(Early::SubscribedToAll))
        } else {
            Stage::Traffic
        };
        self.decoder.allow_messages(self.settings.max_message);
        self.peer = Some(peer);
        self.sender = Sender::Clear;
        Event::Ready
    }

    /// The peer is known, and what passes is encrypted from now on.
    fn ready_sealed(&mut self, peer: Peer, sealed: Box<Sealed>) -> Event {
        self.stage = Stage::Sealed;
        let limit = self.settings.max_message;
        self.decoder.allow_boxes(limit, sealed::OVERHEAD);
        self.peer = Some(peer);
        self.sender = Sender::Sealed(sealed);
        Event::Ready
    }

    /// Goes on with a handshake that stopped at [`Event::Authenticate`]. Afterwards there may be something to write, and
    /// [`receive`](Connection::receive) is to be called even if nothing has come: with what it left of its input before, if
    /// there was something.
    ///
    /// # Errors
    ///
    /// [`Error::Denied`] if the verdict refuses the peer. What waits in [`output`](Connection::output) tells it so, and is
    /// to be written before the stream is closed. If the connection has failed before, what was wrong.
    ///
    /// # Panics
    ///
    /// If the connection does not wait for a verdict.
    pub fn decide(&mut self, verdict: Verdict) -> Result<(), Error> {
        match verdict {
            Verdict::Accept(user) => self.conclude(Ok(Some(user))),
            Verdict::Refuse(refusal) => self.conclude(Err(refusal)),
        }
    }

    /// Goes on with the handshake where there is no authenticator: the peer is accepted, and has no
    /// [user](crate::Peer::user).
    ///
    /// # Errors
    ///
    /// If the connection has failed before, what was wrong.
    ///
    /// # Panics
    ///
    /// If the connection does not wait for a verdict.
    pub fn accept_unjudged(&mut self) -> Result<(), Error> {
        self.conclude(Ok(None))
    }

    fn conclude(&mut self, verdict: Result<Option<User>, Refusal>) -> Result<(), Error> {
        let decided = match &mut self.stage {
            Stage::Failed(error) => return Err(error.clone()),
            Stage::Early(early) => match &mut **early {
                Early::Handshake {
                    handshake,
                    step: step @ Step::Asked,
                    ..
                } => match verdict {
                    Ok(user) => {
                        let next = handshake.accept(user, &self.settings, &mut self.output);
                        next.map(|next| *step = next)
                    }
                    Err(refusal) => {
                        if let Some(reason) = refusal.reason() {
                            let data = [&[reason.len() as u8], reason].concat();
                            self.output.push_command(command::ERROR, &data);
                        }
                        Err(Error::Denied { refusal })
                    }
                },
                _ => panic!("no verdict was asked for"),
            },
            _ => panic!("no verdict was asked for"),
        };
        if let Err(error) = &decided {
            self.stage = Stage::Failed(error.clone());
        }
        decided
    }
}

/// Drops a frame that may hold a password.
fn wipe(mut frame: Frame) {
    if frame.len() <= INLINE {
        frame.as_mut_slice().zeroize();
    } else if let Ok(mut bytes) = frame.into_bytes().try_into_mut() {
        bytes.zeroize();
    }
}
