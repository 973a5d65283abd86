//! What wakes a sleeper: the end that is slept on.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType};
use rustix::pipe::PipeFlags;

/// Bytes taken from the bell in one system call.
const GULP: usize = 4096;

/// System calls of one [`Doorbell::drain`], at most: 64 KiB, which is a whole pipe.
const GULPS: usize = 16;

/// The sleeper's end of a bell: readable once a ringer rang.
///
/// It is an OS pipe. Where `/proc/self/fd` is not mounted it is a pair of sockets, because a pipe's
/// ringers open their end anew through that directory (see [`Ringer::adopt`](crate::Ringer::adopt)).
/// The reading end is ours alone: no peer can clear its `O_NONBLOCK`.
///
/// Everybody with the same uid who holds the other end can also take bytes out of it. A lost ring is
/// a late wake-up, never damage (SECURITY.md).
///
/// ```
/// use ringmq_sys::{Doorbell, Ringer};
///
/// let (bell, sent) = Doorbell::new()?; // `sent` travels to the peer
/// let ringer = Ringer::adopt(sent)?;
/// ringer.ring()?;
/// ringer.ring()?;
/// assert!(bell.drain()?);
/// assert!(!bell.drain()?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Doorbell {
    fd: OwnedFd,
}

impl Doorbell {
    /// Makes a bell: the end to sleep on, and the descriptor to send to each peer that may ring it.
    ///
    /// Keep the descriptor for as long as new peers may come. Once it is closed, the bell hangs up
    /// when the last ringer goes.
    ///
    /// # Errors
    /// `EMFILE`, `ENFILE`, `ENOMEM`.
    pub fn new() -> io::Result<(Doorbell, OwnedFd)> {
        let (reader, writer) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
        match reopen(writer.as_fd()) {
            Ok(_closed_at_once) => Ok((Doorbell { fd: reader }, writer)),
            // The shortage of descriptors would meet the pair of sockets, too; let it be seen.
            Err(errno @ (Errno::MFILE | Errno::NFILE | Errno::NOMEM)) => Err(errno.into()),
            Err(_no_proc) => Doorbell::of_sockets(),
        }
    }

    /// The bell for a system without `/proc/self/fd`. Ringers share one socket, but say with every
    /// byte that they do not want to wait.
    fn of_sockets() -> io::Result<(Doorbell, OwnedFd)> {
        let (reader, writer) = rustix::net::socketpair(
            AddressFamily::UNIX,
            SocketType::STREAM,
            SocketFlags::CLOEXEC | SocketFlags::NONBLOCK,
            None,
        )?;
        Ok((Doorbell { fd: reader }, writer))
    }

    /// Takes the rings that are there; true if there were any.
    ///
    /// It takes 64 KiB at most, so that a peer that rings without end cannot hold the caller. What
    /// remains (or arrives meanwhile) leaves the bell readable: an early wake-up, never a lost one.
    ///
    /// # Errors
    /// What read(2) answers; nothing is expected.
    pub fn drain(&self) -> io::Result<bool> {
        let mut any = false;
        let mut bytes = [MaybeUninit::<u8>::uninit(); GULP];
        for _ in 0..GULPS {
            match rustix::io::read(&self.fd, &mut bytes) {
                Ok(([], _)) => break,
                Ok((taken, _)) => {
                    any = true;
                    // Less than was asked for: it was empty, and the second call is saved.
                    if taken.len() < GULP {
                        break;
                    }
                }
                Err(Errno::AGAIN) => break,
                Err(Errno::INTR) => {}
                // A socket whose other end was closed with something unread.
                Err(Errno::CONNRESET) => break,
                Err(errno) => return Err(errno.into()),
            }
        }
        Ok(any)
    }
}

impl AsFd for Doorbell {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// Opens the pipe behind `fd` once more, with an open file description of our own: non-blocking
/// whatever others do to theirs, and with a reader in it (ourselves), so that a write can never
/// raise SIGPIPE. Source: pipe(7), proc_pid_fd(5).
pub(crate) fn reopen(fd: BorrowedFd<'_>) -> Result<OwnedFd, Errno> {
    rustix::fs::open(
        proc_path(fd),
        OFlags::RDWR | OFlags::NONBLOCK | OFlags::CLOEXEC,
        Mode::empty(),
    )
}

/// The name under which the kernel shows `fd` to this process.
pub(crate) fn proc_path(fd: BorrowedFd<'_>) -> String {
    use std::os::fd::AsRawFd;
    format!("/proc/self/fd/{}", fd.as_raw_fd())
}

/// Lets processes of other uids open the bell whose descriptor they get.
///
/// A pipe belongs to the user that made it, with mode 0600, and opening it anew asks for both permissions. So a
/// listener that admits other uids calls this on the descriptor before it sends it; a bell without it answers them
/// `EACCES`. The pipe has no name, so only a process that was sent it can reach it (or one that may look into our
/// `/proc/PID/fd`, which is one that may trace us).
///
/// # Errors
/// What fchmod(2) answers.
pub fn allow_other_uid(fd: BorrowedFd<'_>) -> io::Result<()> {
    Ok(rustix::fs::fchmod(fd, Mode::from_raw_mode(0o666))?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Ringer;

    #[test]
    fn a_pair_of_sockets_serves_where_proc_is_missing() {
        let (bell, sent) = Doorbell::of_sockets().unwrap();
        let ringer = Ringer::adopt(sent).unwrap();
        assert!(!bell.drain().unwrap());
        for _ in 0..100_000 {
            ringer.ring().unwrap();
        }
        assert!(bell.drain().unwrap());
        drop(bell);
        ringer.ring().unwrap();
    }
}
