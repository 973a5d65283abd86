//! Limits of the process are errors, not signals, and never a busy loop.
//!
//! Limits belong to the whole process, so each test runs its body in a process of its own: this
//! program, started again with the name of the test.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::os::fd::{AsFd, OwnedFd};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use ringmq_sys::{
    Address, CreateError, Doorbell, ForkMark, ListenOptions, OwnMemory, RecvError, Stream,
    UnixListener, page_size,
};
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::process::{Resource, Rlimit};

const CHILD: &str = "RINGMQ_TEST_CHILD";

/// Runs `body` in a new process and expects it to end well: no panic, no signal.
fn in_process(test: &str, body: impl FnOnce()) {
    if std::env::var_os(CHILD).is_some() {
        return body();
    }
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env(CHILD, "1")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let failed = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{}\n{said}\n{failed}",
        output.status
    );
    assert!(said.contains("1 passed"), "the test was not found: {said}");
}

fn limit(resource: Resource, soft: u64) {
    let maximum = rustix::process::getrlimit(resource).maximum;
    rustix::process::setrlimit(
        resource,
        Rlimit {
            current: Some(soft),
            maximum,
        },
    )
    .unwrap();
}

fn soon() -> Option<Instant> {
    Some(Instant::now() + Duration::from_secs(20))
}

/// Takes every free descriptor below a limit of 40 (but the number to leave).
fn exhaust(leave: usize) -> Vec<OwnedFd> {
    limit(Resource::Nofile, 40);
    let mut taken = Vec::new();
    while let Ok(fd) = rustix::io::dup(std::io::stderr()) {
        taken.push(fd);
    }
    assert!(taken.len() >= leave);
    taken.truncate(taken.len() - leave);
    taken
}

#[test]
fn file_size() {
    in_process("file_size", || {
        let (mark, page) = (ForkMark::current().unwrap(), page_size());
        limit(Resource::Fsize, page as u64);
        let refused = OwnMemory::create("test", 2 * page, &mark);
        assert!(
            matches!(refused, Err(CreateError::FileSizeLimit { limit, .. }) if limit == page as u64),
            "{refused:?}"
        );
        OwnMemory::create("test", page, &mark).expect("exactly the limit is allowed");
    });
}

#[test]
fn no_descriptors_to_make_things_of() {
    in_process("no_descriptors_to_make_things_of", || {
        let mark = ForkMark::current().unwrap();
        for leave in 0..3 {
            let _taken = exhaust(leave);
            let bell = Doorbell::new().map(drop);
            assert_eq!(
                bell.unwrap_err().raw_os_error(),
                Some(libc::EMFILE),
                "{leave} left"
            );
        }
        let _taken = exhaust(0);
        let refused = OwnMemory::create("test", page_size(), &mark);
        assert!(
            matches!(
                refused,
                Err(CreateError::Os {
                    step: "memfd_create",
                    ..
                })
            ),
            "{refused:?}"
        );
    });
}

#[test]
fn no_descriptors_to_receive() {
    in_process("no_descriptors_to_receive", || {
        for free in 0..3 {
            let (ours, theirs) = Stream::pair().unwrap();
            let fd = std::io::stderr();
            ours.send(b"x", &[fd.as_fd(); 3], soon()).unwrap();
            let taken = exhaust(free);
            let came = theirs.recv_exact(&mut [0], 3, soon());
            assert!(
                matches!(came, Err(RecvError::DescriptorsLost { .. })),
                "{free}: {came:?}"
            );
            assert_eq!(exhaust(0).len(), free, "those that came are closed again");
            drop(taken);
        }
    });
}

#[test]
fn no_descriptors_to_accept() {
    in_process("no_descriptors_to_accept", || {
        let folder = tempfile::tempdir().unwrap();
        let address = Address::Path(folder.path().join("socket"));
        let listener = UnixListener::bind(&address, &ListenOptions::default()).unwrap();
        let clients: Vec<_> = (0..3)
            .map(|_| Stream::connect(&address, soon()).unwrap())
            .collect();
        let taken = exhaust(0);
        for client in &clients {
            let error = listener.accept(soon()).unwrap_err();
            assert_eq!(error.raw_os_error(), Some(libc::EMFILE));
            let turned_away = client.recv_exact(&mut [0], 0, soon());
            assert!(
                matches!(turned_away, Err(RecvError::Closed { .. })),
                "{turned_away:?}"
            );
        }
        let mut polled = [PollFd::new(&listener, PollFlags::IN)];
        let at_once = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        assert_eq!(
            rustix::event::poll(&mut polled, Some(&at_once)),
            Ok(0),
            "no reason to spin"
        );
        let deadline = Instant::now() + Duration::from_millis(3);
        let idle = listener.accept(Some(deadline)).unwrap_err();
        assert_eq!(
            idle.kind(),
            std::io::ErrorKind::TimedOut,
            "it sleeps while no peer connects"
        );
        assert!(Instant::now() >= deadline);
        drop(taken);
        let client = Stream::connect(&address, soon()).unwrap();
        let server = listener.accept(soon()).expect("it has recovered");
        server.send(b"x", &[], soon()).unwrap();
        client.recv_exact(&mut [0], 0, soon()).unwrap();
    });
}
