//! On which CPU this thread runs, and how many there are for it.
//!
//! Nothing is cached here: affinity and quota can change at any time, and the caller knows how often
//! it wants to look. [`current`] costs nanoseconds, [`usable`] some tens of microseconds.

use std::fs;
use std::path::Path;

use crate::cgroup::{self, Folder};

/// The CPU on which the caller runs right now; it may be another one a moment later.
///
/// 0 where the kernel does not say. Source: sched_getcpu(3), which reads it from the rseq area.
#[inline]
#[must_use]
pub fn current() -> u32 {
    // SAFETY: sched_getcpu has no arguments and no preconditions.
    let cpu = unsafe { libc::sched_getcpu() };
    u32::try_from(cpu).unwrap_or(0)
}

/// How many CPUs the calling thread may run on, by its affinity mask; at least 1.
///
/// Source: sched_getaffinity(2).
#[must_use]
pub fn allowed() -> usize {
    // 1,024 CPUs at first; a kernel that was built for more refuses a mask that is too small.
    let mut mask = vec![0u64; 16];
    while mask.len() <= 8192 {
        let bytes = size_of_val(mask.as_slice());
        // SAFETY: the pointer is good for `bytes` bytes of writing, which is what the call is told;
        // cpu_set_t is an array of words, and 0 is the calling thread.
        let answer = unsafe { libc::sched_getaffinity(0, bytes, mask.as_mut_ptr().cast()) };
        if answer == 0 {
            let count: usize = mask.iter().map(|word| word.count_ones() as usize).sum();
            return count.max(1);
        }
        mask.resize(mask.len() * 2, 0);
    }
    1
}

/// How much CPU time per time the cgroups of this thread allow, in CPUs (0.5 is half of one); `None`
/// if there is no limit, or none to be seen.
///
/// It is the least that is found between our cgroup and the top of what is mounted: `cpu.max` of
/// version 2, `cpu.cfs_quota_us` and `cpu.cfs_period_us` of version 1.
///
/// Source: cgroups(7), the kernel's `admin-guide/cgroup-v2` and `scheduler/sched-bwc`.
#[must_use]
pub fn quota() -> Option<f64> {
    let (groups, mounts) = cgroup::of_thread()?;
    least_quota(&groups, &mounts, &|path| fs::read_to_string(path).ok())
}

/// [`quota`] of the cgroups of another process; `None` also if they are not mounted here, or there is no such process.
#[must_use]
pub fn quota_of(pid: i32) -> Option<f64> {
    let (groups, mounts) = cgroup::of_process(pid)?;
    least_quota(&groups, &mounts, &|path| fs::read_to_string(path).ok())
}

/// How many CPUs are of use to this thread: what its affinity and its cgroups' quota both allow.
#[must_use]
pub fn usable() -> f64 {
    let allowed = allowed() as f64;
    quota().map_or(allowed, |quota| quota.min(allowed))
}

/// [`quota`] over given texts, with the files read by `read`.
fn least_quota(groups: &str, mounts: &str, read: &dyn Fn(&Path) -> Option<String>) -> Option<f64> {
    let folders = cgroup::folders(groups, mounts, "cpu");
    let found = folders.iter().filter_map(|folder| match folder {
        Folder::Second(folder) => read_max(folder, read),
        Folder::First(folder) => read_cfs(folder, read),
    });
    found.reduce(f64::min)
}

/// `cpu.max`: "max 100000" or "50000 100000", in microseconds.
fn read_max(folder: &Path, read: &dyn Fn(&Path) -> Option<String>) -> Option<f64> {
    let text = read(&folder.join("cpu.max"))?;
    let mut words = text.split_whitespace();
    ratio(words.next()?, words.next()?)
}

/// `cpu.cfs_quota_us` (-1 for none) and `cpu.cfs_period_us`.
fn read_cfs(folder: &Path, read: &dyn Fn(&Path) -> Option<String>) -> Option<f64> {
    let quota = read(&folder.join("cpu.cfs_quota_us"))?;
    let period = read(&folder.join("cpu.cfs_period_us"))?;
    ratio(quota.trim(), period.trim())
}

fn ratio(quota: &str, period: &str) -> Option<f64> {
    // "max" and "-1" do not parse as what they are not.
    let quota: u64 = quota.parse().ok()?;
    let period: u64 = period.parse().ok()?;
    (period > 0).then(|| quota as f64 / period as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const V2: &str = "30 1 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw,nsdelegate\n";

    fn files(known: &'static [(&str, &str)]) -> impl Fn(&Path) -> Option<String> {
        move |path| {
            let found = known.iter().find(|(name, _)| path == Path::new(name))?;
            Some(found.1.to_owned())
        }
    }

    #[test]
    fn the_tightest_limit_on_the_path_counts() {
        let read = files(&[
            ("/sys/fs/cgroup/a.slice/cpu.max", "150000 100000\n"),
            ("/sys/fs/cgroup/a.slice/b.scope/cpu.max", "max 100000\n"),
            ("/sys/fs/cgroup/other/cpu.max", "1000 100000\n"),
        ]);
        assert_eq!(least_quota("0::/a.slice/b.scope\n", V2, &read), Some(1.5));
        assert_eq!(least_quota("0::/\n", V2, &read), None);
        assert_eq!(least_quota("0::/other\n", V2, &read), Some(0.01));
        assert_eq!(least_quota("0::/../elsewhere\n", V2, &read), None);
    }

    #[test]
    fn version_one_and_a_container_that_sees_its_own_part() {
        let mounts = "\
            33 30 0:30 /docker/abc /sys/fs/cgroup/cpu\\040x rw shared:1 - cgroup cgroup rw,cpu,cpuacct\n\
            34 30 0:31 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n";
        let read = files(&[
            ("/sys/fs/cgroup/cpu x/cpu.cfs_quota_us", "50000\n"),
            ("/sys/fs/cgroup/cpu x/cpu.cfs_period_us", "100000\n"),
            ("/sys/fs/cgroup/cpu x/in/cpu.cfs_quota_us", "-1\n"),
            ("/sys/fs/cgroup/cpu x/in/cpu.cfs_period_us", "100000\n"),
        ]);
        let groups = "4:cpuset:/\n3:cpu,cpuacct:/docker/abc/in\n0::/\n";
        assert_eq!(least_quota(groups, mounts, &read), Some(0.5));
    }

    #[test]
    fn nonsense_is_no_limit() {
        let read = files(&[("/sys/fs/cgroup/cpu.max", "12 0\n")]);
        assert_eq!(least_quota("0::/\n::\nx\n", V2, &read), None);
        assert_eq!(least_quota("0::/\n", "\n - \n1 2 3\n", &read), None);
    }

    #[test]
    fn this_machine_has_a_cpu_for_us() {
        assert!(allowed() >= 1);
        assert!(usable() > 0.0 && usable() <= allowed() as f64);
        assert!(current() < 1 << 20);
        let own = std::process::id().cast_signed();
        assert_eq!((quota_of(own), quota_of(-1)), (quota(), None));
    }
}
