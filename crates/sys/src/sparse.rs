//! Memory of our own that grows within a fixed size, for other processes to read.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::FallocateFlags;

use crate::fork::ForkMark;
use crate::mapping::{Mapping, fits};
use crate::memory::{CreateError, SEALS, check_file_size, create_memfd, retry_on_signal};
use crate::page::page_size;

/// A memfd of a fixed length, of which only the front is allocated. All of it is mapped, and it is sealed as
/// [`OwnMemory`](crate::OwnMemory) is, so that no process but this one writes it and none makes it shorter.
///
/// Only the allocated front may be touched: a touch behind it may fault when memory runs short.
#[derive(Debug)]
pub struct SparseMemory {
    mapping: Mapping,
    /// `None` once it is closed.
    fd: Option<OwnedFd>,
    allocated: usize,
}

impl SparseMemory {
    /// Makes memory of `len` bytes without an allocated front. `name` is shown in `/proc/PID/fd` as `/memfd:name`.
    ///
    /// # Errors
    /// [`CreateError`], as [`OwnMemory::create`](crate::OwnMemory::create).
    pub fn create(name: &str, len: usize, mark: &ForkMark) -> Result<SparseMemory, CreateError> {
        if !fits(len) {
            let page = page_size();
            return Err(CreateError::Length { len, page });
        }
        check_file_size(len)?;
        let failed =
            |step: &'static str| move |source: io::Error| CreateError::Os { step, len, source };
        let fd = create_memfd(name).map_err(|e| failed("memfd_create")(e.into()))?;
        rustix::fs::ftruncate(&fd, len as u64).map_err(|e| failed("ftruncate")(e.into()))?;
        let mapping = Mapping::anywhere(fd.as_fd(), len, true, mark).map_err(failed("mmap"))?;
        rustix::fs::fcntl_add_seals(&fd, SEALS).map_err(|e| failed("F_ADD_SEALS")(e.into()))?;
        Ok(SparseMemory {
            mapping,
            fd: Some(fd),
            allocated: 0,
        })
    }

    /// Allocates the front up to `end` bytes, rounded up to whole pages. Returns false if there is no memory for it, the
    /// descriptor is closed, or `end` is behind the end.
    pub fn allocate(&mut self, end: usize) -> bool {
        if end <= self.allocated {
            return true;
        }
        let end = end.next_multiple_of(page_size());
        let Some(fd) = self.fd.as_ref().filter(|_| end <= self.mapping.len()) else {
            return false;
        };
        let (from, bytes) = (self.allocated as u64, (end - self.allocated) as u64);
        let allocated =
            retry_on_signal(|| rustix::fs::fallocate(fd, FallocateFlags::empty(), from, bytes));
        if allocated.is_ok() {
            self.allocated = end;
        }
        allocated.is_ok()
    }

    /// The memory. Only its allocated front may be touched.
    #[must_use]
    pub fn mapping(&self) -> &Mapping {
        &self.mapping
    }

    /// Closes the descriptor: no other process finds the memory any more, and the front does not grow.
    pub fn close(&mut self) {
        self.fd = None;
    }
}

/// The number of the file behind a descriptor, which is the same in every process that has the file open; 0 if the kernel
/// does not say. Source: fstat(2), `st_ino`.
#[must_use]
pub fn file_number(fd: impl AsFd) -> u64 {
    rustix::fs::fstat(fd).map_or(0, |stat| stat.st_ino)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_front_is_allocated_and_it_grows_although_it_is_sealed() {
        let mark = ForkMark::current().unwrap();
        let mut memory = SparseMemory::create("sparse", 64 * page_size(), &mark).unwrap();
        let blocks = |memory: &SparseMemory| {
            let stat = rustix::fs::fstat(memory.fd.as_ref().unwrap()).unwrap();
            stat.st_blocks as usize * 512
        };
        assert_eq!(blocks(&memory), 0);
        assert!(memory.allocate(1));
        assert_eq!(blocks(&memory), page_size());
        assert!(memory.allocate(3 * page_size()) && memory.allocate(page_size()));
        assert_eq!(blocks(&memory), 3 * page_size());
        assert!(!memory.allocate(65 * page_size()));
        memory.close();
        assert!(!memory.allocate(4 * page_size()) && memory.allocate(3 * page_size()));
    }
}
