//! Where a Unix socket is found.

use std::ffi::OsStr;
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use rustix::net::SocketAddrUnix;

/// Bytes that a path or an abstract name may have: `sun_path` less the byte that ends the one and
/// begins the other. Source: unix(7).
const LONGEST: usize = 107;

/// The address of a Unix socket.
///
/// Written as text, a leading `@` makes it abstract, as in libzmq's `ipc://@name`; a file whose name
/// begins so is written `./@name`.
///
/// ```
/// use ringmq_sys::Address;
///
/// let path: Address = "/tmp/feed".parse()?;
/// assert_eq!(path, Address::Path("/tmp/feed".into()));
/// let name: Address = "@feed".parse()?;
/// assert_eq!(name, Address::Abstract(b"feed".to_vec()));
/// assert_eq!(name.to_string(), "@feed");
/// # Ok::<(), ringmq_sys::AddressError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Address {
    /// A path in the file system. Its permissions say who may connect.
    Path(PathBuf),
    /// A name in the abstract namespace of the network namespace, without the leading NUL. It has no
    /// permissions: every process in the network namespace may connect.
    Abstract(Vec<u8>),
}

/// Why a text is no address of a Unix socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AddressError {
    /// There is no name.
    #[error("the name of a Unix socket is empty")]
    Empty,
    /// There is a NUL in it.
    #[error("the name of a Unix socket has a NUL at byte {at}")]
    Nul {
        /// Where, in bytes from the start of the name.
        at: usize,
    },
    /// It does not fit in `sun_path`.
    #[error("the name of a Unix socket has {len} bytes; {max} is the most")]
    TooLong {
        /// Bytes that it has.
        len: usize,
        /// Bytes that it may have.
        max: usize,
    },
}

impl From<AddressError> for std::io::Error {
    fn from(error: AddressError) -> Self {
        std::io::Error::new(std::io::ErrorKind::InvalidInput, error)
    }
}

impl Address {
    /// Checks the name; every call that takes an address does so, too.
    ///
    /// # Errors
    /// [`AddressError`]: empty, with a NUL, or longer than 107 bytes.
    pub fn check(&self) -> Result<(), AddressError> {
        let name = match self {
            Address::Path(path) => path.as_os_str().as_bytes(),
            Address::Abstract(name) => name,
        };
        if name.is_empty() {
            return Err(AddressError::Empty);
        }
        if let Some(at) = name.iter().position(|&byte| byte == 0) {
            return Err(AddressError::Nul { at });
        }
        if name.len() > LONGEST {
            return Err(AddressError::TooLong {
                len: name.len(),
                max: LONGEST,
            });
        }
        Ok(())
    }

    /// As the kernel takes it.
    pub(crate) fn to_kernel(&self) -> Result<SocketAddrUnix, AddressError> {
        self.check()?;
        let made = match self {
            Address::Path(path) => SocketAddrUnix::new(path),
            Address::Abstract(name) => SocketAddrUnix::new_abstract_name(name),
        };
        // All that it could refuse was checked above.
        made.map_err(|_| AddressError::Empty)
    }
}

impl From<&Path> for Address {
    /// A leading `@` makes it abstract. Nothing is checked yet; see [`Address::check`].
    fn from(path: &Path) -> Address {
        match path.as_os_str().as_bytes().strip_prefix(b"@") {
            Some(name) => Address::Abstract(name.to_vec()),
            None => Address::Path(path.to_path_buf()),
        }
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Address, AddressError> {
        let address = Address::from(Path::new(text));
        address.check()?;
        Ok(address)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Path(path) => path.display().fmt(f),
            Address::Abstract(name) => {
                write!(f, "@{}", Path::new(OsStr::from_bytes(name)).display())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_no_socket_can_have_are_refused() {
        assert_eq!("".parse::<Address>(), Err(AddressError::Empty));
        assert_eq!("@".parse::<Address>(), Err(AddressError::Empty));
        assert_eq!("/a\0b".parse::<Address>(), Err(AddressError::Nul { at: 2 }));
        assert_eq!("@a\0b".parse::<Address>(), Err(AddressError::Nul { at: 1 }));
        for prefix in ["", "@"] {
            let longest = format!("{prefix}{}", "x".repeat(107));
            assert!(longest.parse::<Address>().unwrap().to_kernel().is_ok());
            let longer = format!("{prefix}{}", "x".repeat(108));
            let refused = Err(AddressError::TooLong { len: 108, max: 107 });
            assert_eq!(longer.parse::<Address>(), refused);
        }
        let by_hand = Address::Path(PathBuf::new());
        assert_eq!(by_hand.to_kernel().err(), Some(AddressError::Empty));
    }
}
