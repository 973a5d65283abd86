//! A tcp port that belongs to one test.

use std::io;
use std::mem::size_of;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

/// A port of 127.0.0.1 on which nothing listens, and that the kernel gives to no other socket while this exists. A listener
/// that allows the address to be reused, as ZeroMQ's does, can be bound to it.
#[derive(Debug)]
pub struct ReservedPort {
    _socket: OwnedFd,
    number: u16,
}

impl ReservedPort {
    /// Reserves one.
    ///
    /// # Panics
    ///
    /// If there is none.
    #[allow(clippy::new_without_default, reason = "it takes a port")]
    pub fn new() -> ReservedPort {
        // SAFETY: no memory is passed.
        let fd = unsafe { libc::socket(libc::AF_INET, libc::SOCK_STREAM | libc::SOCK_CLOEXEC, 0) };
        assert!(fd >= 0, "{}", io::Error::last_os_error());
        // SAFETY: just made, and owned by nothing else.
        let socket = unsafe { OwnedFd::from_raw_fd(fd) };
        let on: libc::c_int = 1;
        // SAFETY: an option that is an int, of which the size is passed.
        let set = unsafe {
            libc::setsockopt(
                socket.as_raw_fd(),
                libc::SOL_SOCKET,
                libc::SO_REUSEADDR,
                (&raw const on).cast(),
                size_of::<libc::c_int>() as libc::socklen_t,
            )
        };
        assert_eq!(set, 0, "{}", io::Error::last_os_error());
        let mut address = libc::sockaddr_in {
            sin_family: libc::AF_INET as libc::sa_family_t,
            sin_port: 0,
            sin_addr: libc::in_addr {
                s_addr: u32::from_ne_bytes([127, 0, 0, 1]),
            },
            sin_zero: [0; 8],
        };
        let mut len = size_of::<libc::sockaddr_in>() as libc::socklen_t;
        // SAFETY: an address and its size.
        let bound = unsafe { libc::bind(socket.as_raw_fd(), (&raw const address).cast(), len) };
        assert_eq!(bound, 0, "{}", io::Error::last_os_error());
        let to = (&raw mut address).cast();
        // SAFETY: room for an address, and its size.
        let named = unsafe { libc::getsockname(socket.as_raw_fd(), to, &raw mut len) };
        assert_eq!(named, 0, "{}", io::Error::last_os_error());
        ReservedPort {
            _socket: socket,
            number: u16::from_be(address.sin_port),
        }
    }

    /// Its number.
    pub fn number(&self) -> u16 {
        self.number
    }
}
