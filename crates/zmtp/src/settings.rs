//! What a connection is told before it begins.

use std::time::Duration;

use crate::authenticate::Login;
use crate::keys::{KeyPair, PublicKey, Random};
use ringmq_message::Kind;

/// Bytes of a greeting behind the role.
const FILLER: usize = 31;

/// What one end of a connection wants.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The kind of socket that the connection belongs to.
    pub socket_type: Kind,
    /// The name that we ask the peer to know us by, at most 255 bytes, of which the first is not 0; empty for none.
    /// REQ, DEALER and ROUTER send it, even when it is empty.
    pub routing_id: Vec<u8>,
    /// More properties for the peer, such as `X-Key`. Names have 1 to 255 bytes.
    pub metadata: Vec<(String, Vec<u8>)>,
    /// What stands behind the role in the greeting, where RFC 37 has zeros that peers ignore; at most 31 bytes, and empty for
    /// zeros. A peer whose greeting has the same bytes there is told `filler_metadata`, too.
    pub filler: Vec<u8>,
    /// More properties, for a peer with the same `filler` only. Nothing but the filler tells other peers of them.
    pub filler_metadata: Vec<(String, Vec<u8>)>,
    /// The longest payload, in bytes, that a frame of the peer's may have; `None` for any.
    pub max_message: Option<u64>,
    /// Whether and how to find out that the peer has gone; `None` for not at all.
    pub heartbeat: Option<Heartbeat>,
    /// How long the peer may take until it is ready; `None` for ever.
    pub handshake_timeout: Option<Duration>,
    /// Whether peers that speak ZMTP 1.0 or 2.0 are welcome. They know no security and no heartbeat, so they are refused
    /// all the same if there is a mechanism other than NULL, or an authenticator.
    pub accept_older: bool,
    /// How the two ends come to trust each other.
    pub mechanism: Mechanism,
    /// Whether an authenticator judges the peer: the handshake stops at [`Authenticate`](crate::Event::Authenticate) until
    /// [`decide`](crate::Connection::decide). It does so for a server of PLAIN in any case, and never for a client of PLAIN
    /// or CURVE.
    pub authenticate: bool,
    /// Names of commands that are [told](crate::Event::Command) rather than ignored, of 1 to 255 bytes each.
    pub extensions: Vec<String>,
    /// What the peer may ask of our memory.
    pub limits: Limits,
    /// For a connection that carries bytes without ZMTP: what is read is a message, and what is sent is written as it is.
    /// There is no greeting, no handshake, no heartbeat and no limit of messages. `None` for ZMTP.
    pub raw: Option<RawSettings>,
}

impl Settings {
    /// The settings of a socket whose options were not set: no routing id, no limit of messages, no heartbeat, 30
    /// seconds for the handshake, no older peers.
    pub fn new(socket_type: Kind) -> Settings {
        Settings {
            socket_type,
            routing_id: Vec::new(),
            metadata: Vec::new(),
            filler: Vec::new(),
            filler_metadata: Vec::new(),
            max_message: None,
            heartbeat: None,
            handshake_timeout: Some(Duration::from_secs(30)),
            accept_older: false,
            mechanism: Mechanism::Null,
            authenticate: false,
            extensions: Vec::new(),
            limits: Limits::default(),
            raw: None,
        }
    }

    /// Whether peers of ZMTP 1.0 or 2.0 are welcome: they would go around any security.
    pub(crate) fn takes_older(&self) -> bool {
        self.accept_older && !self.authenticate && matches!(self.mechanism, Mechanism::Null)
    }

    /// Whether what is said here can be told to a peer.
    ///
    /// # Errors
    ///
    /// The first thing that cannot.
    pub fn check(&self) -> Result<(), BadSettings> {
        let len = self.routing_id.len();
        if len > 255 {
            return Err(BadSettings::RoutingId { len });
        }
        if let Mechanism::PlainClient(login) = &self.mechanism {
            let len = login.username().len().max(login.password().len());
            if len > 255 {
                return Err(BadSettings::Login { len });
            }
        }
        let len = self.filler.len();
        if len > FILLER {
            return Err(BadSettings::Filler { len });
        }
        let properties = || self.metadata.iter().chain(&self.filler_metadata);
        let names = properties().map(|(name, _)| name);
        for name in names.chain(&self.extensions) {
            if name.is_empty() || name.len() > 255 {
                return Err(BadSettings::Name { len: name.len() });
            }
        }
        // RFC 37, The NULL Security Mechanism: a value has 31 bits for its size.
        match properties().find(|(_, value)| value.len() >> 31 != 0) {
            Some((_, value)) => Err(BadSettings::Value { len: value.len() }),
            None => Ok(()),
        }
    }
}

/// How a connection carries bytes without ZMTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RawSettings {
    /// Whether an empty message comes first, which says that the peer is there.
    pub notify: bool,
}

/// Why [`Settings::check`] refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadSettings {
    /// It is too long.
    #[error("a routing id of {len} bytes: it has at most 255")]
    RoutingId {
        /// Bytes in it.
        len: usize,
    },
    /// The user name or the password is too long.
    #[error("a user name or password of {len} bytes: it has at most 255")]
    Login {
        /// Bytes in the longer of them.
        len: usize,
    },
    /// The filler of the greeting is too long.
    #[error("a filler of {len} bytes: it has at most 31")]
    Filler {
        /// Bytes in it.
        len: usize,
    },
    /// The name of a property or command is empty or too long.
    #[error("a name of {len} bytes: it has from 1 to 255")]
    Name {
        /// Bytes in it.
        len: usize,
    },
    /// The value of a property is too long.
    #[error("a property of {len} bytes: it has at most 2147483647")]
    Value {
        /// Bytes in it.
        len: usize,
    },
}

/// How to find out that a peer has gone without a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heartbeat {
    /// The time from one PING to the next.
    pub interval: Duration,
    /// How long the peer may be silent after a PING; zero for ever.
    pub timeout: Duration,
    /// How long we ask the peer to wait for the next word of ours; zero for as long as it likes. It is sent in tenths
    /// of a second, of which there are at most 65535.
    pub ttl: Duration,
}

/// How the two ends of a connection come to trust each other. Both have to name the same, one of them as its server, which
/// has nothing to do with who connects to whom.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub enum Mechanism {
    /// They do without asking.
    #[default]
    Null,
    /// We show a name and a password, in the clear (RFC 24).
    PlainClient(Login),
    /// The peer shows a name and a password, in the clear, and an authenticator judges it.
    PlainServer,
    /// Everything is encrypted, and both ends prove who they are (RFC 26). We know the key of the server.
    CurveClient(CurveClient),
    /// Everything is encrypted, and both ends prove who they are. An authenticator may judge the key of the client.
    CurveServer(CurveServer),
}

impl Mechanism {
    /// The name in the greeting.
    pub const fn name(&self) -> &'static str {
        match self {
            Mechanism::Null => "NULL",
            Mechanism::PlainClient(_) | Mechanism::PlainServer => "PLAIN",
            Mechanism::CurveClient(_) | Mechanism::CurveServer(_) => "CURVE",
        }
    }

    /// Whether we are the server.
    pub const fn is_server(&self) -> bool {
        matches!(self, Mechanism::PlainServer | Mechanism::CurveServer(_))
    }

    /// Whether what passes is encrypted. Then nothing may go around the connection, such as shared memory or
    /// [`command_bytes`](crate::command_bytes).
    pub const fn encrypts(&self) -> bool {
        matches!(self, Mechanism::CurveClient(_) | Mechanism::CurveServer(_))
    }
}

/// A client of CURVE.
#[derive(Debug, Clone)]
pub struct CurveClient {
    /// Our keys. An authenticator at the server knows us by the public one.
    pub keys: KeyPair,
    /// The public key of the server.
    pub server_key: PublicKey,
    /// Where the keys of a connection come from.
    pub random: Random,
}

/// A server of CURVE.
#[derive(Debug, Clone)]
pub struct CurveServer {
    /// Our keys. Clients know the public one.
    pub keys: KeyPair,
    /// Where the keys of a connection come from.
    pub random: Random,
}

/// What a peer may ask of our memory, beside its messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The longest command in bytes, whatever [`Settings::max_message`] says. A topic is part of a command.
    pub command: usize,
    /// The most properties that it may name.
    pub properties: usize,
    /// The most parts of one message. A part costs memory beside its bytes, and may have none.
    pub parts: usize,
}

impl Default for Limits {
    /// 64 KiB, 64 properties, and 2^20 parts.
    fn default() -> Limits {
        Limits {
            command: 64 << 10,
            properties: 64,
            parts: 1 << 20,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_peer_could_be_told_is_refused() {
        let mut settings = Settings::new(Kind::Dealer);
        settings.routing_id = vec![1; 255];
        assert_eq!(settings.check(), Ok(()));
        settings.routing_id = vec![1; 256];
        assert_eq!(settings.check(), Err(BadSettings::RoutingId { len: 256 }));
        settings.routing_id = vec![0, 1];
        assert_eq!(settings.check(), Ok(()));
        settings.routing_id.clear();
        settings.mechanism = Mechanism::PlainClient(Login::new("me", [1; 256]));
        assert_eq!(settings.check(), Err(BadSettings::Login { len: 256 }));
        settings.mechanism = Mechanism::PlainClient(Login::new([1; 255], ""));
        settings.extensions = vec!["x".repeat(255)];
        settings.metadata = vec![(String::new(), Vec::new())];
        assert_eq!(settings.check(), Err(BadSettings::Name { len: 0 }));
    }
}
