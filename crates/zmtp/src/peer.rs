//! What a peer says of itself.

use ringmq_message::{Properties, names};

use crate::authenticate::User;
use crate::error::Error;
use crate::metadata::Metadata;
use ringmq_message::Kind;

/// The peer of a connection, as it presented itself in the handshake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    version: (u8, u8),
    socket_type: Option<Kind>,
    routing_id: Vec<u8>,
    metadata: Metadata,
    user: Option<User>,
}

impl Peer {
    /// One that speaks no ZMTP, and says nothing of itself.
    pub(crate) fn unknown() -> Peer {
        Peer {
            version: (0, 0),
            socket_type: None,
            routing_id: Vec::new(),
            metadata: Vec::new(),
            user: None,
        }
    }

    /// One that said nothing but its routing id.
    pub(crate) fn older(
        version: (u8, u8),
        socket_type: Option<Kind>,
        routing_id: &[u8],
    ) -> Result<Peer, Error> {
        Ok(Peer {
            version,
            socket_type,
            routing_id: check_routing_id(routing_id)?,
            metadata: Vec::new(),
            user: None,
        })
    }

    /// Reads what a peer says to a socket of type `ours`.
    pub(crate) fn new(
        ours: Kind,
        version: (u8, u8),
        metadata: Metadata,
        user: Option<User>,
    ) -> Result<Peer, Error> {
        // RFC 37, The NULL Security Mechanism: names have no case.
        let find = |name: &str| {
            let mut entries = metadata.iter();
            entries.find(|(known, _)| known.eq_ignore_ascii_case(name))
        };
        // A peer that does not say its type is not asked for it.
        let socket_type = find(names::SOCKET_TYPE)
            .map(|(_, value)| socket_type(ours, value))
            .transpose()?;
        let routing_id = match find(names::IDENTITY) {
            Some((_, value)) => check_routing_id(value)?,
            None => Vec::new(),
        };
        Ok(Peer {
            version,
            socket_type,
            routing_id,
            metadata,
            user,
        })
    }

    /// The version that the connection speaks: (3, 1), (3, 0), (2, 0) or (1, 0); (0, 0) if it is
    /// [raw](crate::Settings::raw).
    pub fn version(&self) -> (u8, u8) {
        self.version
    }

    /// The kind of its socket, if it said.
    pub fn socket_type(&self) -> Option<Kind> {
        self.socket_type
    }

    /// The name that it wants to be known by; empty if it leaves that to us.
    pub fn routing_id(&self) -> &[u8] {
        &self.routing_id
    }

    /// All that it said, in that order.
    pub fn metadata(&self) -> impl Iterator<Item = (&str, &[u8])> {
        let entries = self.metadata.iter();
        entries.map(|(name, value)| (name.as_str(), value.as_slice()))
    }

    /// Who an authenticator says that it is, if one was asked.
    pub fn user(&self) -> Option<&User> {
        self.user.as_ref()
    }

    /// All that it said, in the form that frames carry. Its identity has the name
    /// [`Routing-Id`](names::ROUTING_ID) there. What an authenticator says comes before what the peer says, and only an
    /// authenticator gives it a [`User-Id`](names::USER_ID).
    pub fn properties(&self) -> Properties {
        let mut properties = Properties::new();
        for (name, value) in &self.metadata {
            let known = [names::SOCKET_TYPE, names::IDENTITY, names::USER_ID];
            let known = known.iter().find(|known| known.eq_ignore_ascii_case(name));
            match known.copied() {
                Some(names::IDENTITY) => properties.set(names::ROUTING_ID, value),
                Some(names::USER_ID) => (),
                Some(known) => properties.set(known, value),
                None => properties.set(name.as_str(), value),
            }
        }
        if let Some(user) = &self.user {
            for (name, value) in &user.metadata {
                properties.set(name.as_str(), value);
            }
            properties.set(names::USER_ID, &user.id);
        }
        properties
    }
}

fn socket_type(ours: Kind, value: &[u8]) -> Result<Kind, Error> {
    let theirs = str::from_utf8(value)
        .ok()
        .and_then(|name| name.parse().ok());
    theirs
        .filter(|theirs| ours.accepts(*theirs))
        .ok_or_else(|| Error::SocketType {
            ours,
            theirs: String::from_utf8_lossy(&value[..value.len().min(32)]).into_owned(),
        })
}

/// RFC 37, The NULL Security Mechanism: at most 255 bytes. The RFC keeps a leading 0 for names that a ROUTER makes up.
/// libzmq accepts it from peers, and programs use numbers as routing ids, so it is accepted here.
fn check_routing_id(value: &[u8]) -> Result<Vec<u8>, Error> {
    if value.len() > 255 {
        return Err(Error::RoutingId {
            len: value.len() as u64,
        });
    }
    Ok(value.to_vec())
}
