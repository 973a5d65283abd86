//! The kinds of socket, and which may talk to which.

use std::fmt;
use std::str::FromStr;

/// The kind of socket at one end of a connection.
///
/// The numbers are those that ZMTP 2.0 sends, and that the C library uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum SocketType {
    /// One peer, both ways.
    Pair = 0,
    /// Sends to all that subscribed.
    Pub,
    /// Receives what it subscribed to.
    Sub,
    /// Asks, then waits for the answer.
    Req,
    /// Waits to be asked, then answers.
    Rep,
    /// Sends to its peers in turn, receives from all.
    Dealer,
    /// Names the peer with every message.
    Router,
    /// Receives from all.
    Pull,
    /// Sends to its peers in turn.
    Push,
    /// As [`Pub`](SocketType::Pub), and sees subscriptions.
    Xpub,
    /// As [`Sub`](SocketType::Sub), and sends subscriptions as messages.
    Xsub,
}

impl SocketType {
    /// All of them, in the order of their numbers.
    pub const ALL: [SocketType; 11] = [
        SocketType::Pair,
        SocketType::Pub,
        SocketType::Sub,
        SocketType::Req,
        SocketType::Rep,
        SocketType::Dealer,
        SocketType::Router,
        SocketType::Pull,
        SocketType::Push,
        SocketType::Xpub,
        SocketType::Xsub,
    ];

    /// The name that the Socket-Type property has on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            SocketType::Pair => "PAIR",
            SocketType::Pub => "PUB",
            SocketType::Sub => "SUB",
            SocketType::Req => "REQ",
            SocketType::Rep => "REP",
            SocketType::Dealer => "DEALER",
            SocketType::Router => "ROUTER",
            SocketType::Pull => "PULL",
            SocketType::Push => "PUSH",
            SocketType::Xpub => "XPUB",
            SocketType::Xsub => "XSUB",
        }
    }

    /// The number that ZMTP 2.0 sends.
    pub const fn octet(self) -> u8 {
        self as u8
    }

    /// The type of this number, if there is one.
    pub fn from_octet(octet: u8) -> Option<SocketType> {
        SocketType::ALL.get(usize::from(octet)).copied()
    }

    /// Whether a socket of this type may talk to one of type `peer`. It holds both ways or not at all.
    pub const fn accepts(self, peer: SocketType) -> bool {
        use SocketType::{Dealer, Pair, Pub, Pull, Push, Rep, Req, Router, Sub, Xpub, Xsub};
        // RFC 28, 29, 30, 31: each names the types that its own may be connected with.
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
        }
    }

    /// Whether it tells its routing id to its peers.
    pub const fn sends_routing_id(self) -> bool {
        matches!(
            self,
            SocketType::Req | SocketType::Dealer | SocketType::Router
        )
    }

    /// Whether it sends to subscribers.
    pub(crate) const fn publishes(self) -> bool {
        matches!(self, SocketType::Pub | SocketType::Xpub)
    }
}

impl fmt::Display for SocketType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// No socket type has this name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the name of a socket type")]
pub struct UnknownSocketType;

impl FromStr for SocketType {
    type Err = UnknownSocketType;

    fn from_str(name: &str) -> Result<SocketType, UnknownSocketType> {
        let found = SocketType::ALL.iter().find(|kind| kind.name() == name);
        found.copied().ok_or(UnknownSocketType)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_lead_back() {
        for kind in SocketType::ALL {
            assert_eq!(kind.name().parse(), Ok(kind));
            assert_eq!(SocketType::from_octet(kind.octet()), Some(kind));
        }
        assert_eq!(SocketType::from_octet(11), None);
        assert_eq!("pub".parse::<SocketType>(), Err(UnknownSocketType));
    }

    #[test]
    fn acceptance_is_mutual() {
        for ours in SocketType::ALL {
            assert!(SocketType::ALL.iter().any(|theirs| ours.accepts(*theirs)));
            for theirs in SocketType::ALL {
                assert_eq!(ours.accepts(theirs), theirs.accepts(ours));
            }
        }
    }
}
