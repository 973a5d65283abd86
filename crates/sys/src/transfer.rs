//! Calls on any stream socket that do what goes at once.

use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::os::fd::BorrowedFd;

use rustix::io::Errno;
use rustix::net::{RecvFlags, SendAncillaryBuffer, SendFlags};

/// Receives what has come, without sleeping; 0 at the end of the stream. Descriptors that came along
/// are closed by the kernel.
///
/// # Errors
/// `WouldBlock` when nothing has come; `ConnectionReset`; what recv(2) answers otherwise.
pub fn receive_some(socket: BorrowedFd<'_>, into: &mut [u8]) -> io::Result<usize> {
    let (received, _) = rustix::net::recv(socket, into, RecvFlags::DONTWAIT)?;
    Ok(received)
}

/// As [`receive_some`], behind the bytes that `into` has: at most `most`, and as many as it has capacity for. What is not
/// written costs nothing.
///
/// # Errors
/// As [`receive_some`].
pub fn receive_behind(
    socket: BorrowedFd<'_>,
    into: &mut Vec<u8>,
    most: usize,
) -> io::Result<usize> {
    let room = into.spare_capacity_mut();
    let most = most.min(room.len());
    let (_, received) = rustix::net::recv(socket, &mut room[..most], RecvFlags::DONTWAIT)?;
    let len = into.len() + received;
    // SAFETY: the kernel has written so many behind the others, within the capacity.
    unsafe { into.set_len(len) };
    Ok(received)
}

/// Returns true if the other end has closed the stream, and nothing is left to receive. Takes nothing out.
#[must_use]
pub fn is_at_end(socket: BorrowedFd<'_>) -> bool {
    let flags = RecvFlags::DONTWAIT | RecvFlags::PEEK;
    match rustix::net::recv(socket, &mut [0; 1], flags) {
        Ok((received, _)) => received == 0,
        Err(errno) => !matches!(errno, Errno::AGAIN | Errno::INTR),
    }
}

/// The CPU on which the last packet of a connection was received. `None` if the kernel does not know.
#[must_use]
pub fn incoming_cpu(socket: BorrowedFd<'_>) -> Option<u32> {
    let cpu = rustix::net::sockopt::socket_incoming_cpu(socket).ok()?;
    // It is negative before the first packet.
    (cpu <= i32::MAX.cast_unsigned()).then_some(cpu)
}

/// Sends as much of `pieces` as there is room for, without sleeping, and without `SIGPIPE`. At most
/// 1,024 pieces go at once.
///
/// # Errors
/// `WouldBlock` when there is no room; `BrokenPipe` and `ConnectionReset` when the peer is gone; what
/// sendmsg(2) answers otherwise.
pub fn send_some(socket: BorrowedFd<'_>, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
    let pieces = pieces.get(..1024).unwrap_or(pieces);
    let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
    let mut nothing = SendAncillaryBuffer::default();
    Ok(rustix::net::sendmsg(socket, pieces, &mut nothing, flags)?)
}

/// Begins to connect a non-blocking socket: true if that is done at once; false if it is under way, and
/// the socket is writable when it has ended, one way or the other.
///
/// # Errors
/// What connect(2) answers.
pub fn begin_connect(socket: BorrowedFd<'_>, to: &SocketAddr) -> io::Result<bool> {
    match rustix::net::connect(socket, to) {
        Ok(()) => Ok(true),
        // A signal interrupts the call, not what it began.
        Err(Errno::INPROGRESS | Errno::INTR) => Ok(false),
        Err(errno) => Err(errno.into()),
    }
}
