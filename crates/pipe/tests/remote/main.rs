//! Pipes between sockets of two processes, with both ends here: messages, marks, growth, and what is left behind.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::print_stdout, reason = "a test says how far it came")]

mod blocks;
mod blocks_model;
mod blocks_oracle;
mod churn;
mod jammed;
mod lost;
mod memory;
mod world;

use std::os::fd::{AsFd, AsRawFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ringmq_pipe::Wait;
use ringmq_pipe::remote::{LONGEST, Marks, MeetError, Own, PartPlace, PushError, Ringers};
use ringmq_pipe::sleeper::Sleeper;
use ringmq_pipe::waiting::Slept;
use ringmq_sys::Credentials;
use ringmq_testing::{Random, seed};

use world::{Place, Side, World, ancillary, pattern, take, world, world_that_rings};

const GIB: u64 = 1 << 30;

#[test]
fn messages_of_all_sizes_and_parts_arrive_whole_and_in_order() {
    let mut world = world(0, 0, 4 * GIB);
    let mut random = Random::new(seed());
    let mut sent = std::collections::VecDeque::new();
    for number in 0..3000 {
        let count = if random.one_in(3) {
            random.within(2..6)
        } else {
            1
        };
        let parts: Vec<Vec<u8>> = (0..count)
            .map(|part| {
                let len = match random.below(12) {
                    0 => random.within(0..200_000),
                    1..=3 => random.within(0..5000),
                    _ => random.within(0..100),
                };
                pattern(number + part, len)
            })
            .collect();
        if let [one] = &parts[..] {
            world.sender.push(one).unwrap();
        } else {
            let parts = parts.iter().map(Vec::as_slice);
            world.sender.push_parts(parts).unwrap();
        }
        sent.push_back(parts);
        while random.one_in(2) && !sent.is_empty() {
            assert_eq!(take(&mut world.receiver), sent.pop_front());
        }
    }
    drop(world.sender);
    for message in sent {
        assert_eq!(take(&mut world.receiver), Some(message));
    }
    assert!(world.receiver.is_at_end() && world.receiver.broken().is_none());
}

#[test]
fn the_marks_of_both_ends_count_together_and_may_change() {
    let mut world = world(2, 3, GIB);
    for _ in 0..5 {
        assert!(world.sender.has_room());
        world.sender.push(b"x").unwrap();
    }
    assert!(!world.sender.has_room());
    assert_eq!(world.sender.waiting(), 5);
    // Credit comes back by halves.
    for taken in 1..=3 {
        take(&mut world.receiver).unwrap();
        assert_eq!(world.sender.has_room(), taken == 3);
    }
    world.receiver.set_mark(0);
    // A mark that has become less is seen after a while.
    for _ in 0..256 {
        assert!(world.sender.has_room());
        world.sender.push(b"x").unwrap();
    }
    world.sender.set_mark(7);
    world.receiver.set_mark(7);
    assert!(!world.sender.has_room());
}

#[test]
fn at_the_limit_a_message_is_refused_whole_and_room_is_told() {
    let mut world = world(0, 0, 256 << 10);
    let message = vec![3; 20_000];
    let mut sent = 0;
    let refused = loop {
        match world.sender.push(&message) {
            Ok(()) => sent += 1,
            Err(refused) => break refused,
        }
    };
    assert_eq!(refused, PushError::Full);
    assert!(sent >= 8, "{sent} messages of 20 kB in 256 KiB");
    assert!(matches!(
        world.sender.push(&vec![0; LONGEST + 1]),
        Err(PushError::TooLong(_))
    ));
    assert_eq!(world.sender.push(&message), Err(PushError::Full));
    // The sender sleeps, and the receiver wakes it.
    let (mut sender, mut receiver, mut sending) = (world.sender, world.receiver, world.sending);
    let waiting = std::thread::spawn(move || {
        let deadline = Instant::now() + Duration::from_secs(30);
        sending.set_wait(Wait::Park);
        let woken = sending.wait(|| sender.push(&message).is_ok(), Some(deadline));
        woken.unwrap();
        sender
    });
    for _ in 0..sent {
        assert_eq!(take(&mut receiver).unwrap()[0].len(), 20_000);
        std::thread::yield_now();
    }
    drop(waiting.join().unwrap());
    assert_eq!(take(&mut receiver).unwrap()[0].len(), 20_000);
    assert!(receiver.is_at_end());
}

#[test]
fn beyond_the_limit_a_message_goes_when_nothing_else_waits() {
    let World {
        mut sender,
        mut receiver,
        mut sending,
        ..
    } = world(0, 0, 256 << 10);
    sender.push(&[1; 20_000]).unwrap();
    let long = vec![2; 1 << 20];
    assert_eq!(sender.push(&long), Err(PushError::Full));
    assert_eq!(sender.push(&long), Err(PushError::Full));
    let waiting = std::thread::spawn(move || {
        let deadline = Instant::now() + Duration::from_secs(30);
        sending.set_wait(Wait::Park);
        let woken = sending.wait(|| sender.push(&long).is_ok(), Some(deadline));
        woken.unwrap();
        sender
    });
    assert_eq!(take(&mut receiver).unwrap()[0].len(), 20_000);
    let deadline = Instant::now() + Duration::from_secs(30);
    // A receiver that looks is what comes to the next segment.
    while !receiver.is_ready() {
        assert!(Instant::now() < deadline);
        std::thread::yield_now();
    }
    assert_eq!(take(&mut receiver).unwrap()[0], vec![2; 1 << 20]);
    let mut sender = waiting.join().unwrap();
    // Then as before: a small one behind it, and memory goes back.
    for _ in 0..2 {
        sender.push(&[3; 10]).unwrap();
        assert_eq!(take(&mut receiver).unwrap()[0], [3; 10]);
    }
    assert!(sender.memory() <= 256 << 10, "{}", sender.memory());
}

#[test]
fn sleepers_are_woken_by_messages_and_by_credit() {
    for rings in [true, false] {
        are_woken(world_that_rings(rings, 4, 4, GIB));
    }
}

fn are_woken(world: World) {
    let World {
        mut sender,
        mut receiver,
        mut sending,
        mut receiving,
        ..
    } = world;
    const COUNT: u64 = 20_000;
    let watchdog = || Some(Instant::now() + Duration::from_secs(30));
    let other = std::thread::spawn(move || {
        for number in 0..COUNT {
            if !sender.has_room() {
                sending.wait(|| sender.has_room(), watchdog()).unwrap();
            }
            sender.push(&number.to_le_bytes()).unwrap();
        }
        (sender, sending)
    });
    for number in 0..COUNT {
        if !receiver.is_ready() {
            receiving.wait(|| receiver.is_ready(), watchdog()).unwrap();
        }
        assert_eq!(take(&mut receiver).unwrap(), [number.to_le_bytes()]);
    }
    drop(other.join().unwrap());
    assert!(receiver.is_at_end());
}

/// Whether a sleeper's bell was rung.
fn is_rung(sleeper: &Sleeper) -> bool {
    let mut poll = libc::pollfd {
        fd: sleeper.as_fd().as_raw_fd(),
        events: libc::POLLIN,
        revents: 0,
    };
    // SAFETY: one entry, which is ours.
    unsafe { libc::poll(&mut poll, 1, 0) == 1 }
}

#[test]
fn a_mark_that_makes_no_room_leaves_the_wake_up_to_the_report() {
    let mut world = world(2, 2, GIB);
    for _ in 0..4 {
        assert!(world.sender.has_room());
        world.sender.push(b"x").unwrap();
    }
    assert!(!world.sender.has_room());
    assert!(!is_rung(&world.sending));
    world.receiver.set_mark(1);
    // A sleeper looks, and sleeps again.
    world.sending.arm_for_watcher().unwrap();
    assert!(!world.sender.has_room());
    while take(&mut world.receiver).is_some() {}
    assert!(is_rung(&world.sending));
    assert!(world.sender.has_room());
}

#[test]
fn what_a_receiver_that_is_gone_had_not_taken_is_there() {
    let mut world = world(0, 0, GIB);
    for number in 0..500 {
        world.sender.push(&pattern(number, 3000)).unwrap();
    }
    for _ in 0..123 {
        take(&mut world.receiver).unwrap();
    }
    drop(world.receiver);
    let mut unread = world.witness.take().unwrap().into_unread();
    let mut next = |number: usize| {
        let incoming = unread.peek().unwrap();
        let contents = unread.contents(&incoming).unwrap();
        let (PartPlace::Record(at), len) = contents.parts().next().unwrap() else {
            panic!("the part is in the record");
        };
        assert_eq!(
            unread.copy(&incoming, at, len).unwrap(),
            pattern(number, 3000)
        );
        unread.done(incoming);
    };
    for number in 123..500 {
        next(number);
    }
    // The sender knows nothing of it yet.
    world.sender.push(&pattern(500, 3000)).unwrap();
    next(500);
    assert!(!unread.is_at_end());
    drop(world.sender);
    assert!(unread.is_at_end());
}

#[test]
fn a_sender_that_is_gone_leaves_its_messages() {
    let mut world = world(0, 0, GIB);
    for number in 0..300 {
        world.sender.push(&pattern(number, 10_000)).unwrap();
    }
    drop(world.sender);
    drop(world.sending);
    world.receiver.sender_is_gone();
    for number in 0..300 {
        assert_eq!(
            take(&mut world.receiver).unwrap(),
            [pattern(number, 10_000)]
        );
    }
    assert!(world.receiver.is_at_end());
}

#[test]
fn what_is_not_what_it_has_to_be_is_refused() {
    let marks = Marks {
        sending: 1,
        receiving: 1,
    };
    let (left, right) = (Side::new(marks), Side::new(marks));
    let offer = right.own.as_ref().unwrap().offer();
    let fds = || {
        let own = right.own.as_ref().unwrap();
        let fds = own.descriptors();
        fds.iter()
            .map(|fd| fd.try_clone_to_owned().unwrap())
            .collect::<Vec<_>>()
    };
    let judge = |came| {
        left.own
            .as_ref()
            .unwrap()
            .judge(&offer, came, Some(&mut Ringers::default()))
            .unwrap_err()
    };
    // One descriptor too few; two swapped; no credentials; credentials of another user.
    let mut few = fds();
    few.pop();
    assert!(matches!(
        judge(ancillary(few)),
        MeetError::Descriptors { .. }
    ));
    let mut turned = fds();
    turned.reverse();
    assert!(matches!(judge(ancillary(turned)), MeetError::Page(_)));
    let mut anonymous = ancillary(fds());
    anonymous.credentials = None;
    assert!(matches!(judge(anonymous), MeetError::OtherUser));
    let mut other = ancillary(fds());
    other.credentials = other.credentials.map(|own| Credentials {
        uid: own.uid + 1,
        ..own
    });
    assert!(matches!(judge(other), MeetError::OtherUser));
    // A page of another kind.
    let mark = ringmq_sys::ForkMark::current().unwrap();
    let page = ringmq_sys::OwnMemory::create("other", 4096, &mark).unwrap();
    let mut wrong = fds();
    wrong[0] = page.fd().try_clone_to_owned().unwrap();
    assert!(matches!(judge(ancillary(wrong)), MeetError::Layout(0)));
    let mut no_bell = fds();
    no_bell[1] = page.fd().as_fd().try_clone_to_owned().unwrap();
    assert!(matches!(judge(ancillary(no_bell)), MeetError::Bell(_)));
}

#[test]
fn slots_are_used_again_and_pages_are_added() {
    let marks = Marks {
        sending: 1,
        receiving: 1,
    };
    let mut sleeper = Sleeper::new(Wait::Adaptive).unwrap();
    let control = sleeper.control().unwrap().get().unwrap();
    let again = sleeper.control().unwrap().get().unwrap();
    assert!(Arc::ptr_eq(&control, &again));
    let make = || Own::make(&control, marks).unwrap();
    let many: Vec<Own> = (0..100).map(|_| make()).collect();
    assert_eq!(many[0].descriptors().len(), 2);
    assert_eq!(many[99].descriptors().len(), 3);
    drop(many);
    let again: Vec<Own> = (0..100).map(|_| make()).collect();
    assert_eq!(again.len(), 100);
}

/// The control of a receiver that has slept before, made by another thread, and shown only after a message is there.
#[test]
fn a_control_that_is_made_late_wakes_from_the_next_sleep_on() {
    let mark = |sending, receiving| Marks { sending, receiving };
    let mut left = Side::new(mark(9, 1));
    let mut sleeper = Sleeper::new(Wait::Park).unwrap();
    let late = sleeper.control().unwrap();
    let soon = || Some(Instant::now() + Duration::from_millis(1));
    assert!(matches!(
        sleeper.wait(|| false, soon()),
        Err(Slept::TimedOut)
    ));
    // Nothing is made yet, and so nothing is shown.
    sleeper.show().unwrap();
    let make = move || Own::make(&late.get().unwrap(), mark(1, 9)).unwrap();
    let own = Some(std::thread::spawn(make).join().unwrap());
    let mut right = Side {
        sleeper,
        own,
        place: Place::default(),
        rings: true,
        stream: Arc::default(),
    };
    let (for_left, for_right) = (left.judge(&right).unwrap(), right.judge(&left).unwrap());
    let (mut sender, back_receiver, _) = left.meet(for_left, &right, GIB);
    let (back_sender, mut receiver, _) = right.meet(for_right, &left, GIB);

    // The receiving socket does not know its peer yet, so the peer has no doorbell to ring.
    sender.push(b"early").unwrap();
    let mut sleeper = right.sleeper;
    assert!(matches!(
        sleeper.wait(|| false, soon()),
        Err(Slept::TimedOut)
    ));
    sleeper.show().unwrap();
    assert_eq!(take(&mut receiver), Some(vec![b"early".to_vec()]));

    let (taken, next) = std::sync::mpsc::channel();
    let sending = std::thread::spawn(move || {
        for () in next {
            // Its reader sleeps, or is about to.
            sender.push(b"late").unwrap();
        }
        sender
    });
    for _ in 0..1000 {
        taken.send(()).unwrap();
        sleeper.wait(|| receiver.is_ready(), None).unwrap();
        assert_eq!(take(&mut receiver), Some(vec![b"late".to_vec()]));
    }
    drop(taken);
    drop((sending.join().unwrap(), back_sender, back_receiver));
}

/// A program that polls the descriptor expects rings, also of peers that may ring since then.
#[test]
fn a_poll_looks_again_when_the_control_is_shown() {
    let mut sleeper = Sleeper::new(Wait::Park).unwrap();
    let late = sleeper.control().unwrap();
    sleeper.arm_for_watcher().unwrap();
    late.get().unwrap();
    let readable = |sleeper: &Sleeper| {
        let ready = ringmq_sys::poll::readable(&[sleeper.as_fd()], Some(Instant::now()));
        !ready.unwrap().is_empty()
    };
    assert!(!readable(&sleeper));
    sleeper.show().unwrap();
    assert!(readable(&sleeper));
    sleeper.arm_for_watcher().unwrap();
    sleeper.show().unwrap();
    assert!(!readable(&sleeper));
}
