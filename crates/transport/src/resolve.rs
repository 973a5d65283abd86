//! From hosts to addresses: interfaces, numbers, names.
//!
//! Names go through the system's resolver, which may ask the network and so may block the thread that
//! asks, the I/O thread, as in libzmq. Addresses and interfaces never do.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6, ToSocketAddrs};

use crate::endpoint::{Host, TcpPlace};

/// Why a place has no address. libzmq answers `EINVAL` for [`Zone`](ResolveError::Zone) and for what
/// was to be connected, `ENODEV` for what was to be bound (and for sources).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ResolveError {
    /// `*` where only a single address will do.
    #[error("{place} is not a single address")]
    Wildcard {
        /// In its canonical form.
        place: String,
    },
    /// What stands after `%` is no interface.
    #[error("{zone:?} is no network interface")]
    Zone {
        /// As it was written.
        zone: String,
    },
    /// Neither an interface nor a host of this name is known.
    #[error("{host:?} is not known: {source}")]
    Unknown {
        /// As it was written.
        host: String,
        /// The resolver's answer.
        source: io::Error,
    },
    /// It has addresses, but IPv6 ones only, and IPv6 is off.
    #[error("{host:?} has no IPv4 address, and IPv6 is not enabled")]
    NoIpv4 {
        /// As it was written.
        host: String,
    },
    /// The machine's interfaces could not be looked at.
    #[error("network interfaces: {0}")]
    Interfaces(#[source] io::Error),
}

/// What the address is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// `*`, interfaces, addresses and names.
    Bind,
    /// Addresses and names.
    Connect,
    /// To connect from: interfaces and addresses.
    Source,
}

/// All addresses of a place, best first; at least one. With `ipv6` they are all IPv6, mapped if they
/// must be; without, all IPv4.
pub(crate) fn resolve(
    place: &TcpPlace,
    purpose: Purpose,
    ipv6: bool,
) -> Result<Vec<SocketAddr>, ResolveError> {
    let wildcard = || ResolveError::Wildcard {
        place: place.to_string(),
    };
    let port = match (place.port, purpose) {
        (Some(port), _) => port,
        (None, Purpose::Bind | Purpose::Source) => 0,
        (None, Purpose::Connect) => return Err(wildcard()),
    };
    let scope = place.zone.as_deref().map_or(Ok(0), scope)?;
    let (ips, host) = match (&place.host, purpose) {
        (Host::Any, Purpose::Connect) => return Err(wildcard()),
        (Host::Any, _) if ipv6 => (vec![Ipv6Addr::UNSPECIFIED.into()], "*"),
        (Host::Any, _) => (vec![Ipv4Addr::UNSPECIFIED.into()], "*"),
        (Host::Ip(ip), _) => (vec![*ip], ""),
        (Host::Name(name), purpose) => (look_up(name, purpose, ipv6)?, name.as_str()),
    };
    let ips = of_family(ips, ipv6);
    if ips.is_empty() {
        let host = match &place.host {
            Host::Ip(ip) => ip.to_string(),
            Host::Any | Host::Name(_) => host.to_owned(),
        };
        return Err(ResolveError::NoIpv4 { host });
    }
    let with_port = |ip| match ip {
        IpAddr::V4(_) => SocketAddr::new(ip, port),
        IpAddr::V6(ip) => SocketAddrV6::new(ip, port, 0, scope).into(),
    };
    Ok(ips.into_iter().map(with_port).collect())
}

/// The number of the interface that stands after `%`.
fn scope(zone: &str) -> Result<u32, ResolveError> {
    let found = if zone.starts_with(|c: char| c.is_ascii_alphabetic()) {
        ringmq_sys::interface_index(zone).ok()
    } else {
        zone.parse().ok().filter(|&number| number != 0)
    };
    found.ok_or_else(|| ResolveError::Zone { zone: zone.into() })
}

/// The addresses of an interface or a host.
fn look_up(name: &str, purpose: Purpose, ipv6: bool) -> Result<Vec<IpAddr>, ResolveError> {
    if purpose != Purpose::Connect {
        let ips = ringmq_sys::interface_addresses(name).map_err(ResolveError::Interfaces)?;
        let of_that_kind = ips.into_iter().find(|ip| ip.is_ipv6() == ipv6);
        if let Some(ip) = of_that_kind {
            return Ok(vec![ip]);
        }
    }
    let unknown = |source| ResolveError::Unknown {
        host: name.into(),
        source,
    };
    if purpose == Purpose::Source || name.is_empty() {
        return Err(unknown(io::ErrorKind::NotFound.into()));
    }
    let found = (name, 0).to_socket_addrs().map_err(unknown)?;
    Ok(found.map(|address| address.ip()).collect())
}

/// Those that can be used: IPv4; or IPv6, and if there is none, IPv4 mapped into it.
fn of_family(ips: Vec<IpAddr>, ipv6: bool) -> Vec<IpAddr> {
    let natural: Vec<IpAddr> = ips
        .iter()
        .copied()
        .filter(|ip| ip.is_ipv6() == ipv6)
        .collect();
    if !natural.is_empty() || !ipv6 {
        return natural;
    }
    let mapped = ips.into_iter().filter_map(|ip| match ip {
        IpAddr::V4(ip) => Some(ip.to_ipv6_mapped().into()),
        IpAddr::V6(_) => None,
    });
    mapped.collect()
}
