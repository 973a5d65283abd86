//! From hosts to addresses: interfaces, numbers, names.
//!
//! Names go through the system's resolver, which may ask the network and so may block the thread that
//! asks: see [`Answer::look_up`]. Addresses and interfaces never do.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6, ToSocketAddrs};
use std::sync::Arc;

use crate::endpoint::{Endpoint, Host, TcpPlace};
use crate::options::Options;

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

/// What the system's resolver knows of a host.
#[derive(Debug, Clone)]
pub struct Answer(Result<Arc<[IpAddr]>, Arc<io::Error>>);

impl Answer {
    /// Asks the system's resolver for the addresses of a host (`getaddrinfo`).
    ///
    /// Blocks until it answers, with the defaults of resolv.conf up to 10 s for each name server that does not. The
    /// call cannot be cancelled.
    ///
    /// ```
    /// use ringmq_transport::Answer;
    ///
    /// assert!(Answer::look_up("localhost").is_found());
    /// ```
    #[must_use]
    pub fn look_up(host: &str) -> Answer {
        let found = (host, 0).to_socket_addrs();
        Answer(match found {
            Ok(found) => Ok(found.map(|address| address.ip()).collect()),
            Err(error) => Err(Arc::new(error)),
        })
    }

    /// An answer that there is none, for a caller that cannot ask.
    #[must_use]
    pub fn failed(error: io::Error) -> Answer {
        Answer(Err(Arc::new(error)))
    }

    /// Returns true if the host has an address of any family.
    #[must_use]
    pub fn is_found(&self) -> bool {
        self.0.as_ref().is_ok_and(|ips| !ips.is_empty())
    }

    /// The addresses, or why there are none.
    pub(crate) fn ips(&self, host: &str) -> Result<Vec<IpAddr>, ResolveError> {
        match &self.0 {
            Ok(ips) => Ok(ips.to_vec()),
            Err(error) => Err(ResolveError::Unknown {
                host: host.into(),
                source: io::Error::new(error.kind(), Arc::clone(error)),
            }),
        }
    }
}

/// All addresses of a place, best first; at least one. With `ipv6` they are all IPv6, mapped if they
/// must be; without, all IPv4. If the name of the host was looked up before, that is in `known`; if not, this blocks.
pub(crate) fn resolve(
    place: &TcpPlace,
    purpose: Purpose,
    ipv6: bool,
    known: Option<&Answer>,
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
        (Host::Name(name), purpose) => (look_up(name, purpose, ipv6, known)?, name.as_str()),
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
fn look_up(
    name: &str,
    purpose: Purpose,
    ipv6: bool,
    known: Option<&Answer>,
) -> Result<Vec<IpAddr>, ResolveError> {
    if purpose != Purpose::Connect {
        let ips = ringmq_sys::interface_addresses(name).map_err(ResolveError::Interfaces)?;
        let of_that_kind = ips.into_iter().find(|ip| ip.is_ipv6() == ipv6);
        if let Some(ip) = of_that_kind {
            return Ok(vec![ip]);
        }
    }
    if purpose == Purpose::Source || name.is_empty() {
        return Err(ResolveError::Unknown {
            host: name.into(),
            source: io::ErrorKind::NotFound.into(),
        });
    }
    match known {
        Some(answer) => answer.ips(name),
        None => Answer::look_up(name).ips(name),
    }
}

/// The addresses of the family that is used. Without IPv6 an IPv4-mapped address is the IPv4 address that it holds. With
/// IPv6, IPv4 addresses are mapped if there are no others.
fn of_family(ips: Vec<IpAddr>, ipv6: bool) -> Vec<IpAddr> {
    let natural: Vec<IpAddr> = ips
        .iter()
        .copied()
        .filter(|ip| ip.is_ipv6() == ipv6)
        .collect();
    if !natural.is_empty() {
        return natural;
    }
    let mapped = ips.into_iter().filter_map(|ip| match ip {
        IpAddr::V4(ip) => Some(ip.to_ipv6_mapped().into()),
        IpAddr::V6(ip) if ipv6 => Some(ip.into()),
        IpAddr::V6(ip) => ip.to_ipv4_mapped().map(IpAddr::from),
    });
    mapped.collect()
}

/// The texts of the addresses that a tcp endpoint stands for, and a udp endpoint in its canonical form. None for other
/// transports, and for what is not a single address. A bound socket knows its endpoint by such a text. Names of hosts are looked up, which may block.
///
/// ```
/// use ringmq_transport::{Options, canonical};
///
/// let options = Options { ipv6: true, ..Options::default() };
/// let texts = canonical(&"tcp://127.0.0.1:5555".parse()?, &options);
/// assert_eq!(texts[0], "tcp://[::ffff:127.0.0.1]:5555");
/// # Ok::<(), ringmq_transport::ParseEndpointError>(())
/// ```
#[must_use]
pub fn canonical(endpoint: &Endpoint, options: &Options) -> Vec<String> {
    let address = match endpoint {
        Endpoint::Tcp(address) => address,
        Endpoint::Udp(_) => return vec![endpoint.to_string()],
        Endpoint::Ipc(_) | Endpoint::IpcAnywhere | Endpoint::Inproc(_) => return Vec::new(),
    };
    let found = resolve(&address.place, Purpose::Connect, options.ipv6, None);
    let found = found.into_iter().flatten();
    found
        .map(|address| Endpoint::Tcp(address.into()).to_string())
        .collect()
}
