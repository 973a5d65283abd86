//! Options put to work on tcp and udp sockets.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};

use crate::endpoint::TcpPlace;
use crate::options::Options;
use crate::resolve::{Answer, Purpose, ResolveError, resolve};

/// The kernel takes these milliseconds as an `int`, and refuses negative ones.
const LONGEST: Duration = Duration::from_millis(i32::MAX as u64);

/// A step that the kernel refused.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) step: &'static str,
    pub(crate) source: io::Error,
}

/// For `map_err`.
pub(crate) fn at(step: &'static str) -> impl Fn(io::Error) -> Refused {
    move |source| Refused { step, source }
}

/// As [`resolve`], but IPv6 is forgotten where the kernel has none.
pub(crate) fn addresses(
    place: &TcpPlace,
    purpose: Purpose,
    options: &Options,
    known: Option<&Answer>,
) -> Result<Vec<SocketAddr>, ResolveError> {
    let ipv6 = options.ipv6 && Socket::new(Domain::IPV6, Type::STREAM, None).is_ok();
    resolve(place, purpose, ipv6, known)
}

/// A non-blocking tcp socket that can reach `address`, or listen there, with all options but those that
/// a connection is given.
pub(crate) fn open(address: &SocketAddr, options: &Options) -> Result<Socket, Refused> {
    open_as(Type::STREAM, Protocol::TCP, address, options)
}

/// A non-blocking udp socket that can reach `address`, or be bound to it.
pub(crate) fn open_udp(address: &SocketAddr, options: &Options) -> Result<Socket, Refused> {
    open_as(Type::DGRAM, Protocol::UDP, address, options)
}

fn open_as(
    kind: Type,
    protocol: Protocol,
    address: &SocketAddr,
    options: &Options,
) -> Result<Socket, Refused> {
    let domain = Domain::for_address(*address);
    let socket = Socket::new(domain, kind.nonblocking(), Some(protocol)).map_err(at("socket"))?;
    if address.is_ipv6() {
        socket.set_only_v6(false).map_err(at("IPV6_V6ONLY"))?;
    }
    mark(&socket, address, options)?;
    if !options.device.is_empty() {
        socket
            .bind_device(Some(&options.device))
            .map_err(at("SO_BINDTODEVICE"))?;
    }
    if let Some(size) = options.send_buffer {
        socket.set_send_buffer_size(size).map_err(at("SO_SNDBUF"))?;
    }
    if let Some(size) = options.receive_buffer {
        socket.set_recv_buffer_size(size).map_err(at("SO_RCVBUF"))?;
    }
    if options.busy_poll > 0 {
        SockRef::from(&socket)
            .set_busy_poll(options.busy_poll)
            .map_err(at("SO_BUSY_POLL"))?;
    }
    Ok(socket)
}

/// How the network is to treat the packets.
pub(crate) fn mark(socket: &Socket, own: &SocketAddr, options: &Options) -> Result<(), Refused> {
    if options.tos != 0 {
        socket.set_tos_v4(options.tos).map_err(at("IP_TOS"))?;
        if own.is_ipv6() {
            socket
                .set_tclass_v6(options.tos)
                .map_err(at("IPV6_TCLASS"))?;
        }
    }
    if options.priority != 0 {
        socket
            .set_priority(options.priority)
            .map_err(at("SO_PRIORITY"))?;
    }
    Ok(())
}

/// What only connections are given.
pub(crate) fn tune(socket: &Socket, options: &Options) -> Result<(), Refused> {
    socket.set_tcp_nodelay(true).map_err(at("TCP_NODELAY"))?;
    forgo_pacing(socket);
    let keepalive = &options.keepalive;
    if let Some(on) = keepalive.on {
        let mut details = TcpKeepalive::new();
        if let Some(count) = keepalive.count {
            details = details.with_retries(count);
        }
        if let Some(idle) = keepalive.idle {
            details = details.with_time(idle);
        }
        if let Some(interval) = keepalive.interval {
            details = details.with_interval(interval);
        }
        socket
            .set_tcp_keepalive(&details)
            .map_err(at("TCP_KEEP*"))?;
        socket.set_keepalive(on).map_err(at("SO_KEEPALIVE"))?;
    }
    if !options.max_retransmit.is_zero() {
        socket
            .set_tcp_user_timeout(Some(options.max_retransmit.min(LONGEST)))
            .map_err(at("TCP_USER_TIMEOUT"))?;
    }
    Ok(())
}

/// A congestion control that every kernel has, that any user may choose, and that does not pace.
const UNPACED: &[u8] = b"reno";

/// Has the kernel not pace what it sends within the machine: there is no network to spare, and the timers of BBR cost more
/// than the packets (docs/performance.md, "tcp within the machine"). Changes nothing if the kernel refuses.
fn forgo_pacing(socket: &Socket) {
    let paces = socket
        .tcp_congestion()
        .is_ok_and(|name| name.starts_with(b"bbr"));
    if paces && ends(socket).is_some_and(is_within_machine) {
        let _ = socket.set_tcp_congestion(UNPACED);
    }
}

fn ends(socket: &Socket) -> Option<[SocketAddr; 2]> {
    let own = socket.local_addr().ok()?.as_socket()?;
    let peer = socket.peer_addr().ok()?.as_socket()?;
    Some([own, peer])
}

/// Returns true if a connection with these ends, this side's first, is within this machine.
#[must_use]
pub fn is_within_machine([own, peer]: [SocketAddr; 2]) -> bool {
    let (own, peer) = (own.ip().to_canonical(), peer.ip().to_canonical());
    peer.is_loopback() || own == peer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_within_the_machine_has_a_peer_with_an_address_of_it() {
        let within =
            |own: &str, peer: &str| is_within_machine([own, peer].map(|end| end.parse().unwrap()));
        assert!(within("127.0.0.1:1", "127.0.0.1:2"));
        assert!(within("127.0.0.1:1", "127.8.8.8:2"));
        assert!(within("[::1]:1", "[::1]:2"));
        assert!(within("[::ffff:127.0.0.1]:1", "[::ffff:127.0.0.1]:2"));
        assert!(within("192.0.2.1:1", "192.0.2.1:2"));
        assert!(within("[::ffff:192.0.2.1]:1", "192.0.2.1:2"));
        assert!(!within("192.0.2.1:1", "192.0.2.2:2"));
        assert!(!within("[2001:db8::1]:1", "[2001:db8::2]:1"));
    }
}
