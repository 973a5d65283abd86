//! What lies in a socket.

use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;

/// Memory that holds what was written to a Unix socket and that its peer has not read; 0 once it has read all.
///
/// # Panics
///
/// If the kernel refuses.
pub fn unread(stream: &UnixStream) -> usize {
    let mut bytes: libc::c_int = 0;
    // SAFETY: the request writes one number, which is ours.
    let done = unsafe { libc::ioctl(stream.as_raw_fd(), libc::TIOCOUTQ, &raw mut bytes) };
    assert_eq!(done, 0);
    usize::try_from(bytes).unwrap()
}
