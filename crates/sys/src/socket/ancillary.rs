//! What travels beside the bytes: descriptors, credentials, a pidfd.

use std::io;
use std::mem::size_of;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use rustix::process::PidfdFlags;

/// Linux 6.5; libc has no name for it yet.
pub(super) const SO_PASSPIDFD: libc::c_int = 76;
const SCM_PIDFD: libc::c_int = 4;

/// Descriptors that one message can carry. Source: unix(7), `SCM_MAX_FD`.
pub(super) const FDS_PER_MESSAGE: usize = 253;

/// What came with the bytes of one [`recv_exact`](super::Stream::recv_exact).
#[derive(Debug, Default)]
pub struct Ancillary {
    /// The descriptors, in the order in which they were sent, all close-on-exec.
    pub fds: Vec<OwnedFd>,
    /// Who sent the bytes, as the kernel vouches for it; the same for all of them.
    pub credentials: Option<Credentials>,
    /// The process that sent them: readable once it is dead, reaped or not. None where the kernel
    /// (before 5.3), a sandbox or another pid namespace refuses.
    pub pidfd: Option<OwnedFd>,
}

/// A process, as the kernel names it in this process's namespaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Credentials {
    /// Process id; 0 if the process is not visible from this pid namespace.
    pub pid: i32,
    /// Effective user id, when the process itself said nothing else.
    pub uid: u32,
    /// Effective group id, when the process itself said nothing else.
    pub gid: u32,
}

impl Credentials {
    /// Those of the calling process: its pid, effective uid and effective gid.
    #[must_use]
    pub fn own() -> Credentials {
        Credentials {
            pid: rustix::process::getpid().as_raw_nonzero().get(),
            uid: rustix::process::geteuid().as_raw(),
            gid: rustix::process::getegid().as_raw(),
        }
    }

    /// A pidfd by number. The process may have died, and its number be taken, since it wrote.
    pub(super) fn open_pidfd(self) -> Option<OwnedFd> {
        let pid = rustix::process::Pid::from_raw(self.pid)?;
        rustix::process::pidfd_open(pid, PidfdFlags::empty()).ok()
    }
}

/// What one recvmsg(2) brought.
#[derive(Debug, Default)]
pub(super) struct Received {
    pub(super) bytes: usize,
    pub(super) fds: Vec<OwnedFd>,
    pub(super) credentials: Option<Credentials>,
    pub(super) pidfd: Option<OwnedFd>,
    /// `MSG_CTRUNC`: something did not fit, or could not be installed.
    pub(super) lost: bool,
}

/// Bytes of a `cmsghdr`. Messages start at, and are padded to, multiples of a word. Source: cmsg(3).
const HEADER: usize = size_of::<libc::cmsghdr>();
const WORD: usize = size_of::<usize>();
const INT: usize = size_of::<libc::c_int>();
const UCRED: usize = size_of::<libc::ucred>();

const fn space(payload: usize) -> usize {
    HEADER + payload.next_multiple_of(WORD)
}

const ROOM: usize = space(FDS_PER_MESSAGE * INT) + space(UCRED) + space(INT);

/// Control messages, in words, because their headers must be aligned.
pub(super) struct Control {
    words: [u64; ROOM.div_ceil(8)],
    len: usize,
}

impl Control {
    fn empty() -> Control {
        Control {
            words: [0; ROOM.div_ceil(8)],
            len: 0,
        }
    }

    fn byte(&self, at: usize) -> u8 {
        self.words
            .get(at / 8)
            .map_or(0, |word| word.to_ne_bytes()[at % 8])
    }

    /// The `N` bytes at `at`; zeros beyond the end.
    fn bytes<const N: usize>(&self, at: usize) -> [u8; N] {
        std::array::from_fn(|i| self.byte(at + i))
    }

    fn int(&self, at: usize) -> i32 {
        i32::from_ne_bytes(self.bytes(at))
    }

    fn put(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            if let Some(word) = self.words.get_mut(self.len / 8) {
                let mut parts = word.to_ne_bytes();
                parts[self.len % 8] = byte;
                *word = u64::from_ne_bytes(parts);
            }
            self.len += 1;
        }
    }

    fn put_message(&mut self, kind: libc::c_int, ints: impl ExactSizeIterator<Item = i32>) {
        let start = self.len;
        let payload = ints.len() * INT;
        // The length is a size_t for the kernel, whatever libc calls it; level and kind follow.
        self.put(&(HEADER + payload).to_ne_bytes());
        self.put(&libc::SOL_SOCKET.to_ne_bytes());
        self.put(&kind.to_ne_bytes());
        for int in ints {
            self.put(&int.to_ne_bytes());
        }
        self.len = start + space(payload);
    }
}

/// The control messages of a frame: who we are, and the descriptors.
///
/// The kernel adds credentials by itself only if the receiver has asked for them *by the time of the
/// send*, which a peer that has just been accepted may not have; so they are given.
pub(super) fn encode(fds: &[BorrowedFd<'_>]) -> Control {
    let mut control = Control::empty();
    let own = Credentials::own();
    // ucred is three 32-bit words: pid, uid, gid.
    let words = [own.pid, own.uid.cast_signed(), own.gid.cast_signed()];
    control.put_message(libc::SCM_CREDENTIALS, words.into_iter());
    if !fds.is_empty() {
        control.put_message(libc::SCM_RIGHTS, fds.iter().map(AsRawFd::as_raw_fd));
    }
    control
}

/// One sendmsg(2) that neither sleeps nor raises SIGPIPE; how many bytes it took.
pub(super) fn sendmsg(fd: BorrowedFd<'_>, bytes: &[u8], control: &Control) -> io::Result<usize> {
    let mut piece = libc::iovec {
        iov_base: bytes.as_ptr().cast_mut().cast(),
        iov_len: bytes.len(),
    };
    let message = header(&mut piece, control.words.as_ptr().cast_mut(), control.len);
    // SAFETY: `message` describes `bytes` and `control`, both alive and only read by the call; the
    // control messages in it were built by `encode`.
    let sent = unsafe {
        libc::sendmsg(
            fd.as_raw_fd(),
            &message,
            libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL,
        )
    };
    usize::try_from(sent).map_err(|_| io::Error::last_os_error())
}

/// One recvmsg(2) that does not sleep, with room for `max_fds` descriptors.
pub(super) fn recvmsg(fd: BorrowedFd<'_>, into: &mut [u8], max_fds: usize) -> io::Result<Received> {
    let mut control = Control::empty();
    // No more room than needed: what the kernel has no room for, it does not install.
    let rights = if max_fds == 0 {
        0
    } else {
        space(max_fds.min(FDS_PER_MESSAGE) * INT)
    };
    let room = space(UCRED) + rights + space(INT);
    let mut piece = libc::iovec {
        iov_base: into.as_mut_ptr().cast(),
        iov_len: into.len(),
    };
    let mut message = header(&mut piece, control.words.as_mut_ptr(), room);
    // SAFETY: `message` describes `into` and the words of `control`, which this function borrows
    // mutably; `room` is at most ROOM, the size of those words.
    let got = unsafe {
        libc::recvmsg(
            fd.as_raw_fd(),
            &mut message,
            libc::MSG_DONTWAIT | libc::MSG_CMSG_CLOEXEC,
        )
    };
    let bytes = usize::try_from(got).map_err(|_| io::Error::last_os_error())?;
    #[allow(clippy::unnecessary_cast, reason = "32 bits in musl")]
    let filled = message.msg_controllen as usize;
    control.len = filled.min(room);
    let mut received = decode(&control);
    received.bytes = bytes;
    received.lost = message.msg_flags & libc::MSG_CTRUNC != 0;
    Ok(received)
}

/// A `msghdr` for one piece of bytes and one piece of control messages.
fn header(piece: &mut libc::iovec, control: *mut u64, len: usize) -> libc::msghdr {
    // SAFETY: all-zero bytes are a valid msghdr: null pointers and lengths of zero.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_iov = piece;
    message.msg_iovlen = 1;
    message.msg_control = control.cast();
    message.msg_controllen = len as _;
    message
}

/// Takes what the kernel wrote. Every descriptor in it gets its owner here, before anything is judged.
fn decode(control: &Control) -> Received {
    let mut received = Received::default();
    let mut at = 0;
    while at + HEADER <= control.len {
        let len = usize::from_ne_bytes(control.bytes(at));
        if len < HEADER || len > control.len - at {
            break;
        }
        let payload = at + HEADER;
        let ints = (len - HEADER) / INT;
        match (control.int(at + WORD), control.int(at + WORD + INT)) {
            (libc::SOL_SOCKET, libc::SCM_RIGHTS) => {
                received
                    .fds
                    .extend((0..ints).filter_map(|i| own(control.int(payload + i * INT))));
            }
            // Negative if the process has been reaped, or no descriptor was free.
            (libc::SOL_SOCKET, SCM_PIDFD) if ints == 1 => {
                received.pidfd = own(control.int(payload));
            }
            (libc::SOL_SOCKET, libc::SCM_CREDENTIALS) if ints >= 3 => {
                let [pid, uid, gid] = [0, 1, 2].map(|i| control.int(payload + i * INT));
                let (uid, gid) = (uid.cast_unsigned(), gid.cast_unsigned());
                received.credentials = Some(Credentials { pid, uid, gid });
            }
            _ => {}
        }
        at += len.next_multiple_of(WORD);
    }
    received
}

/// Owns a descriptor that the kernel has just installed.
fn own(raw: RawFd) -> Option<OwnedFd> {
    // SAFETY: the number comes from a control message that recvmsg filled in, once: the kernel
    // installed the descriptor for us, and no other code knows of it.
    (raw >= 0).then(|| unsafe { OwnedFd::from_raw_fd(raw) })
}
