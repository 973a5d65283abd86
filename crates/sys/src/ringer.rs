//! What wakes a sleeper: the end that is rung.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::io::Errno;
use rustix::net::{AddressFamily, SendFlags};

use crate::doorbell::{proc_path, reopen};
use crate::event::ring_full;

/// Why a descriptor that a peer sent is not taken as a bell.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AdoptRingerError {
    /// Neither a pipe nor a Unix socket.
    #[error("neither a pipe nor a Unix socket (F_GETPIPE_SZ: errno {errno})")]
    NotABell {
        /// What `F_GETPIPE_SZ` answered.
        errno: i32,
    },
    /// A pipe with a name in a file system, which may be served by the peer itself.
    #[error("a named pipe, not one of pipe(2): {name}")]
    Named {
        /// What `/proc/self/fd` calls it.
        name: String,
    },
    /// A socket of another family.
    #[error("a socket of address family {family}, not of AF_UNIX")]
    Family {
        /// `SO_DOMAIN`.
        family: u16,
    },
    /// The pipe could not be opened anew: no `/proc`, another uid's pipe, no descriptors left.
    #[error("opening the pipe anew: {source}")]
    Reopen {
        /// The kernel's answer.
        source: io::Error,
    },
}

/// The other end of a peer's [`Doorbell`](crate::Doorbell): one byte wakes the sleeper.
///
/// A ringer never sleeps, whatever the peer does to the bell, and never raises SIGPIPE.
#[derive(Debug)]
pub struct Ringer {
    fd: OwnedFd,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// `fd` is an open file description of our own, `O_RDWR | O_NONBLOCK`.
    Pipe,
    /// `fd` is shared with the peer that sent it; each send says `MSG_DONTWAIT`.
    Socket,
}

impl Ringer {
    /// Takes a descriptor that a peer sent as its bell.
    ///
    /// A pipe is opened anew through `/proc/self/fd`, and the received descriptor is closed: the
    /// `O_NONBLOCK` of a description that a peer holds, too, is the peer's to clear. As the new one
    /// is open for both directions, writing to it never fails for want of a reader. A Unix socket is
    /// kept as it is. None of the questions asked here can be left unanswered by a peer: they are
    /// about kinds, and the kernel knows those by itself.
    ///
    /// # Errors
    /// [`AdoptRingerError`]; the descriptor is closed in any case.
    pub fn adopt(fd: OwnedFd) -> Result<Ringer, AdoptRingerError> {
        match rustix::net::sockopt::socket_domain(&fd) {
            Ok(AddressFamily::UNIX) => {
                return Ok(Ringer {
                    fd,
                    kind: Kind::Socket,
                });
            }
            Ok(other) => {
                return Err(AdoptRingerError::Family {
                    family: other.as_raw(),
                });
            }
            Err(_not_a_socket) => {}
        }
        rustix::pipe::fcntl_getpipe_size(&fd).map_err(|e| AdoptRingerError::NotABell {
            errno: e.raw_os_error(),
        })?;
        let reopen_failed = |errno: Errno| AdoptRingerError::Reopen {
            source: errno.into(),
        };
        let name =
            rustix::fs::readlink(proc_path(fd.as_fd()), Vec::new()).map_err(reopen_failed)?;
        if !name.as_bytes().starts_with(b"pipe:[") {
            return Err(AdoptRingerError::Named {
                name: name.to_string_lossy().into_owned(),
            });
        }
        let own = reopen(fd.as_fd()).map_err(reopen_failed)?;
        Ok(Ringer {
            fd: own,
            kind: Kind::Pipe,
        })
    }

    /// A number that tells one pipe from all others for as long as a ringer of it exists; `None` for what is no pipe.
    ///
    /// Source: fstat(2), `st_ino`. Pipes are numbered by the kernel, in a file system of their own.
    pub fn pipe_number(fd: BorrowedFd<'_>) -> Option<u64> {
        rustix::pipe::fcntl_getpipe_size(fd).ok()?;
        let name = rustix::fs::readlink(proc_path(fd), Vec::new()).ok()?;
        let number = name.as_bytes().strip_prefix(b"pipe:[")?;
        let number = std::str::from_utf8(number.strip_suffix(b"]")?).ok()?;
        number.parse().ok()
    }

    /// Rings. A pipe that is full is emptied in part, so that this ring is one more; a peer that is gone needs no waking
    /// (that it is gone shows elsewhere). Both are `Ok`.
    ///
    /// # Errors
    /// Anything else that write(2) or send(2) answers: the peer sent a descriptor that is no bell.
    pub fn ring(&self) -> io::Result<()> {
        loop {
            let rung = match self.kind {
                Kind::Pipe => rustix::io::write(&self.fd, &[1]),
                Kind::Socket => {
                    rustix::net::send(&self.fd, &[1], SendFlags::DONTWAIT | SendFlags::NOSIGNAL)
                }
            };
            return match rung {
                Err(Errno::AGAIN) if self.kind == Kind::Pipe => ring_full(self.fd.as_fd()),
                Ok(_) | Err(Errno::AGAIN | Errno::PIPE | Errno::CONNRESET) => Ok(()),
                Err(Errno::INTR) => continue,
                Err(errno) => Err(errno.into()),
            };
        }
    }
}

/// The descriptor that is written to; writable unless the bell is full of rings.
impl AsFd for Ringer {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
