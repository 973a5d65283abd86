//! The socket types: their names and numbers, and which may talk to which.

use std::error::Error;
use std::fmt;
use std::io;
use std::str::FromStr;

/// A socket type. It decides which peers a socket sends to and receives from.
///
/// The numbers are those that ZMTP 2.0 sends, and those of `zmq.h`. More types may come, so a `match` outside of this
/// crate has an arm for others.
///
/// ```
/// use ringmq_message::Kind;
///
/// assert_eq!(Kind::Xpub.to_string(), "XPUB");
/// assert_eq!("XPUB".parse(), Ok(Kind::Xpub));
/// assert_eq!(Kind::try_from(9), Ok(Kind::Xpub));
/// assert_eq!(u8::from(Kind::Xpub), 9);
/// assert!(Kind::Xpub.accepts(Kind::Sub));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
#[non_exhaustive]
pub enum Kind {
    /// Has one peer; sends to it and receives from it.
    Pair = 0,
    /// Sends each message to all peers that subscribed to it.
    Pub,
    /// Receives the messages that it subscribed to.
    Sub,
    /// Sends a request to its peers in turn, then receives the reply.
    Req,
    /// Receives a request, then sends the reply.
    Rep,
    /// Sends to its peers in turn, receives from all.
    Dealer,
    /// Receives from all, with the routing id of the peer as the first part; sends to the peer that the first part names.
    Router,
    /// Receives from all peers.
    Pull,
    /// Sends to its peers in turn.
    Push,
    /// As [`Pub`](Kind::Pub), and receives subscriptions as messages.
    Xpub,
    /// As [`Sub`](Kind::Sub), and sends subscriptions as messages.
    Xsub,
    /// Receives the bytes of connections without ZMTP, and sends bytes to them, each time with the routing id of the
    /// connection as the first part.
    Stream,
    /// Receives messages of one part from all clients, each with the [routing id](crate::Frame::routing_id) of its client;
    /// sends to the client that the routing id of a message names.
    Server,
    /// Sends messages of one part to its servers in turn, receives from all.
    Client,
    /// Sends each message, of one part, to all peers that joined its [group](crate::Frame::group).
    Radio,
    /// Receives the messages of the groups that it joined.
    Dish,
    /// Receives messages of one part from all peers.
    Gather,
    /// Sends messages of one part to its peers in turn.
    Scatter,
    /// Sends and receives udp datagrams, as messages of two parts: an address, such as `192.0.2.1:5555`, and the bytes. The
    /// address of a received message ends with a NUL.
    Dgram,
    /// As [`Server`](Kind::Server), with peers of its own type, to which it connects as well.
    Peer,
    /// As [`Pair`](Kind::Pair), with messages of one part.
    Channel,
}

impl Kind {
    /// Those that speak ZMTP, in the order of their numbers.
    pub const ALL: [Kind; 19] = [
        Kind::Pair,
        Kind::Pub,
        Kind::Sub,
        Kind::Req,
        Kind::Rep,
        Kind::Dealer,
        Kind::Router,
        Kind::Pull,
        Kind::Push,
        Kind::Xpub,
        Kind::Xsub,
        Kind::Server,
        Kind::Client,
        Kind::Radio,
        Kind::Dish,
        Kind::Gather,
        Kind::Scatter,
        Kind::Peer,
        Kind::Channel,
    ];

    /// The name that the Socket-Type property has on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Pair => "PAIR",
            Kind::Pub => "PUB",
            Kind::Sub => "SUB",
            Kind::Req => "REQ",
            Kind::Rep => "REP",
            Kind::Dealer => "DEALER",
            Kind::Router => "ROUTER",
            Kind::Pull => "PULL",
            Kind::Push => "PUSH",
            Kind::Xpub => "XPUB",
            Kind::Xsub => "XSUB",
            Kind::Stream => "STREAM",
            Kind::Server => "SERVER",
            Kind::Client => "CLIENT",
            Kind::Radio => "RADIO",
            Kind::Dish => "DISH",
            Kind::Gather => "GATHER",
            Kind::Scatter => "SCATTER",
            Kind::Dgram => "DGRAM",
            Kind::Peer => "PEER",
            Kind::Channel => "CHANNEL",
        }
    }

    /// Whether a socket of this type may talk to one of type `peer`. It holds both ways or not at all. STREAM and
    /// DGRAM speak no ZMTP, so no peer tells such a type.
    pub const fn accepts(self, peer: Kind) -> bool {
        use Kind::{Channel, Client, Dgram, Dish, Gather, Peer, Radio, Scatter, Server};
        use Kind::{Dealer, Pair, Pub, Pull, Push, Rep, Req, Router, Stream, Sub, Xpub, Xsub};
        // RFC 28, 29, 30, 31, 41, 48, 49, 51, 52: each names the types that its own may be connected with.
        match self {
            Pair => matches!(peer, Pair),
            Pub | Xpub => matches!(peer, Sub | Xsub),
            Sub | Xsub => matches!(peer, Pub | Xpub),
            Req => matches!(peer, Rep | Router),
            Rep => matches!(peer, Req | Dealer),
            Dealer => matches!(peer, Rep | Dealer | Router),
            Router => matches!(peer, Req | Dealer | Router),
            Pull => matches!(peer, Push),
            Push => matches!(peer, Pull),
            Stream | Dgram => false,
            Server => matches!(peer, Client),
            Client => matches!(peer, Server),
            Radio => matches!(peer, Dish),
            Dish => matches!(peer, Radio),
            Gather => matches!(peer, Scatter),
            Scatter => matches!(peer, Gather),
            Peer => matches!(peer, Peer),
            Channel => matches!(peer, Channel),
        }
    }

    /// Whether its messages have one part. It refuses to send others, and drops those that it receives.
    ///
    /// ```
    /// use ringmq_message::Kind;
    ///
    /// assert!(Kind::Client.has_one_part());
    /// assert!(!Kind::Dealer.has_one_part());
    /// ```
    pub const fn has_one_part(self) -> bool {
        use Kind::{Channel, Client, Dish, Gather, Peer, Radio, Scatter, Server};
        matches!(
            self,
            Server | Client | Radio | Dish | Gather | Scatter | Peer | Channel
        )
    }

    /// Whether it sends to the peer that the [routing id](crate::Frame::routing_id) of a message names.
    ///
    /// ```
    /// use ringmq_message::Kind;
    ///
    /// assert!(Kind::Server.uses_routing_ids());
    /// assert!(!Kind::Router.uses_routing_ids());
    /// ```
    pub const fn uses_routing_ids(self) -> bool {
        matches!(self, Kind::Server | Kind::Peer)
    }

    /// Whether its messages belong to [groups](crate::Frame::group).
    ///
    /// ```
    /// use ringmq_message::Kind;
    ///
    /// assert!(Kind::Radio.uses_groups());
    /// assert!(!Kind::Pub.uses_groups());
    /// ```
    pub const fn uses_groups(self) -> bool {
        matches!(self, Kind::Radio | Kind::Dish)
    }

    /// Whether it tells its routing id to its peers.
    pub const fn sends_routing_id(self) -> bool {
        matches!(self, Kind::Req | Kind::Dealer | Kind::Router)
    }

    /// Whether it sends to subscribers.
    pub const fn publishes(self) -> bool {
        matches!(self, Kind::Pub | Kind::Xpub)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl From<Kind> for u8 {
    fn from(kind: Kind) -> u8 {
        kind as u8
    }
}

impl TryFrom<u8> for Kind {
    type Error = ParseKindError;

    fn try_from(number: u8) -> Result<Kind, ParseKindError> {
        let mut all = every();
        all.find(|kind| u8::from(*kind) == number)
            .ok_or(ParseKindError)
    }
}

impl FromStr for Kind {
    type Err = ParseKindError;

    fn from_str(name: &str) -> Result<Kind, ParseKindError> {
        let mut all = every();
        all.find(|kind| kind.name() == name).ok_or(ParseKindError)
    }
}

/// All socket types.
fn every() -> impl Iterator<Item = Kind> {
    Kind::ALL.into_iter().chain([Kind::Stream, Kind::Dgram])
}

/// No socket type has this name or number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ParseKindError;

impl fmt::Display for ParseKindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("neither the name nor the number of a socket type")
    }
}

impl Error for ParseKindError {}

/// Of the kind [`InvalidInput`](io::ErrorKind::InvalidInput).
impl From<ParseKindError> for io::Error {
    fn from(error: ParseKindError) -> io::Error {
        io::Error::new(io::ErrorKind::InvalidInput, error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_lead_back() {
        for kind in every() {
            assert_eq!(kind.name().parse(), Ok(kind));
            assert_eq!(Kind::try_from(u8::from(kind)), Ok(kind));
        }
        assert_eq!(Kind::try_from(21), Err(ParseKindError));
        assert_eq!("pub".parse::<Kind>(), Err(ParseKindError));
    }

    #[test]
    fn acceptance_is_mutual() {
        for ours in every() {
            let accepts = every().any(|theirs| ours.accepts(theirs));
            assert_eq!(accepts, !matches!(ours, Kind::Stream | Kind::Dgram));
            for theirs in every() {
                assert_eq!(ours.accepts(theirs), theirs.accepts(ours));
            }
        }
    }
}
