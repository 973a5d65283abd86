//! Who is at the other end.

use std::io;
use std::mem::size_of;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use super::{Credentials, Stream};

/// Groups that a process can have, `NGROUPS_MAX`. Source: getgroups(2).
const GROUPS: usize = 65_536;

impl Stream {
    /// Who called connect(2) or listen(2) at the other end (`SO_PEERCRED`); it need not be who sends.
    ///
    /// # Errors
    /// What getsockopt(2) answers; nothing is expected.
    pub fn peer_cred(&self) -> io::Result<Credentials> {
        peer_credentials(&self.fd)
    }

    /// The supplementary groups of [`peer_cred`](Self::peer_cred)'s process, as they were at that
    /// call (`SO_PEERGROUPS`, Linux 4.13). No user database is asked.
    ///
    /// # Errors
    /// What getsockopt(2) answers; nothing is expected.
    pub fn peer_groups(&self) -> io::Result<Vec<u32>> {
        let mut groups = vec![0; GROUPS];
        let count = peer_groups(self.fd.as_fd(), &mut groups)?;
        groups.truncate(count);
        Ok(groups)
    }
}

/// Who called connect(2) or listen(2) at the other end of a Unix socket (`SO_PEERCRED`). The process is 0 if it is in another
/// pid namespace.
///
/// # Errors
/// What getsockopt(2) answers; nothing is expected.
pub fn peer_credentials(socket: impl AsFd) -> io::Result<Credentials> {
    let mut cred = libc::ucred {
        pid: 0,
        uid: 0,
        gid: 0,
    };
    let mut len = size_of::<libc::ucred>() as libc::socklen_t;
    // SAFETY: the descriptor is open; value and length are ours, and `len` is the value's size.
    let answer = unsafe {
        libc::getsockopt(
            socket.as_fd().as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_PEERCRED,
            (&raw mut cred).cast(),
            &raw mut len,
        )
    };
    if answer < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(Credentials {
        pid: cred.pid,
        uid: cred.uid,
        gid: cred.gid,
    })
}

/// Asks for the supplementary groups of the process that called connect(2) or listen(2) at the other end.
fn peer_groups(fd: BorrowedFd<'_>, groups: &mut [u32]) -> io::Result<usize> {
    let mut len = size_of_val(groups) as libc::socklen_t;
    // SAFETY: the descriptor is open; value and length are ours, and `len` is the value's size.
    let answer = unsafe {
        libc::getsockopt(
            fd.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_PEERGROUPS,
            groups.as_mut_ptr().cast(),
            &raw mut len,
        )
    };
    if answer < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(len as usize / size_of::<u32>())
}
