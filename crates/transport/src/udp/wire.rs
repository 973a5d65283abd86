//! What is in a datagram: a group and a body, or a body alone, with an address beside it.

use std::net::SocketAddr;

/// The bytes that a datagram has at most, with its group. libzmq has the same limit.
pub const DATAGRAM_MOST: usize = 8192;

/// The group and the body of a datagram of RADIO: a byte that says the length of the group, the group, and the body.
/// `None` if it is shorter than its group.
///
/// ```
/// use ringmq_transport::split_datagram;
///
/// assert_eq!(split_datagram(b"\x02TVnews"), Some((&b"TV"[..], &b"news"[..])));
/// assert_eq!(split_datagram(b"\x02T"), None);
/// ```
#[must_use]
pub fn split_datagram(datagram: &[u8]) -> Option<(&[u8], &[u8])> {
    let (len, rest) = datagram.split_first()?;
    rest.split_at_checked(usize::from(*len))
}

/// The address that a part names: `192.0.2.1:5555` or `[::1]:5555`, perhaps with a NUL behind it. `None` if it is no
/// address, or the port is 0.
///
/// ```
/// use ringmq_transport::datagram_address;
///
/// let address = datagram_address(b"127.0.0.1:5555\0").expect("an address");
/// assert_eq!(address.port(), 5555);
/// assert_eq!(datagram_address(b"localhost:5555"), None);
/// ```
#[must_use]
pub fn datagram_address(part: &[u8]) -> Option<SocketAddr> {
    let text = part.split(|byte| *byte == 0).next()?;
    let address: SocketAddr = std::str::from_utf8(text).ok()?.parse().ok()?;
    (address.port() > 0).then_some(address)
}

/// The part that names an address, with a NUL behind it, as libzmq's has. An IPv4 address that came by IPv6 is an IPv4
/// address again.
///
/// ```
/// use ringmq_transport::datagram_name;
///
/// let name = datagram_name("[::ffff:127.0.0.1]:5555".parse()?);
/// assert_eq!(name, b"127.0.0.1:5555\0");
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
#[must_use]
pub fn datagram_name(mut address: SocketAddr) -> Vec<u8> {
    address.set_ip(address.ip().to_canonical());
    format!("{address}\0").into_bytes()
}
