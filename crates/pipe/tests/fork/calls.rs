//! Every call of the child answers `Forked`, and touches nothing.

use std::io::{ErrorKind, IoSlice, IoSliceMut, Read, Write};
use std::time::{Duration, Instant};

use ringmq_pipe::{Listener, Options, Pipe, RecvError, SendError, Wait};
use ringmq_testing::{abstract_name, watchdog};

use crate::{Child, connected, fetch_descriptors, later, recv, vow};

macro_rules! forked {
    ($error:ident, $($call:expr),+ $(,)?) => {
        $(match $call {
            Err($error::Forked) => {}
            other => panic!("{}: {:?}", stringify!($call), other.map(drop)),
        })+
    };
}

/// All calls that a program can make of a pipe.
fn all_calls(pipe: &mut Pipe) {
    let soon = Instant::now() + Duration::from_millis(1);
    for _ in 0..2 {
        let sender = pipe.sender();
        forked!(
            SendError,
            sender.send(b"x"),
            sender.send(b""),
            sender.send(&[0; 100_000]),
            sender.send_deadline(b"x", soon),
            sender.try_send(b"x"),
            sender.send_batch([b"x"]),
            sender.send_batch([b"x"; 0]),
            sender.claim(1),
            sender.claim_deadline(1, soon),
            sender.try_claim(1),
            sender.try_write(b"x"),
            sender.try_write(b""),
            sender.check_peer(),
            sender.block(1),
            sender.block_deadline(1, soon),
            sender.try_block(1),
        );
        let receiver = pipe.receiver();
        let mut message = b"untouched".to_vec();
        forked!(
            RecvError,
            receiver.recv(&mut message),
            receiver.recv_deadline(&mut message, soon),
            receiver.try_recv(&mut message),
            receiver.recv_in_place(vow()),
            receiver.recv_in_place_deadline(vow(), soon),
            receiver.try_recv_in_place(vow()),
            receiver.recv_block(vow()),
            receiver.recv_block_deadline(vow(), soon),
            receiver.try_recv_block(vow()),
            receiver.try_read(&mut [0; 9]),
            receiver.try_read(&mut []),
        );
        assert_eq!(message, b"untouched");

        let mut buffer = [0; 9];
        let errors = [
            pipe.write(b"x").unwrap_err(),
            pipe.write_vectored(&[IoSlice::new(b"x")]).unwrap_err(),
            pipe.read(&mut buffer).unwrap_err(),
            pipe.read_vectored(&mut [IoSliceMut::new(&mut buffer)])
                .unwrap_err(),
        ];
        for error in errors {
            assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error}");
        }
        // What has no error to answer with, and must do no harm either.
        pipe.flush().unwrap();
        fetch_descriptors(pipe);
        let _ = (pipe.sender().stats(), pipe.receiver().stats());
        let _ = (
            pipe.sender().capacity(),
            pipe.sender().max_message(),
            pipe.peer_credentials(),
        );
    }
}

/// A child may drop the blocks that its parent has, and send none of them.
#[test]
fn blocks_are_the_parents() {
    let _guard = watchdog(Duration::from_secs(60));
    let options = Options::new().capacity(4096).block_capacity(64 << 10);
    let mut listener = Listener::bind(&abstract_name("fork"), &options).unwrap();
    let (mut left, mut right) = connected(&mut listener, &options);
    let mut block = left.sender().block(10_000).unwrap();
    block.fill(1);
    left.sender().send_block(block).unwrap();
    let held = right.receiver().recv_block(vow()).unwrap();
    let mut own = left.sender().block(10_000).unwrap();
    own.fill(2);
    left.sender().send(b"waits").unwrap();
    let mut all = Some((left, right, held, own));
    Child::run(|| {
        let (mut left, mut right, held, own) = all.take().unwrap();
        assert!(held.is_in_place() && own.is_shared());
        // As other mappings of the pipe, those of blocks are not inherited.
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        assert!(!maps.contains("/memfd:"), "{maps}");
        all_calls(&mut left);
        all_calls(&mut right);
        let unsent = left.sender().send_block(own).unwrap_err();
        assert!(matches!(unsent.reason, SendError::Forked));
        assert!(unsent.block.is_some());
        let unsent = left
            .sender()
            .try_send_block(unsent.block.unwrap())
            .unwrap_err();
        drop((unsent, held, left, right));
    })
    .ends_well();
    // What the child has dropped is not free here, and what it held is still held.
    let (mut left, mut right, held, own) = all.unwrap();
    assert_eq!(recv(&mut right), b"waits");
    let rest = left.sender().try_block(40_000).unwrap();
    assert!(left.sender().try_block(10_000).is_err());
    assert!(held.iter().all(|byte| *byte == 1));
    assert!(own.iter().all(|byte| *byte == 2));
    left.sender().send_block(own).unwrap();
    assert!(recv(&mut right) == [2; 10_000]);
    drop((held, rest));
    drop(left.sender().try_block(64 << 10).unwrap());
}

/// In whatever state the pipe is: empty, with something to receive, full, in the midst of a message.
#[test]
fn every_call_in_every_state() {
    let _guard = watchdog(Duration::from_secs(60));
    let mut listener = Listener::bind(&abstract_name("fork"), &Options::new()).unwrap();
    for wait in [Wait::Spin, Wait::Park, Wait::Adaptive] {
        let options = Options::new().capacity(4096).wait(wait);
        for state in 0..6 {
            let (mut left, mut right) = connected(&mut listener, &options);
            match state {
                0 => {}
                1 => left.sender().send(b"whole").unwrap(),
                2 => while right.sender().try_send(&[1; 100]).is_ok() {},
                3 => {
                    // Pieces that the message face has gathered.
                    let _ = left.sender().send_deadline(&[7; 300_000], Instant::now());
                    let _ = right.receiver().try_recv(&mut Vec::new());
                }
                4 => {
                    left.sender().send(b"read in part").unwrap();
                    right.read_exact(&mut [0; 4]).unwrap();
                }
                _ => {
                    fetch_descriptors(&mut right);
                    assert!(right.receiver().try_recv(&mut Vec::new()).is_err());
                }
            }
            Child::run(|| all_calls(&mut right)).ends_well();
            let mut both = Some((left, right));
            Child::run(|| {
                let (mut left, mut right) = both.take().unwrap();
                all_calls(&mut right);
                all_calls(&mut left);
            })
            .ends_well();
            assert!(both.is_some(), "the child has dropped its own");
        }
    }
}

/// The pieces of a message in the midst of which the parent forks are its own.
#[test]
fn what_was_gathered_is_not_the_childs() {
    let _guard = watchdog(Duration::from_secs(60));
    let (left, right) = Options::new().capacity(4096).pair().unwrap();
    let (mut sender, _receiver) = left.split();
    ringmq_testing::scope(|scope| {
        let mut right = right;
        let (full, is_full) = std::sync::mpsc::channel();
        scope.spawn(move || {
            while sender.try_send(&[1; 500]).is_ok() {}
            full.send(()).unwrap();
            sender.send(&[7; 50_000]).unwrap();
        });
        is_full.recv().unwrap();
        let mut message = Vec::new();
        // Until the message in pieces has begun: it takes more looks than there are whole ones before it.
        let mut fruitless = 0;
        while fruitless < 3 {
            fruitless += u32::from(right.receiver().try_recv(&mut message).is_err());
            std::thread::yield_now();
        }
        Child::run(|| all_calls(&mut right)).ends_well();
        right.receiver().recv(&mut message).unwrap();
        assert_eq!(message, [7; 50_000]);
    });
}

/// A claim and a lent message that are held across the fork: the child can let go of both, and neither
/// sends anything nor gives room back.
#[test]
fn slots_that_are_held_across_the_fork() {
    let _guard = watchdog(Duration::from_secs(60));
    let (mut left, mut right) = Options::new().capacity(4096).pair().unwrap();
    left.sender().send(&[1; 1000]).unwrap();
    let mut lent = Some(right.receiver().recv_in_place(vow()).unwrap());
    Child::run(|| drop(lent.take())).ends_well();
    assert_eq!(**lent.as_ref().unwrap(), [1; 1000]);
    drop(lent);
    let mut claim = Some(left.sender().claim(900).unwrap());
    Child::run(|| {
        let _dropped_here = claim.take();
    })
    .ends_well();
    Child::run(|| match claim.take().unwrap().commit() {
        Err(SendError::Forked) => {}
        other => panic!("{other:?}"),
    })
    .ends_well();
    let mut claim = claim.unwrap();
    claim.fill(2);
    claim.commit().unwrap();
    assert_eq!(recv(&mut right), [2; 900]);
}

/// A listener in the child: what it accepts is the child's own, and its path stays the parent's.
#[test]
fn a_listener_in_the_child() {
    let _guard = watchdog(Duration::from_secs(60));
    let scratch = ringmq_testing::Scratch::new();
    let path = scratch.path("socket");
    let mut listener = Some(Listener::bind(&path, &Options::new()).unwrap());
    let child = Child::run(|| {
        let mut listener = listener.take().unwrap();
        let mut pipe = listener.accept_deadline(later()).unwrap();
        assert_eq!(recv(&mut pipe), b"to the child");
    });
    let mut pipe = Options::new().connect(&path).unwrap();
    assert_eq!(pipe.peer_credentials().pid, child.pid);
    pipe.sender().send(b"to the child").unwrap();
    child.ends_well();
    assert!(std::fs::exists(&path).unwrap());
    drop(listener);
    assert!(!std::fs::exists(&path).unwrap());
}
