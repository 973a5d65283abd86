//! What a process may take of the machine.

use std::fs;

use crate::command::doctor::finding::Finding;

/// What a process may take of the machine.
pub(crate) fn limits(pid: i32) -> Vec<Finding> {
    let text = fs::read_to_string(format!("/proc/{pid}/limits")).unwrap_or_default();
    let limit = |name: &str| -> Option<Option<u64>> {
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        let soft = line.split_whitespace().next()?;
        // `Some(None)` is no limit.
        Some(soft.parse().ok())
    };
    let mut findings = Vec::new();
    if let Some(Some(files)) = limit("Max open files") {
        let open = fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, |open| open.count() as u64);
        let what = format!("{open} descriptors of {files} are open (RLIMIT_NOFILE)");
        findings.push(match open {
            open if open > files / 4 * 3 => Finding::problem(
                format_args!("{what}: new connections do not share memory beyond three quarters"),
                "raise the limit: `ulimit -n 65536`, or LimitNOFILE= of the service",
            ),
            open if open > files / 2 => Finding::note(
                format_args!("{what}: beyond half of them, peers are woken by their I/O threads"),
                "raise the limit: `ulimit -n 65536`, or LimitNOFILE= of the service",
            ),
            _ => Finding::good(what),
        });
    }
    for (name, least, variable) in [
        ("Max address space", 1_u64 << 32, "RLIMIT_AS"),
        ("Max file size", 64 << 20, "RLIMIT_FSIZE"),
    ] {
        if let Some(Some(bytes)) = limit(name)
            && bytes < least
        {
            findings.push(Finding::note(
                format_args!("{variable} is {bytes} bytes: rings in shared memory may not grow"),
                "raise the limit: `ulimit -v unlimited`, `ulimit -f unlimited`",
            ));
        }
    }
    if let Some(most) = fs::read_to_string("/proc/sys/vm/max_map_count")
        .ok()
        .and_then(|text| text.trim().parse::<u64>().ok())
    {
        let maps = fs::read_to_string(format!("/proc/{pid}/maps"))
            .map_or(0, |maps| maps.lines().count() as u64);
        let what = format!("{maps} mappings of {most} are in use (vm.max_map_count)");
        findings.push(if maps > most / 4 {
            Finding::problem(
                format_args!("{what}: shared memory takes a quarter of them at most"),
                "raise it as root: `sysctl vm.max_map_count=262144`",
            )
        } else {
            Finding::good(what)
        });
    }
    findings.extend(quota(pid));
    findings
}

/// The CPU time that the cgroups of a process leave it, of version 1 or 2.
fn quota(pid: i32) -> Option<Finding> {
    let cpus = ringmq::cpu_quota_of(pid)?;
    let what = format!(
        "the CPU quota of the cgroup is {cpus:.2} CPUs (cpu.max, or cpu.cfs_quota_us in version 1)"
    );
    Some(if cpus <= 1.0 {
        Finding::note(
            format_args!("{what}: calls that wait do not spin, they sleep at once"),
            "give it more than one CPU; a wake-up costs some microseconds more than a spin",
        )
    } else {
        Finding::good(what)
    })
}
