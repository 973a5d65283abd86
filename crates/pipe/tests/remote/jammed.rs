//! A stream that has no room: the sender does not wait for the peer that does not read it.

use std::sync::atomic::Ordering;
use std::time::Duration;

use ringmq_pipe::remote::{Courier, PushError};
use ringmq_testing::{Activity, thread_id, watchdog};

use crate::GIB;
use crate::world::{World, take, world};

/// Who finds that the stream has no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Finder {
    Sender,
    /// It has bytes of its own that it cannot write.
    Session,
    /// It is about to write a segment that had to wait for its own bytes.
    SessionWithSegment,
}

fn session(world: &World) -> std::sync::Arc<Courier> {
    world.courier.get().unwrap().upgrade().unwrap()
}

/// Leaves a stream without room for the next segment.
fn jam(world: &mut World, finder: Finder, message: &[u8]) {
    let courier = session(world);
    match finder {
        Finder::Sender => {}
        Finder::Session => {
            courier.hold();
            courier.full();
        }
        Finder::SessionWithSegment => {
            courier.hold();
            courier.full();
            let _ = world.sender.push(message);
            world.stream.is_jammed.store(true, Ordering::Relaxed);
            assert!(courier.flush().is_err());
        }
    }
    world.stream.is_jammed.store(true, Ordering::Relaxed);
}

/// Sends three messages, and checks what comes of them. Returns how often this thread has slept.
fn send(world: &mut World, message: &[u8], expected: Result<(), PushError>) -> u64 {
    let activity = || Activity::of(std::process::id(), thread_id());
    let before = activity().sleeps;
    for _ in 0..3 {
        assert_eq!(world.sender.push(message), expected);
    }
    activity().sleeps - before
}

#[test]
fn a_peer_that_does_not_read_its_stream_is_not_waited_for() {
    let _guard = watchdog(Duration::from_secs(60));
    for finder in [Finder::Sender, Finder::Session, Finder::SessionWithSegment] {
        let message = vec![7; 100_000];
        // A busy machine can have a thread sleep for another reason.
        let at_once = (0..20).any(|_| {
            let mut world = world(0, 0, GIB);
            jam(&mut world, finder, &message);
            let slept = send(&mut world, &message, Err(PushError::Full));
            world.stream.is_jammed.store(false, Ordering::Relaxed);
            session(&world).flush().unwrap();
            world.sender.push(&message).unwrap();
            assert_eq!(take(&mut world.receiver).unwrap()[0], message);
            assert!(world.receiver.broken().is_none());
            slept == 0
        });
        assert!(at_once, "{finder:?}");
    }
}

/// A publisher would drop what a sender refuses, so a ring grows below the mark also while its stream has no room: the
/// receiver waits for the segments.
#[test]
fn a_ring_grows_while_its_stream_has_no_room() {
    let _guard = watchdog(Duration::from_secs(60));
    for finder in [Finder::Sender, Finder::Session, Finder::SessionWithSegment] {
        let at_once = (0..20).any(|_| {
            let mut world = world(0, 0, GIB);
            world.sender.push(b"small").unwrap();
            let first = vec![1; 100_000];
            jam(&mut world, finder, &first);
            let mut slept = 0;
            for size in [100_000, 300_000, 1_000_000] {
                slept += send(&mut world, &vec![7; size], Ok(()));
            }
            assert_eq!(take(&mut world.receiver).unwrap()[0], b"small");
            assert_eq!(take(&mut world.receiver), None);
            world.stream.is_jammed.store(false, Ordering::Relaxed);
            session(&world).flush().unwrap();
            if finder == Finder::SessionWithSegment {
                assert_eq!(take(&mut world.receiver).unwrap()[0], first);
            }
            for size in [100_000, 300_000, 1_000_000] {
                for _ in 0..3 {
                    assert_eq!(take(&mut world.receiver).unwrap()[0], vec![7; size]);
                }
            }
            assert!(world.receiver.broken().is_none());
            slept == 0
        });
        assert!(at_once, "{finder:?}");
    }
}
