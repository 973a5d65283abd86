//! A connection, as a program sees it.

use ringmq_sys::Credentials;

use crate::mail::carrier::{Carrier, ZmtpReason};

/// A connection of a socket, from [`Socket::connections`](crate::Socket::connections).
///
/// ```
/// use ringmq::{Context, Kind};
///
/// let context = Context::new()?;
/// let (mut server, mut client) = (context.socket(Kind::Rep)?, context.socket(Kind::Req)?);
/// server.bind("tcp://127.0.0.1:*")?;
/// client.connect(server.last_endpoint())?;
/// let connections = client.connections();
/// let [connection] = &connections[..] else { panic!("one connection") };
/// assert_eq!(connection.endpoint, server.last_endpoint());
/// // By ZMTP at first, and in shared memory some milliseconds later.
/// println!("{} goes {}", connection.endpoint, connection.carrier);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Connection {
    /// The endpoint that the program bound or connected to.
    pub endpoint: String,
    /// The address of the peer: over tcp an endpoint, such as `tcp://192.0.2.1:40000`; over ipc the endpoint that the peer
    /// is bound to, or `ipc://` alone if the peer has connected; within the process the endpoint of both; empty over udp.
    /// Empty before the first handshake. After a connection has ended, that of the last peer, until there is another one.
    pub peer: String,
    /// The process of the peer over ipc, as the kernel recorded it: the process that called `connect` or `listen`. `None`
    /// over tcp, also in shared memory; over udp, within the process, and before the first handshake.
    pub credentials: Option<Credentials>,
    /// What carries the messages. If the two directions differ, this is the carrier that was changed last.
    pub carrier: Carrier,
}

impl Connection {
    /// Why the connection speaks ZMTP; `None` if another carrier has its messages.
    pub fn reason(&self) -> Option<ZmtpReason> {
        match self.carrier {
            Carrier::Zmtp(reason) => Some(reason),
            _ => None,
        }
    }
}

/// What a socket knows of the far side of a connection.
#[derive(Debug, Clone, Default)]
pub(crate) struct Identity {
    /// The endpoint that the program bound or connected to.
    pub(crate) endpoint: String,
    /// The address of the peer; empty if there was no peer yet.
    pub(crate) peer: String,
    /// The process of the peer, over ipc.
    pub(crate) credentials: Option<Credentials>,
}

impl Identity {
    /// Of a connection within the process.
    pub(crate) fn within(endpoint: &str) -> Identity {
        Identity {
            endpoint: endpoint.to_owned(),
            peer: endpoint.to_owned(),
            credentials: None,
        }
    }

    /// The connection with this identity and this carrier.
    pub(crate) fn connection(&self, carrier: Carrier) -> Connection {
        Connection {
            endpoint: self.endpoint.clone(),
            peer: self.peer.clone(),
            credentials: self.credentials,
            carrier,
        }
    }
}
