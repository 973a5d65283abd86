//! A connected Unix socket: bytes, descriptors, and who is at the other end.

use std::io;
use std::mem::size_of;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::Instant;

use rustix::event::PollFlags;
use rustix::net::{AddressFamily, SocketFlags, SocketType};

use crate::deadline::sleep;

mod ancillary;
mod connecting;
mod peer;

pub use ancillary::{Ancillary, Credentials};
use ancillary::{FDS_PER_MESSAGE, Received, SO_PASSPIDFD};
pub use connecting::NotConnected;
pub use peer::peer_credentials;

/// A connected Unix stream socket (`SOCK_STREAM`), non-blocking, that asks for the credentials of the sending process,
/// and for its pidfd: from the beginning on, or, if it was made by [`try_connect`](Self::try_connect) or
/// [`try_accept`](crate::UnixListener::try_accept), when it is [told to](Self::ask_for_pidfd).
///
/// Frames are the caller's: what one [`send`](Self::send) took may be read by any number of
/// [`recv_exact`](Self::recv_exact), and the descriptors come with the first byte of their send.
///
/// Both calls sleep at most until their deadline, and take up again what a signal interrupts (half a
/// frame cannot be given back). Source: unix(7).
///
/// ```
/// use std::os::fd::AsFd;
/// use ringmq_sys::{Credentials, Doorbell, Stream};
///
/// let (ours, theirs) = Stream::pair()?;
/// let (_bell, sent) = Doorbell::new()?;
/// ours.send(b"bell", &[sent.as_fd()], None)?;
///
/// let mut frame = [0; 4];
/// let came = theirs.recv_exact(&mut frame, 1, None)?;
/// assert_eq!((&frame, came.fds.len()), (b"bell", 1));
/// assert_eq!(came.credentials, Some(Credentials::own()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Stream {
    fd: OwnedFd,
}

/// What one [`receive_now`](Stream::receive_now) brought.
#[derive(Debug)]
pub struct Came {
    /// Bytes.
    pub bytes: usize,
    /// Whether descriptors were lost on the way: there were too many, or this process has no free ones.
    pub lost: bool,
    /// What came beside them.
    pub ancillary: Ancillary,
}

/// Why a frame did not come whole. Descriptors that came with it are closed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecvError {
    /// The deadline passed first.
    #[error("timed out after {got} of {want} bytes")]
    TimedOut {
        /// Bytes that came.
        got: usize,
        /// Bytes of the frame.
        want: usize,
    },
    /// The peer closed its end, or died.
    #[error("the peer closed the socket after {got} of {want} bytes")]
    Closed {
        /// Bytes that came.
        got: usize,
        /// Bytes of the frame.
        want: usize,
    },
    /// More descriptors than the caller has use for.
    #[error("{got} descriptors came, {max} at most were expected")]
    TooManyDescriptors {
        /// Descriptors that came. (There may have been more.)
        got: usize,
        /// Descriptors that were allowed.
        max: usize,
    },
    /// Descriptors were lost on the way: more than there was room for, or this process has no free
    /// ones (`MSG_CTRUNC`).
    #[error("descriptors were lost on the way; {got} came, {max} at most were expected")]
    DescriptorsLost {
        /// Descriptors that came.
        got: usize,
        /// Descriptors that were allowed.
        max: usize,
    },
    /// Two processes wrote pieces of one frame.
    #[error("one frame came from two senders: {first:?} and {then:?}")]
    TwoSenders {
        /// Who sent its first byte.
        first: Option<Credentials>,
        /// Who sent a later one.
        then: Option<Credentials>,
    },
    /// The kernel refused.
    #[error(transparent)]
    Os(#[from] io::Error),
}

impl From<RecvError> for io::Error {
    fn from(error: RecvError) -> io::Error {
        let kind = match &error {
            RecvError::TimedOut { .. } => io::ErrorKind::TimedOut,
            RecvError::Closed { .. } => io::ErrorKind::UnexpectedEof,
            RecvError::Os(_) => io::ErrorKind::Other,
            _ => io::ErrorKind::InvalidData,
        };
        match error {
            RecvError::Os(source) => source,
            other => io::Error::new(kind, other),
        }
    }
}

impl Stream {
    /// Two ends of one connection.
    ///
    /// # Errors
    /// `EMFILE`, `ENFILE`, `ENOMEM`.
    pub fn pair() -> io::Result<(Stream, Stream)> {
        let (one, other) = rustix::net::socketpair(
            AddressFamily::UNIX,
            SocketType::STREAM,
            SocketFlags::CLOEXEC | SocketFlags::NONBLOCK,
            None,
        )?;
        Ok((Stream::configure(one)?, Stream::configure(other)?))
    }

    /// Asks for credentials and pidfds on a Unix socket.
    pub(crate) fn configure(fd: OwnedFd) -> io::Result<Stream> {
        ask_who_sends(fd.as_fd())?;
        let stream = Stream { fd };
        stream.ask_for_pidfd();
        Ok(stream)
    }

    /// One that tells credentials; for pidfds it has [yet to be asked](Stream::ask_for_pidfd).
    pub(crate) fn of_known(fd: OwnedFd) -> io::Result<Stream> {
        ask_who_sends(fd.as_fd())?;
        Ok(Stream { fd })
    }

    /// One that was accepted by a listener that tells credentials, and hands that on.
    pub(crate) fn inherited(fd: OwnedFd) -> Stream {
        Stream { fd }
    }

    /// Makes each later receive return the pidfd of the sending process as well, also for bytes that were sent before:
    /// the kernel keeps the process with the bytes, and makes a descriptor with each call that receives some.
    ///
    /// Kernels before 6.5 know nothing of it; there, descriptors come with a pidfd by number.
    pub fn ask_for_pidfd(&self) {
        self.set_pidfd(true);
    }

    /// Ends that: what is received from now on comes without a pidfd.
    pub fn forgo_pidfd(&self) {
        self.set_pidfd(false);
    }

    fn set_pidfd(&self, on: bool) {
        let on = libc::c_int::from(on);
        // SAFETY: the descriptor is open, and the option's value is an int that outlives the call.
        let _older_kernels_refuse = unsafe {
            libc::setsockopt(
                self.fd.as_raw_fd(),
                libc::SOL_SOCKET,
                SO_PASSPIDFD,
                (&raw const on).cast(),
                size_of::<libc::c_int>() as libc::socklen_t,
            )
        };
    }

    /// Sends all of `bytes`, and copies of `fds` with the first of them.
    ///
    /// # Errors
    /// `TimedOut`, `BrokenPipe` or `ConnectionReset` (the peer is gone), `InvalidInput` (more than 253
    /// descriptors, or descriptors without a byte to carry them), `ETOOMANYREFS` (too many
    /// descriptors under way), and whatever sendmsg(2) answers. After an error the peer may have got
    /// a part: this stream can carry no further frames.
    pub fn send(
        &self,
        bytes: &[u8],
        fds: &[BorrowedFd<'_>],
        deadline: Option<Instant>,
    ) -> io::Result<()> {
        if fds.len() > FDS_PER_MESSAGE || (bytes.is_empty() && !fds.is_empty()) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let mut control = ancillary::encode(fds);
        let mut rest = bytes;
        while !rest.is_empty() {
            match ancillary::sendmsg(self.fd.as_fd(), rest, &control) {
                Ok(sent) => {
                    rest = rest.get(sent..).unwrap_or_default();
                    if !fds.is_empty() {
                        control = ancillary::encode(&[]);
                    }
                }
                Err(error) => self.after(error, PollFlags::OUT, deadline)?,
            }
        }
        Ok(())
    }

    /// Sends as much of `bytes` as goes at once, and copies of `fds` with the first of them: if any byte was sent, all
    /// descriptors were.
    ///
    /// # Errors
    /// As [`send`](Self::send), and `WouldBlock`. Nothing was sent then.
    pub fn send_now(&self, bytes: &[u8], fds: &[BorrowedFd<'_>]) -> io::Result<usize> {
        if fds.len() > FDS_PER_MESSAGE || (bytes.is_empty() && !fds.is_empty()) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        ancillary::sendmsg(self.fd.as_fd(), bytes, &ancillary::encode(fds))
    }

    /// Receives what has come, 0 bytes at the end of the stream, and up to `max_fds` descriptors with it. Those that
    /// come with a byte come with all that was sent with it: their send ends what one call receives.
    ///
    /// # Errors
    /// `WouldBlock` when nothing has come; `ConnectionReset`; what recvmsg(2) answers otherwise.
    pub fn receive_now(&self, into: &mut [u8], max_fds: usize) -> io::Result<Came> {
        let received = ancillary::recvmsg(self.fd.as_fd(), into, max_fds)?;
        let lost = received.lost || received.fds.len() > max_fds;
        let pidfd = match received.pidfd {
            None if !received.fds.is_empty() => {
                received.credentials.and_then(Credentials::open_pidfd)
            }
            pidfd => pidfd,
        };
        Ok(Came {
            bytes: received.bytes,
            lost,
            ancillary: Ancillary {
                fds: received.fds,
                credentials: received.credentials,
                pidfd,
            },
        })
    }

    /// Receives exactly `into.len()` bytes, and the descriptors that come with them.
    ///
    /// It never reads beyond them, so descriptors that belong to a later frame stay where they are. A
    /// length of zero answers at once.
    ///
    /// # Errors
    /// [`RecvError`]; every descriptor that came is closed, and this stream can carry no further
    /// frames (unless nothing at all came before `TimedOut`).
    pub fn recv_exact(
        &self,
        into: &mut [u8],
        max_fds: usize,
        deadline: Option<Instant>,
    ) -> Result<Ancillary, RecvError> {
        let want = into.len();
        let mut got = 0;
        let mut first: Option<Received> = None;
        let mut fds = Vec::new();
        while let Some(rest) = into.get_mut(got..)
            && !rest.is_empty()
        {
            match ancillary::recvmsg(self.fd.as_fd(), rest, max_fds.saturating_sub(fds.len())) {
                Ok(mut piece) => {
                    fds.append(&mut piece.fds);
                    if piece.lost {
                        return Err(RecvError::DescriptorsLost {
                            got: fds.len(),
                            max: max_fds,
                        });
                    }
                    if fds.len() > max_fds {
                        return Err(RecvError::TooManyDescriptors {
                            got: fds.len(),
                            max: max_fds,
                        });
                    }
                    if piece.bytes == 0 {
                        return Err(RecvError::Closed { got, want });
                    }
                    got += piece.bytes;
                    match &first {
                        None => first = Some(piece),
                        Some(first) if first.credentials == piece.credentials => {}
                        Some(first) => {
                            let (first, then) = (first.credentials, piece.credentials);
                            return Err(RecvError::TwoSenders { first, then });
                        }
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {
                    return Err(RecvError::Closed { got, want });
                }
                Err(error) => match self.after(error, PollFlags::IN, deadline) {
                    Err(e) if e.kind() == io::ErrorKind::TimedOut => {
                        return Err(RecvError::TimedOut { got, want });
                    }
                    other => other?,
                },
            }
        }
        let (credentials, pidfd) =
            first.map_or((None, None), |first| (first.credentials, first.pidfd));
        let pidfd = pidfd.or_else(|| credentials.and_then(Credentials::open_pidfd));
        Ok(Ancillary {
            fds,
            credentials,
            pidfd,
        })
    }

    /// What to do after a refused call: sleep, or just go on, or give up.
    fn after(
        &self,
        error: io::Error,
        events: PollFlags,
        deadline: Option<Instant>,
    ) -> io::Result<()> {
        match error.kind() {
            io::ErrorKind::Interrupted => Ok(()),
            io::ErrorKind::WouldBlock => match sleep(self.fd.as_fd(), events, deadline) {
                Ok(true) => Ok(()),
                Ok(false) => Err(io::ErrorKind::TimedOut.into()),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => Ok(()),
                Err(e) => Err(e),
            },
            _ => Err(error),
        }
    }
}

/// Makes what is received, and what is sent from now on, come with the credentials of the sending process.
pub(crate) fn ask_who_sends(fd: BorrowedFd<'_>) -> io::Result<()> {
    Ok(rustix::net::sockopt::set_socket_passcred(fd, true)?)
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl From<Stream> for OwnedFd {
    fn from(stream: Stream) -> OwnedFd {
        stream.fd
    }
}
