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

/// Sends a message for which there is no memory, over a stream without room; says how often this thread has slept.
fn refused(world: &mut World, finder: Finder, message: &[u8]) -> u64 {
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
            assert_eq!(world.sender.push(message), Err(PushError::Full));
            world.stream.is_jammed.store(true, Ordering::Relaxed);
            assert!(courier.flush().is_err());
        }
    }
    world.stream.is_jammed.store(true, Ordering::Relaxed);
    let activity = || Activity::of(std::process::id(), thread_id());
    let before = activity().sleeps;
    for _ in 0..3 {
        assert_eq!(world.sender.push(message), Err(PushError::Full));
    }
    activity().sleeps - before
}

#[test]
fn a_peer_that_does_not_read_its_stream_is_not_waited_for() {
    let _guard = watchdog(Duration::from_secs(60));
    for finder in [Finder::Sender, Finder::Session, Finder::SessionWithSegment] {
        for is_first in [true, false] {
            let message = vec![7; 100_000];
            // A busy machine can have a thread sleep for another reason.
            let at_once = (0..20).any(|_| {
                let mut world = world(0, 0, GIB);
                if !is_first {
                    world.sender.push(b"small").unwrap();
                }
                let slept = refused(&mut world, finder, &message);
                if !is_first {
                    // What there is memory for goes on its way.
                    world.sender.push(b"small").unwrap();
                    for _ in 0..2 {
                        assert_eq!(take(&mut world.receiver).unwrap()[0], b"small");
                    }
                }
                world.stream.is_jammed.store(false, Ordering::Relaxed);
                session(&world).flush().unwrap();
                world.sender.push(&message).unwrap();
                assert_eq!(take(&mut world.receiver).unwrap()[0], message);
                assert!(world.receiver.broken().is_none());
                slept == 0
            });
            assert!(at_once, "{finder:?}, first: {is_first}");
        }
    }
}
