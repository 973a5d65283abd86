//! Pages of memory: huge ones, and faults.

use std::fs;

/// From now on, the kernel makes no huge pages for this process and for those that it starts, as on a machine without
/// them. Says whether the system allows that.
pub fn forgo_huge_pages() -> bool {
    let disable: libc::c_ulong = 1;
    let rest: libc::c_ulong = 0;
    // SAFETY: the call takes numbers and touches no memory.
    unsafe { libc::prctl(libc::PR_SET_THP_DISABLE, disable, rest, rest, rest) == 0 }
}

/// Page faults of this thread so far that needed no disk.
///
/// # Panics
///
/// If the kernel does not say it.
pub fn page_faults() -> u64 {
    // SAFETY: all zeros is a value of this struct of numbers.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: the result is ours.
    let told = unsafe { libc::getrusage(libc::RUSAGE_THREAD, &raw mut usage) };
    assert_eq!(told, 0);
    usage.ru_minflt.cast_unsigned()
}

/// Bytes of huge pages in the mappings of this process whose names contain this.
///
/// # Panics
///
/// If the kernel does not say it.
pub fn huge_bytes(name: &str) -> u64 {
    let maps = fs::read_to_string("/proc/self/smaps").unwrap();
    let (mut is_asked, mut kilobytes) = (false, 0);
    for line in maps.lines() {
        let mut words = line.split_whitespace();
        match words.next() {
            Some("ShmemPmdMapped:") if is_asked => {
                let number = words.next().and_then(|word| word.parse::<u64>().ok());
                kilobytes += number.unwrap();
            }
            Some(word) if !word.ends_with(':') => is_asked = line.contains(name),
            _ => {}
        }
    }
    kilobytes << 10
}
