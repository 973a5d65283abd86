//! Other processes: forked children, dead peers, two senders.
//!
//! A forked child of a program with threads may do little; each here only makes system calls, and
//! ends by `_exit` with the number of the step that failed.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::mem::ManuallyDrop;
use std::time::{Duration, Instant};

use ringmq_sys::{
    Address, Credentials, Doorbell, ForkMark, ListenOptions, OwnMemory, Readiness, RecvError,
    Stream, UnixListener, page_size, wait_poll,
};

fn soon() -> Option<Instant> {
    Some(Instant::now() + Duration::from_secs(20))
}

/// Forks; the child runs `body` and exits with its answer.
fn fork(body: impl FnOnce() -> i32) -> i32 {
    let body = ManuallyDrop::new(body);
    // SAFETY: the child makes system calls and ends by _exit; it neither unwinds nor returns.
    let pid = unsafe { libc::fork() };
    if pid == 0 {
        // A test that is killed leaves no child behind.
        // SAFETY: asks for a signal at the parent's end; no pointers.
        unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
        let code = ManuallyDrop::into_inner(body)();
        // SAFETY: ends the child without running anything that belongs to the parent.
        unsafe { libc::_exit(code) };
    }
    assert!(pid > 0);
    pid
}

/// Waits for a child: its exit code, or minus the signal that killed it.
fn end_of(pid: i32) -> i32 {
    let mut status = 0;
    // SAFETY: `pid` is a child of ours, and `status` outlives the call.
    assert_eq!(unsafe { libc::waitpid(pid, &mut status, 0) }, pid);
    if libc::WIFEXITED(status) {
        libc::WEXITSTATUS(status)
    } else {
        -libc::WTERMSIG(status)
    }
}

#[test]
fn a_child_knows_that_it_is_one() {
    let mark = ForkMark::current().unwrap();
    assert!(mark.is_here());
    let child = fork(|| {
        if mark.is_here() {
            return 1;
        }
        match ForkMark::current() {
            Ok(own) if own.is_here() && !mark.is_here() => 0,
            _ => 2,
        }
    });
    assert_eq!(end_of(child), 0);
    assert!(mark.is_here());
}

#[test]
fn a_child_has_no_mapping_and_dropping_it_there_unmaps_nothing() {
    let mark = ForkMark::current().unwrap();
    let len = 4 * page_size();
    let ours = OwnMemory::create("test", len, &mark)
        .unwrap()
        .into_mapping();
    let at = ours.as_ptr().as_ptr();
    let kept = ManuallyDrop::new(ours);
    let child = fork(|| {
        // The addresses are free, so something else may live there.
        // SAFETY: MAP_FIXED_NOREPLACE replaces nothing.
        let other = unsafe {
            libc::mmap(
                at.cast(),
                len,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED_NOREPLACE,
                -1,
                0,
            )
        };
        if other.cast() != at {
            return 1;
        }
        if kept.prefault().is_ok() {
            return 2;
        }
        drop(ManuallyDrop::into_inner(kept));
        // SAFETY: the child's own mapping, unless the drop above took it: then the test fails.
        unsafe { at.write_volatile(7) };
        0
    });
    assert_eq!(end_of(child), 0);
}

#[test]
fn a_child_that_touches_a_mapping_faults_instead_of_writing() {
    let mark = ForkMark::current().unwrap();
    let ours = OwnMemory::create("test", page_size(), &mark).unwrap();
    let at = ours.mapping().as_ptr().as_ptr();
    let child = fork(|| {
        // SAFETY: resets an action; the fault below shall kill, not print.
        unsafe { libc::signal(libc::SIGSEGV, libc::SIG_DFL) };
        // SAFETY: deliberately none: that this faults is what is tested.
        unsafe { at.write_volatile(7) };
        0
    });
    assert_eq!(end_of(child), -libc::SIGSEGV);
    // SAFETY: within our own mapping.
    assert_eq!(unsafe { at.read_volatile() }, 0);
}

#[test]
fn a_child_that_drops_the_listener_leaves_its_path() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let address = Address::Path(path.clone());
    let listener = UnixListener::bind(&address, &ListenOptions::default()).unwrap();
    let mut inherited = ManuallyDrop::new(listener);
    // SAFETY: dropped in the child only, whose copy it is; the parent takes its own out below.
    let child = fork(|| {
        // SAFETY: as above: once, in the child.
        unsafe { ManuallyDrop::drop(&mut inherited) };
        0
    });
    assert_eq!(end_of(child), 0);
    assert!(path.exists());
    Stream::connect(&address, soon()).unwrap();
    drop(ManuallyDrop::into_inner(inherited));
    assert!(!path.exists());
}

#[test]
fn a_killed_peer_that_was_not_reaped_is_dead() {
    let (ours, theirs) = Stream::pair().unwrap();
    let child = fork(|| {
        if theirs.send(b"x", &[], soon()).is_err() {
            return 1;
        }
        loop {
            // SAFETY: sleeps.
            unsafe { libc::pause() };
        }
    });
    let came = ours.recv_exact(&mut [0], 0, soon()).unwrap();
    let own = Credentials::own();
    assert_eq!(came.credentials, Some(Credentials { pid: child, ..own }));
    let pidfd = came.pidfd.unwrap();
    let (bell, _sent) = Doorbell::new().unwrap();
    let readiness = Readiness::new(&bell, Some(rustix::fd::AsFd::as_fd(&pidfd))).unwrap();
    assert!(readiness.check().unwrap().timed_out);

    // SAFETY: `child` is a child of ours that was not waited for, so the number is still its own.
    assert_eq!(unsafe { libc::kill(child, libc::SIGKILL) }, 0);
    let wake = readiness.wait(soon()).unwrap();
    assert!(wake.peer_dead && !wake.rung && !wake.timed_out, "{wake:?}");
    let wake = wait_poll(&bell, Some(rustix::fd::AsFd::as_fd(&pidfd)), soon()).unwrap();
    assert!(wake.peer_dead && !wake.rung && !wake.timed_out, "{wake:?}");
    assert_eq!(end_of(child), -libc::SIGKILL);
    assert!(readiness.check().unwrap().peer_dead, "reaped is dead, too");
}

#[test]
fn two_senders_of_one_frame_are_an_error() {
    let (ours, theirs) = Stream::pair().unwrap();
    theirs.send(b"ab", &[], soon()).unwrap();
    let child = fork(|| i32::from(theirs.send(b"cd", &[], soon()).is_err()));
    assert_eq!(end_of(child), 0);
    let came = ours.recv_exact(&mut [0; 4], 0, soon());
    let own = Credentials::own();
    assert!(
        matches!(came, Err(RecvError::TwoSenders { first: Some(first), then: Some(then) })
            if first == own && then.pid == child),
        "{came:?}"
    );
}

#[test]
fn the_credentials_are_the_senders_not_the_connectors() {
    let (ours, theirs) = Stream::pair().unwrap();
    let child = fork(|| i32::from(theirs.send(b"x", &[], soon()).is_err()));
    let came = ours.recv_exact(&mut [0], 0, soon()).unwrap();
    assert_eq!(came.credentials.unwrap().pid, child);
    assert_eq!(ours.peer_cred().unwrap().pid, Credentials::own().pid);
    assert_eq!(end_of(child), 0);
}

/// The descriptors of this process from 3 on that would survive an exec.
fn inheritable() -> Vec<i32> {
    let numbers = std::fs::read_dir("/proc/self/fd").unwrap();
    let numbers = numbers.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    // SAFETY: reads the flags of a number, open or not.
    let kept = numbers.filter(|&fd: &i32| fd > 2 && unsafe { libc::fcntl(fd, libc::F_GETFD) } == 0);
    kept.collect()
}

#[test]
fn nothing_survives_exec() {
    let before = inheritable();
    let folder = tempfile::tempdir().unwrap();
    let address = Address::Path(folder.path().join("socket"));
    let mark = ForkMark::current().unwrap();
    let memory = OwnMemory::create("test", page_size(), &mark).unwrap();
    let (bell, sent) = Doorbell::new().unwrap();
    let listener = UnixListener::bind(&address, &ListenOptions::default()).unwrap();
    let client = Stream::connect(&address, soon()).unwrap();
    let server = listener.accept(soon()).unwrap();
    client
        .send(b"x", &[memory.fd(), rustix::fd::AsFd::as_fd(&sent)], soon())
        .unwrap();
    let came = server.recv_exact(&mut [0], 2, soon()).unwrap();
    let ringer = ringmq_sys::Ringer::adopt(sent).unwrap();
    let readiness =
        Readiness::new(&bell, came.pidfd.as_ref().map(rustix::fd::AsFd::as_fd)).unwrap();
    let pair = Stream::pair().unwrap();
    let survivors: Vec<_> = inheritable()
        .into_iter()
        .filter(|fd| !before.contains(fd))
        .collect();
    assert!(survivors.is_empty(), "{survivors:?}");
    drop((memory, bell, ringer, readiness, pair, came));
}
