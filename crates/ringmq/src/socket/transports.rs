//! Which socket types use which transports.

use ringmq_pattern::Kind;
use ringmq_transport::Endpoint;

use crate::error::EndpointError;
use crate::socket::Socket;

/// What a program wants of an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    /// To bind to it.
    Bind,
    /// To connect to it.
    Connect,
    /// To leave it.
    Leave,
}

impl Socket {
    /// Checks that sockets of this type use the transport of an endpoint in this way. As in libzmq, the rest of the
    /// endpoint does not matter for that.
    pub(super) fn check_transport(&self, endpoint: &str, wanted: Use) -> Result<(), EndpointError> {
        let is_udp = endpoint.len() > 6 && endpoint.starts_with("udp://");
        let fits = match (self.kind(), wanted) {
            (Kind::Dgram, Use::Bind) => is_udp,
            (Kind::Dgram, Use::Connect) => false,
            (Kind::Radio, Use::Connect) | (Kind::Dish, Use::Bind) => true,
            (Kind::Radio | Kind::Dish | Kind::Dgram, Use::Leave) => true,
            _ => !is_udp,
        };
        if fits {
            return Ok(());
        }
        if !is_udp {
            // A transport that is not known is worse.
            endpoint.parse::<Endpoint>()?;
        }
        Err(EndpointError::Unfit(endpoint.to_owned()))
    }
}
