//! Memory of our own: made, allocated, sealed.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{FallocateFlags, MemfdFlags, SealFlags};
use rustix::io::Errno;
use rustix::process::Resource;

use crate::cgroup::memory_left;
use crate::fork::ForkMark;
use crate::huge::{HugePagesError, make_huge};
use crate::mapping::{Mapping, fits};
use crate::page::page_size;

/// The seals that make memory safe to read while its owner may be hostile: SHRINK (no SIGBUS), GROW,
/// FUTURE_WRITE (only the first mapping writes, no process punches holes), SEAL (it stays so).
pub(crate) const SEALS: SealFlags = SealFlags::SHRINK
    .union(SealFlags::GROW)
    .union(SealFlags::FUTURE_WRITE)
    .union(SealFlags::SEAL);

/// For more bytes the limits of cgroups are looked at, which costs less than the allocation.
const MUCH: u64 = 1 << 20;

/// Why memory of our own could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CreateError {
    /// The length is zero, no multiple of the page size, or does not fit in `isize`.
    #[error("{len} bytes is not a positive multiple of the page size, {page}")]
    Length {
        /// What was asked for, in bytes.
        len: usize,
        /// The page size, in bytes.
        page: usize,
    },
    /// `RLIMIT_FSIZE` is lower than the length. (Going on would raise SIGXFSZ, which kills.)
    #[error("{len} bytes is more than RLIMIT_FSIZE allows, {limit}")]
    FileSizeLimit {
        /// What was asked for, in bytes.
        len: usize,
        /// The soft limit, in bytes.
        limit: u64,
    },
    /// The machine has less memory than that, or a cgroup leaves less than twice as much. (Going on would wake the OOM
    /// killer: the allocation of a memfd goes on for as long as there is a page to take from any process.)
    #[error("{len} bytes is more than the machine or its cgroups have, {memory}")]
    Memory {
        /// What was asked for, in bytes.
        len: usize,
        /// All of the machine's memory, or half of what the cgroups leave, in bytes.
        memory: u64,
    },
    /// The kernel refused a step.
    #[error("{step} of {len} bytes: {source}")]
    Os {
        /// The system call.
        step: &'static str,
        /// What was asked for, in bytes.
        len: usize,
        /// The kernel's answer.
        source: io::Error,
    },
}

/// Shared memory that this process created and alone may write, with the descriptor to send.
///
/// It is a memfd: allocated whole (so that a touch never fails), mapped, and then sealed against
/// shrinking, growing, further writable mappings and further seals. Its bytes are zero at first. There
/// is no name in any file system; the memory is gone when the last mapping and descriptor are.
///
/// Source: memfd_create(2), fcntl(2) "File Sealing".
///
/// ```
/// use ringmq_sys::{ForkMark, OwnMemory, adopt, page_size};
///
/// let mark = ForkMark::current()?;
/// let ours = OwnMemory::create("example", page_size(), &mark)?;
/// let sent = ours.fd().try_clone_to_owned()?; // travels by SCM_RIGHTS
/// let theirs = adopt(sent, page_size(), &mark)?;
/// assert!(ours.mapping().is_writable() && !theirs.is_writable());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct OwnMemory {
    mapping: Mapping,
    fd: OwnedFd,
    huge: Option<Result<(), HugePagesError>>,
}

impl OwnMemory {
    /// Creates `len` bytes. `name` is shown in `/proc/PID/maps` as `/memfd:name`, and is at most 249
    /// bytes.
    ///
    /// # Errors
    /// [`CreateError`]: a length that is no multiple of the page size, one above `RLIMIT_FSIZE`, one
    /// above the machine's memory, or the kernel's refusal (`ENOSPC` or `ENOMEM` when memory runs short, `EMFILE`, `ENFILE`).
    pub fn create(name: &str, len: usize, mark: &ForkMark) -> Result<OwnMemory, CreateError> {
        OwnMemory::create_with(name, len, false, mark)
    }

    /// As [`create`](OwnMemory::create), with [huge pages](OwnMemory::huge_pages) if `huge` is set and the kernel gives them.
    ///
    /// # Errors
    /// As [`create`](OwnMemory::create). That there are no huge pages is no error: the pages are ordinary ones then.
    pub fn create_with(
        name: &str,
        len: usize,
        huge: bool,
        mark: &ForkMark,
    ) -> Result<OwnMemory, CreateError> {
        if !fits(len) {
            return Err(CreateError::Length {
                len,
                page: page_size(),
            });
        }
        let bytes = len as u64;
        check_file_size(len)?;
        let memory = physical_memory();
        if bytes > memory {
            return Err(CreateError::Memory { len, memory });
        }
        if bytes > MUCH
            && let Some(left) = memory_left(bytes.saturating_mul(2))
            && bytes > left / 2
        {
            let memory = left / 2;
            return Err(CreateError::Memory { len, memory });
        }
        let failed =
            |step: &'static str| move |source: io::Error| CreateError::Os { step, len, source };
        let fd = create_memfd(name).map_err(|e| failed("memfd_create")(e.into()))?;
        rustix::fs::ftruncate(&fd, bytes).map_err(|e| failed("ftruncate")(e.into()))?;
        let mapping = Mapping::new(fd.as_fd(), len, true, mark).map_err(failed("mmap"))?;
        let huge = huge.then(|| make_huge(fd.as_fd(), &mapping));
        // ftruncate promises nothing; only allocated memory cannot fault for want of memory.
        retry_on_signal(|| rustix::fs::fallocate(&fd, FallocateFlags::empty(), 0, bytes))
            .map_err(|e| failed("fallocate")(e.into()))?;
        rustix::fs::fcntl_add_seals(&fd, SEALS).map_err(|e| failed("F_ADD_SEALS")(e.into()))?;
        Ok(OwnMemory { mapping, fd, huge })
    }

    /// Whether all whole huge pages of the memory are huge ones, or why not. `None` if none were asked for.
    #[must_use]
    pub fn huge_pages(&self) -> Option<Result<(), HugePagesError>> {
        self.huge
    }

    /// The descriptor to send to the peer.
    #[must_use]
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    /// The memory.
    #[must_use]
    pub fn mapping(&self) -> &Mapping {
        &self.mapping
    }

    /// The memory, and the descriptor to send.
    #[must_use]
    pub fn into_parts(self) -> (Mapping, OwnedFd) {
        (self.mapping, self.fd)
    }

    /// Closes the descriptor and keeps the memory.
    #[must_use]
    pub fn into_mapping(self) -> Mapping {
        self.mapping
    }
}

/// The machine's memory, in bytes. Source: sysinfo(2).
fn physical_memory() -> u64 {
    let info = rustix::system::sysinfo();
    #[allow(clippy::useless_conversion, reason = "narrower on some architectures")]
    u64::from(info.totalram).saturating_mul(u64::from(info.mem_unit))
}

/// Fails for what `RLIMIT_FSIZE` does not allow.
pub(crate) fn check_file_size(len: usize) -> Result<(), CreateError> {
    match rustix::process::getrlimit(Resource::Fsize).current {
        Some(limit) if len as u64 > limit => Err(CreateError::FileSizeLimit { len, limit }),
        _ => Ok(()),
    }
}

/// Makes the memfd; kernels before 6.3 do not know `MFD_NOEXEC_SEAL` and say `EINVAL`.
pub(crate) fn create_memfd(name: &str) -> Result<OwnedFd, Errno> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    match rustix::fs::memfd_create(name, flags | MemfdFlags::NOEXEC_SEAL) {
        Err(Errno::INVAL) => rustix::fs::memfd_create(name, flags),
        other => other,
    }
}

/// Repeats a call for as long as a signal interrupts it. A storm of signals could starve one long
/// fallocate, which keeps no progress; after many tries the error stands.
pub(crate) fn retry_on_signal<T>(mut call: impl FnMut() -> Result<T, Errno>) -> Result<T, Errno> {
    for _ in 0..100 {
        match call() {
            Err(Errno::INTR) => {}
            other => return other,
        }
    }
    call()
}
