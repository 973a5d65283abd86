//! The memory of arenas, as /proc tells it.

use std::fs;
use std::os::unix::fs::MetadataExt;

const ARENA: &str = "/memfd:ringmq-blocks";

/// Bytes of arenas, of its own and of peers, that a process keeps from the kernel: by descriptors, and by mappings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) allocated: u64,
    pub(crate) mapped: u64,
}

impl Kept {
    pub(crate) fn by(pid: u32) -> Kept {
        let fds = fs::read_dir(format!("/proc/{pid}/fd")).unwrap();
        let of_arenas = fds
            .map(|fd| fd.unwrap().path())
            .filter(|fd| fs::read_link(fd).is_ok_and(|to| to.to_string_lossy().starts_with(ARENA)));
        let allocated = of_arenas
            .filter_map(|fd| fs::metadata(fd).ok())
            // Blocks of stat(2) have 512 bytes.
            .map(|file| file.blocks() * 512)
            .sum();
        let maps = fs::read_to_string(format!("/proc/{pid}/maps")).unwrap();
        let of_arenas = maps.lines().filter(|line| line.contains(ARENA));
        let mapped = of_arenas
            .map(|line| {
                let (range, _) = line.split_once(' ').unwrap();
                let (from, to) = range.split_once('-').unwrap();
                let address = |text| u64::from_str_radix(text, 16).unwrap();
                address(to) - address(from)
            })
            .sum();
        Kept { allocated, mapped }
    }
}
