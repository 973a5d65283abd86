//! Memory of other processes that they show by a name, found through `/proc`.

use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use rustix::fs::{AtFlags, FileType, MemfdFlags, Mode, OFlags, StatxFlags};

/// Opens memfds of other processes for reading, and nothing else that has their name.
///
/// What another process has open may be anything: a file of a file system that the process itself serves, a device, a pipe.
/// So the kind of a file is asked for without asking its file system, and before the file is opened.
#[derive(Debug)]
pub struct MemoryInspector {
    /// The device that all memfds of this kernel are on.
    device: (u32, u32),
}

impl MemoryInspector {
    /// Finds out which device memfds are on.
    ///
    /// # Errors
    /// There is no descriptor or memory for a memfd.
    pub fn new() -> io::Result<MemoryInspector> {
        let memory = rustix::fs::memfd_create("ringmq-inspector", MemfdFlags::CLOEXEC)?;
        let stat = stat(&memory)?;
        Ok(MemoryInspector {
            device: (stat.stx_dev_major, stat.stx_dev_minor),
        })
    }

    /// The numbers of the descriptors of a process that are memfds of this name: at most `most`, of the first `looks`.
    ///
    /// # Errors
    /// `NotFound` if the process has ended, `PermissionDenied` if it belongs to another user.
    pub fn find(&self, pid: i32, name: &str, looks: usize, most: usize) -> io::Result<Vec<i32>> {
        let wanted = format!("/memfd:{name} (deleted)");
        let mut found = Vec::new();
        for entry in fs::read_dir(format!("/proc/{pid}/fd"))?.take(looks) {
            let entry = entry?;
            let is_it = fs::read_link(entry.path())
                .is_ok_and(|target| target.as_os_str() == wanted.as_str());
            let number = entry.file_name();
            if is_it && let Some(number) = number.to_str().and_then(|text| text.parse().ok()) {
                found.push(number);
            }
            if found.len() == most {
                break;
            }
        }
        Ok(found)
    }

    /// Opens a descriptor of a process for reading, if it is a memfd of `len` bytes.
    ///
    /// # Errors
    /// `InvalidData` if it is something else; else the error of the kernel, as [`find`](MemoryInspector::find).
    pub fn open(&self, pid: i32, number: i32, len: u64) -> io::Result<File> {
        let path = path_of(pid, number)?;
        let stat = stat(&path)?;
        let is_memory = (stat.stx_dev_major, stat.stx_dev_minor) == self.device
            && FileType::from_raw_mode(stat.stx_mode.into()) == FileType::RegularFile
            && stat.stx_size == len;
        if !is_memory {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOCTTY | OFlags::NONBLOCK;
        let itself = format!("/proc/self/fd/{}", path.as_raw_fd());
        Ok(rustix::fs::open(itself, flags, Mode::empty())?.into())
    }

    /// Whether a process still has a file open that [`open`](MemoryInspector::open) has given, by that descriptor.
    #[must_use]
    pub fn is_open(&self, pid: i32, number: i32, file: &File) -> bool {
        let name = |stat: rustix::fs::Statx| (stat.stx_dev_major, stat.stx_dev_minor, stat.stx_ino);
        let there = path_of(pid, number).and_then(|path| stat(&path));
        match (there, stat(file)) {
            (Ok(there), Ok(here)) => name(there) == name(here),
            _ => false,
        }
    }
}

/// Names a file that a process has open, without opening it.
fn path_of(pid: i32, number: i32) -> io::Result<OwnedFd> {
    let path = format!("/proc/{pid}/fd/{number}");
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    Ok(rustix::fs::open(path, flags, Mode::empty())?)
}

/// What the kernel knows of a file without asking the file system.
fn stat(fd: impl AsFd) -> io::Result<rustix::fs::Statx> {
    let flags = AtFlags::EMPTY_PATH | AtFlags::STATX_DONT_SYNC;
    let wanted = StatxFlags::TYPE | StatxFlags::MODE | StatxFlags::SIZE | StatxFlags::INO;
    Ok(rustix::fs::statx(fd, c"", flags, wanted)?)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::FileExt;

    use super::*;
    use crate::{ForkMark, SparseMemory, page_size};

    #[test]
    fn memory_of_a_process_is_found_by_its_name_and_nothing_else_is_opened() {
        let own = std::process::id().cast_signed();
        let len = 2 * page_size();
        let inspector = MemoryInspector::new().unwrap();
        let name = format!("ringmq-test-{own}");
        let memory = SparseMemory::create(&name, len, &ForkMark::current().unwrap()).unwrap();
        let found = inspector.find(own, &name, 100_000, 8).unwrap();
        assert_eq!(found.len(), 1);
        let file = inspector.open(own, found[0], len as u64).unwrap();
        let mut bytes = [1; 8];
        assert_eq!(file.read_at(&mut bytes, 0).unwrap(), 8);
        assert_eq!(bytes, [0; 8]);
        assert!(rustix::fs::ftruncate(&file, 0).is_err());
        assert!(inspector.open(own, found[0], 1).is_err());
        assert!(inspector.is_open(own, found[0], &file));
        drop(memory);
        assert!(!inspector.is_open(own, found[0], &file));
        drop(file);
        assert!(inspector.find(own, &name, 100_000, 8).unwrap().is_empty());

        let (reader, _writer) = rustix::pipe::pipe().unwrap();
        let disk = File::open("/proc/self/exe").unwrap();
        let bytes = disk.metadata().unwrap().len();
        for (number, len) in [(reader.as_raw_fd(), 0), (disk.as_raw_fd(), bytes)] {
            let refused = inspector.open(own, number, len).unwrap_err();
            assert_eq!(refused.kind(), io::ErrorKind::InvalidData);
        }
    }
}
