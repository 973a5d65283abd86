//! Who may connect.

use std::fmt;
use std::io;
use std::net::IpAddr;
use std::str::FromStr;

use ringmq_sys::Credentials;

/// A range of addresses: `192.168.0.0/16`, `fd00::/8`, or a single one.
///
/// An IPv4 range also holds the mapped addresses that IPv4 peers of a listener with IPv6 have. (To libzmq, with IPv6, the
/// bits of `127.0.0.0/8` are those of the mapped address, and it holds every IPv4 peer.)
///
/// ```
/// let here: ringmq_transport::Subnet = "127.0.0.0/8".parse()?;
/// assert!(here.holds("127.1.2.3".parse()?));
/// assert!(!here.holds("128.0.0.1".parse()?));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Subnet {
    network: IpAddr,
    bits: u32,
}

/// Why a text is no range of addresses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SubnetError {
    /// What stands before the `/` is no address. Names are not looked up.
    #[error("{text:?} is no IP address")]
    Address {
        /// What stands there.
        text: String,
    },
    /// What stands after the `/` is no number of bits that the address has.
    #[error("{text:?} is no number of bits; {most} is the most")]
    Bits {
        /// What stands there.
        text: String,
        /// Bits of the address.
        most: u32,
    },
}

/// Of the kind [`InvalidInput`](io::ErrorKind::InvalidInput).
impl From<SubnetError> for io::Error {
    fn from(error: SubnetError) -> io::Error {
        io::Error::new(io::ErrorKind::InvalidInput, error)
    }
}

impl Subnet {
    /// Whether the address lies in it.
    #[must_use]
    pub fn holds(&self, ip: IpAddr) -> bool {
        let ip = match (self.network, ip) {
            (IpAddr::V4(_), IpAddr::V6(mapped)) => mapped.to_ipv4_mapped().map_or(ip, IpAddr::from),
            _ => ip,
        };
        match (self.network, ip) {
            (IpAddr::V4(network), IpAddr::V4(ip)) => {
                let differ = network.to_bits() ^ ip.to_bits();
                differ.leading_zeros() >= self.bits
            }
            (IpAddr::V6(network), IpAddr::V6(ip)) => {
                let differ = network.to_bits() ^ ip.to_bits();
                differ.leading_zeros() >= self.bits
            }
            _ => false,
        }
    }
}

impl Subnet {
    /// The range as one of IPv4: itself, or the single address that a mapped one holds. `None` for other IPv6 ranges,
    /// which hold no peer of a listener without IPv6.
    #[must_use]
    pub fn to_ipv4(self) -> Option<Subnet> {
        match self.network {
            IpAddr::V4(_) => Some(self),
            IpAddr::V6(ip) if self.bits == 128 => Some(Subnet {
                network: ip.to_ipv4_mapped()?.into(),
                bits: 32,
            }),
            IpAddr::V6(_) => None,
        }
    }
}

impl FromStr for Subnet {
    type Err = SubnetError;

    fn from_str(text: &str) -> Result<Subnet, SubnetError> {
        let (address, bits) = match text.rsplit_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let bare = address.strip_prefix('[').and_then(|a| a.strip_suffix(']'));
        let network: IpAddr =
            bare.unwrap_or(address)
                .parse()
                .map_err(|_| SubnetError::Address {
                    text: address.into(),
                })?;
        let most = if network.is_ipv4() { 32 } else { 128 };
        let bits = match bits {
            None => most,
            Some(text) => {
                let parsed = text.parse().ok().filter(|&bits| bits <= most);
                parsed.ok_or_else(|| SubnetError::Bits {
                    text: text.into(),
                    most,
                })?
            }
        };
        Ok(Subnet { network, bits })
    }
}

impl fmt::Display for Subnet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.network, self.bits)
    }
}

/// Who may connect to an ipc endpoint: a process that is in one of the lists; every process if all are empty.
///
/// The kernel identifies the process that called connect(2), not the process that writes later.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct IpcFilter {
    /// Effective users.
    pub uids: Vec<u32>,
    /// Effective and supplementary groups of the process (libzmq looks the latter up in the user
    /// database instead).
    pub gids: Vec<u32>,
    /// Processes.
    pub pids: Vec<i32>,
}

impl IpcFilter {
    /// Whether a peer may connect; `groups` are its supplementary ones, asked for only if they count.
    pub(crate) fn admits(&self, peer: Credentials, groups: impl FnOnce() -> Vec<u32>) -> bool {
        let IpcFilter { uids, gids, pids } = self;
        (uids.is_empty() && gids.is_empty() && pids.is_empty())
            || uids.contains(&peer.uid)
            || pids.contains(&peer.pid)
            || gids.contains(&peer.gid)
            || (!gids.is_empty() && groups().iter().any(|group| gids.contains(group)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subnet(text: &str) -> Result<Subnet, SubnetError> {
        text.parse()
    }

    #[test]
    fn ranges_hold_what_their_bits_say() {
        for (range, inside, outside) in [
            ("10.1.2.3", "10.1.2.3", "10.1.2.2"),
            ("10.0.0.0/9", "10.127.255.255", "10.128.0.0"),
            ("10.0.0.0/0", "255.1.2.3", "::1"),
            ("::1", "::1", "127.0.0.1"),
            ("fd00::/8", "fdff::1", "fe00::"),
            ("[fd00::]/127", "fd00::1", "fd00::2"),
            ("::ffff:10.0.0.0/104", "::ffff:10.9.9.9", "10.9.9.9"),
        ] {
            let range = subnet(range).unwrap();
            assert!(range.holds(inside.parse().unwrap()), "{range} {inside}");
            assert!(!range.holds(outside.parse().unwrap()), "{range} {outside}");
            assert_eq!(subnet(&range.to_string()), Ok(range));
        }
    }

    #[test]
    fn what_is_no_range_is_refused() {
        for text in [
            "10.0.0.0/33",
            "::/129",
            "10.0.0.0/",
            "10.0.0.0/-1",
            "10.0.0.0/x",
        ] {
            assert!(
                matches!(subnet(text), Err(SubnetError::Bits { .. })),
                "{text}"
            );
        }
        for text in ["", "lo", "localhost/8", "10.0.0/8", "/8"] {
            let refused = subnet(text);
            assert!(
                matches!(refused, Err(SubnetError::Address { .. })),
                "{text}"
            );
        }
    }

    #[test]
    fn one_list_is_enough() {
        let peer = Credentials {
            pid: 7,
            uid: 100,
            gid: 200,
        };
        let filter = |uids: &[u32], gids: &[u32], pids: &[i32]| IpcFilter {
            uids: uids.into(),
            gids: gids.into(),
            pids: pids.into(),
        };
        let groups = || vec![300, 301];
        for (filter, admitted) in [
            (filter(&[], &[], &[]), true),
            (filter(&[100], &[], &[]), true),
            (filter(&[101], &[], &[]), false),
            (filter(&[101], &[200], &[]), true),
            (filter(&[], &[301], &[]), true),
            (filter(&[], &[302], &[8]), false),
            (filter(&[], &[302], &[7]), true),
            // A group's number is no user's.
            (filter(&[200, 300], &[100], &[]), false),
        ] {
            assert_eq!(filter.admits(peer, groups), admitted, "{filter:?}");
        }
    }
}
