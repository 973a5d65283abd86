//! The addresses of a udp endpoint, and what they ask of a socket.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use socket2::Socket;

use crate::endpoint::{Endpoint, UdpAddress};
use crate::options::Options;
use crate::resolve::Purpose;
use crate::tuning::{Refused, addresses, at};
use crate::udp::UdpError;

/// The addresses of an endpoint.
#[derive(Debug)]
pub(super) struct Reach {
    /// Where datagrams go. Of a multicast endpoint it is the group.
    pub(super) target: SocketAddr,
    /// What a socket is bound to that receives.
    pub(super) own: SocketAddr,
    interface: Interface,
}

/// The interface of a multicast endpoint.
#[derive(Debug, Clone, Copy)]
struct Interface {
    /// By an address; unspecified for the one that the system chooses.
    address: IpAddr,
    /// By a number; 0 for the one that the system chooses, `None` if it has no name.
    index: Option<u32>,
}

impl Reach {
    pub(super) fn of(
        address: &UdpAddress,
        purpose: Purpose,
        options: &Options,
    ) -> Result<Reach, UdpError> {
        let interface = address.interface.as_deref();
        let interface = interface
            .map(|name| Interface::called(name, options))
            .transpose()?;
        let resolved = addresses(&address.place, purpose, options, None);
        let target = resolved.map_err(|error| match purpose {
            Purpose::Bind => UdpError::Bind(error),
            Purpose::Connect | Purpose::Source => UdpError::Connect(error),
        });
        let endpoint = || Endpoint::Udp(address.clone()).to_string();
        // There is at least one.
        let target = target?.into_iter().next();
        let target = target.ok_or_else(|| UdpError::Group {
            endpoint: endpoint(),
        })?;
        let is_multicast = target.ip().is_multicast();
        if interface.is_some_and(|interface| {
            !is_multicast
                || interface.address.is_multicast()
                || interface.address.is_ipv6() != target.is_ipv6()
        }) {
            return Err(UdpError::Group {
                endpoint: endpoint(),
            });
        }
        let any = unspecified(target.is_ipv6());
        let interface = interface.unwrap_or(Interface {
            address: any,
            index: Some(0),
        });
        if is_multicast && target.is_ipv6() && interface.index.is_none() {
            return Err(UdpError::Unnamed {
                endpoint: endpoint(),
            });
        }
        let own = if is_multicast {
            SocketAddr::new(any, target.port())
        } else {
            target
        };
        Ok(Reach {
            target,
            own,
            interface,
        })
    }

    pub(super) fn is_multicast(&self) -> bool {
        self.target.ip().is_multicast()
    }

    /// Has a bound socket receive the datagrams of the group, and of no other group.
    pub(super) fn join(&self, socket: &Socket) -> io::Result<()> {
        match (self.target.ip(), self.interface.address) {
            (IpAddr::V4(group), IpAddr::V4(interface)) => {
                socket.set_multicast_all_v4(false)?;
                socket.join_multicast_v4(&group, &interface)
            }
            (IpAddr::V6(group), _) => {
                // Linux has it since 4.20; before, a socket receives the groups of others, too.
                let _ = socket.set_multicast_all_v6(false);
                socket.join_multicast_v6(&group, self.interface.index.unwrap_or(0))
            }
            (IpAddr::V4(_), IpAddr::V6(_)) => Err(io::ErrorKind::InvalidInput.into()),
        }
    }

    /// Has a socket send to the group.
    pub(super) fn send_by(&self, socket: &Socket, options: &Options) -> Result<(), Refused> {
        let (reflects, hops) = (options.multicast_loop, options.multicast_hops);
        if self.target.is_ipv6() {
            let reflected = socket.set_multicast_loop_v6(reflects);
            reflected.map_err(at("IPV6_MULTICAST_LOOP"))?;
            let limited = socket.set_multicast_hops_v6(hops);
            limited.map_err(at("IPV6_MULTICAST_HOPS"))?;
            if let Some(index @ 1..) = self.interface.index {
                let chosen = socket.set_multicast_if_v6(index);
                chosen.map_err(at("IPV6_MULTICAST_IF"))?;
            }
            return Ok(());
        }
        let reflected = socket.set_multicast_loop_v4(reflects);
        reflected.map_err(at("IP_MULTICAST_LOOP"))?;
        let limited = socket.set_multicast_ttl_v4(hops);
        limited.map_err(at("IP_MULTICAST_TTL"))?;
        if let IpAddr::V4(address) = self.interface.address
            && !address.is_unspecified()
        {
            let chosen = socket.set_multicast_if_v4(&address);
            chosen.map_err(at("IP_MULTICAST_IF"))?;
        }
        Ok(())
    }
}

impl Interface {
    /// The interface that stands before a `;`.
    fn called(name: &str, options: &Options) -> Result<Interface, UdpError> {
        let place = format!("{name}:0").parse();
        let place = place.map_err(|_| UdpError::Group {
            endpoint: format!("udp://{name};"),
        })?;
        let found = addresses(&place, Purpose::Source, options, None);
        let found = found.map_err(UdpError::Interface)?;
        let index = match name {
            "*" => Some(0),
            name => ringmq_sys::interface_index(name).ok(),
        };
        let address = found.first().map(SocketAddr::ip);
        Ok(Interface {
            // There is at least one.
            address: address.unwrap_or(unspecified(options.ipv6)),
            index,
        })
    }
}

fn unspecified(ipv6: bool) -> IpAddr {
    if ipv6 {
        Ipv6Addr::UNSPECIFIED.into()
    } else {
        Ipv4Addr::UNSPECIFIED.into()
    }
}
