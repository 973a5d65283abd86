//! The CPUs of this process, and pinning to one of them.

use std::fmt;
use std::fs;
use std::str::FromStr;

use rustix::thread::CpuSet;

use crate::error::Error;

/// The CPUs of the two sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Pin {
    /// Not pinned.
    None,
    /// The CPU of the near side and that of the far side. Both may be the same.
    Cpus(usize, usize),
}

impl Pin {
    /// Checks that this process may run on these CPUs.
    pub(crate) fn check(self) -> Result<(), Error> {
        let Pin::Cpus(near, far) = self else {
            return Ok(());
        };
        let allowed = allowed_cpus();
        let missing = [near, far].into_iter().find(|cpu| !allowed.contains(cpu));
        missing.map_or(Ok(()), |cpu| Err(Error::Cpu { cpu, allowed }))
    }
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Pin::None => f.pad("none"),
            Pin::Cpus(near, far) => f.pad(&format!("{near},{far}")),
        }
    }
}

impl FromStr for Pin {
    type Err = Error;

    fn from_str(word: &str) -> Result<Pin, Error> {
        if word == "none" {
            return Ok(Pin::None);
        }
        let pair = word
            .split_once(',')
            .and_then(|(near, far)| Some(Pin::Cpus(near.parse().ok()?, far.parse().ok()?)));
        pair.ok_or_else(|| Error::Word {
            word: word.to_owned(),
            what: "pair of CPUs",
            remedy: "two numbers such as 0,1 (the same twice is allowed), or none".to_owned(),
        })
    }
}

/// The CPUs on which this process may run, in ascending order.
///
/// Source: sched_getaffinity(2).
pub fn allowed_cpus() -> Vec<usize> {
    match rustix::thread::sched_getaffinity(None) {
        Ok(set) => (0..CpuSet::MAX_CPU)
            .filter(|cpu| set.is_set(*cpu))
            .collect(),
        Err(_) => vec![0],
    }
}

/// The first CPU that this process may use, and one of another core. If there is no other core, the second is a
/// hyper-thread of the same core. `None` if this process may use only one CPU.
pub fn apart() -> Option<(usize, usize)> {
    let allowed = allowed_cpus();
    let (first, others) = allowed.split_first()?;
    let siblings = siblings(*first);
    let far = others.iter().find(|cpu| !siblings.contains(cpu));
    Some((*first, *far.or(others.first())?))
}

/// The two CPUs of [`apart`], or the only CPU twice.
pub(crate) fn default_pin() -> Pin {
    match apart() {
        Some((near, far)) => Pin::Cpus(near, far),
        None => {
            let only = allowed_cpus().first().copied().unwrap_or(0);
            Pin::Cpus(only, only)
        }
    }
}

/// Returns true if these two CPUs are hyper-threads of one core.
pub(crate) fn share_a_core(one: usize, other: usize) -> bool {
    one != other && siblings(one).contains(&other)
}

/// The CPUs of the core of `cpu`, including `cpu`. Empty if the kernel does not list them.
fn siblings(cpu: usize) -> Vec<usize> {
    let path = format!("/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list");
    parse_list(&fs::read_to_string(path).unwrap_or_default())
}

/// Reads a list of CPUs in the format of the kernel: `0-2,8`.
fn parse_list(text: &str) -> Vec<usize> {
    let mut cpus = Vec::new();
    for part in text.trim().split(',') {
        let (from, to) = part.split_once('-').unwrap_or((part, part));
        if let (Ok(from), Ok(to)) = (from.parse::<usize>(), to.parse::<usize>()) {
            cpus.extend(from..=to.min(CpuSet::MAX_CPU));
        }
    }
    cpus
}

/// Pins the calling thread.
pub(crate) fn pin(cpu: usize) -> Result<(), Error> {
    let mut set = CpuSet::new();
    set.set(cpu);
    rustix::thread::sched_setaffinity(None, &set).map_err(|_| Error::Cpu {
        cpu,
        allowed: allowed_cpus(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pins_are_read_as_they_are_written() {
        assert_eq!("0,1".parse::<Pin>().unwrap(), Pin::Cpus(0, 1));
        assert_eq!("3,3".parse::<Pin>().unwrap(), Pin::Cpus(3, 3));
        assert_eq!("none".parse::<Pin>().unwrap(), Pin::None);
        for pin in [Pin::None, Pin::Cpus(0, 17)] {
            assert_eq!(pin.to_string().parse::<Pin>().unwrap(), pin);
        }
        for wrong in ["", "0", "0,", ",1", "0,1,2", "a,b", "-1,0", "None", "0, 1"] {
            let error = wrong.parse::<Pin>().unwrap_err().to_string();
            assert!(error.contains("such as 0,1"), "{wrong}: {error}");
        }
    }

    #[test]
    fn a_cpu_that_is_not_ours_is_named() {
        let error = Pin::Cpus(allowed_cpus()[0], 1023).check().unwrap_err();
        assert!(
            error.to_string().contains("may not run on CPU 1023"),
            "{error}"
        );
        default_pin().check().unwrap();
        Pin::None.check().unwrap();
    }

    #[test]
    fn the_kernels_lists_are_read() {
        assert_eq!(parse_list("0-2,8\n"), [0, 1, 2, 8]);
        assert_eq!(parse_list("5"), [5]);
        assert_eq!(parse_list("\n"), []);
    }

    #[test]
    fn pinning_takes_effect() {
        let only = allowed_cpus()[0];
        let pinned = std::thread::spawn(move || {
            pin(only).unwrap();
            allowed_cpus()
        });
        assert_eq!(pinned.join().unwrap(), [only]);
    }
}
