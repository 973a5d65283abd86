//! Taking a path: under the directory's lock, sparing the living, with the right permissions.

use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::{FileType, FlockOperation, Mode, OFlags, Stat};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};

use super::{BindError, ListenOptions, Steal};
use crate::address::Address;
use crate::doorbell::proc_path;
use crate::fork::ForkMark;
use crate::socket::ask_who_sends;

/// How long a directory's lock is waited for. Ours is held for some system calls; only a stranger's
/// lasts.
const PATIENCE: Duration = Duration::from_millis(200);

/// How often a path may change during a bind before the bind takes it for another process's.
const ATTEMPTS: usize = 8;

/// The path of a bound socket; removes it on drop.
#[derive(Debug)]
pub(super) struct Node {
    path: PathBuf,
    identity: (u64, u64),
    mark: ForkMark,
}

impl Drop for Node {
    fn drop(&mut self) {
        if self.mark.is_here()
            && let Ok(stat) = rustix::fs::lstat(&self.path)
            && identity(&stat) == self.identity
        {
            let _ = rustix::fs::unlink(&self.path);
        }
    }
}

/// Device and inode.
#[allow(clippy::unnecessary_cast, reason = "narrower on some architectures")]
fn identity(stat: &Stat) -> (u64, u64) {
    (stat.st_dev as u64, stat.st_ino as u64)
}

fn kind(stat: &Stat) -> FileType {
    FileType::from_raw_mode(stat.st_mode)
}

/// Returns true for an empty file of this user, as mkstemp(3) makes it to reserve a path.
fn is_reservation(stat: &Stat, own: u32) -> bool {
    kind(stat) == FileType::RegularFile
        && stat.st_size == 0
        && stat.st_uid == own
        && stat.st_nlink == 1
}

/// Binds and listens; for a path also says what is to be removed in the end.
pub(super) fn bind(
    address: &Address,
    options: &ListenOptions,
    mark: ForkMark,
) -> Result<(OwnedFd, Option<Node>), BindError> {
    let attempt = Attempt {
        address,
        at: address.to_kernel()?,
        options,
    };
    let fd = attempt.socket()?;
    let node = match address {
        Address::Abstract(_) => {
            match rustix::net::bind(&fd, &attempt.at) {
                Ok(()) => {}
                Err(Errno::ADDRINUSE) => return Err(attempt.in_use()),
                Err(errno) => return Err(attempt.failed("bind", errno)),
            }
            None
        }
        Address::Path(path) => {
            let lock = Lock::take(path);
            attempt.occupy(&fd, path, &lock)?;
            let node = attempt.settle(path, mark)?;
            // Listening comes last, and under the lock: until then connecting is refused, which to another process
            // looks like a dead socket.
            attempt.listen(&fd)?;
            return Ok((fd, Some(node)));
        }
    };
    attempt.listen(&fd)?;
    Ok((fd, node))
}

struct Attempt<'a> {
    address: &'a Address,
    at: SocketAddrUnix,
    options: &'a ListenOptions,
}

impl Attempt<'_> {
    fn failed(&self, step: &'static str, errno: Errno) -> BindError {
        BindError::Os {
            step,
            address: self.address.clone(),
            source: errno.into(),
        }
    }

    fn in_use(&self) -> BindError {
        BindError::AddrInUse {
            address: self.address.clone(),
        }
    }

    fn socket(&self) -> Result<OwnedFd, BindError> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let fd = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)
            .map_err(|errno| self.failed("socket", errno))?;
        // An accepted socket carries credentials from its first byte on. It inherits the option from the listener in
        // accept(2), and since Linux 6.16 in connect(2).
        ask_who_sends(fd.as_fd()).map_err(|source| BindError::Os {
            step: "setsockopt",
            address: self.address.clone(),
            source,
        })?;
        // bind(2) gives the path the mode of the socket itself, less the umask: set here, the path is
        // never more open than it shall be. What the umask took away is given back by `settle`.
        if let Some(mode) = self.options.mode {
            rustix::fs::fchmod(&fd, Mode::from_raw_mode(mode & 0o7777))
                .map_err(|errno| self.failed("fchmod", errno))?;
        }
        Ok(fd)
    }

    fn listen(&self, fd: &OwnedFd) -> Result<(), BindError> {
        rustix::net::listen(fd, self.options.backlog).map_err(|errno| self.failed("listen", errno))
    }

    /// Binds `fd` to the path, and removes a socket that is in the way: a dead one, or any that may
    /// be stolen.
    fn occupy(&self, fd: &OwnedFd, path: &Path, lock: &Lock) -> Result<(), BindError> {
        for _ in 0..ATTEMPTS {
            match rustix::net::bind(fd, &self.at) {
                Ok(()) => return Ok(()),
                Err(Errno::ADDRINUSE) => {}
                Err(errno) => return Err(self.failed("bind", errno)),
            }
            let found = match rustix::fs::lstat(path) {
                Ok(found) => found,
                Err(Errno::NOENT) => continue,
                Err(errno) => return Err(self.failed("lstat", errno)),
            };
            let own = rustix::process::geteuid().as_raw();
            let reserved = self.options.steal == Steal::Always && is_reservation(&found, own);
            if kind(&found) != FileType::Socket && !reserved {
                return Err(BindError::NotASocket {
                    path: path.into(),
                    mode: found.st_mode,
                });
            }
            if found.st_uid != own && !directory_is_ours_alone(path, own) {
                return Err(BindError::NotOurs {
                    path: path.into(),
                    uid: found.st_uid,
                    own,
                });
            }
            let life = if reserved { Life::None } else { self.probe()? };
            match life {
                Life::Gone => continue,
                Life::Possible if self.options.steal == Steal::Never => {
                    return Err(self.in_use());
                }
                Life::Possible | Life::None => {}
            }
            if let Lock::Denied { waited } = lock {
                let waited_ms = u64::try_from(waited.as_millis()).unwrap_or(u64::MAX);
                return Err(BindError::DirectoryLocked {
                    path: path.into(),
                    waited_ms,
                });
            }
            // Is it still the one that was asked, and still empty if it was?
            match rustix::fs::lstat(path) {
                Ok(now)
                    if identity(&now) == identity(&found)
                        && (!reserved || is_reservation(&now, own)) => {}
                Ok(_) | Err(Errno::NOENT) => continue,
                Err(errno) => return Err(self.failed("lstat", errno)),
            }
            match rustix::fs::unlink(path) {
                Ok(()) | Err(Errno::NOENT) => {}
                Err(errno) => return Err(self.failed("unlink", errno)),
            }
        }
        Err(self.in_use())
    }

    /// Tries to connect. Only a refusal shows that no socket listens.
    fn probe(&self) -> Result<Life, BindError> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let caller = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)
            .map_err(|errno| self.failed("socket", errno))?;
        Ok(match rustix::net::connect(&caller, &self.at) {
            Err(Errno::CONNREFUSED) => Life::None,
            Err(Errno::NOENT) => Life::Gone,
            // Accepted, or a full backlog (EAGAIN), another socket type (EPROTOTYPE), EACCES, ...
            Ok(()) | Err(_) => Life::Possible,
        })
    }

    /// Notes what was bound, and gives it its permissions.
    fn settle(&self, path: &Path, mark: ForkMark) -> Result<Node, BindError> {
        let stat = rustix::fs::lstat(path).map_err(|errno| self.failed("lstat", errno))?;
        if kind(&stat) != FileType::Socket {
            // Swapped since the bind.
            return Err(self.in_use());
        }
        // The path may be relative, and the working directory change.
        let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
        // From here on the path is removed on every way out.
        let node = Node {
            path: absolute,
            identity: identity(&stat),
            mark,
        };
        if let Some(mode) = self.options.mode.map(|mode| mode & 0o7777)
            && stat.st_mode & 0o7777 != mode
        {
            self.change_mode(path, &node, mode)?;
        }
        Ok(node)
    }

    /// Gives the socket at `path` the permissions that the umask withheld.
    fn change_mode(&self, path: &Path, node: &Node, mode: u32) -> Result<(), BindError> {
        // One open names one inode: in a directory that others can write, no rename and no symbolic
        // link leads the chmod elsewhere.
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let opened = rustix::fs::open(path, flags, Mode::empty())
            .map_err(|errno| self.failed("open", errno))?;
        let stat = rustix::fs::fstat(&opened).map_err(|errno| self.failed("fstat", errno))?;
        if identity(&stat) != node.identity {
            return Err(self.in_use());
        }
        change_mode(&opened, mode).map_err(|source| BindError::Os {
            step: "chmod",
            address: self.address.clone(),
            source,
        })
    }
}

/// chmod of an `O_PATH` descriptor: fchmodat2 (Linux 6.6), or by way of /proc.
fn change_mode(node: &OwnedFd, mode: u32) -> io::Result<()> {
    // SAFETY: the descriptor is open, the empty path is a C string, and the call reads nothing else.
    let answer = unsafe {
        libc::syscall(
            libc::SYS_fchmodat2,
            node.as_raw_fd(),
            c"".as_ptr(),
            mode,
            libc::AT_EMPTY_PATH,
        )
    };
    if answer == 0 {
        return Ok(());
    }
    Ok(rustix::fs::chmod(
        proc_path(node.as_fd()),
        Mode::from_raw_mode(mode),
    )?)
}

enum Life {
    None,
    Possible,
    Gone,
}

/// The directory that holds `path`.
fn directory(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Returns true if only our user (and root) can put anything into the directory.
fn directory_is_ours_alone(path: &Path, own: u32) -> bool {
    rustix::fs::stat(directory(path))
        .is_ok_and(|stat| stat.st_uid == own && stat.st_mode & 0o022 == 0)
}

/// The lock of a directory, for the time of a bind.
#[derive(Debug)]
enum Lock {
    /// Ours until this value is dropped.
    Held { directory: OwnedFd },
    /// No process can have the lock: the directory is not readable, or its file system knows no locks.
    Absent,
    /// Another process had the lock all the time.
    Denied { waited: Duration },
}

impl Lock {
    fn take(path: &Path) -> Lock {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let Ok(folder) = rustix::fs::open(directory(path), flags, Mode::empty()) else {
            return Lock::Absent;
        };
        let start = Instant::now();
        loop {
            match rustix::fs::flock(&folder, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Lock::Held { directory: folder },
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => {
                    let waited = start.elapsed();
                    if waited >= PATIENCE {
                        return Lock::Denied { waited };
                    }
                    // flock(2) has no deadline; a blocking one could be held up for ever.
                    crate::rest(Duration::from_millis(1));
                }
                Err(_) => return Lock::Absent,
            }
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Not left to the closing: a child that was forked meanwhile holds a copy of the descriptor,
        // and with it the lock.
        if let Lock::Held { directory } = self {
            let _ = rustix::fs::flock(directory, FlockOperation::Unlock);
        }
    }
}
