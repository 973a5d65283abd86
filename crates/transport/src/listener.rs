//! Who accepts.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

use ringmq_sys::Setback;
use socket2::{Domain, SockRef};

use crate::endpoint::Endpoint;
use crate::options::Options;
use crate::resolve::ResolveError;
use crate::stream::Stream;

mod ipc;
mod tcp;

use ipc::IpcListener;
use tcp::TcpListener;

/// A socket that accepts connections, non-blocking, to be registered with `mio` by its owner.
///
/// Its events are edges: after one, call [`accept`](Listener::accept) until no connection is left, or until
/// [`AcceptError::setback`] says that it has to wait. Dropping it, or [`close`](Listener::close), shuts the socket and
/// removes its path before it returns; the address is free at once.
///
/// ```
/// use ringmq_transport::{Dial, Endpoint, Listener, Options};
///
/// let options = Options::default();
/// let listener = Listener::bind(&"ipc://*".parse()?, &options)?;
/// let Dial::Connected(client) =
///     ringmq_transport::dial(listener.endpoint(), &options, std::time::Instant::now())?
/// else {
///     panic!("ipc connects at once");
/// };
/// let server = listener.accept()?.expect("it is in line");
/// assert_eq!(server.local_endpoint(), listener.endpoint().to_string());
/// assert_eq!(client.remote_endpoint(), listener.endpoint().to_string());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Listener {
    inner: Inner,
    endpoint: Endpoint,
    options: Options,
}

#[derive(Debug)]
enum Inner {
    Tcp(TcpListener),
    Ipc(IpcListener),
}

/// Why an endpoint cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ListenError {
    /// inproc has no sockets, and udp no connections.
    #[error("{endpoint} is no byte stream")]
    NoStream {
        /// Where it was tried.
        endpoint: String,
    },
    /// It has no address here.
    #[error(transparent)]
    Resolve(#[from] ResolveError),
    /// The Unix listener refused.
    #[error(transparent)]
    Ipc(#[from] ringmq_sys::BindError),
    /// `ipc://*` found no directory.
    #[error("a directory for ipc://*: {0}")]
    Folder(#[source] io::Error),
    /// The descriptor that was given is nothing to accept from.
    #[error("the descriptor is no listener: {0}")]
    Descriptor(#[source] io::Error),
    /// The kernel refused a step: `bind` for an address in use, or that is not of this machine.
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

/// Why a newcomer was not accepted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AcceptError {
    /// The kernel refused.
    #[error("accept: {0}")]
    Os(#[source] io::Error),
    /// A filter keeps it out. It was closed.
    #[error("{peer} is kept out by a filter")]
    Filtered {
        /// Its address, as [`Stream::peer_address`] has it.
        peer: String,
    },
    /// It could not be given its options. It was closed.
    #[error("{step} for a newcomer: {source}")]
    Option {
        /// The option.
        step: &'static str,
        /// The kernel's answer.
        source: io::Error,
    },
}

impl AcceptError {
    /// What to do next. [`Setback::Passing`]: accept again. [`Setback::Shortage`]: accept again
    /// after some time (100 ms are no burden), for no event will say when; the newcomer is still in
    /// line. [`Setback::Broken`]: close the listener.
    #[must_use]
    pub fn setback(&self) -> Setback {
        match self {
            AcceptError::Os(source) => Setback::of(source),
            AcceptError::Filtered { .. } | AcceptError::Option { .. } => Setback::Passing,
        }
    }
}

impl Listener {
    /// Binds and listens. Names of hosts are looked up, which may block.
    ///
    /// # Errors
    /// [`ListenError`]; nothing is left behind.
    pub fn bind(endpoint: &Endpoint, options: &Options) -> Result<Listener, ListenError> {
        let (inner, endpoint) = match endpoint {
            Endpoint::Tcp(address) => {
                let (tcp, bound) = TcpListener::bind(address, options)?;
                (Inner::Tcp(tcp), bound)
            }
            Endpoint::Ipc(address) => {
                let ipc = IpcListener::bind(address, options)?;
                (Inner::Ipc(ipc), endpoint.clone())
            }
            Endpoint::IpcAnywhere => {
                let (ipc, bound) = IpcListener::bind_anywhere(options)?;
                (Inner::Ipc(ipc), bound)
            }
            Endpoint::Inproc(_) | Endpoint::Udp(_) => {
                let endpoint = endpoint.to_string();
                return Err(ListenError::NoStream { endpoint });
            }
        };
        Ok(Listener {
            inner,
            endpoint,
            options: options.clone(),
        })
    }

    /// Goes on with a socket that is bound and listens already (`USE_FD`). Its path belongs to the program that bound
    /// it, and is never removed. The descriptor is ours from now on.
    ///
    /// # Errors
    /// [`ListenError::Descriptor`] if it does not listen; it is closed.
    pub fn adopt(fd: OwnedFd, options: &Options) -> Result<Listener, ListenError> {
        let domain = SockRef::from(&fd).domain();
        let (inner, endpoint) = if domain.map_err(ListenError::Descriptor)? == Domain::UNIX {
            let (ipc, bound) = IpcListener::adopt(fd).map_err(ListenError::Descriptor)?;
            (Inner::Ipc(ipc), bound)
        } else {
            let (tcp, bound) = TcpListener::adopt(fd).map_err(ListenError::Descriptor)?;
            (Inner::Tcp(tcp), bound)
        };
        Ok(Listener {
            inner,
            endpoint,
            options: options.clone(),
        })
    }

    /// The next newcomer, with its options set; `None` if no connection is in line.
    ///
    /// # Errors
    /// [`AcceptError`]; its [`setback`](AcceptError::setback) says how to go on.
    pub fn accept(&self) -> Result<Option<Stream>, AcceptError> {
        let accepted = match &self.inner {
            Inner::Tcp(tcp) => tcp.accept(&self.options),
            Inner::Ipc(ipc) => ipc.accept(&self.options),
        };
        match accepted {
            Ok(stream) => Ok(Some(stream)),
            Err(AcceptError::Os(source)) if source.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Where it really listens: wildcards replaced, interfaces resolved. `LAST_ENDPOINT`.
    #[must_use]
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Shuts the socket and removes its path, before it returns.
    pub fn close(self) {}
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match &self.inner {
            Inner::Tcp(tcp) => tcp.as_fd(),
            Inner::Ipc(ipc) => ipc.as_fd(),
        }
    }
}

impl AsRawFd for Listener {
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}
