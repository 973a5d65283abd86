//! What a pipe takes while nothing is sent: the numbers of docs/pipe.md.

use std::fs;
use std::time::Duration;

use ringmq_pipe::{Listener, Options, Pipe};
use ringmq_testing::{Counters, abstract_name, watchdog};

use crate::connected;

/// Descriptors of an end: two doorbells to be rung by, two to ring, two epoll instances, a pidfd.
const DESCRIPTORS: usize = 7;
/// Mappings of an end: ring and control page, its own and its peer's.
const MAPS: usize = 4;
const RING: usize = 65536;
const PAGE: usize = 4096;

/// Bytes of address space that are mapped of shared memory of pipes, by mapping.
fn shared_maps() -> Vec<usize> {
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    let ours = maps.lines().filter(|line| line.contains("/memfd:ringmq-"));
    ours.map(|line| {
        let (from, to) = line.split(' ').next().unwrap().split_once('-').unwrap();
        let address = |text| usize::from_str_radix(text, 16).unwrap();
        address(to) - address(from)
    })
    .collect()
}

/// Pipes of which this process has `ends` ends each.
fn costs(mut make: impl FnMut() -> Vec<Pipe>, descriptors: usize) {
    const MANY: usize = 20;
    // What a process, and a thread, has once.
    drop(make());
    let ends = make().len();
    let before = Counters::now();
    let pipes: Vec<_> = (0..MANY).map(|_| make()).collect();
    let after = Counters::now();
    assert_eq!(after.fds - before.fds, MANY * ends * descriptors);
    assert_eq!(after.threads, before.threads);
    let maps = shared_maps();
    assert_eq!(maps.len(), MANY * ends * MAPS);
    // Each is mapped by both ends, which are both here.
    assert_eq!(maps.iter().sum::<usize>(), MANY * ends * 2 * (RING + PAGE));
    // Of the rings nothing was touched, and what is private is a few hundred bytes an end.
    let touched = (after.shmem_kib - before.shmem_kib) as usize;
    assert!(
        touched <= MANY * ends * 2 * PAGE / 1024,
        "{touched} KiB of shared memory"
    );
    let private = (after.rss_kib - before.rss_kib) as usize - touched;
    assert!(private < 512, "{private} KiB of private memory");
    drop(pipes);
    let end = Counters::now();
    assert_eq!((end.fds, shared_maps().len()), (before.fds, 0));
    assert_eq!(end.shmem_kib, before.shmem_kib);
}

#[test]
fn a_pipe_that_was_connected() {
    let _guard = watchdog(Duration::from_secs(60));
    let options = Options::new().capacity(RING);
    let mut listener = Listener::bind(&abstract_name("idle"), &options).unwrap();
    costs(
        || {
            let (left, right) = connected(&mut listener, &options);
            vec![left, right]
        },
        DESCRIPTORS,
    );
}

/// A pair within one process needs no pidfd.
#[test]
fn a_pair() {
    let _guard = watchdog(Duration::from_secs(60));
    let options = Options::new().capacity(RING);
    costs(
        || {
            let (left, right) = options.pair().unwrap();
            vec![left, right]
        },
        DESCRIPTORS - 1,
    );
}

/// The memory is there from the start, whether it was touched or not: a ring never faults.
#[test]
fn memory_is_taken_at_once() {
    let _guard = watchdog(Duration::from_secs(60));
    const RING: usize = 64 << 20;
    let shmem = || {
        let info = fs::read_to_string("/proc/meminfo").unwrap();
        let line = info
            .lines()
            .find_map(|line| line.strip_prefix("Shmem:"))
            .unwrap();
        line.split_whitespace()
            .next()
            .unwrap()
            .parse::<usize>()
            .unwrap()
            << 10
    };
    let own = || Counters::now().shmem_kib as usize * 1024;
    let before = (shmem(), own());
    let pair = Options::new().capacity(RING).pair().unwrap();
    // Of the whole machine; others use it, too, but hardly so much.
    assert!(shmem() >= before.0 + 2 * RING - (16 << 20));
    assert!(own() < before.1 + (1 << 20));
    drop(pair);
    let pair = Options::new().capacity(RING).prefault(true).pair().unwrap();
    // Both ends have touched both rings.
    assert!(own() >= before.1 + 4 * RING);
    drop(pair);
    assert!(own() < before.1 + (1 << 20));
}
