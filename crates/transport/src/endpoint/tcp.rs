//! What stands after `tcp://`.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use super::ParseEndpointError;

/// A tcp address: where to, and perhaps where from.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TcpAddress {
    /// Where to bind or to connect.
    pub place: TcpPlace,
    /// Where to connect from: what stands before a `;`.
    pub source: Option<TcpPlace>,
}

/// A host, a port, and for link-local IPv6 addresses an interface. udp has the same.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TcpPlace {
    /// What stands before the last colon.
    pub host: Host,
    /// What stands after a `%` in the host: an interface, by name or by number.
    pub zone: Option<String>,
    /// The port; None for `*`.
    pub port: Option<u16>,
}

/// A host as it was written; nothing is looked up.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Host {
    /// `*`: all interfaces.
    Any,
    /// An address.
    Ip(IpAddr),
    /// The name of an interface or of a host.
    Name(String),
}

impl TcpAddress {
    /// Whether libzmq's connect takes it.
    pub(super) fn fits_connect(&self) -> bool {
        let text = self.to_string();
        let may_begin = |c: char| c.is_ascii_alphanumeric() || c == '[' || c == ':';
        let may_follow = |c: char| c.is_ascii_alphanumeric() || ".-:%;[]_*".contains(c);
        self.place.port.is_some() && text.starts_with(may_begin) && text.chars().all(may_follow)
    }
}

impl FromStr for TcpAddress {
    type Err = ParseEndpointError;

    fn from_str(text: &str) -> Result<TcpAddress, ParseEndpointError> {
        let (source, place) = match text.rsplit_once(';') {
            Some((source, place)) => (Some(source.parse()?), place),
            None => (None, text),
        };
        let place = place.parse()?;
        Ok(TcpAddress { place, source })
    }
}

impl TcpPlace {
    /// Whether it can be the far end: neither host nor port is `*`.
    pub(super) fn fits_connect(&self) -> bool {
        self.port.is_some() && self.host != Host::Any
    }

    /// The host alone, without brackets: `192.0.2.1`, `fe80::1%eth0`.
    pub(crate) fn bare_host(&self) -> String {
        let zone = self.zone.as_ref().map(|zone| format!("%{zone}"));
        let zone = zone.as_deref().unwrap_or_default();
        match &self.host {
            Host::Any => format!("*{zone}"),
            Host::Ip(ip) => format!("{ip}{zone}"),
            Host::Name(name) => format!("{name}{zone}"),
        }
    }
}

impl FromStr for TcpPlace {
    type Err = ParseEndpointError;

    fn from_str(text: &str) -> Result<TcpPlace, ParseEndpointError> {
        let Some((host, port)) = text.rsplit_once(':') else {
            return Err(ParseEndpointError::NoPort { text: text.into() });
        };
        let port = parse_port(port)?;
        let bare = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
        let (host, zone) = match bare.unwrap_or(host).rsplit_once('%') {
            Some((host, zone)) => (host, Some(zone.to_owned())),
            None => (bare.unwrap_or(host), None),
        };
        let host = match (host, host.parse()) {
            ("*", _) => Host::Any,
            (_, Ok(ip)) => Host::Ip(ip),
            (name, Err(_)) => Host::Name(name.into()),
        };
        Ok(TcpPlace { host, zone, port })
    }
}

/// A number, or `*` for None. Letters and digits after the number are passed over, as atoi(3) does.
fn parse_port(text: &str) -> Result<Option<u16>, ParseEndpointError> {
    if text == "*" {
        return Ok(None);
    }
    let bad = || ParseEndpointError::BadPort { port: text.into() };
    let end = text.find(|c: char| !c.is_ascii_digit());
    let (digits, rest) = text.split_at(end.unwrap_or(text.len()));
    if !rest.chars().all(|c| c.is_ascii_alphanumeric()) {
        return Err(bad());
    }
    let port = digits.parse().map_err(|_| bad())?;
    // Of what is zero only "0" itself means any port.
    if port == 0 && text != "0" {
        return Err(bad());
    }
    Ok(Some(port))
}

impl From<SocketAddr> for TcpAddress {
    /// A link-local IPv6 address gets its interface's name, or number if it has none any more.
    fn from(address: SocketAddr) -> TcpAddress {
        TcpAddress {
            place: address.into(),
            source: None,
        }
    }
}

impl From<SocketAddr> for TcpPlace {
    fn from(address: SocketAddr) -> TcpPlace {
        let zone = match address {
            SocketAddr::V6(v6) if v6.scope_id() != 0 => {
                let name = ringmq_sys::interface_name(v6.scope_id());
                Some(name.unwrap_or_else(|_| v6.scope_id().to_string()))
            }
            _ => None,
        };
        TcpPlace {
            host: Host::Ip(address.ip()),
            zone,
            port: Some(address.port()),
        }
    }
}

impl fmt::Display for TcpAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(source) = &self.source {
            write!(f, "{source};")?;
        }
        self.place.fmt(f)
    }
}

impl fmt::Display for TcpPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = self.bare_host();
        match &self.host {
            Host::Ip(IpAddr::V6(_)) => write!(f, "[{host}]")?,
            Host::Any | Host::Ip(IpAddr::V4(_)) | Host::Name(_) => f.write_str(&host)?,
        }
        match self.port {
            Some(port) => write!(f, ":{port}"),
            None => f.write_str(":*"),
        }
    }
}
