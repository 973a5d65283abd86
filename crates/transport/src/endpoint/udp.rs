//! What stands after `udp://`.

use std::fmt;
use std::str::FromStr;

use super::{ParseEndpointError, TcpPlace};

/// A udp address: where datagrams go or arrive, and for a multicast group perhaps the interface.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct UdpAddress {
    /// The host or the multicast group, and the port.
    pub place: TcpPlace,
    /// What stands before a `;`: the name of an interface, an address of it, or `*`.
    pub interface: Option<String>,
}

impl UdpAddress {
    /// Whether datagrams can be sent there: neither host nor port is `*`.
    pub(super) fn fits_connect(&self) -> bool {
        self.place.fits_connect()
    }
}

impl FromStr for UdpAddress {
    type Err = ParseEndpointError;

    fn from_str(text: &str) -> Result<UdpAddress, ParseEndpointError> {
        let (interface, place) = match text.rsplit_once(';') {
            Some((interface, place)) => (Some(interface.to_owned()), place),
            None => (None, text),
        };
        let place = place.parse()?;
        Ok(UdpAddress { place, interface })
    }
}

impl fmt::Display for UdpAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(interface) = &self.interface {
            write!(f, "{interface};")?;
        }
        self.place.fmt(f)
    }
}
