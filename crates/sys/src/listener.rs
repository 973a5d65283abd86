//! The one Unix listener: it reclaims what is dead, spares what is not ours, and leaves nothing behind.

use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Instant;

use rustix::event::{EventfdFlags, PollFlags};
use rustix::io::{Errno, FdFlags};
use rustix::net::{SocketAddrUnix, SocketFlags, SocketType};

use crate::address::{Address, AddressError};
use crate::deadline::sleep;
use crate::fork::ForkMark;
use crate::socket::{Stream, ask_who_sends};

mod binding;

use binding::Node;

/// How to listen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListenOptions {
    /// Permission bits of the socket's path, such as `0o600`; they hold before a peer can connect. None leaves them to
    /// the umask. Abstract names have no permissions, and ignore this.
    pub mode: Option<u32>,
    /// Connections that may wait to be accepted; the kernel caps it at `net.core.somaxconn`.
    pub backlog: i32,
    /// What happens to a path at which another socket listens.
    pub steal: Steal,
}

/// Whether a path may be taken from a socket that listens there. Other users' sockets, abstract names, and files but for
/// empty ones of this user are never taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Steal {
    /// A live socket keeps its path: [`BindError::AddrInUse`].
    #[default]
    Never,
    /// The newcomer gets the path, as in libzmq; connections that exist stay where they are. It also gets the path of an
    /// empty file of this user: programs make one with mkstemp(3) to reserve a path.
    Always,
}

impl Default for ListenOptions {
    /// The umask's permissions, and 100 waiting connections, as in libzmq.
    fn default() -> ListenOptions {
        ListenOptions {
            mode: None,
            backlog: 100,
            steal: Steal::Never,
        }
    }
}

/// Why an address could not be listened on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BindError {
    /// No socket can have this address.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// Something else is there: a file, a directory, a symbolic link (which is not followed).
    #[error("{} is there and is not a socket (st_mode {mode:#o})", path.display())]
    NotASocket {
        /// Where.
        path: PathBuf,
        /// `st_mode` of what is there.
        mode: u32,
    },
    /// A socket listens there, or it cannot be shown that none does.
    #[error("{address} is in use")]
    AddrInUse {
        /// Where.
        address: Address,
    },
    /// Another user's socket is there.
    #[error("{} is a socket of uid {uid}, not of ours ({own})", path.display())]
    NotOurs {
        /// Where.
        path: PathBuf,
        /// Its owner.
        uid: u32,
        /// Our effective uid.
        own: u32,
    },
    /// A socket is there, perhaps a dead one, but another process keeps the directory locked.
    #[error("the directory of {} stayed locked for {waited_ms} ms", path.display())]
    DirectoryLocked {
        /// The socket's path.
        path: PathBuf,
        /// How long it was waited for.
        waited_ms: u64,
    },
    /// The kernel refused a step.
    #[error("{step} for {address}: {source}")]
    Os {
        /// The system call.
        step: &'static str,
        /// Where.
        address: Address,
        /// The kernel's answer.
        source: io::Error,
    },
}

/// A Unix socket that accepts connections.
///
/// - A path at which a dead socket was left is reclaimed; a live one, a symbolic link, a file, or
///   another user's socket is left alone, with an error. A foreign socket is reclaimed in one case:
///   it is dead, and its directory is ours, and no other user may write to it. That holds for root, too.
/// - Two processes that bind the same path at the same time take turns by locking its *directory*
///   (flock(2)), for the time of the bind only; no lock file is left. If a stranger keeps it locked,
///   a free path can still be bound after 200 ms, but nothing is reclaimed.
/// - Dropping the listener removes the path if it is still the same socket, and not in a forked child.
///
/// ```
/// use ringmq_sys::{Address, ListenOptions, Stream, UnixListener};
///
/// let folder = tempfile::tempdir()?;
/// let address = Address::Path(folder.path().join("socket"));
/// let listener = UnixListener::bind(&address, &ListenOptions::default())?;
/// let client = Stream::connect(&address, None)?;
/// let server = listener.accept(None)?;
/// server.send(b"hello", &[], None)?;
/// let mut hello = [0; 5];
/// client.recv_exact(&mut hello, 0, None)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct UnixListener {
    // Dropped in this order: the path goes while the socket still answers, so that no process finds it dead, and
    // reclaims it, in between.
    _node: Option<Node>,
    fd: OwnedFd,
    address: Address,
    /// Whether all in line tell credentials: a listener hands that on to those who come, not to those who came before.
    hands_on: bool,
    /// A descriptor to give up when there are none left, so that a newcomer can be taken and closed.
    reserve: Mutex<Option<OwnedFd>>,
}

impl UnixListener {
    /// Binds the address and listens.
    ///
    /// # Errors
    /// [`BindError`]; nothing is left behind.
    pub fn bind(address: &Address, options: &ListenOptions) -> Result<UnixListener, BindError> {
        let failed = |step| {
            move |source| BindError::Os {
                step,
                address: address.clone(),
                source,
            }
        };
        let mark = ForkMark::current().map_err(failed("mmap"))?;
        let reserve = spare().map_err(failed("eventfd"))?;
        let (fd, node) = binding::bind(address, options, mark)?;
        Ok(UnixListener {
            _node: node,
            fd,
            address: address.clone(),
            hands_on: true,
            reserve: Mutex::new(Some(reserve)),
        })
    }

    /// Goes on with a socket that is bound and listens already, such as one that a service manager hands over. Its path
    /// belongs to the program that bound it, and is never removed.
    ///
    /// # Errors
    /// `InvalidInput` if it is no listening Unix stream socket, or has no name; what the kernel
    /// answers otherwise. The descriptor is closed.
    pub fn adopt(fd: OwnedFd) -> io::Result<UnixListener> {
        let wrong = |what| Err(io::Error::new(io::ErrorKind::InvalidInput, what));
        let kind = rustix::net::sockopt::socket_type(&fd)?;
        if kind != SocketType::STREAM || !rustix::net::sockopt::socket_acceptconn(&fd)? {
            return wrong("the descriptor is not a stream socket that listens");
        }
        let Ok(name) = SocketAddrUnix::try_from(rustix::net::getsockname(&fd)?) else {
            return wrong("the descriptor is not a Unix socket");
        };
        let address = if let Some(path) = name.path() {
            Address::Path(OsStr::from_bytes(path.to_bytes()).into())
        } else if let Some(name) = name.abstract_name() {
            Address::Abstract(name.to_vec())
        } else {
            return wrong("the Unix socket has no name");
        };
        rustix::io::fcntl_setfd(&fd, FdFlags::CLOEXEC)?;
        rustix::io::ioctl_fionbio(&fd, true)?;
        ask_who_sends(fd.as_fd())?;
        Ok(UnixListener {
            _node: None,
            fd,
            address,
            hands_on: false,
            reserve: Mutex::new(Some(spare()?)),
        })
    }

    /// The next connection, if there is one: for a caller that polls many descriptors at once. A newcomer is not turned
    /// away for want of descriptors: it stays in line. Pidfds have [yet to be asked for](Stream::ask_for_pidfd).
    ///
    /// # Errors
    /// `WouldBlock` when no connection is in line; what accept(2) answers otherwise, which [`Setback`](crate::Setback)
    /// sorts.
    pub fn try_accept(&self) -> io::Result<Stream> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let fd = rustix::net::accept_with(&self.fd, flags)?;
        if self.hands_on {
            Ok(Stream::inherited(fd))
        } else {
            Stream::of_known(fd)
        }
    }

    /// The next connection; sleeps until there is one or the deadline has passed.
    ///
    /// When this process or the system has no descriptor left, the newcomer is accepted on a reserved
    /// one and closed at once: otherwise it would stay in line, the listener would stay readable, and
    /// a loop over poll(2) would spin.
    ///
    /// # Errors
    /// `TimedOut`; `Interrupted` when a signal was handled; `EMFILE` or `ENFILE` after a newcomer was
    /// turned away; what accept(2) answers otherwise.
    pub fn accept(&self, deadline: Option<Instant>) -> io::Result<Stream> {
        loop {
            let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
            match rustix::net::accept_with(&self.fd, flags) {
                Ok(fd) => return Stream::configure(fd),
                Err(Errno::CONNABORTED) => {}
                Err(Errno::AGAIN) => {
                    if !sleep(self.fd.as_fd(), PollFlags::IN, deadline)? {
                        return Err(io::ErrorKind::TimedOut.into());
                    }
                }
                Err(errno @ (Errno::MFILE | Errno::NFILE)) => {
                    // accept(2) reports this before it looks whether a connection is in line.
                    if sleep(self.fd.as_fd(), PollFlags::IN, Some(Instant::now()))? {
                        self.turn_away();
                        return Err(errno.into());
                    }
                    if !sleep(self.fd.as_fd(), PollFlags::IN, deadline)? {
                        return Err(io::ErrorKind::TimedOut.into());
                    }
                }
                Err(errno) => return Err(errno.into()),
            }
        }
    }

    /// Accepts one connection on the reserved descriptor, and closes it.
    fn turn_away(&self) {
        // Another thread that holds the lock is doing the same; a forked child may find it held for
        // ever. Neither is worth waiting for.
        let Ok(mut reserve) = self.reserve.try_lock() else {
            return;
        };
        if reserve.take().is_some() {
            // A thread that opens something at this very moment may get the descriptor instead; then
            // the newcomer stays in line, and the next call tries again.
            drop(rustix::net::accept_with(&self.fd, SocketFlags::CLOEXEC));
        }
        *reserve = spare().ok();
    }

    /// Where it listens, as it was given.
    #[must_use]
    pub fn address(&self) -> &Address {
        &self.address
    }
}

/// A descriptor for no purpose but to be closed. Not /dev/null: a sandbox may not have it.
fn spare() -> io::Result<OwnedFd> {
    Ok(rustix::event::eventfd(0, EventfdFlags::CLOEXEC)?)
}

impl AsFd for UnixListener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
