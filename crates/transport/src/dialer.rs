//! Who connects.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::time::{Duration, Instant};

use ringmq_sys::NotConnected;
use socket2::Socket;

use crate::endpoint::{Endpoint, Host, ParseEndpointError, TcpPlace};
use crate::options::Options;
use crate::resolve::{Answer, Purpose, ResolveError};
use crate::stream::Stream;
use crate::tuning::{Refused, addresses, at, open, tune};

/// How far an attempt to connect has come.
#[derive(Debug)]
pub enum Dial {
    /// Done.
    Connected(Stream),
    /// Under way on a new socket: register it for writing, and [`poll`](Connecting::poll) it at its
    /// event or its deadline. A name with several addresses comes here once for each.
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
        Way::to(&self.place, self.source, self.options, Some(answer), now)
    }
}

/// A connection that is not yet one. Dropping it gives up.
#[derive(Debug)]
pub struct Connecting {
    socket: Socket,
    to: SocketAddr,
    deadline: Option<Instant>,
    way: Way,
}

/// What is left to try, and how.
#[derive(Debug)]
struct Way {
    source: Option<SocketAddr>,
    rest: std::vec::IntoIter<SocketAddr>,
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
    /// inproc has no sockets.
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
    /// [`Options::connect_timeout`] passed.
    #[error("no answer from {endpoint} within {after:?}")]
    TimedOut {
        /// Where; of several addresses the last.
        endpoint: String,
        /// The time that it had.
        after: Duration,
    },
}

impl DialError {
    /// The number of the socket that failed, where the kernel refused a step. It is closed by now.
    #[must_use]
    pub fn fd(&self) -> Option<RawFd> {
        match self {
            DialError::Os { fd, .. } => *fd,
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
            let source = match &address.source {
                None => None,
                Some(source) => addresses(source, Purpose::Source, options, None)?
                    .into_iter()
                    .next(),
            };
            match &address.place.host {
                // An empty name stands for no host; no thread has to find that out.
                Host::Name(host) if !host.is_empty() => Ok(Dial::Named(Named {
                    host: host.clone(),
                    place: address.place.clone(),
                    source,
                    options: options.clone(),
                })),
                _ => Way::to(&address.place, source, options.clone(), None, now),
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
        Endpoint::IpcAnywhere | Endpoint::Inproc(_) => Err(DialError::NoStream {
            endpoint: endpoint.to_string(),
        }),
    }
}

impl Way {
    /// Tries the addresses of a place.
    fn to(
        place: &TcpPlace,
        source: Option<SocketAddr>,
        options: Options,
        known: Option<&Answer>,
        now: Instant,
    ) -> Result<Dial, DialError> {
        let rest = addresses(place, Purpose::Connect, &options, known)?.into_iter();
        let way = Way {
            source,
            rest,
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
                Ok((socket, true)) => match tune(&socket, &self.options) {
                    Ok(()) => return Ok(Dial::Connected(Stream::tcp(socket))),
                    Err(refused) => last = failed(to, refused, Some(socket.as_raw_fd())),
                },
                Ok((socket, false)) => {
                    let timeout = self.options.connect_timeout;
                    let deadline = now.checked_add(timeout).filter(|_| !timeout.is_zero());
                    return Ok(Dial::Begun(Connecting {
                        socket,
                        to,
                        deadline,
                        way: self,
                    }));
                }
                Err((refused, fd)) => last = failed(to, refused, fd),
            }
        }
        Err(last)
    }

    /// A socket that is connected (true), or on its way.
    /// If it fails, the number of its socket is told, too.
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
    pub fn poll(self, now: Instant) -> Result<Dial, DialError> {
        let fd = Some(self.socket.as_raw_fd());
        let error = match self.outcome() {
            Ok(true) => match tune(&self.socket, &self.way.options) {
                Ok(()) => return Ok(Dial::Connected(Stream::tcp(self.socket))),
                Err(refused) => failed(self.to, refused, fd),
            },
            Ok(false) if self.deadline.is_none_or(|deadline| now < deadline) => {
                return Ok(Dial::Waiting(self));
            }
            Ok(false) => DialError::TimedOut {
                endpoint: Endpoint::Tcp(self.to.into()).to_string(),
                after: self.way.options.connect_timeout,
            },
            Err(source) => failed(self.to, at("connect")(source), fd),
        };
        // Before the next one begins, so that one descriptor is enough.
        drop(self.socket);
        self.way.on(error, now)
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
            options: Options::default(),
        };
        let endpoint = "nobody asks".into();
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
            let interest = Interest::WRITABLE;
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
