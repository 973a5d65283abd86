//! Where a socket binds or connects, parsed once.

use std::ffi::OsStr;
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::str::FromStr;

use ringmq_sys::{Address, AddressError};

mod tcp;
mod text;
mod udp;

pub use tcp::{Host, TcpAddress, TcpPlace};
pub use text::{endpoint_bytes, endpoint_text};
pub use udp::UdpAddress;

/// Bytes of a Unix socket's name, the `@` of an abstract one included; libzmq's limit.
const LONGEST: usize = 107;

/// Where to bind or to connect. Text is parsed by [`FromStr`] and displayed in one canonical form.
///
/// | text | for |
/// | --- | --- |
/// | `tcp://host:port`, `tcp://1.2.3.4:port`, `tcp://[::1]:port`, `tcp://[fe80::1%eth0]:port` | both |
/// | `tcp://source:port;host:port`: connects from `source`, an address or an interface | connect |
/// | `tcp://eth0:port`: the first address of that interface | bind |
/// | `tcp://*:port`: all interfaces; `:*` or `:0`: any free port | bind |
/// | `ipc:///path`, `ipc://relative/path`, `ipc://@name`: in the abstract namespace | both |
/// | `ipc://*`: a path of its own, in a directory of its own | bind |
/// | `inproc://name` | both |
/// | `udp://host:port`, `udp://[::1]:port` | both |
/// | `udp://*:port`, `udp://eth0:port`: as for tcp | bind |
/// | `udp://group:port`: the multicast group, on the interface that the system chooses | both |
/// | `udp://interface;group:port`: the multicast group, on this interface, by its name or address | both |
///
/// What is accepted is what libzmq accepts, but for tcp and udp endpoints that could never be resolved
/// (a port above 65535, a source without port), which libzmq's connect takes and then tries for ever.
/// A name of bytes that are not UTF-8 has the text that [`endpoint_text`] gives it. Nothing is looked up yet. Whether it will do for connecting is
/// [`check_connect`](Endpoint::check_connect)'s business.
///
/// ```
/// use ringmq_transport::Endpoint;
///
/// let endpoint: Endpoint = "tcp://::1:5555".parse()?;
/// assert_eq!(endpoint.to_string(), "tcp://[::1]:5555");
/// # Ok::<(), ringmq_transport::ParseEndpointError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// TCP over IPv4 or IPv6.
    Tcp(TcpAddress),
    /// A Unix stream socket.
    Ipc(Address),
    /// `ipc://*`: the listener invents a path.
    IpcAnywhere,
    /// A name within the context.
    Inproc(String),
    /// Datagrams.
    Udp(UdpAddress),
}

/// Why a text is no endpoint, or none to connect to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseEndpointError {
    /// There is no `://`, or nothing before it.
    #[error("{text:?} does not begin with a transport, such as tcp://")]
    NoScheme {
        /// The whole text.
        text: String,
    },
    /// No transport of ours.
    #[error("{scheme:?} is no transport that is known here: tcp, ipc, inproc, udp")]
    UnknownScheme {
        /// What stands before `://`.
        scheme: String,
    },
    /// Nothing after `://`.
    #[error("{scheme}:// is followed by no address")]
    Empty {
        /// What stands before it.
        scheme: &'static str,
    },
    /// A tcp or udp address, or the source of a tcp address, without `:port`.
    #[error("{text:?} has no port")]
    NoPort {
        /// The address, or the source.
        text: String,
    },
    /// The port is neither a number nor `*`.
    #[error("{port:?} is no port: a number up to 65535, or * for any")]
    BadPort {
        /// What stands after the last colon.
        port: String,
    },
    /// No name that a Unix socket can have; the limit is 107 bytes, with the `@` of an abstract one.
    #[error(transparent)]
    Name(#[from] AddressError),
    /// Well-formed, but nothing to connect to: `*`, or characters that no host has.
    #[error("{endpoint} is nothing to connect to")]
    NotForConnect {
        /// In its canonical form.
        endpoint: String,
    },
}

impl Endpoint {
    /// Whether [`dial`](crate::dial) may be tried: no `*` where the peer's address belongs, and a host of letters,
    /// digits and `. - : % [ ] _`, as libzmq checks it in the call itself.
    ///
    /// # Errors
    /// [`ParseEndpointError::NotForConnect`].
    pub fn check_connect(&self) -> Result<(), ParseEndpointError> {
        let fit = match self {
            Endpoint::Tcp(tcp) => tcp.fits_connect(),
            Endpoint::Udp(udp) => udp.fits_connect(),
            Endpoint::IpcAnywhere => false,
            Endpoint::Ipc(_) | Endpoint::Inproc(_) => true,
        };
        if fit {
            return Ok(());
        }
        Err(ParseEndpointError::NotForConnect {
            endpoint: self.to_string(),
        })
    }

    /// The transport's name: `tcp`, `ipc`, `inproc` or `udp`.
    #[must_use]
    pub fn scheme(&self) -> &'static str {
        match self {
            Endpoint::Tcp(_) => "tcp",
            Endpoint::Ipc(_) | Endpoint::IpcAnywhere => "ipc",
            Endpoint::Inproc(_) => "inproc",
            Endpoint::Udp(_) => "udp",
        }
    }
}

impl FromStr for Endpoint {
    type Err = ParseEndpointError;

    fn from_str(text: &str) -> Result<Endpoint, ParseEndpointError> {
        let Some((scheme, rest)) = text.split_once("://").filter(|(s, _)| !s.is_empty()) else {
            return Err(ParseEndpointError::NoScheme { text: text.into() });
        };
        let all = ["tcp", "ipc", "inproc", "udp"];
        let known = all.into_iter().find(|k| *k == scheme);
        match (known, rest) {
            // An address that is missing is worse than a transport that is unknown, as in libzmq.
            (_, "") => Err(ParseEndpointError::Empty {
                scheme: known.unwrap_or("such a transport"),
            }),
            (Some("tcp"), rest) => Ok(Endpoint::Tcp(rest.parse()?)),
            (Some("udp"), rest) => Ok(Endpoint::Udp(rest.parse()?)),
            (Some("ipc"), rest) => parse_ipc(rest),
            (Some(_), rest) => Ok(Endpoint::Inproc(rest.into())),
            (None, _) => Err(ParseEndpointError::UnknownScheme {
                scheme: scheme.into(),
            }),
        }
    }
}

fn parse_ipc(text: &str) -> Result<Endpoint, ParseEndpointError> {
    if text.starts_with('*') {
        return Ok(Endpoint::IpcAnywhere);
    }
    let name = endpoint_bytes(text);
    if name.len() > LONGEST {
        let (len, max) = (name.len(), LONGEST);
        return Err(AddressError::TooLong { len, max }.into());
    }
    let address = Address::from(Path::new(OsStr::from_bytes(&name)));
    address.check()?;
    Ok(Endpoint::Ipc(address))
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Endpoint::Tcp(tcp) => write!(f, "tcp://{tcp}"),
            Endpoint::Ipc(Address::Path(path)) => {
                let name = endpoint_text(path.as_os_str().as_bytes());
                write!(f, "ipc://{name}")
            }
            Endpoint::Ipc(Address::Abstract(name)) => write!(f, "ipc://@{}", endpoint_text(name)),
            Endpoint::IpcAnywhere => f.write_str("ipc://*"),
            Endpoint::Inproc(name) => write!(f, "inproc://{name}"),
            Endpoint::Udp(udp) => write!(f, "udp://{udp}"),
        }
    }
}
