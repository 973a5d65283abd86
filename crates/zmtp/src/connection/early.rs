//! From the first byte to the first message.

use std::time::Duration;

use super::{Connection, Stage};
use crate::error::Error;
use crate::event::Event;
use crate::greeting::{Greeting, Spoken};
use crate::head::Framing;
use crate::mechanism::Handshake;
use crate::output::Output;
use crate::peer::Peer;
use crate::settings::Settings;
use ringmq_message::Frame;
use ringmq_message::Kind;

/// The longest routing id of ZMTP 1.0 and 2.0 in bytes.
const ROUTING_ID_LIMIT: u64 = 255;

/// How far the peer is known.
#[derive(Debug)]
pub(super) enum Early {
    /// Its greeting comes.
    Greeting(Greeting),
    /// Its commands come.
    Handshake { minor: u8, handshake: Handshake },
    /// Its first frame comes, which is its routing id.
    RoutingId {
        version: (u8, u8),
        socket_type: Option<Kind>,
        /// Whether it will not say what it subscribes to.
        silent: bool,
    },
    /// It is told that it subscribed to all.
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
                Early::Handshake { minor, handshake } => {
                    let version = (3, *minor);
                    let Some((frame, _)) = self.decoder.next(input)? else {
                        return Ok(None);
                    };
                    let (settings, output) = (&self.settings, &mut self.output);
                    if let Some(metadata) = handshake.command(&frame, settings, output)? {
                        let peer = Peer::new(settings.socket_type, version, metadata)?;
                        self.life.ready(now, settings.heartbeat);
                        return Ok(Some(self.ready(peer, false)));
                    }
                }
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
            Spoken::Current { minor } => {
                let handshake = Handshake::new(&self.settings, &mut self.output);
                (Early::Handshake { minor, handshake }, Framing::Current)
            }
            Spoken::Unversioned if !self.settings.accept_older => return Err(Error::Unversioned),
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
        Event::Ready
    }
}
