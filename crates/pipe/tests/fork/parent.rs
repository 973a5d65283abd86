//! Whatever the child does, the parent's pipes go on; and pipes of the child's own work.

use std::fs;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::{Duration, Instant};

use ringmq_pipe::{Listener, Options, Pipe, RecvError, SendError, Wait};
use ringmq_testing::{Bytes, Counters, Scratch, abstract_name, seed, watchdog};

use crate::{Child, connected, fetch_descriptors, later, recv};

/// A stream goes on while children come and go, which call what they can and drop their copy of the pipe.
#[test]
fn a_stream_goes_on() {
    const MESSAGES: u64 = 8000;
    const LEN: u64 = 1000;
    let _guard = watchdog(Duration::from_secs(60));
    let bytes = Bytes::new(seed());
    for wait in [Wait::Park, Wait::Adaptive] {
        let options = Options::new().capacity(16384).wait(wait);
        let mut listener = Listener::bind(&abstract_name("fork"), &options).unwrap();
        let (mut left, right) = connected(&mut listener, &options);
        let mut right = Some(right);
        ringmq_testing::scope(|scope| {
            scope.spawn(move || {
                let mut message = vec![0; LEN as usize];
                for number in 0..MESSAGES {
                    bytes.fill(number * LEN, &mut message);
                    left.sender().send(&message).unwrap();
                }
            });
            let mut message = Vec::new();
            for number in 0..MESSAGES {
                right
                    .as_mut()
                    .unwrap()
                    .receiver()
                    .recv(&mut message)
                    .unwrap();
                assert!(bytes.is_at(number * LEN, &message), "message {number}");
                if number % 400 == 0 {
                    Child::run(|| {
                        let mut pipe = right.take().unwrap();
                        let error = pipe.receiver().recv(&mut Vec::new()).unwrap_err();
                        assert!(matches!(error, RecvError::Forked), "{error}");
                        let error = pipe.sender().send(b"x").unwrap_err();
                        assert!(matches!(error, SendError::Forked), "{error}");
                        drop(pipe);
                    })
                    .ends_well();
                }
            }
            let end = right.as_mut().unwrap().receiver().recv(&mut message);
            assert!(matches!(end, Err(RecvError::Closed)), "{end:?}");
        });
    }
}

/// A child that asks for the descriptor, first of all, does not disturb how its parent sleeps.
#[test]
fn the_parent_sleeps_undisturbed() {
    let _guard = watchdog(Duration::from_secs(60));
    let options = Options::new().capacity(4096).wait(Wait::Park);
    let (mut left, mut right) = options.pair().unwrap();
    while left.sender().try_send(&[1; 1000]).is_ok() {}
    Child::run(|| {
        fetch_descriptors(&mut left);
        fetch_descriptors(&mut right);
        let _ = right.receiver().try_recv(&mut Vec::new());
        let _ = left.sender().try_send(b"x");
    })
    .ends_well();
    let soon = || Instant::now() + Duration::from_millis(30);
    let error = left.sender().send_deadline(&[1; 1000], soon()).unwrap_err();
    assert!(matches!(error, SendError::TimedOut), "{error}");
    let stats = left.sender().stats();
    assert_eq!((stats.slept, stats.spurious), (1, 0));
    let error = left
        .receiver()
        .recv_deadline(&mut Vec::new(), soon())
        .unwrap_err();
    assert!(matches!(error, RecvError::TimedOut), "{error}");
    let stats = left.receiver().stats();
    assert_eq!((stats.slept, stats.spurious), (1, 0));
    // And it is woken once for what comes.
    ringmq_testing::scope(|scope| {
        scope.spawn(|| right.sender().send(b"wake up").unwrap());
        assert_eq!(recv(&mut left), b"wake up");
    });
    assert_eq!(left.receiver().stats().spurious, 0);
}

fn there_and_back(one: &mut Pipe, other: &mut Pipe) {
    for message in [&b"small"[..], &[9; 2000]] {
        one.sender().send(message).unwrap();
        assert_eq!(recv(other), message);
        other.sender().send(message).unwrap();
        assert_eq!(recv(one), message);
    }
}

/// Pipes that the child makes are its own, as are those of the child's child.
#[test]
fn a_pipe_made_in_the_child() {
    let _guard = watchdog(Duration::from_secs(60));
    let options = Options::new().capacity(4096 * 2).wait(Wait::Park);
    let mut listener = Listener::bind(&abstract_name("fork"), &options).unwrap();
    let (mut left, mut right) = options.pair().unwrap();
    let address = listener.address();
    let child = Child::run(|| {
        assert!(matches!(right.sender().send(b"x"), Err(SendError::Forked)));
        let (mut one, mut other) = options.pair().unwrap();
        there_and_back(&mut one, &mut other);
        let mut pipe = options.connect(&address).unwrap();
        pipe.sender().send(b"from the child").unwrap();
        assert_eq!(recv(&mut pipe), b"to the child");
        Child::run(|| {
            assert!(matches!(one.sender().send(b"x"), Err(SendError::Forked)));
            assert!(matches!(right.sender().send(b"x"), Err(SendError::Forked)));
            assert!(matches!(pipe.sender().send(b"x"), Err(SendError::Forked)));
            let (mut one, mut other) = options.pair().unwrap();
            there_and_back(&mut one, &mut other);
        })
        .ends_well();
        there_and_back(&mut one, &mut other);
        pipe.sender().send(b"goodbye").unwrap();
        // It ends without dropping this.
        std::mem::forget(pipe);
    });
    let mut pipe = listener.accept_deadline(later()).unwrap();
    assert_eq!(pipe.peer_credentials().pid, child.pid);
    assert_eq!(recv(&mut pipe), b"from the child");
    pipe.sender().send(b"to the child").unwrap();
    assert_eq!(recv(&mut pipe), b"goodbye");
    child.ends_well();
    let end = pipe.receiver().recv(&mut Vec::new());
    assert!(matches!(end, Err(RecvError::PeerDied)), "{end:?}");
    there_and_back(&mut left, &mut right);
}

/// A program that the child becomes has none of the descriptors.
#[test]
fn exec_in_the_child() {
    let _guard = watchdog(Duration::from_secs(60));
    let scratch = Scratch::new();
    let inherited = || {
        let list = scratch.path("list");
        Child::run(|| {
            let error = Command::new("sh")
                .args(["-c", r#"exec ls /proc/self/fd > "$0""#, &list])
                .exec();
            panic!("{error}");
        })
        .ends_well();
        fs::read_to_string(&list).unwrap()
    };
    let before = inherited();
    let options = Options::new();
    let mut listener = Listener::bind(&scratch.path("socket"), &options).unwrap();
    let mut pipes = vec![connected(&mut listener, &options), options.pair().unwrap()];
    fetch_descriptors(&mut pipes[0].0);
    assert_eq!(inherited(), before);
    for (left, right) in &mut pipes {
        there_and_back(left, right);
    }
}

/// Children that drop, call and leave cost the parent nothing, and neither do pipes that outlive them.
#[test]
fn a_hundred_children_leave_nothing() {
    let _guard = watchdog(Duration::from_secs(60));
    let options = Options::new().capacity(4096 * 2);
    let (left, right) = options.pair().unwrap();
    let mut ends = Some((left, right));
    let fork = |ends: &mut Option<(Pipe, Pipe)>| {
        Child::run(|| {
            drop(ends.take());
            let (mut one, mut other) = options.pair().unwrap();
            there_and_back(&mut one, &mut other);
        })
        .ends_well();
        let (left, right) = ends.as_mut().unwrap();
        there_and_back(left, right);
    };
    // By then the ring has gone round.
    for _ in 0..20 {
        fork(&mut ends);
    }
    let before = Counters::now();
    for _ in 0..100 {
        fork(&mut ends);
    }
    let after = Counters::now();
    assert_eq!(
        (after.fds, after.maps, after.threads),
        (before.fds, before.maps, before.threads)
    );
    assert_eq!(after.shmem_kib, before.shmem_kib);
}
