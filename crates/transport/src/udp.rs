//! Datagrams over udp.

mod reach;
mod wire;

use std::io::{self, IoSlice};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};

use socket2::{SockAddr, SockRef};

use crate::endpoint::{Endpoint, TcpPlace, UdpAddress};
use crate::options::Options;
use crate::resolve::{Purpose, ResolveError};
use crate::tuning::{Refused, at, open_udp};
use reach::Reach;
pub use wire::{DATAGRAM_MOST, datagram_address, datagram_name, split_datagram};

/// A udp socket, non-blocking, to be registered with `mio` by its owner.
///
/// ```
/// use std::io::IoSlice;
///
/// use ringmq_transport::{Endpoint, Options, UdpSocket};
///
/// let options = Options::default();
/// let Endpoint::Udp(any) = "udp://127.0.0.1:*".parse()? else { unreachable!() };
/// let receiver = UdpSocket::bind(&any, &options)?;
/// let Endpoint::Udp(there) = receiver.endpoint().clone() else { unreachable!() };
/// let sender = UdpSocket::connect(&there, &options)?;
/// sender.send(&[IoSlice::new(b"\x02TV"), IoSlice::new(b"news")], None)?;
///
/// let mut room = [0; 64];
/// let (len, _) = loop {
///     match receiver.recv(&mut room) {
///         Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
///         received => break received?,
///     }
/// };
/// assert_eq!(&room[..len], b"\x02TVnews");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct UdpSocket {
    socket: std::net::UdpSocket,
    endpoint: Endpoint,
    /// Where it sends, if it was connected.
    to: Option<SocketAddr>,
    is_ipv6: bool,
}

/// Why a udp endpoint cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UdpError {
    /// The host to bind to has no address here.
    #[error(transparent)]
    Bind(ResolveError),
    /// The host to send to has no address.
    #[error(transparent)]
    Connect(ResolveError),
    /// What stands before the `;` is no interface, and no address of one.
    #[error(transparent)]
    Interface(ResolveError),
    /// What stands before the `;` cannot be combined with what follows, which has to be a multicast group of the same
    /// address family.
    #[error("{endpoint} is no multicast group with an interface")]
    Group {
        /// In its canonical form.
        endpoint: String,
    },
    /// The interface of an IPv6 multicast group has to be named, as `eth0`: its address does not do.
    #[error("{endpoint} needs the name of an interface")]
    Unnamed {
        /// In its canonical form.
        endpoint: String,
    },
    /// The kernel refused a step.
    #[error("{step} for {endpoint}: {source}")]
    Os {
        /// The system call or the option.
        step: &'static str,
        /// Where.
        endpoint: String,
        /// The kernel's answer.
        source: io::Error,
    },
}

impl UdpSocket {
    /// Binds a socket that receives, and may send to any address. It joins the group of a multicast address. Other
    /// sockets may be bound to the same port: then each gets the datagrams of its multicast group, and the last one those
    /// to the address itself. Names of hosts are looked up, which may block.
    ///
    /// # Errors
    ///
    /// [`UdpError`].
    pub fn bind(address: &UdpAddress, options: &Options) -> Result<UdpSocket, UdpError> {
        let reach = Reach::of(address, Purpose::Bind, options)?;
        UdpSocket::open_bound(address, &reach, options).map_err(|refused| failed(address, refused))
    }

    /// Opens a socket that sends to an address. Names of hosts are looked up, which may block.
    ///
    /// # Errors
    ///
    /// [`UdpError`].
    pub fn connect(address: &UdpAddress, options: &Options) -> Result<UdpSocket, UdpError> {
        let reach = Reach::of(address, Purpose::Connect, options)?;
        UdpSocket::open_connected(address, &reach, options)
            .map_err(|refused| failed(address, refused))
    }

    fn open_bound(
        address: &UdpAddress,
        reach: &Reach,
        options: &Options,
    ) -> Result<UdpSocket, Refused> {
        let own = reach.own;
        let socket = open_udp(&own, options)?;
        let share = || -> Result<(), Refused> {
            socket.set_reuse_address(true).map_err(at("SO_REUSEADDR"))?;
            if reach.is_multicast() {
                socket.set_reuse_port(true).map_err(at("SO_REUSEPORT"))?;
            }
            Ok(())
        };
        // The kernel may choose a port that another socket shares, so it is not told before.
        if own.port() > 0 {
            share()?;
        }
        socket.set_broadcast(true).map_err(at("SO_BROADCAST"))?;
        socket.bind(&own.into()).map_err(at("bind"))?;
        if own.port() == 0 {
            share()?;
        }
        if reach.is_multicast() {
            reach.join(&socket).map_err(at("IP_ADD_MEMBERSHIP"))?;
        }
        let bound = socket.local_addr().map_err(at("getsockname"))?;
        let port = bound.as_socket().map(|bound| bound.port());
        let place = TcpPlace {
            port,
            ..address.place.clone()
        };
        Ok(UdpSocket {
            is_ipv6: own.is_ipv6(),
            socket: socket.into(),
            endpoint: Endpoint::Udp(UdpAddress {
                place,
                interface: address.interface.clone(),
            }),
            to: None,
        })
    }

    fn open_connected(
        address: &UdpAddress,
        reach: &Reach,
        options: &Options,
    ) -> Result<UdpSocket, Refused> {
        let socket = open_udp(&reach.target, options)?;
        socket.set_broadcast(true).map_err(at("SO_BROADCAST"))?;
        if reach.is_multicast() {
            reach.send_by(&socket, options)?;
        }
        Ok(UdpSocket {
            is_ipv6: reach.target.is_ipv6(),
            socket: socket.into(),
            endpoint: Endpoint::Udp(address.clone()),
            to: Some(reach.target),
        })
    }

    /// The endpoint that it is bound or connected to, with the port that the system chose.
    #[must_use]
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Receives a datagram: its length, and where it came from. What `room` is too short for is lost; 64 KiB is enough
    /// for every datagram.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if none has come.
    pub fn recv(&self, room: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.socket.recv_from(room)
    }

    /// Sends these pieces as one datagram, to an address, or to where the socket is connected to if that is `None`.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if the kernel has no room; others if the datagram cannot be sent, as when it is too long or the
    /// network is unreachable.
    pub fn send(&self, pieces: &[IoSlice<'_>], to: Option<SocketAddr>) -> io::Result<()> {
        let to = to.or(self.to).ok_or(io::ErrorKind::NotConnected)?;
        let to = match (self.is_ipv6, to.ip()) {
            (true, IpAddr::V4(ip)) => SocketAddr::new(ip.to_ipv6_mapped().into(), to.port()),
            _ => to,
        };
        SockRef::from(&self.socket).send_to_vectored(pieces, &SockAddr::from(to))?;
        Ok(())
    }
}

fn failed(address: &UdpAddress, Refused { step, source }: Refused) -> UdpError {
    UdpError::Os {
        step,
        endpoint: Endpoint::Udp(address.clone()).to_string(),
        source,
    }
}

impl AsFd for UdpSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl AsRawFd for UdpSocket {
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}
