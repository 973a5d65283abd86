//! The machine's network interfaces: their numbers, names and addresses.

use std::ffi::{CStr, OsStr};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;

use rustix::net::{AddressFamily, SocketFlags, SocketType, netdevice};

/// The addresses of the interface called `name`, in the kernel's order; none if there is no such
/// interface. Source: getifaddrs(3).
///
/// ```
/// let loopback = ringmq_sys::interface_addresses("lo")?;
/// assert!(loopback.iter().all(std::net::IpAddr::is_loopback));
/// assert!(ringmq_sys::interface_addresses("no such interface")?.is_empty());
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
/// What the kernel answers when it is asked for its interfaces: no descriptors, no memory.
pub fn interface_addresses(name: &str) -> io::Result<Vec<IpAddr>> {
    let mut first: *mut libc::ifaddrs = std::ptr::null_mut();
    // SAFETY: writes one pointer, to a place of ours.
    if unsafe { libc::getifaddrs(&raw mut first) } != 0 {
        return Err(io::Error::last_os_error());
    }
    let mut found = Vec::new();
    let mut next = first;
    // SAFETY: null, or an element of the list, which is whole until it is freed below.
    while let Some(interface) = unsafe { next.as_ref() } {
        next = interface.ifa_next;
        // SAFETY: the name of an element is a C string that lives as long as the list.
        let called = unsafe { CStr::from_ptr(interface.ifa_name) };
        if OsStr::from_bytes(called.to_bytes()) == name {
            // SAFETY: the address of an element is null or whole, as its family says.
            found.extend(unsafe { ip(interface.ifa_addr) });
        }
    }
    // SAFETY: the list came from getifaddrs, and nothing points into it any more.
    unsafe { libc::freeifaddrs(first) };
    Ok(found)
}

/// Reads an address; None if it is null or of another family.
///
/// # Safety
/// `address` is null, or points to a socket address that is whole, as its family says.
unsafe fn ip(address: *const libc::sockaddr) -> Option<IpAddr> {
    // SAFETY: null or readable, says the caller.
    match i32::from(unsafe { address.as_ref() }?.sa_family) {
        libc::AF_INET => {
            // SAFETY: of this family, so it is one of these.
            let v4 = unsafe { address.cast::<libc::sockaddr_in>().read_unaligned() };
            Some(Ipv4Addr::from(u32::from_be(v4.sin_addr.s_addr)).into())
        }
        libc::AF_INET6 => {
            // SAFETY: of this family, so it is one of these.
            let v6 = unsafe { address.cast::<libc::sockaddr_in6>().read_unaligned() };
            Some(Ipv6Addr::from(v6.sin6_addr.s6_addr).into())
        }
        _ => None,
    }
}

/// The number of the interface called `name`: the scope of link-local addresses.
///
/// # Errors
/// `ENODEV` if there is none; no descriptors.
pub fn interface_index(name: &str) -> io::Result<u32> {
    Ok(netdevice::name_to_index(any_socket()?, name)?)
}

/// The name of the interface with this number.
///
/// # Errors
/// `ENODEV` or `ENXIO` if there is none; no descriptors.
pub fn interface_name(index: u32) -> io::Result<String> {
    Ok(netdevice::index_to_name(any_socket()?, index)?)
}

/// The kernel answers such questions through any socket.
fn any_socket() -> io::Result<OwnedFd> {
    Ok(rustix::net::socket_with(
        AddressFamily::UNIX,
        SocketType::DGRAM,
        SocketFlags::CLOEXEC,
        None,
    )?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loopback_has_a_number_and_a_name() {
        let number = interface_index("lo").unwrap();
        assert_eq!(interface_name(number).unwrap(), "lo");
        assert!(interface_index("no such").is_err());
        assert!(interface_name(u32::MAX).is_err());
        let v4 = IpAddr::from(Ipv4Addr::LOCALHOST);
        assert!(interface_addresses("lo").unwrap().contains(&v4));
    }
}
