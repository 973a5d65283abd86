//! Faults 18 and 20: limits of the process and of /dev/shm are errors or no matter, never signals.

use std::fs;
use std::io::Write;
use std::time::Duration;

use ringmq_pipe::{ConnectError, Options, Pipe};
use ringmq_sys::CreateError;
use ringmq_testing::{Actor, role, say, spawn_role, under, watchdog};

use crate::containers::has_namespaces;
use crate::peers::{Held, hear};

/// Sets the soft limit, which can be raised again.
pub(crate) fn limit(resource: u32, soft: u64) {
    let mut both = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: the result is ours.
    assert_eq!(unsafe { libc::getrlimit(resource, &mut both) }, 0);
    both.rlim_cur = soft.min(both.rlim_max);
    // SAFETY: read only.
    assert_eq!(unsafe { libc::setrlimit(resource, &both) }, 0);
}

fn works((mut left, mut right): (Pipe, Pipe)) {
    for message in [&b"hello"[..], &[3; 1000]] {
        left.sender().send(message).unwrap();
        assert_eq!(hear(&mut right), message);
    }
}

/// Runs this test's role in a process of its own, which has to end well.
fn in_process(test: &str, wrapper: &[&str]) {
    let command = spawn_role(test, "limited", &[]);
    let mut actor = if wrapper.is_empty() {
        Actor::start(&mut { command })
    } else {
        Actor::start(&mut under(wrapper, &command))
    };
    assert_eq!(actor.hear(), "done");
    actor.finish();
}

fn pair(capacity: usize) -> Result<(Pipe, Pipe), ConnectError> {
    Options::new().capacity(capacity).pair()
}

#[test]
fn a_limit_of_file_sizes() {
    if role().is_some() {
        for soft in [0, 1, 4095, 4096, 8191, 8192, 65535, 65536, u64::MAX] {
            limit(libc::RLIMIT_FSIZE, soft);
            for capacity in [4096, 8192, 65536] {
                match pair(capacity) {
                    Ok(pipe) => {
                        assert!(soft >= capacity as u64);
                        works(pipe);
                    }
                    Err(ConnectError::Memory(CreateError::FileSizeLimit { len, limit })) => {
                        assert!(limit == soft && len as u64 > soft, "{len} {limit}");
                        assert!(soft < capacity as u64);
                    }
                    Err(other) => panic!("{other}"),
                }
            }
        }
        return say("done");
    }
    let _guard = watchdog(Duration::from_secs(60));
    in_process("limits::a_limit_of_file_sizes", &[]);
}

#[test]
fn a_limit_of_locked_memory_does_not_matter() {
    if role().is_some() {
        limit(libc::RLIMIT_MEMLOCK, 0);
        works(pair(65536).unwrap());
        works(Options::new().prefault(true).pair().unwrap());
        return say("done");
    }
    let _guard = watchdog(Duration::from_secs(60));
    in_process("limits::a_limit_of_locked_memory_does_not_matter", &[]);
}

/// Bytes of address space in use.
fn address_space() -> u64 {
    let statm = fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').next().unwrap().parse::<u64>().unwrap() * 4096
}

/// With every amount of address space from none to enough.
#[test]
fn a_limit_of_address_space() {
    if role().is_some() {
        // The allocator keeps what it once had.
        drop((0..1000).map(|_| vec![1u8; 1000]).collect::<Vec<_>>());
        works(pair(65536).unwrap());
        let before = Held::now();
        let (mut refused, mut made) = (0, 0);
        for pages in 0..100 {
            limit(libc::RLIMIT_AS, address_space() + pages * 4096);
            let outcome = pair(65536);
            limit(libc::RLIMIT_AS, u64::MAX);
            match outcome {
                Ok(pipe) => {
                    made += 1;
                    works(pipe);
                }
                Err(
                    ConnectError::Memory(CreateError::Os { step: "mmap", .. })
                    | ConnectError::PeerMemory { .. }
                    | ConnectError::Os { step: "mmap", .. },
                ) => {
                    refused += 1;
                    assert_eq!(made, 0, "enough was not enough: {pages} pages");
                }
                Err(other) => panic!("{other}"),
            }
            assert_eq!(Held::now(), before);
        }
        // Two ends of four maps each: 4 × 17 pages.
        assert!(refused >= 4 * 17 && made > 0, "{refused} {made}");
        return say("done");
    }
    let _guard = watchdog(Duration::from_secs(60));
    in_process("limits::a_limit_of_address_space", &[]);
}

/// A request for more memory than the machine has is refused before it takes memory from other processes.
#[test]
fn more_memory_than_there_is() {
    let _guard = watchdog(Duration::from_secs(60));
    let before = Held::now();
    let info = fs::read_to_string("/proc/meminfo").unwrap();
    let total = info
        .split_whitespace()
        .nth(1)
        .unwrap()
        .parse::<u64>()
        .unwrap()
        << 10;
    if total < 1 << 31 {
        let error = pair(1 << 31).unwrap_err();
        assert!(
            matches!(error, ConnectError::Memory(CreateError::Memory { .. })),
            "{error}"
        );
    } else {
        eprintln!("skipped: this machine has memory for the greatest ring");
    }
    for capacity in [
        0,
        1,
        2048,
        4097,
        65535,
        (1 << 31) + 4096,
        1 << 32,
        usize::MAX,
    ] {
        let error = pair(capacity).unwrap_err();
        assert!(
            matches!(error, ConnectError::Options(_)),
            "{capacity}: {error}"
        );
    }
    assert_eq!(Held::now(), before);
}

/// Fault 18: memory of a pipe is not that of /dev/shm.
#[test]
fn a_full_dev_shm_does_not_matter() {
    if role().is_some() {
        let mut file = fs::File::create("/dev/shm/full").unwrap();
        while file.write_all(&[1; 4096]).is_ok() {}
        assert_eq!(
            fs::metadata("/dev/shm/full").unwrap().len(),
            64 << 10,
            "another /dev/shm"
        );
        works(pair(1 << 20).unwrap());
        return say("done");
    }
    let _guard = watchdog(Duration::from_secs(60));
    if !has_namespaces() {
        return;
    }
    let small = r#"mount -t tmpfs -o size=64k tmpfs /dev/shm && exec "$@""#;
    let wrapper = ["unshare", "-Urm", "sh", "-c", small, "small"];
    in_process("limits::a_full_dev_shm_does_not_matter", &wrapper);
}
