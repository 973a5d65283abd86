//! A peer made by hand: frames byte by byte as docs/handoff.md has them, and descriptors of any kind.

use std::fs::File;
use std::io::Write;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::time::{Duration, Instant};

use ringmq_sys::Stream;

pub(crate) const OFFER: u16 = 1;
pub(crate) const ACCEPT: u16 = 2;
pub(crate) const REFUSE: u16 = 3;

/// Reasons of a refusal.
pub(crate) const VERSION: u32 = 1;
pub(crate) const NUMBERS: u32 = 3;
pub(crate) const DESCRIPTOR: u32 = 4;

/// All that memory has to be sealed with: SEAL, SHRINK, GROW, FUTURE_WRITE.
pub(crate) const SEALS: i32 = 0x1 | 0x2 | 0x4 | 0x10;

/// Bytes of the rings that are offered here.
pub(crate) const RING: u64 = 65536;

/// A frame, field by field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Raw {
    pub(crate) magic: [u8; 8],
    pub(crate) version: u16,
    pub(crate) kind: u16,
    pub(crate) reason: u32,
    pub(crate) features: u64,
    pub(crate) control: u64,
    pub(crate) ring: u64,
    pub(crate) greatest: u64,
    pub(crate) start: u64,
    pub(crate) zero: u64,
}

impl Raw {
    fn empty(kind: u16) -> Raw {
        Raw {
            magic: *b"ringmqP\0",
            version: 1,
            kind,
            reason: 0,
            features: 0,
            control: 0,
            ring: 0,
            greatest: 0,
            start: 0,
            zero: 0,
        }
    }

    /// An offer with which nothing is wrong.
    pub(crate) fn offer() -> Raw {
        Raw {
            features: 1,
            control: 4096,
            ring: RING,
            greatest: 1 << 20,
            ..Raw::empty(OFFER)
        }
    }

    pub(crate) fn accept() -> Raw {
        Raw::empty(ACCEPT)
    }

    pub(crate) fn refuse(reason: u32) -> Raw {
        Raw {
            reason,
            ..Raw::empty(REFUSE)
        }
    }

    pub(crate) fn bytes(&self) -> [u8; 64] {
        let mut bytes = [0; 64];
        bytes[..8].copy_from_slice(&self.magic);
        bytes[8..10].copy_from_slice(&self.version.to_le_bytes());
        bytes[10..12].copy_from_slice(&self.kind.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.reason.to_le_bytes());
        let words = [
            self.features,
            self.control,
            self.ring,
            self.greatest,
            self.start,
            self.zero,
        ];
        for (index, word) in words.into_iter().enumerate() {
            bytes[16 + 8 * index..24 + 8 * index].copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }

    pub(crate) fn parse(bytes: &[u8; 64]) -> Raw {
        let word = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
        Raw {
            magic: bytes[..8].try_into().unwrap(),
            version: word(8) as u16,
            kind: (word(8) >> 16) as u16,
            reason: (word(8) >> 32) as u32,
            features: word(16),
            control: word(24),
            ring: word(32),
            greatest: word(40),
            start: word(48),
            zero: word(56),
        }
    }
}

/// Far enough in the future that only a hang meets it; the watchdog ends the test first.
pub(crate) fn later() -> Option<Instant> {
    Some(Instant::now() + Duration::from_secs(1000))
}

/// One frame, or any bytes, with descriptors.
#[derive(Debug)]
pub(crate) struct Sent {
    pub(crate) bytes: Vec<u8>,
    pub(crate) fds: Vec<OwnedFd>,
}

impl Sent {
    pub(crate) fn new(frame: Raw, fds: Vec<OwnedFd>) -> Sent {
        Sent {
            bytes: frame.bytes().to_vec(),
            fds,
        }
    }

    pub(crate) fn bare(frame: Raw) -> Sent {
        Sent::new(frame, Vec::new())
    }

    pub(crate) fn over(&self, stream: &Stream) -> std::io::Result<()> {
        let fds: Vec<_> = self.fds.iter().map(AsFd::as_fd).collect();
        stream.send(&self.bytes, &fds, later())
    }
}

/// A memfd of `len` bytes, not allocated yet; `flags` as memfd_create(2) has them.
pub(crate) fn memfd(len: u64, flags: u32) -> std::io::Result<File> {
    // SAFETY: the name is a C string.
    let fd = unsafe { libc::memfd_create(c"by-hand".as_ptr(), flags | libc::MFD_CLOEXEC) };
    let file = File::from(own(fd)?);
    file.set_len(len)?;
    Ok(file)
}

/// Allocates the first `len` bytes of a file.
pub(crate) fn allocate(file: &File, len: u64) {
    // SAFETY: numbers only.
    let answer = unsafe { libc::fallocate(file.as_raw_fd(), 0, 0, len.cast_signed()) };
    assert_eq!(answer, 0, "{}", std::io::Error::last_os_error());
}

pub(crate) fn seal(file: &File, seals: i32) {
    // SAFETY: numbers only.
    let answer = unsafe { libc::fcntl(file.as_raw_fd(), libc::F_ADD_SEALS, seals) };
    assert_eq!(answer, 0, "{}", std::io::Error::last_os_error());
}

/// Takes what a system call answered as a descriptor.
pub(crate) fn own(fd: i32) -> std::io::Result<OwnedFd> {
    if fd < 0 {
        return Err(std::io::Error::last_os_error());
    }
    // SAFETY: a system call has just made it; it has no other owner.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Memory with `seals` that begins with `content`, made and allocated as it has to be.
pub(crate) fn memory(content: &[u8], len: u64, seals: i32) -> OwnedFd {
    let mut file = memfd(len, libc::MFD_ALLOW_SEALING).unwrap();
    allocate(&file, len);
    file.write_all(content).unwrap();
    seal(&file, seals);
    file.into()
}

/// What a control page begins with.
pub(crate) const LAYOUT: &[u8; 8] = b"ringmq\0\x01";

pub(crate) fn control() -> OwnedFd {
    memory(LAYOUT, 4096, SEALS)
}

pub(crate) fn bell() -> OwnedFd {
    // The reading end is closed: a process that opens it anew reads it.
    std::io::pipe().unwrap().1.into()
}

/// The four descriptors of [`Raw::offer`].
pub(crate) fn descriptors() -> Vec<OwnedFd> {
    vec![control(), memory(&[], RING, SEALS), bell(), bell()]
}
