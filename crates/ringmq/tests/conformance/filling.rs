//! Messages that the caller writes where they are sent from.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use ringmq::{Frame, Kind, SendError};
use ringmq_testing::{soon, until};

use crate::messages::{KINDS, answer, envelope, filled, pair};
use crate::world::{World, comes, is_empty, options, put, take, warm};

rules!(
    what_is_written_in_place_arrives,
    what_is_written_in_place_may_be_a_last_part,
    a_writer_that_panics_sends_nothing,
    a_writer_that_panics_leaves_the_parts_before,
    no_writer_is_called_when_there_is_no_room,
    what_was_written_waits_for_memory,
);

fn what_is_written_in_place_arrives(world: &World) {
    for kinds in KINDS {
        let (mut to, mut from) = pair(world, kinds);
        let lens = [0, 1, 45, 46, 4_000, 20_000, 90_000, 2 << 20, 64];
        for (round, len) in lens.into_iter().enumerate() {
            let bytes = filled(round, len);
            let mut calls = 0;
            let write = |room: &mut [u8]| {
                calls += 1;
                room.copy_from_slice(&bytes);
            };
            envelope(&mut from, kinds);
            match round % 3 {
                0 => from.send_with(len, write).unwrap(),
                1 => from.try_send_with(len, write).unwrap(),
                _ => from.send_with_deadline(len, write, soon()).unwrap(),
            }
            assert_eq!(calls, 1);
            let received = to.recv_deadline(soon()).unwrap();
            assert_eq!(received.len(), 1);
            assert!(received[0][..] == bytes, "{kinds:?} {len}");
            answer(&mut to, &mut from);
        }
    }
}

fn what_is_written_in_place_may_be_a_last_part(world: &World) {
    for kinds in KINDS {
        let (mut to, mut from) = pair(world, kinds);
        for before in [&["first"][..], &[""], &["first", ""]] {
            for len in [3, 30_000, 2 << 20] {
                let bytes = filled(len, len);
                envelope(&mut from, kinds);
                for part in before {
                    from.send_part(Frame::from(*part).with_more(true)).unwrap();
                }
                from.send_with(len, |room| room.copy_from_slice(&bytes))
                    .unwrap();
                let received = to.recv_deadline(soon()).unwrap();
                assert_eq!(received.len(), before.len() + 1);
                assert!(received[before.len()][..] == bytes);
                answer(&mut to, &mut from);
            }
        }
    }
}

/// Calls this with a writer that writes a little and panics.
fn panics(send: impl FnOnce(&mut dyn FnMut(&mut [u8]))) {
    // Without the hook, whose message would be taken for a failure.
    let sent = catch_unwind(AssertUnwindSafe(|| {
        send(&mut |room| {
            room[0] = b'x';
            resume_unwind(Box::new("a writer"));
        });
    }));
    assert_eq!(sent.unwrap_err().downcast_ref(), Some(&"a writer"));
}

fn a_writer_that_panics_sends_nothing(world: &World) {
    for kinds in KINDS {
        let (mut to, mut from) = pair(world, kinds);
        for round in 0..3 {
            for len in [10, 20_000, 2 << 20] {
                if round > 0 {
                    envelope(&mut from, kinds);
                }
                panics(|write| from.send_with(len, write).unwrap());
                if kinds.0 != Kind::Rep || kinds.1 == Kind::Req {
                    is_empty(&mut to);
                }
                if round == 0 {
                    envelope(&mut from, kinds);
                }
                from.send_with(4, |room| room.copy_from_slice(b"next"))
                    .unwrap();
                comes(&mut to, "next");
                answer(&mut to, &mut from);
            }
        }
        if kinds.0 != Kind::Rep {
            is_empty(&mut to);
        }
    }
}

fn a_writer_that_panics_leaves_the_parts_before(world: &World) {
    for kinds in KINDS {
        let (mut to, mut from) = pair(world, kinds);
        for len in [10, 20_000, 2 << 20] {
            envelope(&mut from, kinds);
            from.send_part(Frame::from("first").with_more(true))
                .unwrap();
            panics(|write| from.send_with(len, write).unwrap());
            assert!(to.try_recv().is_err());
            from.send_part("second").unwrap();
            assert_eq!(take(&mut to), ["first", "second"]);
            answer(&mut to, &mut from);
        }
    }
}

fn no_writer_is_called_when_there_is_no_room(world: &World) {
    let mut push = world.socket(Kind::Push);
    push.set_send_hwm(Some(1));
    push.connect(&world.place()).unwrap();
    put(&mut push, &["fills it"]);
    let mut called = false;
    let refused = push.try_send_with(10, |_| called = true).unwrap_err();
    assert!(matches!(refused, SendError::WouldBlock));
    let now = std::time::Instant::now();
    let refused = push.send_with_deadline(10, |_| called = true, now);
    assert!(matches!(refused, Err(SendError::TimedOut)));
    assert!(!called);
}

/// The mark admits more messages than the memory has room for.
fn what_was_written_waits_for_memory(world: &World) {
    for len in [20_000, 2 << 20] {
        let few = options().shared_limit(128 << 10);
        let (mut pull, mut push) = (
            world.socket_with(Kind::Pull, &few),
            world.socket_with(Kind::Push, &few),
        );
        world.meet(&mut pull, &mut push);
        warm(&mut push, &mut pull, 1);
        let mut sent = 0;
        while sent < 30 {
            let write = |room: &mut [u8]| room.fill(sent as u8);
            match push.try_send_with(len, write) {
                Ok(()) => sent += 1,
                Err(SendError::WouldBlock) => break,
                Err(error) => panic!("{error}"),
            }
        }
        assert!(sent >= 1);
        for number in 0..sent {
            let mut received = None;
            until(|| {
                // What waits leaves with a call of its sender, when the receiver has made room.
                let _ = push.events();
                received = pull.try_recv().ok();
                received.is_some()
            });
            let received = received.unwrap();
            assert_eq!(received[0].len(), len);
            assert!(received[0].iter().all(|byte| *byte == number as u8));
        }
        is_empty(&mut pull);
    }
}
