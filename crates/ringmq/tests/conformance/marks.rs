//! High-water marks: what counts, and when there is room again.

use std::time::Duration;

use ringmq::{Kind, Message, SendError, Socket};
use ringmq_testing::{scope, soon};

use crate::world::{World, fill, is_empty, is_full, message, put, take, warm};

rules!(
    the_sending_mark_counts_until_a_peer_is_there,
    marks_of_both_sides_add_up,
    a_mark_counts_messages_and_not_parts,
    credit_comes_back_in_steps,
    marks_may_change_while_connected,
    a_mark_that_is_lowered_keeps_messages_coming,
    no_mark_is_no_limit,
    a_sender_waits_for_room,
    a_call_waits_no_longer_than_its_timeout,
);

fn short() -> Message {
    message(&["x"])
}

/// A sender and a receiver with these marks, connected.
fn marked(world: &World, sending: u32, receiving: u32) -> (Socket, Socket) {
    let (mut push, mut pull) = (world.socket(Kind::Push), world.socket(Kind::Pull));
    push.set_send_hwm(Some(sending));
    pull.set_recv_hwm(Some(receiving));
    world.meet(&mut pull, &mut push);
    (push, pull)
}

fn the_sending_mark_counts_until_a_peer_is_there(world: &World) {
    for kind in [Kind::Push, Kind::Dealer, Kind::Pair] {
        let mut sender = world.socket(kind);
        sender.set_send_hwm(Some(5));
        sender.set_recv_hwm(Some(3));
        sender.connect(&world.place()).unwrap();
        assert_eq!(fill(&mut sender, &short()), 5);
        // It acts at once if it becomes greater.
        sender.set_send_hwm(Some(8));
        assert_eq!(fill(&mut sender, &short()), 3);
    }
}

fn marks_of_both_sides_add_up(world: &World) {
    for (sending, receiving) in [
        (Kind::Push, Kind::Pull),
        (Kind::Dealer, Kind::Dealer),
        (Kind::Pair, Kind::Pair),
    ] {
        let (mut sender, mut receiver) = (world.socket(sending), world.socket(receiving));
        sender.set_send_hwm(Some(3));
        receiver.set_recv_hwm(Some(4));
        world.meet(&mut receiver, &mut sender);
        // A step of credit.
        warm(&mut sender, &mut receiver, 4);
        assert_eq!(fill(&mut sender, &short()), 7);
        for _ in 0..7 {
            receiver.try_recv().unwrap();
        }
        is_empty(&mut receiver);
    }
}

fn a_mark_counts_messages_and_not_parts(world: &World) {
    let mut push = world.socket(Kind::Push);
    push.set_send_hwm(Some(3));
    let place = world.place();
    push.connect(&place).unwrap();
    assert_eq!(fill(&mut push, &message(&["x"; 10])), 3);
    let mut pull = world.socket(Kind::Pull);
    pull.bind(&place).unwrap();
    for _ in 0..3 {
        assert_eq!(take(&mut pull), ["x"; 10]);
    }
}

/// Of half of the mark, rounded up.
fn credit_comes_back_in_steps(world: &World) {
    for (sending, receiving, step) in [(3, 4, 4), (5, 5, 5), (1, 1, 1), (60, 40, 50)] {
        let (mut push, mut pull) = marked(world, sending, receiving);
        let both = (sending + receiving) as usize;
        warm(&mut push, &mut pull, step);
        assert_eq!(fill(&mut push, &short()), both);
        for round in 0..5 {
            for _ in 0..step - 1 {
                pull.try_recv().unwrap();
                is_full(&mut push);
            }
            pull.try_recv().unwrap();
            assert_eq!(fill(&mut push, &short()), step, "{both}, {round}");
        }
    }
}

fn marks_may_change_while_connected(world: &World) {
    let (mut push, mut pull) = world.pair(Kind::Push, Kind::Pull);
    push.set_send_hwm(Some(5));
    pull.set_recv_hwm(Some(1));
    warm(&mut push, &mut pull, 3);
    assert_eq!(fill(&mut push, &short()), 6);
    push.set_send_hwm(Some(2));
    for _ in 0..6 {
        pull.try_recv().unwrap();
    }
    is_empty(&mut pull);
    // Less than a step of credit may be owed.
    assert!((2..=3).contains(&fill(&mut push, &short())));
    pull.set_recv_hwm(None);
    assert_eq!(fill(&mut push, &short()), 5_000);
}

/// What was received before, and was no whole step of the mark as it was, is credit by the mark as it is now.
fn a_mark_that_is_lowered_keeps_messages_coming(world: &World) {
    for sender_lowers in [true, false] {
        let (mut push, mut pull) = (world.socket(Kind::Push), world.socket(Kind::Pull));
        let (first, second) = if sender_lowers {
            (1_000, 1)
        } else {
            (1, 1_000)
        };
        push.set_send_hwm(Some(first));
        pull.set_recv_hwm(Some(second));
        world.meet(&mut pull, &mut push);
        // No whole step.
        warm(&mut push, &mut pull, 100);
        scope(|scope| {
            // It waits for messages when the mark is lowered, or shortly before or after.
            let pulling = scope.spawn(move || {
                pull.set_recv_hwm(Some(1));
                (0..50).for_each(|_| drop(take(&mut pull)));
                pull
            });
            push.set_send_hwm(Some(1));
            (0..50).for_each(|_| put(&mut push, &["text"]));
            pulling.join().unwrap();
        });
    }
}

fn no_mark_is_no_limit(world: &World) {
    let (mut push, mut pull) = (world.socket(Kind::Push), world.socket(Kind::Pull));
    push.set_send_hwm(None);
    pull.set_recv_hwm(None);
    world.meet(&mut pull, &mut push);
    assert_eq!(fill(&mut push, &short()), 5_000);
    for _ in 0..5_000 {
        take(&mut pull);
    }
}

fn a_sender_waits_for_room(world: &World) {
    let (mut push, mut pull) = marked(world, 1, 1);
    const COUNT: usize = 500;
    scope(|scope| {
        scope.spawn(|| {
            for number in 0..COUNT {
                put(&mut push, &[&number.to_string()]);
            }
        });
        for number in 0..COUNT {
            assert_eq!(take(&mut pull), [number.to_string()]);
        }
    });
}

fn a_call_waits_no_longer_than_its_timeout(world: &World) {
    let (mut push, mut pull) = marked(world, 1, 1);
    let moment = Some(Duration::from_millis(5));
    pull.set_recv_timeout(moment);
    push.set_send_timeout(moment);
    assert!(matches!(pull.recv(), Err(ringmq::RecvError::TimedOut)));
    let long = crate::world::long();
    let refused = loop {
        if let Err(error) = push.send(long.clone()) {
            break error;
        }
    };
    assert!(matches!(refused.reason, SendError::TimedOut));
    assert!(refused.message == long);
    pull.recv_deadline(soon()).unwrap();
}
