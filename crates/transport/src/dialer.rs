//! Who connects.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::time::{Duration, Instant};

use ringmq_sys::NotConnected;
use socket2::Socket;

use crate::endpoint::{Endpoint, Host, ParseEndpointError, TcpPlace};
use crate::options::Options;
use crate::proxied::{Progress, Proxied};
use crate::resolve::{Answer, Purpose, ResolveError};
use crate::socks::SocksError;
use crate::stream::Stream;
use crate::tuning::{Refused, addresses, at, open, tune};

/// How long a proxy has to answer if [`Options::connect_timeout`] does not say. The kernel does not notice one that is
/// silent.
const PROXY_ANSWERS_WITHIN: Duration = Duration::from_secs(30);

/// How far an attempt to connect has come.
#[derive(Debug)]
pub enum Dial {
    /// Done.
    Connected(Stream),
    /// Under way on a new socket: register it for reading and writing, by edges, and [`poll`](Connecting::poll) it at
    /// its event or its deadline. A name with several addresses comes here once for each.
    Begun(Connecting),
    /// Still under way on the same socket.
    Waiting(Connecting),
    /// The name of the host has to be looked up before: ask for an [`Answer`] in a thread that may wait,
    /// and [go on](Named::go_on) with it.
    Named(Named),
}

/// An attempt to connect to a host by its name, which has to be looked up.
#[derive(Debug)]
pub struct Named {
    host: String,
    place: TcpPlace,
    source: Option<SocketAddr>,
    beyond: Option<TcpPlace>,
    options: Options,
}

impl Named {
    /// The name, for [`Answer::look_up`].
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Begins to connect to the addresses of the host.
    ///
    /// # Errors
    /// [`DialError`].
    pub fn go_on(self, answer: &Answer, now: Instant) -> Result<Dial, DialError> {
        let Named {
            place,
            source,
            beyond,
            options,
            ..
        } = self;
        Way::to(&place, source, beyond, options, Some(answer), now)
    }
}

/// A connection that is not yet one. Dropping it gives up.
#[derive(Debug)]
pub struct Connecting {
    socket: Socket,
    to: SocketAddr,
    deadline: Option<Instant>,
    /// What is said to a proxy, once it is connected.
    proxied: Option<Proxied>,
    way: Way,
}

/// What is left to try, and how.
#[derive(Debug)]
struct Way {
    source: Option<SocketAddr>,
    rest: std::vec::IntoIter<SocketAddr>,
    /// Where a proxy is to connect, if the addresses are a proxy's.
    beyond: Option<TcpPlace>,
    options: Options,
}

/// Why an attempt to connect failed. Trying again later is the normal thing to do, but for
/// [`Endpoint`](DialError::Endpoint) and [`NoStream`](DialError::NoStream).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DialError {
    /// It is nothing to connect to.
    #[error(transparent)]
    Endpoint(#[from] ParseEndpointError),
    /// inproc has no sockets, and udp no connections.
    #[error("{endpoint} is no byte stream")]
    NoStream {
        /// Where it was tried.
        endpoint: String,
    },
    /// It, or its source, has no address.
    #[error(transparent)]
    Resolve(#[from] ResolveError),
    /// The kernel refused a step, or the peer the connection.
    #[error("{step} for {endpoint}: {source}")]
    Os {
        /// The system call or the option.
        step: &'static str,
        /// Where; of several addresses the last.
        endpoint: String,
        /// The kernel's answer.
        source: io::Error,
        /// The number of the socket that failed, which is closed by now; `None` if there was none.
        fd: Option<RawFd>,
    },
    /// [`Options::socks_proxy`] did not connect.
    #[error("{endpoint}: {source}")]
    Proxy {
        /// The proxy; of several addresses the last.
        endpoint: String,
        /// Its answer.
        source: SocksError,
        /// The number of the socket, which is closed by now.
        fd: RawFd,
    },
    /// [`Options::connect_timeout`] passed, or a proxy did not answer.
    #[error("no answer from {endpoint} within {after:?}")]
    TimedOut {
        /// Where; of several addresses the last.
        endpoint: String,
        /// The time that it had.
        after: Duration,
    },
}

impl DialError {
    /// The number of the socket that failed, where the kernel or a proxy refused a step. It is closed by now.
    #[must_use]
    pub fn fd(&self) -> Option<RawFd> {
        match self {
            DialError::Os { fd, .. } => *fd,
            DialError::Proxy { fd, .. } => Some(*fd),
            _ => None,
        }
    }

    /// Returns true if the connection was refused, by the peer or for a dead socket. See
    /// [`ReconnectStop`](crate::ReconnectStop).
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        matches!(self, DialError::Os { source, .. }
            if source.kind() == io::ErrorKind::ConnectionRefused)
    }
}

/// Begins to connect. ipc is done, or refused, at once; so is what the kernel settles at once. Never blocks: the name of
/// a host has to be looked up by the caller.
///
/// # Errors
/// [`DialError`].
pub fn dial(endpoint: &Endpoint, options: &Options, now: Instant) -> Result<Dial, DialError> {
    endpoint.check_connect()?;
    match endpoint {
        Endpoint::Tcp(address) => {
            let (near, beyond) = match &options.socks_proxy {
                None => (address, None),
                Some(proxy) => (proxy.at()?, Some(address.place.clone())),
            };
            let source = match near.source.as_ref().or(address.source.as_ref()) {
                None => None,
                Some(source) => addresses(source, Purpose::Source, options, None)?
                    .into_iter()
                    .next(),
            };
            let place = &near.place;
            match &place.host {
                // An empty name stands for no host; no thread has to find that out.
                Host::Name(host) if !host.is_empty() => Ok(Dial::Named(Named {
                    host: host.clone(),
                    place: place.clone(),
                    source,
                    beyond,
                    options: options.clone(),
                })),
                _ => Way::to(place, source, beyond, options.clone(), None, now),
            }
        }
        Endpoint::Ipc(address) => match ringmq_sys::Stream::try_connect(address) {
            Ok(unix) => Ok(Dial::Connected(Stream::ipc(unix))),
            Err(NotConnected { source, fd }) => Err(DialError::Os {
                step: "connect",
                endpoint: endpoint.to_string(),
                source,
                fd,
            }),
        },
        Endpoint::IpcAnywhere | Endpoint::Inproc(_) | Endpoint::Udp(_) => {
            Err(DialError::NoStream {
                endpoint: endpoint.to_string(),
            })
        }
    }
}

impl Way {
    /// Tries the addresses of a place.
    fn to(
        place: &TcpPlace,
        source: Option<SocketAddr>,
        beyond: Option<TcpPlace>,
        options: Options,
        known: Option<&Answer>,
        now: Instant,
    ) -> Result<Dial, DialError> {
        let rest = addresses(place, Purpose::Connect, &options, known)?.into_iter();
        let way = Way {
            source,
            rest,
            beyond,
            options,
        };
        // What is resolved has an address; this error is never seen.
        let none = DialError::NoStream {
            endpoint: place.to_string(),
        };
        way.on(none, now)
    }

    /// Tries the next address, and those after it; `last` is what became of the one before.
    fn on(mut self, mut last: DialError, now: Instant) -> Result<Dial, DialError> {
        while let Some(to) = self.rest.next() {
            match self.begin(&to) {
                // A proxy is asked when its socket is registered, and writable.
                Ok((socket, true)) if self.beyond.is_none() => match tune(&socket, &self.options) {
                    Ok(()) => return Ok(Dial::Connected(Stream::tcp(socket))),
                    Err(refused) => last = failed(to, refused, Some(socket.as_raw_fd())),
                },
                Ok((socket, _)) => {
                    let timeout = self.options.connect_timeout;
                    let deadline = now.checked_add(timeout).filter(|_| !timeout.is_zero());
                    return Ok(Dial::Begun(Connecting {
                        socket,
                        to,
                        deadline,
                        proxied: None,
                        way: self,
                    }));
                }
                Err((refused, fd)) => last = failed(to, refused, fd),
            }
        }
        Err(last)
    }

    /// Begins to connect. Returns the socket, and true if it is connected already. An error carries the number of the
    /// socket's descriptor, if there was one.
    fn begin(&self, to: &SocketAddr) -> Result<(Socket, bool), (Refused, Option<RawFd>)> {
        let socket = open(to, &self.options).map_err(|refused| (refused, None))?;
        let begun = self.begin_on(&socket, to);
        let done = begun.map_err(|refused| (refused, Some(socket.as_raw_fd())))?;
        Ok((socket, done))
    }

    fn begin_on(&self, socket: &Socket, to: &SocketAddr) -> Result<bool, Refused> {
        if let Some(source) = self.source {
            socket.set_reuse_address(true).map_err(at("SO_REUSEADDR"))?;
            socket.bind(&source.into()).map_err(at("bind"))?;
        }
        ringmq_sys::begin_connect(socket.as_fd(), to).map_err(at("connect"))
    }
}

fn failed(to: SocketAddr, Refused { step, source }: Refused, fd: Option<RawFd>) -> DialError {
    DialError::Os {
        step,
        endpoint: Endpoint::Tcp(to.into()).to_string(),
        source,
        fd,
    }
}

impl Connecting {
    /// Looks how it stands, after an event, a timer, or for no reason at all. An address that failed
    /// or timed out gives way to the next one.
    ///
    /// # Errors
    /// [`DialError`], when there is no next one.
    pub fn poll(mut self, now: Instant) -> Result<Dial, DialError> {
        let error = match self.advance(now) {
            Ok(true) => return Ok(Dial::Connected(Stream::tcp(self.socket))),
            Ok(false) if self.deadline.is_none_or(|deadline| now < deadline) => {
                return Ok(Dial::Waiting(self));
            }
            Ok(false) => DialError::TimedOut {
                endpoint: Endpoint::Tcp(self.to.into()).to_string(),
                after: self.patience(),
            },
            Err(error) => error,
        };
        // Before the next one begins, so that one descriptor is enough.
        drop(self.socket);
        self.way.on(error, now)
    }

    /// Goes as far as it goes at once. Returns true if the peer is reached.
    fn advance(&mut self, now: Instant) -> Result<bool, DialError> {
        let fd = self.socket.as_raw_fd();
        let refused = |to, refused| failed(to, refused, Some(fd));
        if self.proxied.is_none() {
            match self.outcome() {
                Ok(true) => {
                    tune(&self.socket, &self.way.options).map_err(|e| refused(self.to, e))?
                }
                Ok(false) => return Ok(false),
                Err(source) => return Err(refused(self.to, at("connect")(source))),
            }
            let (Some(beyond), Some(proxy)) = (&self.way.beyond, &self.way.options.socks_proxy)
            else {
                return Ok(true);
            };
            let proxied = Proxied::new(proxy, beyond);
            self.proxied = Some(proxied.map_err(|source| self.refused_by_proxy(source))?);
            self.deadline = now.checked_add(self.patience());
        }
        let Some(proxied) = &mut self.proxied else {
            return Ok(true);
        };
        match proxied.advance(self.socket.as_fd()) {
            Ok(Progress::Connected) => Ok(true),
            Ok(Progress::Waits) => Ok(false),
            Ok(Progress::Refused(source)) => Err(self.refused_by_proxy(source)),
            Err(source) => Err(refused(self.to, at("SOCKS")(source))),
        }
    }

    fn refused_by_proxy(&self, source: SocksError) -> DialError {
        DialError::Proxy {
            endpoint: Endpoint::Tcp(self.to.into()).to_string(),
            source,
            fd: self.socket.as_raw_fd(),
        }
    }

    /// How long one step may take: connecting, or all that is said to a proxy.
    fn patience(&self) -> Duration {
        let timeout = self.way.options.connect_timeout;
        if self.proxied.is_some() && timeout.is_zero() {
            return PROXY_ANSWERS_WITHIN;
        }
        timeout
    }

    /// Whether it is connected.
    fn outcome(&self) -> io::Result<bool> {
        if let Some(error) = self.socket.take_error()? {
            return Err(error);
        }
        match self.socket.peer_addr() {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// When to [`poll`](Connecting::poll) at the latest; None if there is no limit but the kernel's.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }
}

impl AsFd for Connecting {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl AsRawFd for Connecting {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    use mio::event::Source;
    use mio::{Events, Interest, Poll, Token};

    /// A way over these addresses, and the moment to begin with.
    fn way(all: Vec<SocketAddr>) -> (Way, DialError) {
        let way = Way {
            source: None,
            rest: all.into_iter(),
            beyond: None,
            options: Options::default(),
        };
        let endpoint = "unused".into();
        (way, DialError::NoStream { endpoint })
    }

    /// Goes the whole way; says how many sockets it took.
    fn go(all: Vec<SocketAddr>) -> (Result<Stream, DialError>, usize) {
        let (way, none) = way(all);
        let mut state = way.on(none, Instant::now());
        let mut sockets = 0;
        loop {
            let mut connecting = match state {
                Ok(Dial::Connected(stream)) => return (Ok(stream), sockets),
                Ok(Dial::Begun(connecting)) => {
                    sockets += 1;
                    connecting
                }
                Ok(Dial::Waiting(connecting)) => connecting,
                Ok(Dial::Named(named)) => panic!("{named:?} is an address"),
                Err(error) => return (Err(error), sockets),
            };
            let mut poll = Poll::new().unwrap();
            let interest = Interest::READABLE | Interest::WRITABLE;
            connecting
                .register(poll.registry(), Token(0), interest)
                .unwrap();
            poll.poll(&mut Events::with_capacity(1), None).unwrap();
            state = connecting.poll(Instant::now());
        }
    }

    #[test]
    fn an_address_that_fails_gives_way_to_the_next() {
        let live = TcpListener::bind("127.0.0.1:0").unwrap();
        let live = live.local_addr().map(|address| (live, address)).unwrap();
        // Bound, but not listening: refused while it lives.
        let dead = Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
        dead.bind(&any.into()).unwrap();
        let refusing = dead.local_addr().unwrap().as_socket().unwrap();

        let (stream, sockets) = go(vec![refusing, refusing, live.1, refusing]);
        assert_eq!(
            stream.unwrap().remote_endpoint(),
            format!("tcp://{}", live.1)
        );
        assert_eq!(sockets, 3);
        let (refused, sockets) = go(vec![refusing, refusing]);
        assert!(refused.unwrap_err().is_refusal());
        assert_eq!(sockets, 2);
    }
}
