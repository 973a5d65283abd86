//! Doorbells: never block, never signal, whatever the other side does.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use ringmq_sys::{
    AdoptRingerError, Doorbell, Epoll, Event, Readiness, Ringer, Stream, allow_other_uid, wait_poll,
};
use rustix::fs::OFlags;

/// Runs `work` in a thread, and fails if it does not come to an end.
fn watched<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, end) = mpsc::channel();
    let worker = std::thread::spawn(move || {
        let result = work();
        let _ = done.send(());
        result
    });
    let answer = end.recv_timeout(Duration::from_secs(20));
    assert!(answer != Err(mpsc::RecvTimeoutError::Timeout), "blocked");
    worker.join().unwrap()
}

fn bell() -> (Doorbell, OwnedFd, Ringer) {
    let (bell, sent) = Doorbell::new().unwrap();
    let ringer = Ringer::adopt(sent.try_clone().unwrap()).unwrap();
    (bell, sent, ringer)
}

#[test]
fn a_full_bell_counts_as_rung_and_cleared_flags_block_no_ringer() {
    watched(|| {
        let (bell, sent, ringer) = bell();
        // The peer clears O_NONBLOCK on everything that it holds.
        rustix::fs::fcntl_setfl(&sent, OFlags::empty()).unwrap();
        let size = rustix::pipe::fcntl_getpipe_size(&sent).unwrap();
        for _ in 0..size + 100_000 {
            ringer.ring().unwrap();
        }
        assert!(bell.drain().unwrap());
        ringer.ring().unwrap();
        assert!(bell.drain().unwrap());
        assert!(!bell.drain().unwrap());
    });
}

#[test]
fn a_socket_as_bell_blocks_no_ringer_either() {
    watched(|| {
        let (theirs, ours) = std::os::unix::net::UnixStream::pair().unwrap();
        let shared: OwnedFd = ours.into();
        let ringer = Ringer::adopt(shared.try_clone().unwrap()).unwrap();
        rustix::fs::fcntl_setfl(&shared, OFlags::empty()).unwrap();
        for _ in 0..100_000 {
            ringer.ring().unwrap();
        }
        drop(theirs);
        ringer
            .ring()
            .expect("a peer that is gone needs no waking, and SIGPIPE is not raised");
    });
}

#[test]
fn a_bell_without_a_listener_raises_no_signal() {
    // SAFETY: restores the default action (death), so that a SIGPIPE cannot go unseen; Rust's
    // runtime ignores it otherwise.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
    let (bell, sent, ringer) = bell();
    drop(bell);
    drop(sent);
    for _ in 0..100_000 {
        ringer.ring().unwrap();
    }
}

#[test]
fn draining_ends_although_the_peer_never_does() {
    watched(|| {
        let (bell, sent, ringer) = bell();
        let (stop, stopped) = mpsc::channel::<()>();
        let storm = std::thread::spawn(move || {
            let chunk = [1u8; 4096];
            rustix::fs::fcntl_setfl(&sent, OFlags::NONBLOCK).unwrap();
            while stopped.try_recv() == Err(mpsc::TryRecvError::Empty) {
                let _ = rustix::io::write(&sent, &chunk);
            }
        });
        for _ in 0..2_000 {
            bell.drain().unwrap();
        }
        drop(stop);
        storm.join().unwrap();
        while bell.drain().unwrap() {}
        ringer.ring().unwrap();
        assert!(bell.drain().unwrap());
    });
}

#[test]
fn one_drain_takes_a_bounded_amount() {
    let (bell, sent, _ringer) = bell();
    rustix::pipe::fcntl_setpipe_size(&sent, 1 << 20).unwrap();
    let written = rustix::io::write(&sent, &vec![1; 200 * 1024]).unwrap();
    assert_eq!(written, 200 * 1024);
    let mut rounds = 0;
    while bell.drain().unwrap() {
        rounds += 1;
    }
    assert_eq!(rounds, 4, "64 KiB each");
}

#[test]
fn what_is_no_bell_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let fifo = folder.path().join("fifo");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &fifo,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from_raw_mode(0o600),
        0,
    )
    .unwrap();
    let named = std::fs::File::options()
        .read(true)
        .write(true)
        .open(&fifo)
        .unwrap();
    let refused = Ringer::adopt(named.into());
    assert!(
        matches!(refused, Err(AdoptRingerError::Named { .. })),
        "{refused:?}"
    );

    let event = rustix::event::eventfd(0, rustix::event::EventfdFlags::CLOEXEC).unwrap();
    let file = std::fs::File::open("/dev/null").unwrap();
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    let path = rustix::fs::open(&fifo, flags, rustix::fs::Mode::empty()).unwrap();
    for fd in [event, file.into(), path] {
        let refused = Ringer::adopt(fd);
        assert!(
            matches!(refused, Err(AdoptRingerError::NotABell { .. })),
            "{refused:?}"
        );
    }
    let tcp = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let refused = Ringer::adopt(tcp.into());
    assert!(
        matches!(refused, Err(AdoptRingerError::Family { .. })),
        "{refused:?}"
    );
}

#[test]
fn all_ends_are_close_on_exec() {
    let (bell, sent, _ringer) = bell();
    let readiness = Readiness::new(&bell, None).unwrap();
    for fd in [bell.as_fd(), sent.as_fd(), readiness.as_fd()] {
        assert!(
            rustix::io::fcntl_getfd(fd)
                .unwrap()
                .contains(rustix::io::FdFlags::CLOEXEC)
        );
    }
}

#[test]
fn readiness_tells_rings_hang_up_and_time_apart() {
    let (bell, sent, ringer) = bell();
    let readiness = Readiness::new(&bell, None).unwrap();
    let nothing = readiness.check().unwrap();
    assert!(nothing.timed_out && !nothing.rung && !nothing.hung_up && !nothing.peer_dead);

    ringer.ring().unwrap();
    for wake in [
        readiness.check().unwrap(),
        readiness.wait(None).unwrap(),
        readiness.wait(Some(Instant::now())).unwrap(),
        wait_poll(&bell, None, None).unwrap(),
    ] {
        assert!(wake.rung && !wake.timed_out && !wake.hung_up, "{wake:?}");
    }
    bell.drain().unwrap();
    assert!(readiness.check().unwrap().timed_out);

    drop(sent);
    assert!(
        !readiness.check().unwrap().hung_up,
        "the ringer still holds it"
    );
    drop(ringer);
    let wake = readiness.wait(None).unwrap();
    assert!(wake.hung_up && !wake.rung, "{wake:?}");
    let wake = wait_poll(&bell, None, None).unwrap();
    assert!(wake.hung_up && !wake.rung, "{wake:?}");
}

#[test]
fn a_deadline_is_never_early() {
    let (bell, _sent, _ringer) = bell();
    let readiness = Readiness::new(&bell, None).unwrap();
    for micros in [0, 1, 50, 999, 1_001, 3_000] {
        let deadline = Instant::now() + Duration::from_micros(micros);
        assert!(readiness.wait(Some(deadline)).unwrap().timed_out);
        assert!(Instant::now() >= deadline);
        let deadline = Instant::now() + Duration::from_micros(micros);
        assert!(wait_poll(&bell, None, Some(deadline)).unwrap().timed_out);
        assert!(Instant::now() >= deadline);
    }
    let past = Instant::now().checked_sub(Duration::from_secs(1)).unwrap();
    assert!(readiness.wait(Some(past)).unwrap().timed_out);
}

#[test]
fn a_ring_ends_a_sleep() {
    watched(|| {
        let (bell, _sent, ringer) = bell();
        let readiness = Readiness::new(&bell, None).unwrap();
        let sleeper = std::thread::spawn(move || {
            for _ in 0..1000 {
                assert!(readiness.wait(None).unwrap().rung);
                assert!(bell.drain().unwrap());
            }
        });
        while !sleeper.is_finished() {
            ringer.ring().unwrap();
            std::thread::yield_now();
        }
        sleeper.join().unwrap();
    });
}

#[test]
fn each_ring_ends_one_sleep_where_that_is_asked_for() {
    watched(|| {
        let (bell, sent, ringer) = bell();
        ringer.ring().unwrap();
        let readiness = Readiness::once(&bell, None).unwrap();
        assert!(readiness.tells_once());
        assert!(
            readiness.wait(None).unwrap().rung,
            "an earlier ring is reported"
        );
        for _ in 0..1000 {
            assert!(readiness.check().unwrap().timed_out, "and only once");
            ringer.ring().unwrap();
            assert!(readiness.wait(None).unwrap().rung, "without draining");
        }
        ringer.ring().unwrap();
        bell.drain().unwrap();
        let level = Readiness::new(&bell, None).unwrap();
        assert!(!level.tells_once());
        for _ in 0..3 {
            ringer.ring().unwrap();
            assert!(level.check().unwrap().rung);
            assert!(level.check().unwrap().rung);
        }
        readiness.check().unwrap();
        drop((sent, ringer));
        assert!(readiness.wait(None).unwrap().hung_up);
    });
}

/// With an edge-triggered watch a full bell needs no report: the ringing side makes room.
#[test]
fn a_ring_of_a_full_bell_ends_a_sleep_too() {
    watched(|| {
        let (bell, _sent, ringer) = bell();
        let readiness = Readiness::once(&bell, None).unwrap();
        let event = Event::new().unwrap();
        let told = Epoll::of_event(&event).unwrap().unwrap();
        let peer = Ringer::adopt(event.share().unwrap().unwrap()).unwrap();
        for _ in 0..100_000 {
            ringer.ring().unwrap();
            event.ring().unwrap();
        }
        readiness.check().unwrap();
        told.check().unwrap();
        for _ in 0..10_000 {
            assert!(readiness.check().unwrap().timed_out);
            ringer.ring().unwrap();
            assert!(readiness.wait(None).unwrap().rung);
            event.ring().unwrap();
            assert!(told.wait(None).unwrap().rung);
            peer.ring().unwrap();
            assert!(told.wait(None).unwrap().rung);
        }
    });
}

#[test]
fn another_uid_can_ring_only_if_it_is_allowed_to() {
    // In a thread: the uid of a raw system call is the thread's alone.
    std::thread::spawn(|| {
        if !rustix::process::geteuid().is_root() {
            return;
        }
        let (bell, sent) = Doorbell::new().unwrap();
        let become_uid = |uid: u32| {
            // SAFETY: changes only credentials of this thread; no pointers.
            let done = unsafe { libc::syscall(libc::SYS_setresuid, -1, uid, -1) };
            assert_eq!(done, 0);
        };
        become_uid(65534);
        let refused = Ringer::adopt(sent.try_clone().unwrap());
        assert!(
            matches!(&refused, Err(AdoptRingerError::Reopen { source })
                if source.kind() == std::io::ErrorKind::PermissionDenied),
            "{refused:?}"
        );
        become_uid(0);
        allow_other_uid(sent.as_fd()).unwrap();
        become_uid(65534);
        let ringer = Ringer::adopt(sent);
        become_uid(0);
        ringer.unwrap().ring().unwrap();
        assert!(bell.drain().unwrap());
    })
    .join()
    .unwrap();
}

#[test]
fn a_bell_travels_over_a_socket() {
    let (ours, theirs) = Stream::pair().unwrap();
    let (bell, sent) = Doorbell::new().unwrap();
    ours.send(b"b", &[sent.as_fd()], None).unwrap();
    let came = theirs.recv_exact(&mut [0], 1, None).unwrap().fds.remove(0);
    assert_ne!(came.as_raw_fd(), sent.as_raw_fd());
    Ringer::adopt(came).unwrap().ring().unwrap();
    assert!(bell.drain().unwrap());
}
