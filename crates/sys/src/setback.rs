//! What a refused accept(2) or socket(2) means for a listener that goes on.

use std::io;

use rustix::io::Errno;

/// How much is lost when the kernel refuses a newcomer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setback {
    /// This newcomer, or this attempt: the next one may do better, at once.
    Passing,
    /// Descriptors or memory: `EMFILE`, `ENFILE`, `ENOBUFS`, `ENOMEM`. The newcomer stays in line;
    /// asking again before something was given back is a waste.
    Shortage,
    /// The socket itself is no listener, or no socket: `EBADF`, `EINVAL`, `ENOTSOCK`, `EOPNOTSUPP`,
    /// `EFAULT`.
    Broken,
}

impl Setback {
    /// Sorts what accept(2) answered. Linux passes on what was already wrong with the newcomer, so
    /// everything that is not known to be worse is [`Passing`](Setback::Passing). Source: accept(2).
    #[must_use]
    pub fn of(error: &io::Error) -> Setback {
        match Errno::from_io_error(error) {
            Some(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM) => Setback::Shortage,
            Some(Errno::BADF | Errno::INVAL | Errno::NOTSOCK | Errno::OPNOTSUPP | Errno::FAULT) => {
                Setback::Broken
            }
            Some(_) | None => Setback::Passing,
        }
    }
}

/// How many descriptors this process may have (`RLIMIT_NOFILE`).
#[must_use]
pub fn most_descriptors() -> u64 {
    rustix::process::getrlimit(rustix::process::Resource::Nofile)
        .current
        .unwrap_or(u64::MAX)
}

/// How many mappings the kernel allows a process, unless it is told otherwise.
const MAPS: u64 = 65530;

/// How many mappings this process may have (`vm.max_map_count`), or the kernel's default if the file cannot be read.
///
/// Source: proc(5), `/proc/sys/vm/max_map_count`.
#[must_use]
pub fn most_mappings() -> u64 {
    let told = std::fs::read_to_string("/proc/sys/vm/max_map_count");
    let most = told.ok().and_then(|told| told.trim().parse().ok());
    most.unwrap_or(MAPS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_sorted() {
        let of = |errno: Errno| Setback::of(&errno.into());
        for errno in [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM] {
            assert_eq!(of(errno), Setback::Shortage);
        }
        for errno in [Errno::BADF, Errno::INVAL, Errno::NOTSOCK] {
            assert_eq!(of(errno), Setback::Broken);
        }
        for errno in [Errno::CONNABORTED, Errno::INTR, Errno::PROTO, Errno::PERM] {
            assert_eq!(of(errno), Setback::Passing);
        }
        assert_eq!(
            Setback::of(&io::ErrorKind::Other.into()),
            Setback::Passing,
            "without a number"
        );
    }
}
