//! Becoming connected.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::time::Instant;

use rustix::fs::OFlags;
use rustix::io::Errno;
use rustix::net::sockopt::Timeout;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};

use super::Stream;
use crate::address::Address;
use crate::deadline::remaining;

/// Why [`Stream::try_connect`] has not connected.
#[derive(Debug, thiserror::Error)]
#[error("{source}")]
pub struct NotConnected {
    /// The kernel's answer.
    pub source: io::Error,
    /// The number of the socket that failed, which is closed by now; `None` if there was none.
    pub fd: Option<RawFd>,
}

impl Stream {
    /// Connects to a listener. When its backlog is full, sleeps in the kernel until there is room or
    /// the deadline has passed.
    ///
    /// # Errors
    /// `TimedOut`; `Interrupted` when a signal was handled meanwhile; `InvalidInput` with an
    /// [`AddressError`](crate::AddressError); what connect(2) answers, first of all
    /// `ConnectionRefused` (no socket listens), `NotFound` and `PermissionDenied`.
    pub fn connect(address: &Address, deadline: Option<Instant>) -> io::Result<Stream> {
        let (fd, to) = socket_for(address)?;
        // Before connecting: what the peer sends at once must carry its credentials.
        let stream = Stream::configure(fd)?;
        match rustix::net::connect(&stream.fd, &to) {
            Ok(()) => return Ok(stream),
            Err(Errno::AGAIN) => {}
            Err(errno) => return Err(errno.into()),
        }
        // The backlog is full. A Unix connect is not a thing to poll for, but a blocking one sleeps
        // for SO_SNDTIMEO at most.
        rustix::fs::fcntl_setfl(&stream.fd, OFlags::RDWR)?;
        loop {
            let left = remaining(deadline);
            if left.is_some_and(|left| left.is_zero()) {
                return Err(io::ErrorKind::TimedOut.into());
            }
            rustix::net::sockopt::set_socket_timeout(&stream.fd, Timeout::Send, left)?;
            match rustix::net::connect(&stream.fd, &to) {
                Ok(()) => break,
                Err(Errno::AGAIN) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
        rustix::fs::fcntl_setfl(&stream.fd, OFlags::RDWR | OFlags::NONBLOCK)?;
        Ok(stream)
    }

    /// Connects to a listener at once or not at all.
    ///
    /// Credentials are asked for afterwards, so that the kernel gives this end no name; what a peer
    /// that asks for none sends in between comes without them. Pidfds have [yet to be asked
    /// for](Stream::ask_for_pidfd).
    ///
    /// # Errors
    /// [`NotConnected`]: `WouldBlock` when the listener's backlog is full (there is nothing to poll for: try later);
    /// otherwise as [`connect`](Self::connect).
    pub fn try_connect(address: &Address) -> Result<Stream, NotConnected> {
        let (fd, to) = socket_for(address).map_err(|source| NotConnected { source, fd: None })?;
        let number = fd.as_raw_fd();
        let connected = rustix::net::connect(&fd, &to).map_err(io::Error::from);
        let stream = connected.and_then(|()| Stream::of_known(fd));
        stream.map_err(|source| NotConnected {
            source,
            fd: Some(number),
        })
    }
}

/// A socket, and where it is to connect.
fn socket_for(address: &Address) -> io::Result<(OwnedFd, SocketAddrUnix)> {
    let to = address.to_kernel()?;
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let fd = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    Ok((fd, to))
}
