//! Becoming connected.

use std::io;
use std::os::fd::OwnedFd;
use std::time::Instant;

use rustix::fs::OFlags;
use rustix::io::Errno;
use rustix::net::sockopt::Timeout;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};

use super::Stream;
use crate::address::Address;
use crate::deadline::remaining;

impl Stream {
    /// Connects to a listener. When its backlog is full, sleeps in the kernel until there is room or
    /// the deadline has passed.
    ///
    /// # Errors
    /// `TimedOut`; `Interrupted` when a signal was handled meanwhile; `InvalidInput` with an
    /// [`AddressError`](crate::AddressError); what connect(2) answers, first of all
    /// `ConnectionRefused` (nobody listens), `NotFound` and `PermissionDenied`.
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
    /// `WouldBlock` when the listener's backlog is full (there is nothing to poll for: try later);
    /// otherwise as [`connect`](Self::connect).
    pub fn try_connect(address: &Address) -> io::Result<Stream> {
        let (fd, to) = socket_for(address)?;
        rustix::net::connect(&fd, &to)?;
        Stream::of_known(fd)
    }
}

/// A socket, and where it is to connect.
fn socket_for(address: &Address) -> io::Result<(OwnedFd, SocketAddrUnix)> {
    let to = address.to_kernel()?;
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let fd = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    Ok((fd, to))
}
