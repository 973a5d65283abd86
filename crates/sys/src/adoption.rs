//! A peer's memory: judged before the first touch.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::FileType;
use rustix::io::Errno;

use crate::fork::ForkMark;
use crate::mapping::{Mapping, fits};
use crate::memory::SEALS;
use crate::page::page_size;

/// `f_type` of the file system that memfds live in. Source: statfs(2).
const TMPFS_MAGIC: u64 = 0x0102_1994;

/// Why a descriptor that a peer sent is not taken as memory.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AdoptMemoryError {
    /// The length that was agreed upon is zero, no multiple of the page size, or beyond `isize`.
    #[error("{len} bytes is not a positive multiple of the page size, {page}")]
    Length {
        /// The length in question, in bytes.
        len: usize,
        /// The page size, in bytes.
        page: usize,
    },
    /// The descriptor is of a kind that has no seals at all: pipe, socket, disk file, `O_PATH`, ...
    #[error("not a file that can be sealed (F_GET_SEALS: errno {errno})")]
    NotSealable {
        /// `EINVAL` or `EBADF`.
        errno: i32,
    },
    /// Not a regular file.
    #[error("not a regular file (st_mode {mode:#o})")]
    NotRegular {
        /// `st_mode` of the file.
        mode: u32,
    },
    /// Not memory of the ordinary kind; hugetlb pages, for one, can fault for want of memory.
    #[error("file system {magic:#x} is not tmpfs, {TMPFS_MAGIC:#x}")]
    FileSystem {
        /// `f_type` of the file system.
        magic: u64,
    },
    /// A seal is missing.
    #[error("seals {have:#x} lack some of {want:#x}")]
    Seals {
        /// The seals that are set.
        have: u32,
        /// The seals that must be set; more are welcome.
        want: u32,
    },
    /// The file's size is not the one agreed upon.
    #[error("{size} bytes, where {len} were agreed upon")]
    Size {
        /// `st_size`, in bytes.
        size: u64,
        /// What was agreed upon, in bytes.
        len: usize,
    },
    /// The file has holes: reading would allocate them on our account.
    #[error("{allocated} bytes are allocated of {len}")]
    Holes {
        /// `st_blocks` in bytes.
        allocated: u64,
        /// What was agreed upon, in bytes.
        len: usize,
    },
    /// The kernel refused a step.
    #[error("{step}: {source}")]
    Os {
        /// The system call.
        step: &'static str,
        /// The kernel's answer.
        source: io::Error,
    },
}

/// Takes a descriptor that a peer sent as `len` bytes of memory that we may read, and closes it.
///
/// After this returns `Ok`, reading the mapping can neither fault nor allocate, whatever the peer
/// does. Its contents may change at any moment and mean anything.
///
/// The seals are asked for first, because that question is answered by the kernel alone: a peer
/// whose descriptor lives in a file system that the peer itself serves (FUSE) could keep fstat(2)
/// waiting for ever. They are judged third, after kind and file system, so that the answer is the one
/// that says most; size and allocation come after the seals, which make them final.
///
/// # Errors
/// [`AdoptMemoryError`]; the descriptor is closed in any case.
pub fn adopt(fd: OwnedFd, len: usize, mark: &ForkMark) -> Result<Mapping, AdoptMemoryError> {
    adopt_file(fd, len, mark).map(|(mapping, _)| mapping)
}

/// As [`adopt`], and gives the number of the file, which is the same in every process ([`file_number`](crate::file_number)).
///
/// # Errors
/// As [`adopt`].
pub fn adopt_file(
    fd: OwnedFd,
    len: usize,
    mark: &ForkMark,
) -> Result<(Mapping, u64), AdoptMemoryError> {
    let failed = |step: &'static str| {
        move |errno: Errno| AdoptMemoryError::Os {
            step,
            source: errno.into(),
        }
    };
    if !fits(len) {
        return Err(AdoptMemoryError::Length {
            len,
            page: page_size(),
        });
    }
    let seals = rustix::fs::fcntl_get_seals(&fd).map_err(|e| AdoptMemoryError::NotSealable {
        errno: e.raw_os_error(),
    })?;
    let stat = rustix::fs::fstat(&fd).map_err(failed("fstat"))?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(AdoptMemoryError::NotRegular { mode: stat.st_mode });
    }
    let system = rustix::fs::fstatfs(&fd).map_err(failed("fstatfs"))?;
    if system.f_type as u64 != TMPFS_MAGIC {
        return Err(AdoptMemoryError::FileSystem {
            magic: system.f_type as u64,
        });
    }
    if !seals.contains(SEALS) {
        return Err(AdoptMemoryError::Seals {
            have: seals.bits(),
            want: SEALS.bits(),
        });
    }
    // The seals held when this stat was taken (they cannot be removed), so it is final.
    let size = u64::try_from(stat.st_size).unwrap_or(0);
    if size != len as u64 {
        return Err(AdoptMemoryError::Size { size, len });
    }
    let allocated = u64::try_from(stat.st_blocks)
        .unwrap_or(0)
        .saturating_mul(512);
    if allocated < len as u64 {
        return Err(AdoptMemoryError::Holes { allocated, len });
    }
    let mapped = Mapping::new(fd.as_fd(), len, false, mark);
    let mapping = mapped.map_err(|source| AdoptMemoryError::Os {
        step: "mmap",
        source,
    })?;
    Ok((mapping, stat.st_ino))
}
